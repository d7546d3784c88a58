"""The shots of a film as programs get them: cuts, references, and which of them want a look."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from kinemacolor.errors import InputError
from kinemacolor.options import ShotRenderOptions
from kinemacolor.plan.document import ShotEntry
from kinemacolor.shots.shot import Shot, Transition
from kinemacolor.web.edited_cuts import apply_edited_cuts
from kinemacolor.web.frame_passes import read_planned_frames
from kinemacolor.web.looker import CutFacts, Looker
from kinemacolor.web.made_from import find_unchanged_shots
from kinemacolor.web.project import Project
from kinemacolor.web.thumbnails import find_thumbnails, thumbnail_folder

ShotState = Literal["unplanned", "planned", "rendered", "outdated"]


class ShotReferenceView(BaseModel):
    """A reference of a shot; ``score``: how similar it is, at most 1, null where a person chose it."""

    name: str
    score: float | None


class ShotView(BaseModel):
    """A shot: its number from 1, frames ``first`` to ``last``, and times after the film's first frame.

    ``picture``: address of a small gray picture of it, null where there is none. ``middle``: its middle frame.
    ``certainty``: how sure its beginning is, 0..1. ``doubt``: how unsure its colours are, 0..1, before it was rendered
    those of the thumbnail of its middle, if there is one. ``needs_look``: a limit of the report is reached;
    ``fault`` names the worst one, and ``reason`` is its sentence; false and null until it was rendered.
    """

    number: int
    first: int
    last: int
    start_seconds: float
    end_seconds: float
    picture: str | None
    middle: int
    transition: Transition | None
    dissolve: int
    certainty: float
    references: list[ShotReferenceView]
    options: ShotRenderOptions
    doubt: float | None
    needs_look: bool
    fault: str | None
    reason: str | None
    state: ShotState


class ShotList(BaseModel):
    """The shots of a film of so many frames, at ``rate`` a second; ``is_edited``: its user has changed cuts."""

    frames: int
    rate: float | None
    is_edited: bool
    shots: list[ShotView]


def view_shots(project: Project, looker: Looker) -> ShotList:
    """Return the shots of a project: those of its plan, else as the user has cut the film, else as they were found.

    Without shots where nothing was looked at yet. Raises UsageError for a damaged plan.
    """
    plan = project.read_plan()
    entries, edited = list_current_shots(project, looker)
    cuts = looker.describe_cuts(project, [entry.first for entry in entries]) if entries else None
    same, others = find_unchanged_shots(plan, project.rendered_plan_file) if plan else (set[int](), set[int]())
    verdicts = _read_verdicts(project.report_folder / "report.json") if same else {}
    rate = cuts.rate if cuts else None
    version = f"{project.survey_folder.stat().st_ctime_ns:x}" if cuts else ""
    unmade: ShotState = "planned" if plan else "unplanned"
    doubts = _read_doubts(project, [entry for number, entry in enumerate(entries, 1) if plan and number not in same])
    views = []
    for number, entry in enumerate(entries, 1):
        verdict = verdicts.get((entry.first, entry.last), {}) if number in same else {}
        begin, end = _find_times(cuts, number, entry, rate)
        views.append(
            ShotView(
                number=number,
                first=entry.first,
                last=entry.last,
                start_seconds=begin,
                end_seconds=end,
                picture=_make_sample_url(project, cuts.samples[number - 1], version) if cuts else None,
                middle=(entry.first + entry.last) // 2,
                transition=entry.transition,
                dissolve=entry.dissolve,
                certainty=entry.certainty,
                references=[ShotReferenceView(name=name, score=score) for name, score in entry.references.items()],
                options=entry.options,
                doubt=verdict.get("doubt", doubts.get(entry.first)),
                needs_look=bool(verdict.get("needs_look")),
                fault=verdict.get("fault"),
                reason=verdict.get("reason"),
                state="rendered" if number in same else "outdated" if number in others else unmade,
            )
        )
    return ShotList(frames=entries[-1].end if entries else 0, rate=rate, is_edited=edited, shots=views)


def list_current_shots(project: Project, looker: Looker) -> tuple[list[ShotEntry], bool]:
    """Return the shots as `view_shots` takes them, and whether the user has edited them."""
    plan = project.read_plan()
    if plan:
        return list(plan.shots), apply_edited_cuts(project, [shot.to_shot() for shot in plan.shots]) is not None
    cuts = looker.describe_cuts(project)
    if cuts is None:
        return [], False
    edited = apply_edited_cuts(project, cuts.shots)
    return [ShotEntry.from_shot(shot, {}) for shot in edited or cuts.shots], edited is not None


def list_detected_shots(project: Project, looker: Looker) -> tuple[Shot, ...]:
    """Return the shots as they were found; none before the film was looked at."""
    cuts = looker.describe_cuts(project)
    return cuts.shots if cuts else ()


def _read_doubts(project: Project, entries: list[ShotEntry]) -> dict[int, float]:
    """Return the doubt of the thumbnails that there are of the middles of shots, by their first frames."""
    if not entries or not thumbnail_folder(project).is_dir():
        return {}
    middles = {(entry.first + entry.last) // 2: entry.first for entry in entries}
    try:
        found = find_thumbnails(project, read_planned_frames(project), middles)
    except InputError:  # a picture is gone: who asks for a frame is told
        return {}
    return {middles[frame]: one.doubt for frame, one in found.items()}


def _find_times(cuts: CutFacts | None, number: int, entry: ShotEntry, rate: float | None) -> tuple[float, float]:
    """Return when a shot begins and ends, in seconds; by a rate of 24 where the film was not looked at here."""
    if cuts:
        return round(cuts.seconds[number - 1], 3), round(cuts.seconds[number], 3)
    return round(entry.first / (rate or 24), 3), round(entry.end / (rate or 24), 3)


def _make_sample_url(project: Project, frame: int, version: str) -> str:
    return f"/api/projects/{project.name}/files/survey/{frame:06d}.jpg?v={version}"


def _read_verdicts(file: Path) -> dict[tuple[int, int], dict[str, Any]]:
    """Return what the report says of each shot, by its first and last frame; empty without a report."""
    try:
        return _read_verdicts_cached(file, file.stat().st_mtime_ns)
    except OSError:
        return {}


@lru_cache(maxsize=32)
def _read_verdicts_cached(file: Path, changed_ns: int) -> dict[tuple[int, int], dict[str, Any]]:
    try:
        shots = json.loads(file.read_text(encoding="utf-8"))["shots"]
        return {
            (shot["first"], shot["last"]): {
                "doubt": shot["faults"].get("doubt"),
                "needs_look": shot["verdict"] == "look",
                "fault": next(iter(shot["reasons"]), None),
                "reason": next(iter(shot["reasons"].values()), None),
            }
            for shot in shots
        }
    except (ValueError, KeyError, TypeError, AttributeError):  # of a version that wrote it otherwise
        return {}
