"""The index of all sources: which are usable, which are not and why, which are similar."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from kinemacolor.data.embeddings import compute_embeddings
from kinemacolor.data.sources import (
    Source,
    SourceFault,
    UnscannedSource,
    find_sources,
    scan_source,
    unpack_gradient_hashes,
)
from kinemacolor.errors import InputError, UsageError
from kinemacolor.metrics.picture import GRAY_THRESHOLD_AB
from kinemacolor.utils.arrays import Float32Array
from kinemacolor.utils.files import append_json_line, iter_json_lines
from kinemacolor.utils.processes import CleanSpawnContext
from kinemacolor.utils.threads import use_single_thread

NEAR_DUPLICATE_DIFFERENCE = 0.15  # share of gradient signs that may differ in a near duplicate


@dataclass(frozen=True)
class SourceIndex:
    """The usable ``sources``, and ``faults`` that the user should know of.

    ``embeddings`` are unit rows ``S C``, one for each source, whose products are similarities; None without a network.
    """

    sources: tuple[Source, ...]
    faults: tuple[SourceFault, ...]
    embeddings: Float32Array | None = None

    @cached_property
    def origin_ids(self) -> NDArray[np.intp]:
        """Identity of each source's origin, ``S``: the same number for sources of one origin."""
        numbers: NDArray[np.intp] = np.unique([source.origin for source in self.sources], return_inverse=True)[1]
        return numbers

    def find_same_origin(self, source_number: int) -> NDArray[np.intp]:
        """Find the other sources of the same origin as source ``source_number``."""
        same = np.flatnonzero(self.origin_ids == self.origin_ids[source_number])
        others: NDArray[np.intp] = same[same != source_number]
        return others

    def rank_other_origins(self, source_number: int) -> NDArray[np.intp]:
        """Rank the sources of other origins than that of source ``source_number``, the most similar first.

        Without embeddings they are in the order of the index.
        """
        rows = self.embeddings
        if rows is None:
            ordered = np.arange(len(self.sources))
        else:  # einsum: no threads of a matrix library, for which the workers would compete
            ordered = np.argsort(-np.einsum("sc,c->s", rows, rows[source_number]), kind="stable")
        others: NDArray[np.intp] = ordered[self.origin_ids[ordered] != self.origin_ids[source_number]]
        return others


