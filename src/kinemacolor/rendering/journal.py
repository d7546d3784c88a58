"""The journal of a pass: a line for each segment that is stored, with what has to fit."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kinemacolor.inference.engines.choice import Runtime
from kinemacolor.utils.checked_files import iter_checked_lines

SEGMENT_FRAMES = 48  # frames that are predicted, encoded and stored together
_MAX_TORCH_THREADS = 4096


class StoredSegment(NamedTuple):
    """A line of a journal: a segment, its ``frames``, and the digests of its file and of the state after it.

    ``state`` is None after the last segment of a pass. ``threads``: the number of torch threads.
    ``engine`` is missing in lines of earlier versions, which had only one, and ``device`` in those that did not say.
    """

    segment: int
    frames: int
    sha256: str
    state: str | None
    threads: int
    engine: str = "torch"
    device: str = "auto"

    @property
    def runtime(self) -> Runtime:
        """What painted it."""
        return Runtime(self.engine, self.device)

    @classmethod
    def from_row(cls, row: Mapping[str, Any] | None) -> "StoredSegment | None":
        """Read a row of a journal; None for one that is damaged."""
        numbers = [row.get(name) for name in ("segment", "frames", "threads")] if row else []
        if not row or any(type(number) is not int for number in numbers):
            return None
        sha256, state = row.get("sha256"), row.get("state")
        engine, device = row.get("engine", "torch"), row.get("device", "auto")
        if not isinstance(sha256, str) or not isinstance(state, str | None):
            return None
        if not isinstance(engine, str) or not isinstance(device, str):
            return None
        segment, frames, threads = (int(number or 0) for number in numbers)
        is_sane = segment >= 0 and frames >= 1 and 1 <= threads <= _MAX_TORCH_THREADS
        return cls(segment, frames, sha256, state, threads, engine, device) if is_sane else None


def iter_journal(path: Path) -> Iterator[StoredSegment]:
    """Iterate over the undamaged lines of a journal; none where there is no file."""
    return filter(None, map(StoredSegment.from_row, iter_checked_lines(path)))
