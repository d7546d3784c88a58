"""Gives the results of a render their names, all together, and knows later that they are whole.

Until all are whole they lie under ``*.partial.*``. Then a record of them is written into the work folder, and each gets
its name: a run that is killed in between is completed from the record by the next one. What is whole is remembered in
the user's own folder, because a work folder may be removed: the same job again finds that there is nothing to do.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from kinemacolor.errors import KinemacolorError, UsageError
from kinemacolor.rendering.ownership import lock_work_folder, make_lock_path, own_outputs
from kinemacolor.rendering.progress import RenderReport
from kinemacolor.utils.checked_files import read_checked_json, read_kept_file, write_checked_json
from kinemacolor.utils.files import (
    compute_tree_sha256,
    relate_path,
    remove_unfinished,
    sync_path,
    sync_tree,
    translate_disk_errors,
)
from kinemacolor.video.output import FilmWriter, make_partial_path
from kinemacolor.weights.store import user_folder

COMMIT_FILE, PARTIALS_FILE = "commit.json", "unfinished.json"


@dataclass(frozen=True)
class OutputClaim:
    """What one request writes: ``paths``, the film first; ``request`` is a digest of all that decides their content.

    ``work_folder`` has the notes of the run.
    """

    request: str
    paths: tuple[Path, ...]
    overwrite: bool
    work_folder: Path

    @property
    def sidecar(self) -> Path:
        """The report beside the film, which only a render that filled has."""
        return make_sidecar_path(self.paths[0])


def make_sidecar_path(result: Path) -> Path:
    """Return where the report beside a result lies: ``film.color.mp4.json``."""
    return result.with_name(f"{result.name}.json")


def write_sidecar(report: RenderReport, path: Path) -> None:
    """Write a report as JSON, for a result that is partial still. Raises ResourceError where the disk refuses."""
    with translate_disk_errors(path):
        path.write_bytes(json.dumps(asdict(report), indent=2).encode() + b"\n")


def mark_started(claim: OutputClaim) -> None:
    """Note in the work folder which partial files this run begins, so that a later run may replace them.

    Folders that an earlier run began are deleted.
    """
    partials = [make_partial_path(path) for path in (*claim.paths, claim.sidecar)]
    for partial in find_own_partials(claim.work_folder, claim.paths):
        if partial.is_dir() and not partial.is_symlink():
            with translate_disk_errors(partial):
                shutil.rmtree(partial)
    names = [relate_path(partial, claim.work_folder.resolve()) for partial in map(_resolve_folder, partials)]
    with translate_disk_errors(claim.work_folder):
        (claim.work_folder / COMMIT_FILE).unlink(missing_ok=True)
    write_checked_json(claim.work_folder / PARTIALS_FILE, {"partials": names})


def find_own_partials(work_folder: Path, paths: Iterable[Path]) -> list[Path]:
    """List which partial files of results an earlier run with ``work_folder`` had begun when it was stopped.

    The note of that run only says yes or no to names that are written anyway: nothing else is ever touched for it.
    """
    note, base = work_folder / PARTIALS_FILE, work_folder.resolve()
    content = read_checked_json(note)
    begun: Any = content.get("partials") if content else None
    if content is None:  # that of a version before: a list of absolute names
        with suppress(ValueError, RecursionError):
            begun = json.loads(read_kept_file(note) or b"[]")
    texts = [text for text in begun if isinstance(text, str)] if isinstance(begun, list) else []
    known = {os.path.normpath(base / text) for text in texts if "\0" not in text}
    partials = [make_partial_path(path) for path in (*paths, *map(make_sidecar_path, paths))]
    return [partial for partial in partials if os.path.normpath(_resolve_folder(partial)) in known]


def commit_outputs(claim: OutputClaim, writers: Iterable[FilmWriter], report: RenderReport) -> None:
    """Have ``writers`` finish, and give all results their names at once.

    Raises UsageError where a name was taken meanwhile, ResourceError where the disk is full or refuses.
    """
    for writer in writers:
        writer.finish()
    if report.filled is not None:
        write_sidecar(report, make_partial_path(claim.sidecar))
    results = _list_results(claim, report)
    with translate_disk_errors(claim.paths[0]):
        for path in results:
            sync_tree(make_partial_path(path))
        digests = [compute_tree_sha256(make_partial_path(path)) for path in results]
    record = {"request": claim.request, "results": digests, "report": asdict(report)}
    write_checked_json(claim.work_folder / COMMIT_FILE, record)
    _give_names(claim, results, record)


def find_finished(claim: OutputClaim) -> RenderReport | None:
    """Return the report of an earlier run of this very request whose results are all there, None where there is none.

    A run that was killed while its results got their names is completed. Raises as `commit_outputs`.
    """
    pending = read_checked_json(claim.work_folder / COMMIT_FILE)
    report = _read_report(claim, pending)
    if pending and report:
        with own_outputs(claim.paths):
            results = _list_results(claim, report)
            named = zip(results, pending["results"], strict=True)
            if all(digest in (_digest(path), _digest(make_partial_path(path))) for path, digest in named):
                _give_names(claim, results, pending)
                _remove_leftovers(claim)
                return report
    if claim.overwrite or not claim.paths[0].exists():
        return None
    record = read_checked_json(_record_path(claim))
    report = _read_report(claim, record)
    if record and report:
        named = zip(_list_results(claim, report), record["results"], strict=True)
        if all(_digest(path) == digest for path, digest in named):
            _remove_leftovers(claim)
            return report
    return None


def _remove_leftovers(claim: OutputClaim) -> None:
    """Remove what a run left which was killed when all was done: files of locks, and such as were not yet whole."""
    if claim.work_folder.is_dir():
        with suppress(KinemacolorError), lock_work_folder(claim.work_folder), translate_disk_errors(claim.work_folder):
            remove_unfinished(claim.work_folder)
    if any(make_lock_path(path).exists() for path in claim.paths):
        with suppress(KinemacolorError), own_outputs(claim.paths):
            pass


def _list_results(claim: OutputClaim, report: RenderReport) -> list[Path]:
    return [*claim.paths, *([] if report.filled is None else [claim.sidecar])]


def _give_names(claim: OutputClaim, results: list[Path], record: dict[str, Any]) -> None:
    """Give each result its name that has it not yet, remember that all are whole, and delete the notes of the run."""
    with translate_disk_errors(claim.paths[0]):
        for path in results:
            partial = make_partial_path(path)
            if os.path.lexists(partial):
                _check_free(path, partial, overwrite=claim.overwrite)
                partial.replace(path)
        if claim.sidecar not in results:
            claim.sidecar.unlink(missing_ok=True)  # that of an earlier result, which is replaced
        for folder in {path.absolute().parent for path in results}:
            sync_path(folder)
    with suppress(KinemacolorError):  # it only spares the same job to be done again
        write_checked_json(_record_path(claim), record)
    with translate_disk_errors(claim.work_folder):
        for name in (COMMIT_FILE, PARTIALS_FILE):
            (claim.work_folder / name).unlink(missing_ok=True)


def _check_free(path: Path, partial: Path, *, overwrite: bool) -> None:
    """Make room for a result. Raises UsageError where something that must not be lost has its name."""
    if path.is_dir() and not path.is_symlink():
        if any(path.iterdir()):
            raise UsageError(f"the folder {path} is not empty any more: empty it; the whole result lies at {partial}")
        path.rmdir()
    elif os.path.lexists(path) and not overwrite:
        raise UsageError(f"{path} exists now: the whole result lies at {partial}; move one away, or add --overwrite")


def _read_report(claim: OutputClaim, record: dict[str, Any] | None) -> RenderReport | None:
    """Read the report in a record; None where the record is missing, or one of another request."""
    if not record or record.get("request") != claim.request:
        return None
    try:
        report = TypeAdapter(RenderReport).validate_python(record.get("report"))
    except ValidationError:  # of another version
        return None
    results = record.get("results")
    if not isinstance(results, list) or len(results) != len(_list_results(claim, report)):
        return None
    return replace(report, result=str(claim.paths[0]))


def _digest(path: Path) -> str | None:
    """Compute the digest of a result; None where it is missing or cannot be read."""
    try:
        return compute_tree_sha256(path)
    except OSError:
        return None


def _record_path(claim: OutputClaim) -> Path:
    name = hashlib.sha256(os.fsencode(_resolve_folder(claim.paths[0].absolute()))).hexdigest()[:24]
    return user_folder() / "finished" / f"{name}.json"


def _resolve_folder(path: Path) -> Path:
    """Resolve the links on the way to a file, not one that it may be itself."""
    return path.parent.resolve() / path.name
