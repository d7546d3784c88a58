"""The frames of a film that are worth colouring, with the numbers that its shots have now."""

from bisect import bisect_left, bisect_right

from pydantic import BaseModel, TypeAdapter

from kinemacolor.web.looker import Looker
from kinemacolor.web.project import Project
from kinemacolor.web.shot_views import list_current_shots, list_detected_shots


class SuggestedFrame(BaseModel):
    """A frame that is worth colouring.

    ``coverage``: share of the film that this frame and the suggested ones before it can colour, 0..1. ``shots``:
    numbers of the shots that it helps.
    """

    frame: int
    coverage: float
    shots: list[int]


def read_suggestions(project: Project, looker: Looker) -> list[SuggestedFrame]:
    """Return the frames that the analysis of the film suggests; empty before it. Raises UsageError for a damaged plan.

    Its file has the numbers of the shots that were found; what the user has cut otherwise has others.
    """
    file = project.folder / "suggestions.json"
    if not file.is_file():
        return []
    found = TypeAdapter(list[SuggestedFrame]).validate_json(file.read_text(encoding="utf-8"))
    detected = list_detected_shots(project, looker)
    starts = [entry.first for entry in list_current_shots(project, looker)[0]]
    if not detected or starts == [shot.first for shot in detected]:
        return found
    for one in found:
        helped = [detected[number - 1] for number in one.shots if number <= len(detected)]
        spans = [range(bisect_right(starts, shot.first), bisect_left(starts, shot.end) + 1) for shot in helped]
        one.shots = sorted({number for span in spans for number in span})
    return found
