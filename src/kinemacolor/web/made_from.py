"""What results were made from: the plan as it was, and the contents of its pictures, which a stroke may change."""

import json
from functools import lru_cache
from pathlib import Path

from kinemacolor.errors import KinemacolorError
from kinemacolor.plan.document import Plan, ShotEntry
from kinemacolor.utils.files import compute_file_sha256, write_file_atomically
from kinemacolor.web.project_folder import ProjectFolder

Pictures = dict[str, str]  # sha256 by name of a reference


def hash_pictures(plan: Plan) -> Pictures:
    """Return the sha256 of each reference of a plan; one that cannot be read has none."""
    found = {}
    for name, entry in plan.references.items():
        try:
            status = entry.path.stat()
            found[name] = _hash_cached(entry.path, status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            continue
    return found


def note_made_from(file: Path, plan: Plan, pictures: Pictures) -> None:
    """Note that something was made from a plan and its pictures: ``file`` gets the plan, a file beside it the rest."""
    with write_file_atomically(_pictures_file(file)) as stream:
        stream.write(json.dumps(pictures).encode())
    plan.write(file)


def is_outdated(folder: ProjectFolder, file: Path) -> bool:
    """Whether the plan or a picture of it is another than what ``file`` says something was made from.

    False where ``file`` does not exist.
    """
    if not file.is_file():
        return False
    if not folder.plan_file.is_file() or file.read_bytes() != folder.plan_file.read_bytes():
        return True
    plan, pictures = folder.read_plan(), _read_pictures(file)
    return bool(plan and pictures is not None and hash_pictures(plan) != pictures)


def find_unchanged_shots(plan: Plan, file: Path) -> tuple[set[int], set[int]]:
    """Return the numbers of the shots of a plan that are as they were made, and of those that were made otherwise.

    Empty where ``file`` does not exist: nothing was made.
    """
    if not file.is_file():
        return set(), set()
    try:
        made = Plan.read(file)
    except KinemacolorError:
        return set(), set()
    then = _read_pictures(file)
    now = None if then is None else hash_pictures(plan)
    known = {_describe_shot(made, shot, then) for shot in made.shots}
    same = {number for number, shot in enumerate(plan.shots, 1) if _describe_shot(plan, shot, now) in known}
    return same, set(range(1, len(plan.shots) + 1)) - same


def _describe_shot(plan: Plan, shot: ShotEntry, pictures: Pictures | None) -> str:
    """Describe all that decides the colours of a shot, to be compared."""
    references = sorted(
        (str(plan.references[name].frame), str(plan.references[name].path) if pictures is None else pictures.get(name))
        for name in shot.references
    )
    options = plan.options_for_shot(shot)
    return repr((shot.first, shot.last, shot.dissolve, references, options, plan.model, plan.weights))


def _pictures_file(file: Path) -> Path:
    return file.with_suffix(".pictures.json")


def _read_pictures(file: Path) -> Pictures | None:
    """Return the digests that were noted; None of something that an earlier version made."""
    try:
        content = json.loads(_pictures_file(file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


@lru_cache(maxsize=4096)
def _hash_cached(path: Path, changed_ns: int, size: int, number: int) -> str:
    return compute_file_sha256(path)
