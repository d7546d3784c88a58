"""The training data of a run, and the films and photographs held out for validation."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import cast

import torch
from torch.utils.data import Dataset

from kinemacolor.data.check import format_data_report
from kinemacolor.data.clip import Clip
from kinemacolor.data.dataset import ClipDataset
from kinemacolor.data.device_store import load_device_store
from kinemacolor.data.embeddings import compute_embeddings
from kinemacolor.data.frame_cache import FrameCache
from kinemacolor.data.held_out import refuse_held_out
from kinemacolor.data.index import SourceIndex, build_source_index
from kinemacolor.data.loader import Batch, iter_batches
from kinemacolor.data.packed import read_pack
from kinemacolor.data.sources import Source
from kinemacolor.errors import ResourceError, UsageError
from kinemacolor.training.distributed import ProcessGroup
from kinemacolor.training.recipe import Recipe
from kinemacolor.training.validation_items import ValidationItem, list_validation_items
from kinemacolor.utils.arrays import Float32Array
from kinemacolor.utils.words import format_count
from kinemacolor.weights.registry import load_imagenet_backbone
from kinemacolor.weights.store import user_folder

TrainingProgressCallback = Callable[[int, int | None], None]
MAX_NAMED_FAULTS = 10  # faults that a note names one by one
MIN_PHOTOGRAPHS = 10  # of fewer photographs none is held out


@dataclass(frozen=True)
class TrainingData:
    """Training ``clips``, what is held out, and ``notices`` for the user about that.

    ``validation_items`` are what is measured of ``validation_films`` and ``validation_photographs``.
    """

    clips: ClipDataset
    validation_films: tuple[Source, ...]
    validation_photographs: tuple[Source, ...]
    validation_items: tuple[ValidationItem, ...]
    notices: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Hash of the contents of all training sources, in their order, 16 hex digits."""
        digests = "\n".join(source.digest for source in self.clips.index.sources)
        return hashlib.sha256(digests.encode()).hexdigest()[:16]

    def summarize_sources(self) -> str:
        """Format the numbers of films and photographs."""
        kinds = [source.kind for source in self.clips.index.sources]
        return f"{format_count(kinds.count('film'), 'film')}, {format_count(kinds.count('photograph'), 'photograph')}"

    def collect_notes(self) -> list[str]:
        """Collect the notes for the user before a run: first the sources that are left out."""
        faults = [fault for fault in self.clips.index.faults if fault.kind != "near duplicate"]
        omitted = [f"{fault.path} is {fault.kind}, left out: {fault.detail}" for fault in faults]
        if len(omitted) > MAX_NAMED_FAULTS:
            omitted[MAX_NAMED_FAULTS:] = [
                f"{len(omitted) - MAX_NAMED_FAULTS} more are left out: --check-data names them"
            ]
        return [*omitted, *self.clips.notices, *self.notices]

    def format_check(self) -> str:
        """Format the text that `--check-data` prints."""
        lines = [format_data_report(self.clips).rstrip()]
        for name, sources in (("films", self.validation_films), ("photographs", self.validation_photographs)):
            lines += [f"{name} for validation:", *([f"  {source.path}" for source in sources] or ["  none"])]
        columns = [item.column for item in self.validation_items]
        counts = ", ".join(f"{name} {columns.count(name)}" for name in dict.fromkeys(columns))
        return "\n".join([*lines, f"measured of them: {counts or 'none'}", *self.notices]) + "\n"


def load_training_data(
    recipe: Recipe, *, strict: bool = False, on_progress: TrainingProgressCallback | None = None
) -> TrainingData:
    """Index all films and photographs of a recipe, or read its pack, and hold out some of both for validation.

    Raises UsageError where the recipe names none, or a pack beside them, and what `build_source_index`,
    `refuse_held_out` and `ClipDataset` raise.
    """
    data, cache = recipe.data, recipe.data.cache or user_folder() / "training-cache"
    has_folders = bool(data.films or data.photographs)
    if not has_folders and not data.pack:
        raise UsageError("there is nothing to learn from: say --films FOLDER, --photographs FOLDER, or [data] films")
    if has_folders and data.pack:
        raise UsageError("a pack has its own films and photographs: name the pack, or folders, not both")

    def scan_folders(films: Sequence[Path], photographs: Sequence[Path]) -> SourceIndex:
        return build_source_index(
            films,
            photographs,
            cache,
            network=load_imagenet_backbone() if recipe.clips.kinds.get("similar") else None,
            jobs=max(1, data.workers),
            strict=strict,
            on_progress=on_progress,
        )

    frame_cache: FrameCache | None = None
    if data.pack:
        if recipe.validation.folders:
            raise UsageError("a pack holds out a share of its films: take validation.folders away")
        index, frame_cache = read_pack(data.pack, recipe.clips.size)
    else:
        index = scan_folders(data.films, data.photographs)
    index = refuse_held_out(index, data.held_out, cache, on_progress or (lambda done, expected: None))
    named_films = scan_folders(recipe.validation.folders, ()).sources if recipe.validation.folders else ()
    films = named_films or select_validation_films(index.sources, recipe.validation.share)
    photographs = select_validation_photographs(index.sources, recipe.validation.photograph_share)
    training_index = exclude_sources(index, (*films, *photographs))
    clips = ClipDataset(training_index, recipe.clips, cache, recipe.seed, frame_cache=frame_cache)
    notices: tuple[str, ...] = ()
    if not films and recipe.validation.share and recipe.validation.every:
        films = tuple(source for source in index.sources if source.kind == "film")[:1]
        reuse_note = f"{films[0].path} is validated with and trained on" if films else "no films are validated"
        notices = (f"no film is held out, there is no second one: {reuse_note}",)
    rows = _embed_photographs(photographs, index, cache, is_packed=data.pack is not None)
    items = list_validation_items(films, SourceIndex(photographs, (), rows), recipe.validation)
    return TrainingData(clips, films, photographs, items, notices)


