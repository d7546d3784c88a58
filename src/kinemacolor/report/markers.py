"""The shots of a report that a person should look at, and the frames that would help most, as markers."""

from kinemacolor.report.build import QualityReport
from kinemacolor.shots.shot import Marker, MarkerColor
from kinemacolor.utils.words import format_count

SEVERE_NEED = 2.0  # times the limit of its worst fault, from which on a shot is marked in red


def make_markers(report: QualityReport) -> list[Marker]:
    """Make a marker of each shot to look at and of each frame that is worth colouring, in the order of the film.

    A shot is marked at its least sure frame, in red or yellow by its need; its name is the worst fault, its comment has
    all of them and what would help. A frame worth colouring is green, where no other marker is.
    """
    found: dict[int, Marker] = {}
    for shot in report.shots_by_need("look"):
        reasons = list(shot.verdict.reasons.values())
        helping = [
            f"colour frame {one.frame}: it may take away {one.share:.0%} of the film's doubt"
            for one in report.advice
            if shot.number in one.shots
        ]
        color: MarkerColor = "red" if shot.verdict.need >= SEVERE_NEED else "yellow"
        name = f"shot {shot.number}: {reasons[0]}"
        found[shot.least_sure] = Marker(shot.least_sure, color, name, "; ".join([*reasons[1:], *helping]))
    for one in report.advice:
        if one.frame not in found:  # else the marker there says so
            shots = format_count(len(one.shots), "shot")
            comment = f"a reference of it may take away {one.share:.0%} of the film's doubt, in {shots}"
            found[one.frame] = Marker(one.frame, "green", f"worth colouring: frame {one.frame}", comment)
    return [found[frame] for frame in sorted(found)]
