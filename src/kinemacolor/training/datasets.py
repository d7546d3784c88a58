"""What a run learns from, and the films that are held out of it."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import cast

from torch.utils.data import Dataset

from kinemacolor.data.check import report
from kinemacolor.data.clip import Clip
from kinemacolor.data.dataset import Clips
from kinemacolor.data.index import Index, scan
from kinemacolor.data.loader import Batch, loader
from kinemacolor.data.sources import Source
from kinemacolor.errors import UsageError
from kinemacolor.training.distributed import Team
from kinemacolor.training.recipe import Recipe
from kinemacolor.weights.registry import imagenet_backbone
from kinemacolor.weights.store import user_folder

Progress = Callable[[int, int | None], None]
TOLD = 10  # so many faults by name


@dataclass(frozen=True)
class Material:
    """``clips`` to learn from, ``films`` to validate with, and what a person should know of what is held out."""

    clips: Clips
    films: tuple[Source, ...]
    notices: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Of the contents of all sources to learn from, in their order."""
        digests = "\n".join(source.digest for source in self.clips.index.sources)
        return hashlib.sha256(digests.encode()).hexdigest()[:16]

    def summary(self) -> str:
        """How much there is of each kind."""
        kinds = [source.kind for source in self.clips.index.sources]
        return f"{kinds.count('film')} films, {kinds.count('photograph')} photographs"

    def notes(self) -> list[str]:
        """All that a person should know before a run: first what is left out."""
        faults = [fault for fault in self.clips.index.faults if fault.kind != "near duplicate"]
        left = [f"{fault.path} is {fault.kind}, left out: {fault.detail}" for fault in faults]
        if len(left) > TOLD:
            left[TOLD:] = [f"{len(left) - TOLD} more are left out: --check-data names them"]
        return [*left, *self.clips.notices, *self.notices]

    def checked(self) -> str:
        """What `--check-data` prints."""
        held = [f"  {film.path}" for film in self.films] or ["  none"]
        return "\n".join([report(self.clips).rstrip(), "films for validation:", *held, *self.notices]) + "\n"


def gather(recipe: Recipe, *, strict: bool = False, on_progress: Progress | None = None) -> Material:
    """Look at all films and photographs of a recipe, and part them.

    Raises UsageError where the recipe names none, and what `scan` and `Clips` raise.
    """
    data, cache = recipe.data, recipe.data.cache or user_folder() / "training-cache"
    if not data.films and not data.photographs:
        raise UsageError("there is nothing to learn from: say --films FOLDER, --photographs FOLDER, or [data] films")

    def look(films: Sequence[Path], photographs: Sequence[Path]) -> Index:
        return scan(
            films,
            photographs,
            cache,
            network=imagenet_backbone() if recipe.clips.kinds.get("similar") else None,
            jobs=max(1, data.workers),
            strict=strict,
            on_progress=on_progress,
        )

    index = look(data.films, data.photographs)
    named = look(recipe.validation.folders, ()).sources if recipe.validation.folders else ()
    films = named or held_out(index.sources, recipe.validation.share)
    clips = Clips(without(index, films), recipe.clips, cache, recipe.seed)
    notices: tuple[str, ...] = ()
    if not films and recipe.validation.share and recipe.validation.every:
        films = tuple(source for source in index.sources if source.kind == "film")[:1]
        seen = f"{films[0].path} is validated with and trained on" if films else "without films nothing is validated"
        notices = (f"nothing is held out, there is no second film: {seen}",)
    return Material(clips, films, notices)


def held_out(sources: Sequence[Source], share: float) -> tuple[Source, ...]:
    """All films of a share of the origins, rounded up, chosen by the hash of the origin's name; none if there is one.

    A path counts by its last part, so that another machine holds out the same.
    """
    films = [source for source in sources if source.kind == "film"]
    names = sorted({_name(film) for film in films}, key=lambda name: hashlib.sha256(name.encode()).digest())
    chosen = set(names[: ceil(share * len(names))]) if len(names) > 1 else set()
    return tuple(film for film in films if _name(film) in chosen)


def without(index: Index, films: Sequence[Source]) -> Index:
    """An index less these films, and less what is the same or was cut from the same."""
    digests, origins = {film.digest for film in films}, {film.origin for film in films}
    kept = [n for n, x in enumerate(index.sources) if x.digest not in digests and x.origin not in origins]
    rows = None if index.embeddings is None else index.embeddings[kept]
    return replace(index, sources=tuple(index.sources[number] for number in kept), embeddings=rows)


def batches(clips: Clips, recipe: Recipe, team: Team, step: int) -> Iterator[Batch]:
    """The parts of every step from ``step`` on, as this process works them off: ``accumulate`` for each step."""
    parts = team.world * recipe.accumulate
    size, rest = divmod(recipe.batch, parts)
    if rest or not size:
        raise UsageError(
            f"a batch of {recipe.batch} does not part into {recipe.accumulate} for each of {team.world} devices: "
            "change accumulate, or the number of devices"
        )
    share = cast(Clips, _Share(clips, size, team))
    pin = team.device.type == "cuda"
    return loader(share, step * recipe.accumulate, batch=size, workers=recipe.data.workers, pin=pin)


@dataclass(frozen=True)
class _Share(Dataset[Clip]):
    """Every ``world``-th run of ``size`` clips: those of one process. Together they see the clips in their order."""

    clips: Clips
    size: int
    team: Team

    def __getitem__(self, number: int) -> Clip:
        part, place = divmod(number, self.size)
        return self.clips[(part * self.team.world + self.team.rank) * self.size + place]


def _name(film: Source) -> str:
    return film.path.name if film.origin == str(film.path) else film.origin