def _embed_photographs(
    photographs: Sequence[Source], index: SourceIndex, cache: Path, *, is_packed: bool
) -> Float32Array | None:
    """Embeddings of held-out photographs; None for none.

    They are their own, so that the choice of references depends on what is held out alone; a pack has those of all.
    """
    if not photographs:
        return None
    if is_packed:
        rows = index.embeddings
        return None if rows is None else rows[[index.sources.index(photograph) for photograph in photographs]]
    return compute_embeddings(photographs, load_imagenet_backbone(), cache / "embeddings.npz")


def move_data_to_device(
    data: TrainingData, device: torch.device, on_progress: TrainingProgressCallback | None = None
) -> TrainingData:
    """Decode all films and photographs into the memory of ``device``, where clips are made from then on.

    Where it has too little memory the data stays as it is, and a notice says why. Raises InputError for a source that
    is missing or has changed.
    """
    clips = data.clips
    try:
        store = load_device_store(
            clips.index.sources,
            clips.frame_cache,
            clips.options,
            device,
            jobs=os.cpu_count() or 1,
            on_progress=on_progress,
        )
    except ResourceError as error:
        return replace(data, notices=(*data.notices, str(error)))
    return replace(data, clips=clips.move_to_store(store))


def select_validation_films(sources: Sequence[Source], share: float) -> tuple[Source, ...]:
    """Select all films of a share of the origins, rounded up, by the hash of the origin's name.

    With one origin only, none is selected. Of a path only the last part is hashed, so that the choice does not depend
    on the machine.
    """
    films = [source for source in sources if source.kind == "film"]
    names = sorted({_origin_name(film) for film in films}, key=lambda name: hashlib.sha256(name.encode()).digest())
    chosen = set(names[: ceil(share * len(names))]) if len(names) > 1 else set()
    return tuple(film for film in films if _origin_name(film) in chosen)


def select_validation_photographs(sources: Sequence[Source], share: float) -> tuple[Source, ...]:
    """Select a share of the photographs, rounded up, by the hash of the file's name.

    At least two are selected, because one is the reference of the other; of fewer than ten, or for a share of 0, none.
    """
    photographs = [source for source in sources if source.kind == "photograph"]
    if not share or len(photographs) < MIN_PHOTOGRAPHS:
        return ()
    ordered = sorted(photographs, key=lambda one: hashlib.sha256(one.path.name.encode()).digest())
    return tuple(ordered[: max(2, ceil(share * len(photographs)))])


def exclude_sources(index: SourceIndex, held_out: Sequence[Source]) -> SourceIndex:
    """Remove sources from an index, and with them all of the same contents or the same origin."""
    digests, origins = {source.digest for source in held_out}, {source.origin for source in held_out}
    remaining = [n for n, x in enumerate(index.sources) if x.digest not in digests and x.origin not in origins]
    rows = None if index.embeddings is None else index.embeddings[remaining]
    return replace(index, sources=tuple(index.sources[number] for number in remaining), embeddings=rows)


def iter_batch_parts(clips: ClipDataset, recipe: Recipe, process_group: ProcessGroup, step: int) -> Iterator[Batch]:
    """Iterate over this process's parts of the batches from ``step`` on: ``gradient_accumulation`` parts for each step.

    Raises UsageError for a batch that cannot be divided evenly.
    """
    size = compute_part_size(recipe, process_group.world_size)
    own_clips = cast(ClipDataset, _ProcessShare(clips, size, process_group))
    is_made_here = clips.store.device == process_group.device
    pin = process_group.device.type == "cuda" and not is_made_here
    workers = 0 if recipe.data.on_device and is_made_here else recipe.data.workers
    first = step * recipe.gradient_accumulation
    return iter_batches(own_clips, first, batch_size=size, workers=workers, pin_memory=pin)


def compute_part_size(recipe: Recipe, world_size: int) -> int:
    """Compute the number of clips in each part of a batch. Raises UsageError where it cannot be divided evenly."""
    size, remainder = divmod(recipe.batch_size, world_size * recipe.gradient_accumulation)
    if remainder or not size:
        raise UsageError(
            f"a batch of {recipe.batch_size} does not part into {recipe.gradient_accumulation} for each of "
            f"{world_size} devices: change gradient_accumulation, or the number of devices"
        )
    return size


@dataclass(frozen=True)
class _ProcessShare(Dataset[Clip]):
    """One process's share of the clips: every ``world_size``-th run of ``part_size`` clips, from its rank on."""

    clips: ClipDataset
    part_size: int
    process_group: ProcessGroup

    def __getitem__(self, number: int) -> Clip:
        part, place = divmod(number, self.part_size)
        return self.clips[(part * self.process_group.world_size + self.process_group.rank) * self.part_size + place]


def _origin_name(film: Source) -> str:
    """The origin of a film; where that is its own path, the last part of the path."""
    return film.path.name if film.origin == str(film.path) else film.origin
