"""Judges measured shots against limits: which faults a shot has, in words, and how much a person should look at it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

from kinemacolor.report.shot_metrics import ShotMeasures

# Names for every 45° of hue angle in the ab plane, from +a.
_HUES = ("red", "orange", "yellow", "yellow-green", "green", "blue-green", "blue", "purple")


@dataclass(frozen=True)
class QualityLimits:
    """Amounts of faults from which on a person should look at a shot, each in the unit of its `QualityFault`.

    Chosen on `video-train`: `kinema` at 108 px coloured 20 frames of eight clips, each with its own first frame and
    with a frame of another clip, and the true colours of 25 clips of 24 frames were measured against their own
    first frame. Doubt is at most 0.17 with a clip's own reference and at least 0.59 with another's. The other limits
    are about twice the value that nine in ten true clips stay under: fade 0.12, drift 2.4, cast 2.1. Gray is at most
    0.16 there. True colours change by up to 2.4 from frame to frame, predicted ones by 1.2. Clipped are 0.01 of every
    true clip except one of a deep blue aquarium, 0.44. Filled is not measured: a guess for a quarter of the picture is
    worth a look.
    """

    doubt: float = 0.5
    fade: float = 0.25
    drift: float = 5.0
    flicker: float = 2.5
    clipped: float = 0.25
    gray: float = 0.4
    cast: float = 6.0
    filled: float = 0.25


@dataclass(frozen=True)
class QualityFault:
    """A fault that a shot may have.

    ``measure``: its amount in ``unit``, None if unknown. ``describe``: a sentence about it for the report.
    """

    name: str
    unit: str
    meaning: str
    measure: Callable[[ShotMeasures], float | None]
    describe: Callable[[ShotMeasures], str]


QUALITY_FAULTS = (
    QualityFault(
        "doubt",
        "share",
        "1 less the mean confidence: how unsure the model is of what it painted",
        lambda shot: 1 - shot.confidence,
        lambda shot: f"unsure: mean confidence {shot.confidence:.2f}",
    ),
    QualityFault(
        "fade",
        "share",
        "the part of its colour that the shot loses from its first frame to its last",
        lambda shot: max(0.0, -shot.fade),
        lambda shot: (
            f"colours fade by {_format_percent(-shot.fade)} over the shot "
            f"({_format_percent(-shot.fade_per_100)} in 100 frames)"
        ),
    ),
    QualityFault(
        "drift",
        "Lab units",
        "how much farther from the colours of its references the last frame is than the first",
        lambda shot: None if shot.drift is None else max(0.0, shot.drift),
        lambda shot: f"colours drift away from the reference's by {shot.drift:.1f} Lab units",
    ),
    QualityFault(
        "flicker",
        "Lab units a frame",
        "the mean change of colour from frame to frame, along the motion",
        lambda shot: shot.flicker,
        lambda shot: f"flickers: colours change by {shot.flicker:.1f} Lab units from frame to frame",
    ),
    QualityFault(
        "clipped",
        "share",
        "the part of the picture whose colour no display can show at the film's brightness",
        lambda shot: shot.clipped,
        lambda shot: (
            f"too colourful: {_format_percent(shot.clipped)} of the picture cannot be shown at the film's brightness"
        ),
    ),
    QualityFault(
        "gray",
        "share",
        "the part of its references' colourfulness (mean chroma) that is missing",
        lambda shot: None if shot.richness is None else max(0.0, 1 - shot.richness),
        lambda shot: f"pale: it has {_format_percent(shot.richness or 0)} of the colour of its reference",
    ),
    QualityFault(
        "cast",
        "Lab units",
        "how far the median colour of the picture lies from that of its references",
        lambda shot: None if shot.cast is None else math.hypot(*shot.cast),
        lambda shot: f"a cast of {math.hypot(*shot.cast or (0, 0)):.1f} Lab units to {_name_hue(shot.cast or (0, 0))}",
    ),
    QualityFault(
        "filled",
        "share",
        "the part of its colours that no reference shows: typical colours, a guess",
        lambda shot: shot.filled,
        lambda shot: f"guessed: no reference shows {_format_percent(shot.filled or 0)} of its colours",
    ),
)
assert [fault.name for fault in QUALITY_FAULTS] == [field.name for field in fields(QualityLimits)]


@dataclass(frozen=True)
class Verdict:
    """The judgement of one shot.

    ``need``: the worst fault as a multiple of its limit. ``reasons``: description of each fault that reaches its limit,
    by name, the worst first; empty if the shot passes.
    """

    need: float
    reasons: dict[str, str]

    @property
    def label(self) -> str:
        """Return ``look`` if a fault reaches its limit, else ``pass``."""
        return "look" if self.reasons else "pass"


def judge_shot(shot: ShotMeasures, limits: QualityLimits) -> Verdict:
    """Compare the faults of a shot with their limits; an unknown amount counts as 0."""
    amounts = {fault: (fault.measure(shot) or 0.0) / getattr(limits, fault.name) for fault in QUALITY_FAULTS}
    worst_first = sorted(QUALITY_FAULTS, key=lambda fault: -amounts[fault])
    reasons = {fault.name: fault.describe(shot) for fault in worst_first if amounts[fault] >= 1}
    return Verdict(amounts[worst_first[0]], reasons)


def _format_percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _name_hue(cast: tuple[float, float]) -> str:
    """Name the hue of a colour (a, b) by its angle in the ab plane."""
    turn = math.degrees(math.atan2(cast[1], cast[0])) % 360
    return _HUES[round(turn / 45) % len(_HUES)]
