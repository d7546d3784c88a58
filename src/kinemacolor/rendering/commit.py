"""Gives the results of a render their names, all together, and knows later that they are whole.

Until all are whole they lie under ``*.partial.*``. Then a record of them is written into the work folder, and each gets
its name: a run that is killed in between is completed from the record by the next one. What is whole is remembered in
the user's own folder, because a work folder may be removed: the same job again finds that there is nothing to do.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from kinemacolor.errors import KinemacolorError, UsageError
from kinemacolor.provenance.fixity import BAG_FILES, list_files, list_fixity_names, make_fixity_path
from kinemacolor.provenance.record import Record, make_record_path
from kinemacolor.rendering.delivery import list_files_beside, write_files_beside
from kinemacolor.rendering.ownership import lock_work_folder, make_lock_path, own_outputs
from kinemacolor.rendering.progress import RenderReport
from kinemacolor.utils.checked_files import read_checked_json, read_kept_file, write_checked_json
from kinemacolor.utils.files import (
    TreeDigest,
    digest_tree,
    list_tree,
    relate_path,
    remove_unfinished,
    sync_path,
    sync_tree,
    translate_disk_errors,
    write_file_atomically,
)
from kinemacolor.video.output import FilmWriter, make_partial_path
from kinemacolor.weights.store import user_folder

COMMIT_FILE, PARTIALS_FILE = "commit.json", "unfinished.json"


@dataclass(frozen=True)
class OutputClaim:
    """What one request writes: ``paths``, the film first; ``request`` is a digest of all that decides their content.

    ``work_folder`` has the notes of the run. With ``has_fixity`` each has its digest in a file beside it; they lie in
    the ``bag``, where there is one.
    """

    request: str
    paths: tuple[Path, ...]
    overwrite: bool
    work_folder: Path
    has_fixity: bool = False
    bag: Path | None = None

    @property
    def record(self) -> Path:
        """The record beside the film, of all results."""
        return make_record_path(self.paths[0])

    @property
    def files(self) -> tuple[Path, ...]:
        """All that is written: the results, the record, and what else is handed over with them."""
        return (*self.paths, *list_files_beside(self.paths, self.bag, has_fixity=self.has_fixity))


def mark_started(claim: OutputClaim) -> None:
    """Note in the work folder which partial files this run begins, so that a later run may replace them.

    Folders that an earlier run began are deleted. A bag that is written over is none from now on.
    """
    if claim.bag and claim.overwrite:
        with translate_disk_errors(claim.bag):
            (claim.bag / BAG_FILES[-1]).unlink(missing_ok=True)
            if claim.bag.is_dir():
                sync_path(claim.bag)
    partials = [make_partial_path(path) for path in claim.files]
    for partial in find_own_partials(claim):
        if partial.is_dir() and not partial.is_symlink():
            with translate_disk_errors(partial):
                shutil.rmtree(partial)
    names = [relate_path(partial, claim.work_folder.resolve()) for partial in map(_resolve_folder, partials)]
    with translate_disk_errors(claim.work_folder):
        (claim.work_folder / COMMIT_FILE).unlink(missing_ok=True)
    write_checked_json(claim.work_folder / PARTIALS_FILE, {"partials": names})


def find_own_partials(claim: OutputClaim) -> list[Path]:
    """List which partial files of a claim an earlier run with its work folder had begun when it was stopped.

    The note of that run only says yes or no to names that are written anyway: nothing else is ever touched for it.
    """
    note, base = claim.work_folder / PARTIALS_FILE, claim.work_folder.resolve()
    content = read_checked_json(note)
    begun: Any = content.get("partials") if content else None
    if content is None:  # that of a version before: a list of absolute names
        with suppress(ValueError, RecursionError):
            begun = json.loads(read_kept_file(note) or b"[]")
    texts = [text for text in begun if isinstance(text, str)] if isinstance(begun, list) else []
    known = {os.path.normpath(base / text) for text in texts if "\0" not in text}
    partials = map(make_partial_path, claim.files)
    return [partial for partial in partials if os.path.normpath(_resolve_folder(partial)) in known]


def commit_outputs(
    claim: OutputClaim,
    writers: Iterable[FilmWriter],
    report: RenderReport,
    make_record: Callable[[Sequence[TreeDigest]], Record],
    sign: Callable[[Path], None] | None = None,
) -> None:
    """Have ``writers`` finish, and give all results and what is handed over with them their names at once.

    ``sign`` changes the finished film, before digests are computed; ``make_record`` gets those of the results, in the
    order of the claim.

    Raises UsageError where a name was taken meanwhile, ResourceError where the disk is full or refuses.
    """
    for writer in writers:
        writer.finish()
    if sign:
        sign(make_partial_path(claim.paths[0]))
    with translate_disk_errors(claim.paths[0]):
        for path in claim.paths:
            sync_tree(make_partial_path(path))
        found = [digest_tree(make_partial_path(path)) for path in claim.paths]
    digests = [one.sha256 for one in found]
    beside = write_files_beside(claim.paths, digests, make_record(found), claim.bag, has_fixity=claim.has_fixity)
    partials = map(make_partial_path, claim.files[len(claim.paths) :])
    texts = [(read_kept_file(partial) or b"").decode(errors="surrogateescape") for partial in partials]
    note = {"request": claim.request, "results": digests, "beside": beside, "texts": texts, "report": asdict(report)}
    write_checked_json(claim.work_folder / COMMIT_FILE, note)
    _give_names(claim, note)


def find_finished(claim: OutputClaim) -> RenderReport | None:
    """Return the report of an earlier run of this very request whose results are all there, None where there is none.

    A run that was killed while its results got their names is completed. Raises as `commit_outputs`.
    """
    pending = read_checked_json(claim.work_folder / COMMIT_FILE)
    report = _read_report(claim, pending)
    if pending and report:
        with own_outputs(claim.paths):
            named = _list_results(claim, pending)
            if all(digest in (_digest(path), _digest(make_partial_path(path))) for path, digest in named):
                _give_names(claim, pending)
                _remove_leftovers(claim)
                return report
    if claim.overwrite or not claim.paths[0].exists():
        return None
    note = read_checked_json(_find_finished_note(claim))
    report = _read_report(claim, note)
    if note and report and _is_whole(claim, note):
        _remove_leftovers(claim)
        return report
    return None


def _is_whole(claim: OutputClaim, note: dict[str, Any]) -> bool:
    """Say whether all files of a finished job are as it made them, but its record, which a person may have edited.

    Record and digests that were taken away are written again, as they were; a bag is whole or is none. Raises
    UsageError where another process has the results, ResourceError where the disk refuses.
    """
    listed = [one for one in _list_results(claim, note) if one[0] != claim.record or claim.bag]
    texts = {} if claim.bag else dict(zip(claim.files[len(claim.paths) :], note.get("texts", []), strict=False))
    lost = {path: text for path, text in texts.items() if not os.path.lexists(path)}
    if any(_digest(path) != digest for path, digest in listed if path not in lost):
        return False
    if claim.bag and any(len(list_files(path, "")) > len(list_tree(path)) for path in claim.paths if path.is_dir()):
        return False  # in a bag every file counts
    with own_outputs(claim.paths if lost else ()):
        for path, text in lost.items():
            with write_file_atomically(path) as stream:
                stream.write(text.encode(errors="surrogateescape"))
    return True


def _remove_leftovers(claim: OutputClaim) -> None:
    """Remove what a run left which was killed when all was done: files of locks, and such as were not yet whole."""
    if claim.work_folder.is_dir():
        with suppress(KinemacolorError), lock_work_folder(claim.work_folder), translate_disk_errors(claim.work_folder):
            remove_unfinished(claim.work_folder)
    if any(make_lock_path(path).exists() for path in claim.paths):
        with suppress(KinemacolorError), own_outputs(claim.paths):
            pass


def _list_results(claim: OutputClaim, note: dict[str, Any]) -> list[tuple[Path, str]]:
    """List all files of a claim, each with its digest; notes of a version before have those of results alone."""
    return list(zip(claim.files, [*note["results"], *note.get("beside", [])], strict=False))


def _give_names(claim: OutputClaim, note: dict[str, Any]) -> None:
    """Give each result its name that has it not yet, remember that all are whole, and delete the notes of the run."""
    results = [path for path, _ in _list_results(claim, note)]
    with translate_disk_errors(claim.paths[0]):
        for path in results:
            partial = make_partial_path(path)
            if os.path.lexists(partial):
                _check_free(path, partial, overwrite=claim.overwrite)
                partial.replace(path)
        make_record_path(make_partial_path(claim.paths[0])).unlink(missing_ok=True)  # of a film that was cut off before
        if claim.overwrite:
            _remove_old_report(claim.paths[0])
            _remove_old_digests(claim)
        folders = {path.absolute().parent for path in results} | ({claim.bag.absolute().parent} if claim.bag else set())
        for folder in folders:
            sync_path(folder)
    with suppress(KinemacolorError):  # it only spares the same job to be done again
        write_checked_json(_find_finished_note(claim), note)
    with translate_disk_errors(claim.work_folder):
        for name in (COMMIT_FILE, PARTIALS_FILE):
            (claim.work_folder / name).unlink(missing_ok=True)


def _remove_old_report(result: Path) -> None:
    """Remove the report that versions before 0.1 wrote beside a filled result, which is replaced; nothing else."""
    old = result.with_name(f"{result.name}.json")
    with suppress(ValueError, RecursionError):
        content = json.loads(read_kept_file(old) or b"null")
        if isinstance(content, dict) and content.keys() >= {"source", "result", "mean_confidence", "filled_by_shot"}:
            old.unlink()


def _remove_old_digests(claim: OutputClaim) -> None:
    """Remove the lists of digests of results that were replaced, where this job makes none; of other files none."""
    for path in claim.paths:
        old = make_fixity_path(path)
        names = list_fixity_names((read_kept_file(old) or b"").decode(errors="surrogateescape"))
        if old not in claim.files and path.name in names <= {path.name, make_record_path(path).name}:
            old.unlink()


def _check_free(path: Path, partial: Path, *, overwrite: bool) -> None:
    """Make room for a result. Raises UsageError where something that must not be lost has its name."""
    if path.is_dir() and not path.is_symlink():
        if any(path.iterdir()):
            raise UsageError(f"the folder {path} is not empty any more: empty it; the whole result lies at {partial}")
        path.rmdir()
    elif os.path.lexists(path) and not overwrite:
        raise UsageError(f"{path} exists now: the whole result lies at {partial}; move one away, or add --overwrite")


def _read_report(claim: OutputClaim, note: dict[str, Any] | None) -> RenderReport | None:
    """Read the report in a note; None where the note is missing, or one of another request."""
    if not note or note.get("request") != claim.request:
        return None
    try:
        report = TypeAdapter(RenderReport).validate_python(note.get("report"))
    except ValidationError:  # of another version
        return None
    results = note.get("results")
    if not isinstance(results, list) or len(results) < len(claim.paths):
        return None
    return replace(report, result=str(claim.paths[0]))


def _digest(path: Path) -> str | None:
    """Compute the digest of a result; None where it is missing or cannot be read."""
    try:
        return digest_tree(path).sha256
    except OSError:
        return None


def _find_finished_note(claim: OutputClaim) -> Path:
    name = hashlib.sha256(os.fsencode(_resolve_folder(claim.paths[0].absolute()))).hexdigest()[:24]
    return user_folder() / "finished" / f"{name}.json"


def _resolve_folder(path: Path) -> Path:
    """Resolve the links on the way to a file, not one that it may be itself."""
    return path.parent.resolve() / path.name
