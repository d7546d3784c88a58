"""A film and what the user gives become a plan."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from kinemacolor.errors import UsageError
from kinemacolor.models.kinema.model import Kinema
from kinemacolor.options import DEFAULT_MODEL, Detector
from kinemacolor.plan.document import FilmEntry, FilmOptions, Plan, ReferenceEntry, ShotEntry
from kinemacolor.plan.keyframe_selection import Views
from kinemacolor.plan.similarity import Eye, Look, likeness
from kinemacolor.plan.stills import stills_of
from kinemacolor.plan.survey import Survey, survey
from kinemacolor.references.load import check_reference_specs, load_reference, rgb_to_gray
from kinemacolor.references.spec import Reference, ReferenceSpec, name_references
from kinemacolor.shots.files import validate_suffix
from kinemacolor.shots.shot import Shot
from kinemacolor.utils.files import compute_file_sha256
from kinemacolor.video.images import find_pictures
from kinemacolor.weights.registry import load_model, stored_parts

PER_SHOT = 2  # references of one shot that are nowhere in it
NEAR_BEST = 0.03  # a score so much under the best one's is as good


@dataclass(frozen=True)
class Wish:
    """What a plan is made from. ``stills``: where pictures out of colour films are written.

    ``shots``: a list of the user's own, which wins over what the ``detector`` finds.
    """

    film: Path
    given: tuple[ReferenceSpec, ...]
    stills: Path
    model: str = DEFAULT_MODEL
    options: FilmOptions = field(default_factory=FilmOptions)
    start_seconds: float = 0
    end_seconds: float | None = None
    per_shot: int = PER_SHOT
    shots: Path | None = None
    detector: Detector = "luma"


def make_plan(wish: Wish, on_frame: Callable[[int], None] | None = None) -> tuple[Plan, Survey]:
    """A plan with absolute paths, and what was seen of the film.

    Raises InputError for a film or reference that cannot be read, UsageError for references that do not fit.
    """
    check_reference_specs(wish.given)
    if wish.shots:
        validate_suffix(wish.shots)
    seen = survey(
        wish.film,
        shots=wish.shots,
        detector=wish.detector,
        start_seconds=wish.start_seconds,
        end_seconds=wish.end_seconds,
        on_frame=on_frame,
    )
    return plan_of(wish, seen), seen


def plan_of(wish: Wish, seen: Survey) -> Plan:
    """The plan for a film that was looked at. Raises as `make_plan`."""
    references = name_references([found for given in wish.given for found in _references(given, seen, wish.stills)])
    if not references:
        raise UsageError("no reference: give a colour picture with -r")
    eye = seeing_eye()
    candidates = {name: _Candidate.of(reference, eye) for name, reference in references.items()}
    return Plan(
        film=FilmEntry(
            path=wish.film.resolve(),
            sha256=film_sha256(wish.film),
            frames=seen.index.frames,
            start_seconds=wish.start_seconds,
            end_seconds=wish.end_seconds,
            every=seen.index.every,
            anchors=seen.index.anchors,
        ),
        model=wish.model,
        weights=weights_sha256(wish.model),
        options=wish.options,
        references={
            name: ReferenceEntry(path=reference.path.resolve(), frame=reference.frame)
            for name, reference in references.items()
        },
        shots=tuple(_assigned(seen, candidates, eye, wish.per_shot)),
    )


def kept_choices(plan: Plan, before: Plan | None) -> Plan:
    """A new plan in which shots that were there before keep the references that somebody chose for them."""
    if before is None:
        return plan
    own = {
        (shot.first, shot.last): set(shot.references)
        for shot in before.shots
        if any(score is None for score in shot.references.values())
    }
    paths = {name: entry.path for name, entry in before.references.items()}
    now = {entry.path: name for name, entry in plan.references.items()}

    def chosen(shot: ShotEntry) -> ShotEntry:
        names = {now[paths[name]] for name in own.get((shot.first, shot.last), ()) if paths[name] in now}
        return shot.with_references(names, chosen=True) if names else shot

    return plan.model_copy(update={"shots": tuple(map(chosen, plan.shots))})


def seeing_eye() -> Eye:
    """The one that tells which pictures are alike."""
    network = load_model(DEFAULT_MODEL)
    assert isinstance(network, Kinema)
    return Eye(network)


def film_sha256(film: Path) -> str:
    """Of the file, or of the pictures of a folder one after the other."""
    pictures = find_pictures(film)
    if not film.is_dir():
        return compute_file_sha256(film)
    return hashlib.sha256("".join(map(compute_file_sha256, pictures)).encode()).hexdigest()


def weights_sha256(model: str) -> dict[str, str | None]:
    """Of every part of a model as it is on this machine; None where it is untrained."""
    return {part.name: part.entry.sha256 if part.path else None for part in stored_parts(model)}


def _assigned(seen: Survey, candidates: Mapping[str, "_Candidate"], eye: Eye, per_shot: int) -> Iterator[ShotEntry]:
    """Every shot with the pictures that lie in it, and where none of these is whole those that fit it best."""
    views = Views.of(seen, eye)
    for number, shot in enumerate(seen.shots, 1):
        own = [views.looks[at] for at, owner in enumerate(views.shots) if owner == number]
        within = [name for name, one in candidates.items() if one.lies_in(shot)]
        scores: dict[str, float | None] = {name: _score(own, candidates[name].look) for name in within}
        if not any(candidates[name].is_whole for name in within):
            others = [name for name, one in candidates.items() if one.is_whole] or ([] if within else list(candidates))
            scores |= _best({name: _score(own, candidates[name].look) for name in others}, per_shot)
        yield ShotEntry.of(shot, scores)


@dataclass(frozen=True)
class _Candidate:
    """A reference, what it looks like, and whether all of it is painted."""

    reference: Reference
    look: Look
    is_whole: bool

    @classmethod
    def of(cls, reference: Reference, eye: Eye) -> "_Candidate":
        picture = load_reference(reference.path)
        return cls(reference, eye.look(rgb_to_gray(picture)), picture.shape[2] == 3)

    def lies_in(self, shot: Shot) -> bool:
        return self.reference.frame is not None and shot.first <= self.reference.frame < shot.end


def _score(views: Sequence[Look], picture: Look) -> float:
    return round(float(np.mean([likeness(view, picture) for view in views])), 3)


def _best(scores: Mapping[str, float], count: int) -> dict[str, float | None]:
    ordered = sorted(scores, key=lambda name: -scores[name])
    return {name: scores[name] for name in ordered[:count] if scores[name] >= scores[ordered[0]] - NEAR_BEST}


def _references(given: ReferenceSpec, seen: Survey, folder: Path) -> list[Reference]:
    """The pictures of one -r, at their frames."""
    if given.is_film:
        return stills_of(given, seen, folder)
    found = list(given.list_references())
    if given.seconds is not None:
        found = [replace(one, frame=seen.frame_at(given.seconds)) for one in found]
    for one in found:
        if one.frame is not None and one.frame >= seen.index.frames:
            raise UsageError(
                f"{one.path.name} is placed at frame {one.frame}, the film has {seen.index.frames} (the first is 0)"
            )
    return found
