"""The data report of `kinemacolor train --check-data`."""

from collections.abc import Sequence
from math import prod
from typing import get_args

from kinemacolor.data.dataset import ClipDataset
from kinemacolor.data.sources import FaultKind, Source, SourceKind
from kinemacolor.utils.words import format_count


def format_data_report(clips: ClipDataset) -> str:
    """Format the report: usable sources, disk space of their decoded frames, every fault, and notices about clips."""
    index = clips.index
    lines = [
        _summarize_kind([source for source in index.sources if source.kind == kind], kind)
        for kind in get_args(SourceKind)
    ]
    cached_bytes = sum(prod(clips.frame_cache.get_cached_shape(source)) for source in index.sources)
    lines.append(f"decoded frames, when all are in the cache: {cached_bytes / 1e9:.2f} GB")
    for kind in get_args(FaultKind):
        faults = [fault for fault in index.faults if fault.kind == kind]
        lines.append(f"{kind}: {len(faults) or 'none'}{' (kept)' if faults and kind == 'near duplicate' else ''}")
        lines += [f"  {fault.path}: {fault.detail}" for fault in faults]
    return "\n".join([*lines, *clips.notices]) + "\n"


def _summarize_kind(sources: Sequence[Source], kind: SourceKind) -> str:
    """One line of counts for the films or the photographs."""
    groups = len({source.group for source in sources})
    text = f"{kind}s: {len(sources)} in {format_count(groups, 'group')}"
    if kind == "photograph" or not sources:
        return text
    shots, frames = sum(len(source.list_shot_ranges()) for source in sources), sum(source.frames for source in sources)
    return f"{text}, {format_count(shots, 'shot')}, {format_count(frames, 'frame')}"
