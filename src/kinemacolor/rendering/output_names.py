"""The names of results: checks, before the first frame, that they can be written and that nothing is lost by it."""

import os
from collections.abc import Sequence
from pathlib import Path

from kinemacolor.errors import UsageError, find_machine_fault
from kinemacolor.plan.document import LONGEST_NAME_BYTES
from kinemacolor.provenance.fixity import FIXITY_SUFFIX
from kinemacolor.provenance.record import RECORD_SUFFIX
from kinemacolor.rendering.ownership import make_lock_path, make_trial_path
from kinemacolor.utils.bags import check_outside_bags
from kinemacolor.video.encoding import is_folder_name
from kinemacolor.video.output import make_partial_path


def check_output_path(
    output: Path,
    inputs: Sequence[Path],
    *,
    overwrite: bool,
    replaceable: Sequence[Path] = (),
    bag: Path | None = None,
) -> None:
    """Check that ``output`` and its ``*.partial.*`` can be written, and that no existing file is lost by it.

    Files in ``replaceable`` may exist already, and a ``bag`` that it lies in need not.

    Raises UsageError that says what to do.
    """
    check_output_name(output)
    partial = make_partial_path(output)
    try:
        folder = output.absolute().parent
        if bag:
            folder = bag.absolute() if bag.is_dir() else bag.absolute().parent
        if not folder.is_dir():
            raise UsageError(f"the folder {output.parent} does not exist: make it first")
        check_outside_bags(output, bag)
        for target in (output, partial):
            for path in inputs:
                if _is_overlapping(target, path):
                    raise UsageError(f"{target} is an input of this job, or holds one: name another result with -o")
            if not os.path.lexists(target) or (target in replaceable and not target.is_symlink()):
                continue
            if target == partial and target.is_symlink():  # no run of ours makes links: it would write through this one
                raise UsageError(f"{target} is a link: remove it, or name another result with -o")
            if target.is_dir() and (target == partial or next(target.iterdir(), None) is not None):
                raise UsageError(f"the folder {target} is not empty: name a new one with -o, or empty it")
            if not target.is_dir() and (is_folder_name(output) or not overwrite):
                of = target.name.removesuffix(RECORD_SUFFIX).removesuffix(FIXITY_SUFFIX)
                left = f", left of an earlier {of}: move or delete it," if of != target.name else ":"
                raise UsageError(f"{target} exists{left} name another result with -o, or add --overwrite")
        trial = folder / make_trial_path(output).name
        trial.touch()
        trial.unlink(missing_ok=True)
    except OSError as error:
        if machine_fault := find_machine_fault(error):
            raise machine_fault from error
        reason = f"nothing can be written in {output.parent} ({error.strerror})"
        raise UsageError(f"{reason}: choose another folder") from error


def check_has_name(path: Path, what: str) -> None:
    """Raise UsageError for what has no name of its own, as ``.``, ``..`` and ``/``; ``what`` it is for in words."""
    if path.name in ("", ".."):
        raise UsageError(f"{path} is no name for {what}: give one, such as {path / 'name'}")


def check_output_name(output: Path) -> None:
    """Raise UsageError for a name that no file can have, also with what is added to it while it is written."""
    check_has_name(output, "a result")
    if "\0" in str(output):
        raise UsageError(f"{str(output)!r} is no name of a file: name another result with -o")
    partial, lock = make_partial_path(output).name, make_lock_path(output).name
    longest = max(len(os.fsencode(name)) for name in (partial, f"{output.name}.work", lock))
    if longest > LONGEST_NAME_BYTES:
        raise UsageError(
            f"{output.name} is too long a name: with what is added while it is written it has {longest} bytes, "
            f"and a disk takes {LONGEST_NAME_BYTES}; choose a shorter one with -o"
        )


def _is_overlapping(target: Path, source: Path) -> bool:
    """Whether writing ``target`` would change ``source``: they are the same, or one is a folder around the other."""
    if target.exists() and source.exists() and target.samefile(source):  # also by a name in other letters
        return True
    target, source = target.resolve(), source.resolve()
    return target == source or target in source.parents or (source.is_dir() and source in target.parents)
