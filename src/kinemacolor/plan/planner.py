"""Makes a plan from a film and references: surveys the film, names the references, assigns them to shots."""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from kinemacolor.errors import UsageError, WeightsError
from kinemacolor.models.catalog import check_fill, find_model
from kinemacolor.options import DEFAULT_MODEL, Detector, GapHandling, RenderOptions, check_options
from kinemacolor.plan.document import (
    FilmEntry,
    Plan,
    ReferenceEntry,
    ShotEntry,
    StillEntry,
    check_seconds,
    fit_dissolves,
)
from kinemacolor.plan.keyframe_selection import CandidateFrames
from kinemacolor.plan.similarity import FrameEmbedding, FrameEncoder, compute_similarity
from kinemacolor.plan.stills import find_placed_frame, stills_from_film
from kinemacolor.plan.survey import SAMPLES_PER_SHOT, Survey, survey_film
from kinemacolor.references.load import LoadedReference, ReferenceReader, check_reference_specs, rgb_to_gray
from kinemacolor.references.spec import Reference, ReferenceSpec, name_references
from kinemacolor.shots.files import validate_suffix
from kinemacolor.shots.shot import Shot
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.utils.files import compute_file_sha256, resolve_folder
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.picture_series import list_film_files
from kinemacolor.video.reader import VideoReader
from kinemacolor.weights.manifest import weights_sha256

REFERENCES_PER_SHOT = 2  # for a shot without a reference of its own
MAX_SCORE_GAP = 0.03  # scores this far below the best one count as equally good


@dataclass(frozen=True)
class PlanRequest:
    """Everything that a plan is made from.

    Stills of colour films are written into ``stills_folder``. ``shot_list`` is a file with the user's own shots, which
    takes precedence over the ``detector``. A shot without a keyframe gets at most ``references_per_shot`` references.
    ``gaps`` is what becomes of numbered pictures that are missing.
    """

    film: Path
    reference_specs: tuple[ReferenceSpec, ...]
    stills_folder: Path
    model: str = DEFAULT_MODEL
    options: RenderOptions = field(default_factory=RenderOptions)
    start_seconds: float = 0
    end_seconds: float | None = None
    references_per_shot: int = REFERENCES_PER_SHOT
    shot_list: Path | None = None
    detector: Detector = "luma"
    gaps: GapHandling = "error"


def make_plan(
    request: PlanRequest,
    on_frame: Callable[[int], None] | None = None,
    *,
    encoder: FrameEncoder | None = None,
    references: ReferenceReader | None = None,
    reader: VideoReader | None = None,
    on_luma: Callable[[UIntArray], None] | None = None,
) -> tuple[Plan, Survey]:
    """Make a plan with absolute paths; gives also the survey that it is made from.

    ``on_frame`` gets the number of frames read so far, ``on_luma`` the luma codes ``H W`` of each. ``encoder`` decides
    which pictures are similar, by default `make_frame_encoder`. A caller that has read the references or opened the
    film before passes ``references`` and ``reader``.

    Raises InputError for a film or reference that cannot be read, UsageError for references that do not fit.
    """
    check_options(request.options)
    check_fill(find_model(request.model).spec, fill=request.options.fill)
    check_seconds(request.start_seconds, request.end_seconds)
    if request.references_per_shot < 1:
        raise UsageError("a shot has one reference or more")
    references = references or ReferenceReader()
    check_reference_specs(request.reference_specs, references)
    if request.shot_list:
        validate_suffix(request.shot_list)
    film_survey = survey_film(
        request.film,
        shot_list=request.shot_list,
        detector=request.detector,
        start_seconds=request.start_seconds,
        end_seconds=request.end_seconds,
        on_frame=on_frame,
        on_luma=on_luma,
        reader=reader,
        gaps=request.gaps,
    )
    return plan_from_survey(request, film_survey, encoder=encoder, references=references), film_survey


def plan_from_survey(
    request: PlanRequest,
    film_survey: Survey,
    *,
    encoder: FrameEncoder | None = None,
    references: ReferenceReader | None = None,
    sha256: str | None = None,
) -> Plan:
    """Make the plan of a film that was surveyed before. Arguments and errors as in `make_plan`.

    ``sha256`` is that of the film, by default computed from its file; give it where frames come from elsewhere.
    """
    reader = references or ReferenceReader()
    named = name_references(
        [
            found
            for spec in request.reference_specs
            for found in _resolve_references(spec, film_survey, request.stills_folder)
        ]
    )
    if not named:
        raise UsageError("no reference: give a colour picture with -r")
    if encoder is None:
        from kinemacolor.plan.frame_encoder import make_frame_encoder  # torch comes with it

        encoder = make_frame_encoder()
    candidates = {
        name: _ReferenceCandidate.from_reference(reader.load(reference), encoder) for name, reference in named.items()
    }
    shots = list(_iter_assigned_shots(film_survey, candidates, encoder, request.references_per_shot))
    return Plan.from_parts(
        film=FilmEntry.from_index(
            resolve_folder(request.film),
            film_sha256(request.film, request.gaps) if sha256 is None else sha256,
            film_survey.index,
            request.start_seconds,
            request.end_seconds,
        ),
        model=request.model,
        weights=weights_sha256(request.model),
        options=request.options,
        references={
            name: ReferenceEntry(
                path=resolve_folder(reference.path),
                frame=reference.frame,
                still_of=reference.still_of
                and StillEntry(path=resolve_folder(reference.still_of[0]), frame=reference.still_of[1]),
            )
            for name, reference in named.items()
        },
        shots=fit_dissolves(shots),
    )


