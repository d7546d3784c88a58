"""Makes the plan of a clip, by the planner's own rules, from what a script says."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from kinemacolor.errors import UsageError
from kinemacolor.models.base import Colorizer
from kinemacolor.plan.document import Plan
from kinemacolor.plan.frame_encoder import make_frame_encoder
from kinemacolor.plan.planner import PlanRequest, plan_from_survey
from kinemacolor.plan.survey import SAMPLE_INTERVAL, SampleTaker, Survey, make_frame_clock
from kinemacolor.references.load import ReferenceReader
from kinemacolor.shots.detect import detect_boundaries
from kinemacolor.shots.files import read_shots
from kinemacolor.shots.shot import Shot, shots_from_boundaries
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.vapoursynth.clip_frames import ClipFrames
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.random_access import FrameIndex


def make_clip_plan(
    request: PlanRequest,
    shots: tuple[Shot, ...] | None,
    frames: ClipFrames,
    model: Colorizer,
    references: ReferenceReader,
) -> Plan:
    """Make the plan of a clip, ``request.film`` being only a name for it.

    Where ``shots`` are given, up to three frames of each are read; else all frames are, once, and what they or our
    detector say is taken. Raises UsageError for references that do not fit the clip.
    """
    survey = _survey_clip(frames, shots)
    encoder = make_frame_encoder(model)
    return plan_from_survey(request, survey, encoder=encoder, references=references, sha256="")


def read_clip_plan(path: Path, frames: int) -> Plan:
    """Read the plan of a film that a clip shows. Raises UsageError where the clip has another number of frames."""
    plan = Plan.read(path)
    if plan.film.frames != frames:
        raise UsageError(
            f"the plan {path} is for {plan.film.frames} frames, the clip has {frames}: give the same part of the film"
        )
    return plan


def list_shots(wanted: Sequence[int] | str, info: VideoInfo) -> tuple[Shot, ...]:
    """Make the shots of a clip of their first frames, to which 0 always belongs, or read them from the list at a path.

    Raises UsageError for shots that the clip has not, InputError for a list that cannot be read.
    """
    count = info.frames or 0
    if isinstance(wanted, str):
        with warnings.catch_warnings():
            warnings.simplefilter("always")  # what had to be assumed is told
            return read_shots(Path(wanted), count, make_frame_clock(info))
    firsts = sorted({0, *wanted})
    if firsts[0] < 0 or firsts[-1] >= count:
        wrong = firsts[0] if firsts[0] < 0 else firsts[-1]
        raise UsageError(f"a shot begins at frame {wrong}, the clip has the frames 0 to {count - 1}")
    return tuple(Shot(first, end) for first, end in zip(firsts, [*firsts[1:], count], strict=True))


def _survey_clip(frames: ClipFrames, given_shots: tuple[Shot, ...] | None) -> Survey:
    """Look at a clip as `survey_film` looks at a film."""
    info, taker = frames.info, SampleTaker(frames.info)
    count = info.frames or 0

    def make_survey(shots: tuple[Shot, ...], samples: dict[int, bytes]) -> Survey:
        return Survey(info, FrameIndex((), count), range(count), shots, samples, None)

    if given_shots is not None:
        could = make_survey(given_shots, dict.fromkeys(range(0, count, SAMPLE_INTERVAL), b""))
        for number in sorted({number for shot in given_shots for number in could.samples_in_shot(shot)}):
            taker.look_at(number, frames.read(number)[0])
        return make_survey(given_shots, taker.samples)
    first_frames = list[int]()

    def iter_gray_frames() -> Iterator[UInt8Array]:
        for number in range(count):
            luma_codes, begins_shot = frames.read(number)
            if begins_shot:
                first_frames.append(number)
            yield taker.look_at(number, luma_codes)

    if frames.read(0)[1] is None:
        return make_survey(shots_from_boundaries(detect_boundaries(iter_gray_frames()), count), taker.samples)
    for _ in iter_gray_frames():
        pass
    return make_survey(list_shots(first_frames, info), taker.samples)
