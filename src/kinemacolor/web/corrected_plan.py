"""A plan with a corrected frame: its picture leads the frame's shot, in both directions. Loads no torch."""

from pathlib import Path

from kinemacolor.plan.document import Plan, ReferenceEntry
from kinemacolor.web.storage import NotFoundError


def place_correction(plan: Plan, frame: int, path: Path) -> Plan:
    """Return the plan with the picture at ``path`` as the reference at a frame, in place of earlier ones there.

    Raises NotFoundError for a frame that the film does not have.
    """
    if not 0 <= frame < plan.film.frames:
        raise NotFoundError(f"the film has no frame {frame}: its last one is {plan.film.frames - 1}")
    references = {key: entry for key, entry in plan.references.items() if entry.frame != frame}
    gone = set(plan.references) - set(references)
    references[path.stem] = ReferenceEntry(path=path, frame=frame)
    shots = [
        shot.with_references((set(shot.references) - gone) | {path.stem})
        if shot.first <= frame <= shot.last or gone & set(shot.references)
        else shot
        for shot in plan.shots
    ]
    return plan.model_copy(update={"references": references, "shots": tuple(shots)})