def build_source_index(
    films: Sequence[Path],
    photographs: Sequence[Path],
    cache: Path,
    *,
    network: nn.Module | None = None,
    jobs: int = 1,
    strict: bool = False,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> SourceIndex:
    """Build the index of all films and photographs of these folders; unchanged ones are read from ``cache``.

    ``network`` gives feature maps of gray pictures (`EfficientNetLite0`) for the embeddings.
    Sources that are unreadable, gray or exact duplicates are left out and named in ``faults``; near duplicates are
    named and stay. Raises UsageError without any source, InputError where none is usable or, with ``strict``, where
    any is left out; ResourceError for disk errors.
    """
    unscanned = [one for folder in films for one in find_sources(folder, "film")]
    unscanned += [one for folder in photographs for one in find_sources(folder, "photograph")]
    if not unscanned:
        raise UsageError("there is nothing to learn from: give folders of films or of photographs")
    unique = list({one.path.resolve(): one for one in unscanned}.values())
    scanned = list(_scan_or_load(unique, cache / "index.jsonl", jobs, on_progress))
    sources, faults = _split_usable(scanned)
    if not sources:
        raise InputError(f"none of {len(unique)} films and photographs can be used: {_describe_first_fault(faults)}")
    if strict and faults:
        what = "film or photograph" if len(faults) == 1 else "films and photographs"
        raise InputError(f"{len(faults)} {what} cannot be used: {_describe_first_fault(faults)}")
    faults += _find_near_duplicates(sources)
    embeddings = None if network is None else compute_embeddings(sources, network, cache / "embeddings.npz")
    return SourceIndex(tuple(sources), tuple(faults), embeddings)


def _scan_or_load(
    unscanned: Sequence[UnscannedSource], path: Path, jobs: int, on_progress: Callable[[int, int | None], None] | None
) -> Iterator[Source | SourceFault]:
    """A `Source` or a `SourceFault` for each; new sources are appended to the file ``path`` as they are scanned."""
    known = _read_known_sources(path)
    unknown = [one for one in unscanned if (str(one.path), one.stamp) not in known]
    for count, (one, scanned) in enumerate(zip(unknown, _scan_in_parallel(unknown, jobs), strict=True), 1):
        known[str(one.path), one.stamp] = scanned
        if isinstance(scanned, Source):
            append_json_line(path, asdict(scanned) | {"path": str(one.path), "stamp": one.stamp})
        if on_progress:
            on_progress(count, len(unknown))
    for one in unscanned:
        scanned = known[str(one.path), one.stamp]
        provenance = {"kind": one.kind, "group": one.group, "origin": one.origin}
        yield replace(scanned, **provenance) if isinstance(scanned, Source) else scanned  # type: ignore[arg-type]


def _scan_in_parallel(unscanned: Sequence[UnscannedSource], jobs: int) -> Iterator[Source | SourceFault]:
    """Scan in ``jobs`` processes; in this process where there are few sources."""
    if jobs == 1 or len(unscanned) < 2 * jobs:
        yield from map(scan_source, unscanned)
        return
    with ProcessPoolExecutor(jobs, mp_context=CleanSpawnContext(), initializer=use_single_thread) as pool:
        yield from pool.map(scan_source, unscanned, chunksize=min(16, len(unscanned) // jobs))


def _read_known_sources(path: Path) -> dict[tuple[str, str], Source | SourceFault]:
    """Sources of earlier scans by path and stamp; an unfinished line of a killed run is skipped."""
    known: dict[tuple[str, str], Source | SourceFault] = {}
    for row in iter_json_lines(path):
        try:
            stamp = row.pop("stamp")
            known[row["path"], stamp] = Source(**row | {"path": Path(row["path"]), "cuts": tuple(row["cuts"])})
        except (TypeError, KeyError):
            continue
    return known


def _split_usable(scanned: Iterable[Source | SourceFault]) -> tuple[list[Source], list[SourceFault]]:
    """Separate usable sources from unreadable, gray and duplicate ones."""
    sources: dict[str, Source] = {}
    faults = []
    for one in scanned:
        if isinstance(one, SourceFault):
            faults.append(one)
        elif one.chroma < GRAY_THRESHOLD_AB:
            faults.append(
                SourceFault(one.path, "gray", f"its mean |ab| is {one.chroma:.2f}, under {GRAY_THRESHOLD_AB}")
            )
        elif one.digest in sources:
            faults.append(SourceFault(one.path, "duplicate", f"the same as {sources[one.digest].path}"))
        else:
            sources[one.digest] = one
    return list(sources.values()), faults


def _find_near_duplicates(sources: Sequence[Source], rows: int = 1024) -> list[SourceFault]:
    """A fault for each pair of sources of different origins whose gradient hashes nearly agree."""
    signs, faults = unpack_gradient_hashes(sources), []
    for start in range(0, len(sources), rows):
        # signs are -1 and 1, so a product is (equal - different), and (1 - product / count) / 2 the share that differs
        differ = (1 - signs[start : start + rows] @ signs.T / signs.shape[1]) / 2
        for row, other in np.argwhere(differ < NEAR_DUPLICATE_DIFFERENCE):
            first, second = sources[other], sources[start + row]
            if other < start + row and first.origin != second.origin:
                detail = f"{1 - differ[row, other]:.0%} of its gradients are those of {first.path}"
                faults.append(SourceFault(second.path, "near duplicate", detail))
    return faults


def _describe_first_fault(faults: Sequence[SourceFault]) -> str:
    return f"{faults[0].path} is {faults[0].kind} ({faults[0].detail})"