def carry_over_choices(plan: Plan, previous: Plan | None) -> Plan:
    """Return a new plan in which the shots of the ``previous`` one keep what a person chose for them.

    That is references without a score, and options of their own. Shots are the same that have the same frames, as far
    as both plans go. Nothing is kept where the previous plan is for a part with another start, from which frames count.
    """
    if previous is None or previous.film.start_seconds != plan.film.start_seconds:
        return plan
    end = min(plan.film.frames, previous.film.frames)

    def identify(shot: ShotEntry) -> tuple[int, int]:
        return shot.first, min(shot.last, end - 1)

    options = {identify(shot): shot.options for shot in previous.shots}
    user_choices = {
        identify(shot): set(shot.references)
        for shot in previous.shots
        if any(score is None for score in shot.references.values())
    }
    paths = {name: entry.path for name, entry in previous.references.items()}
    current_names = {entry.path: name for name, entry in plan.references.items()}

    def restore_choices(shot: ShotEntry) -> ShotEntry:
        chosen = user_choices.get(identify(shot), ())
        names = {current_names[paths[name]] for name in chosen if paths[name] in current_names}
        kept = shot.with_references(names, is_user_choice=True) if names else shot
        return kept.model_copy(update={"options": options.get(identify(shot), shot.options)})

    return plan.model_copy(update={"shots": tuple(map(restore_choices, plan.shots))})


def film_sha256(film: Path, gaps: GapHandling = "error") -> str:
    """Compute the sha256 of a film's file; for a series, that of the digests of its pictures in order of its frames.

    Raises as `find_series`.
    """
    if film.is_file():
        return compute_file_sha256(film)
    files = list_film_files(film, gaps)
    digests = {file: compute_file_sha256(file) for file in dict.fromkeys(files)}
    return hashlib.sha256("".join(digests[file] for file in files).encode()).hexdigest()


def _iter_assigned_shots(
    film_survey: Survey,
    candidates: Mapping[str, "_ReferenceCandidate"],
    encoder: FrameEncoder,
    references_per_shot: int,
) -> Iterator[ShotEntry]:
    """Yield every shot with the references that lie in it and, if none of these is whole, the most similar others."""
    candidate_frames = CandidateFrames.from_survey(film_survey, encoder, per_shot=SAMPLES_PER_SHOT)
    for number, shot in enumerate(film_survey.shots, 1):
        own = [candidate_frames.embeddings[at] for at, owner in enumerate(candidate_frames.shots) if owner == number]
        within = [name for name, one in candidates.items() if one.is_in_shot(shot)]
        scores: dict[str, float | None] = {name: _score_reference(own, candidates[name].embedding) for name in within}
        if not any(candidates[name].is_whole for name in within):
            others = [name for name, one in candidates.items() if one.is_whole] or ([] if within else list(candidates))
            scores |= _select_best(
                {name: _score_reference(own, candidates[name].embedding) for name in others}, references_per_shot
            )
        yield ShotEntry.from_shot(shot, scores)


@dataclass(frozen=True)
class _ReferenceCandidate:
    """The frame of a reference, its embedding, and whether all of it is painted, without the picture itself."""

    frame: int | None
    embedding: FrameEmbedding
    is_whole: bool

    @classmethod
    def from_reference(cls, reference: LoadedReference, encoder: FrameEncoder) -> "_ReferenceCandidate":
        """Encode the gray of a reference."""
        return cls(reference.frame, encoder.encode_frame(rgb_to_gray(reference.image)), reference.is_whole)

    def is_in_shot(self, shot: Shot) -> bool:
        """Whether it is a picture of a frame of the shot."""
        return self.frame is not None and shot.first <= self.frame < shot.end


def _score_reference(frames: Sequence[FrameEmbedding], picture: FrameEmbedding) -> float:
    """Average the similarity of a picture to some frames of a shot, -1..1, three decimals.

    Raises WeightsError where the network that compares them gives no numbers.
    """
    score = float(np.mean([compute_similarity(frame, picture) for frame in frames]))
    if not np.isfinite(score):
        raise WeightsError(
            "the network that compares pictures gives no numbers: its weights are damaged, import others"
        )
    return round(score, 3)


def _select_best(scores: Mapping[str, float], count: int) -> dict[str, float | None]:
    """Select at most ``count`` names with the highest scores, none more than `MAX_SCORE_GAP` below the best."""
    ordered = sorted(scores, key=lambda name: -scores[name])
    return {name: scores[name] for name in ordered[:count] if scores[name] >= scores[ordered[0]] - MAX_SCORE_GAP}


def _resolve_references(spec: ReferenceSpec, film_survey: Survey, folder: Path) -> list[Reference]:
    """List the pictures of one -r, each with its frame of the film. Raises UsageError for a frame that is not there."""
    if spec.is_film:
        return stills_from_film(spec, film_survey, folder)
    found = list(spec.list_references())
    if spec.is_placed:
        found = [replace(one, frame=find_placed_frame(spec, film_survey)) for one in found]
    check_placed(found, film_survey.index.frames)
    return found


def check_placed(references: Iterable[Reference], frames: int) -> None:
    """Raise UsageError for a picture that is placed at a frame which a film of so many frames lacks."""
    for one in references:
        if one.frame is not None and one.frame >= frames:
            raise UsageError(f"{one.path.name} is placed at frame {one.frame}, the film has {frames} (the first is 0)")


def check_time_range(start_seconds: float, end_seconds: float | None, info: VideoInfo) -> None:
    """Raise UsageError where no part of the film lies between --start and --end."""
    end = math.inf if end_seconds is None else end_seconds
    if not 0 <= start_seconds < end:
        raise UsageError(f"--start {start_seconds:g} and --end {end:g} leave nothing between them")
    if info.duration_seconds is not None and start_seconds > info.duration_seconds:
        raise UsageError(f"--start {start_seconds:g} is behind the end of the film ({info.duration_seconds:.2f} s)")
