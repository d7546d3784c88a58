"""A project as one file, a zip, written while it is sent: what was given and chosen, and if wanted what was made."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from kinemacolor.errors import InputError
from kinemacolor.plan.document import Plan
from kinemacolor.video.images import find_pictures
from kinemacolor.web.names import safe_file_name
from kinemacolor.web.project import Project
from kinemacolor.web.storage import is_kept_file

CHUNK_BYTES = 1 << 20
_OLDEST_YEAR, _NEWEST_YEAR = 1980, 2107  # that a zip can name


class _Sink:
    """Takes what a `ZipFile` writes, until it is sent."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._waiting.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing: what was written waits to be sent."""

    def close(self) -> None:
        """Nothing either."""

    def take(self) -> bytes:
        """Return what was written since the last time."""
        data, self._waiting = b"".join(self._waiting), []
        return data


def export_project(project: Project, results: Sequence[Path] | None) -> Iterator[bytes]:
    """Check that a project can be exported, and give its zip in pieces, of which none is held longer than it is sent.

    It has the film, also one of the server's folder, the references, stills of them, plan and cuts; ``results``: which
    to add, with the plan that they were made from; None: neither. Raises InputError
    where the film or a picture is gone, UsageError for a damaged plan.
    """
    film = project.film
    if not film.exists():
        raise InputError(f"{film.name} is gone: put it back")
    is_folder = film.is_dir()
    inside = Path("film", "pictures" if is_folder else safe_file_name(film.name))
    texts = {"project.json": project.entry.model_copy(update={"film": inside}).model_dump_json()}
    plan_files = [project.plan_file if project.plan_file.is_file() else project.last_plan_file]
    plan_files += [project.rendered_plan_file] if results is not None else []
    kept = list(project.list_references())
    for file in filter(Path.is_file, plan_files):
        plan = Plan.read(file)
        gone = [entry.path for entry in plan.references.values() if not entry.path.is_file()]
        if gone and file == project.plan_file:
            raise InputError(f"{gone[0].name} is gone: give it again, or remove it from the references")
        if not gone:  # an earlier plan may name pictures that were removed since; it is left out
            texts[file.name] = _place_film(plan, project.folder / inside).to_json(project.folder)
            kept += [entry.path for entry in plan.references.values()]
    if project.shots_file.is_file():
        texts["shots.json"] = project.shots_file.read_text(encoding="utf-8")
    kept += results or []
    files = {path.relative_to(project.folder).as_posix(): path for path in kept if is_kept_file(project.folder, path)}
    pictures = find_pictures(film) if is_folder else [film]
    files |= {(inside / one.name if is_folder else inside).as_posix(): one for one in pictures}
    return _iter_zip(texts, files)


def _place_film(plan: Plan, film: Path) -> Plan:
    return plan.model_copy(update={"film": plan.film.model_copy(update={"path": film})})


def _iter_zip(texts: dict[str, str], files: dict[str, Path]) -> Iterator[bytes]:
    """Yield a zip of texts and files, stored as they are: films and pictures are small already."""
    sink = _Sink()
    with ZipFile(sink, "w", ZIP_STORED) as archive:
        for name, text in texts.items():
            archive.writestr(_make_info(name, time.time()), text)
            yield sink.take()
        for name, path in files.items():
            with (
                path.open("rb") as source,
                archive.open(_make_info(name, path.stat().st_mtime), "w", force_zip64=True) as target,
            ):
                while chunk := source.read(CHUNK_BYTES):
                    target.write(chunk)
                    yield sink.take()
    yield sink.take()


def _make_info(name: str, changed: float) -> ZipInfo:
    moment = time.localtime(changed)
    year = min(_NEWEST_YEAR, max(_OLDEST_YEAR, moment.tm_year))
    return ZipInfo(name, (year, *moment[1:5], min(59, moment.tm_sec)))
