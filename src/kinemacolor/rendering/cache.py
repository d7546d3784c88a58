"""Stores predictions on disk, each piece with its checksum: segments, a journal, and states to continue from."""

import hashlib
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load, save
from torch import Tensor

from kinemacolor.errors import InputError, translate_foreign_errors
from kinemacolor.inference.engines.choice import Runtime
from kinemacolor.inference.postprocess import ColorPrediction
from kinemacolor.inference.quantization import prediction_from_codes
from kinemacolor.rendering.journal import StoredSegment, iter_journal
from kinemacolor.rendering.segment_codec import decode_codes, encode_codes
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.utils.checked_files import (
    append_checked_line,
    has_sha256,
    iter_checked_lines,
    read_kept_file,
    write_checked_lines,
)
from kinemacolor.utils.files import remove_intruder, remove_unfinished, translate_disk_errors, write_file_atomically
from kinemacolor.utils.threads import choose_painting_threads

_TORCH = Runtime("torch")
_PASS_NAME, _SEGMENT_NAME = re.compile(r"[0-9a-f]{24}"), re.compile(r"(\d{6,})\.mkv")
_STATE_GLOB, _PIECE_NAME = "*.state.safetensors", re.compile(r"\d{6,}\.(mkv|state\.safetensors)")


class WorkFolder:
    """The folder with the predictions of a plan's passes, each in a folder of its own, painted by ``runtime``.

    ``torch_threads`` are those that are wanted where nothing is painted yet; None: as `choose_painting_threads`.
    """

    def __init__(self, folder: Path, runtime: Runtime = _TORCH, torch_threads: int | None = None) -> None:
        self.folder, self.runtime, self._wanted_threads = folder, runtime, torch_threads
        self._format_file = folder / "format"
        self._pass_folders: dict[str, PassFolder] = {}

    def pass_folder(self, digest: str, frames: int) -> "PassFolder":
        """Return the folder of a pass with this digest and number of ``frames``."""
        if digest not in self._pass_folders:
            self._pass_folders[digest] = PassFolder(self.folder / "passes" / digest, frames, self.runtime)
        return self._pass_folders[digest]

    def claim_format(self, number: int) -> str | None:
        """Note that what is painted here has this format; gives words for a person where an older one lies here.

        What has another format is never read: the digests of passes have the number in them.
        """
        before = read_kept_file(self._format_file)
        if before == str(number).encode():
            return None
        has_passes = any((self.folder / "passes").glob("*/journal.jsonl"))
        with write_file_atomically(self._format_file) as stream:
            stream.write(str(number).encode())
        is_older = before is None or re.fullmatch(rb"\d{1,4}", before)  # else the note itself is damaged
        return f"what another version painted in {self.folder} is painted again" if has_passes and is_older else None

    @property
    def torch_threads(self) -> int:
        """The number of torch threads that what lies here was painted with; where nothing does, what is chosen now.

        Results depend on it: with another number of threads sums are rounded differently.
        """
        painted_with = next((line.threads for line in self._iter_lines()), None)
        return painted_with or self._wanted_threads or choose_painting_threads()

    def find_runtimes(self) -> list[Runtime]:
        """Return what painted what lies here: none, one, or several where it was mixed, unknown devices last."""
        return sorted({line.runtime for line in self._iter_lines()}, key=lambda one: (one.device == "auto", one))

    def claim_runtime(self) -> str | None:
        """Forget all where something was painted by another engine or device; gives words for a person."""
        others = [one for one in self.find_runtimes() if not one.fits(self.runtime)]
        if not others:
            return None
        self.prune_passes(())
        self._pass_folders.clear()
        return f"what {' and '.join(map(str, others))} painted in {self.folder} is painted again with {self.runtime}"

    @contextmanager
    def pin_torch_threads(self) -> Iterator[None]:
        """Run the block with `torch_threads`."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.torch_threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def check_passes(self, passes: Iterable[tuple[str, int]]) -> str | None:
        """Check all that is stored of passes, given as digests and frames; gives words for a person about damage.

        What is damaged, or was not yet whole when its process was killed, is not there afterwards. No other process may
        paint meanwhile.

        Raises ResourceError where memory or disk are used up.
        """
        with translate_disk_errors(self.folder):
            remove_unfinished(self.folder)
        damaged = sum(self.pass_folder(digest, frames).remove_damage() for digest, frames in passes)
        if not damaged:
            return None
        pieces = f"{damaged} stored piece{'s' * (damaged > 1)}"
        return f"{pieces} in {self.folder} {'were' if damaged > 1 else 'was'} damaged: painted again"

    def prune_passes(self, digests: Collection[str]) -> None:
        """Delete all passes but those with these digests; what is no pass stays."""
        folder = self.folder / "passes"
        with translate_disk_errors(folder):
            for one in folder.iterdir() if folder.is_dir() else ():
                is_pass = _PASS_NAME.fullmatch(one.name) and one.is_dir() and not one.is_symlink()
                if is_pass and one.name not in digests:
                    shutil.rmtree(one)

    def _iter_lines(self) -> Iterator[StoredSegment]:
        """Iterate over the undamaged lines of all journals."""
        for journal in sorted(self.folder.glob("passes/*/journal.jsonl")):
            yield from iter_journal(journal)


class PassStart(NamedTuple):
    """Where painting can go on: after ``segments``, with the model's ``state`` and the ``last`` prediction before."""

    segments: int
    state: dict[str, Tensor]
    last: ColorPrediction


class PassFolder:
    """The segments of one pass, in the order of painting: ``000000.mkv`` and so on.

    A segment counts once the journal names it with its digest. The state after it is written before that. The last two
    states are kept: a run that is killed at any moment continues after the last segment of the journal, and where that
    or its state is damaged, from the one before.
    """

    def __init__(self, folder: Path, frames: int, runtime: Runtime = _TORCH) -> None:
        self.folder, self.frames, self._runtime = folder, frames, runtime
        self._journal = folder / "journal.jsonl"
        self.reload_journal()

    def reload_journal(self) -> None:
        """Read the journal again, because another process may have written to it; its damaged lines do not count."""
        self._stored = {line.segment: line for line in iter_journal(self._journal)}  # of two lines the last one counts

    @property
    def frames_painted(self) -> int:
        """The number of frames in complete segments."""
        return sum(line.frames for line in self._stored.values())

    @property
    def segment_count(self) -> int:
        """The number of complete segments before the first one that is missing."""
        count = 0
        while count in self._stored:
            count += 1
        return count

    @property
    def is_complete(self) -> bool:
        """Whether all frames of the pass are painted."""
        return self.frames_painted == self.frames

    def has_segment(self, number: int) -> bool:
        """Whether a segment is stored."""
        return number in self._stored

    def forget_segment(self, number: int) -> None:
        """Count a segment as missing from now on, because it cannot be read."""
        self._stored.pop(number, None)

    def iter_starts(self, segment: int) -> Iterator[PassStart]:
        """Yield where painting can go on to paint a segment, the nearest first. After the last: from the beginning."""
        for count in range(segment, 0, -1):
            state, last = self._read_state(count), None
            if state is not None:
                with suppress(InputError):
                    last = self.read_segment(count - 1)[-1]
            if state is not None and last is not None:
                yield PassStart(count, state, last)

    def export_files(self, segment: int) -> dict[str, bytes]:
        """Read the files, by name, that `import_files` needs to continue elsewhere after a segment; -1: the beginning.

        The journal is the last one; it is missing where nothing is stored.
        """
        needed = [self._segment_path(segment), self._state_path(segment + 1)] if segment >= 0 else []
        found = {path.name: read_kept_file(path) for path in (*needed, self._journal)}
        return {name: data for name, data in found.items() if data is not None}

    def import_files(self, files: Mapping[str, bytes]) -> None:
        """Write the files that `export_files` of another folder gave, the journal last, to continue from its state.

        Without files the journal is read again.

        Raises ResourceError where the disk is full or refuses.
        """
        for name, data in files.items():
            with write_file_atomically(self.folder / name) as stream:
                stream.write(data)
        self.reload_journal()
        if files:
            self._drop_states()

    def store_segment(self, number: int, frames: Sequence[UIntArray], state: Mapping[str, Tensor]) -> None:
        """Store a segment, frames of codes as `quantize_prediction` makes them, and the model's state after it.

        Raises ResourceError where the disk is full or refuses.
        """
        data, stored_state = encode_codes(frames), None
        with write_file_atomically(self._segment_path(number)) as stream:
            stream.write(data)
        others = self.frames_painted - (self._stored[number].frames if number in self._stored else 0)
        if others + len(frames) < self.frames:
            stored_state = save({name: tensor.contiguous() for name, tensor in state.items()})
            with write_file_atomically(self._state_path(number + 1)) as stream:
                stream.write(stored_state)
        line = StoredSegment(
            number,
            len(frames),
            hashlib.sha256(data).hexdigest(),
            None if stored_state is None else hashlib.sha256(stored_state).hexdigest(),
            torch.get_num_threads(),
            *self._runtime,
        )
        append_checked_line(self._journal, line._asdict())
        self._stored[number] = line
        self._drop_states(keeps_later=True)

    def read_segment(self, number: int) -> list[ColorPrediction]:
        """Read the predictions of a segment, in the order of painting.

        Raises InputError where it is missing or damaged.
        """
        path, line = self._segment_path(number), self._stored.get(number)
        data = read_kept_file(path) if line else None
        if line is None or data is None or hashlib.sha256(data).hexdigest() != line.sha256:
            raise InputError(f"{path} is missing or damaged: render again, and it is painted again")
        frames = decode_codes(data)
        if len(frames) != line.frames:
            raise InputError(f"{path} has {len(frames)} frames, not {line.frames}: render again")
        return [prediction_from_codes(codes) for codes in frames]

    def remove_damage(self) -> int:
        """Check all that is stored, and remove what is damaged or left of killed runs; gives how much was damaged.

        Raises ResourceError where memory or disk are used up.
        """
        if self.folder.is_file():
            self.folder.unlink()
        if not self.folder.is_dir():
            return 0
        with translate_disk_errors(self.folder):
            for path in [*self.folder.iterdir()]:
                if path == self._journal or _PIECE_NAME.fullmatch(path.name):
                    remove_intruder(path)
        journal, rows = read_kept_file(self._journal) or b"", list(iter_checked_lines(self._journal))
        self.reload_journal()
        lost = {one for one, line in self._stored.items() if not has_sha256(self._segment_path(one), line.sha256)}
        for number in lost:
            self.forget_segment(number)
        with translate_disk_errors(self.folder):
            remove_unfinished(self.folder)
            names = [file.name for file in self.folder.iterdir()]
        unlisted = {int(match[1]) for match in map(_SEGMENT_NAME.fullmatch, names) if match} - self._stored.keys()
        if not (rows and rows[-1] is None and journal.rstrip().endswith(b"}")):
            # not a whole line that was damaged: a run was killed before it had written that of this segment
            unlisted -= {max((*self._stored, *lost), default=-1) + 1}
        if lost or None in rows:
            write_checked_lines(self._journal, (line._asdict() for line in self._stored.values()))
        return len(lost | unlisted) + self._remove_damaged_states()

    @property
    def _end(self) -> int:
        """The number of segments up to the last one that is stored."""
        return max(self._stored, default=-1) + 1

    def _remove_damaged_states(self) -> int:
        """Remove states that are damaged or not needed; gives whether the one to go on from was damaged, 1 or 0."""
        end = self._end
        is_damaged = end > 0 and self._stored[end - 1].state is not None and self._read_state(end) is None
        for number in self._needed_states():
            if self._read_state(number) is None:
                self._state_path(number).unlink(missing_ok=True)
        self._drop_states()
        return int(is_damaged)

    def _needed_states(self) -> set[int]:
        """The states that are kept: the last two before what is missing; none where nothing is."""
        ends = () if self.is_complete else (self.segment_count, self._end)
        return {number for end in ends for number in (end, end - 1) if number > 0}

    def _drop_states(self, *, keeps_later: bool = False) -> None:
        """Delete all states that are not needed; ``keeps_later``: none after those, which another process may need."""
        kept = {self._state_path(number).name for number in self._needed_states()}
        with translate_disk_errors(self.folder):
            for path in self.folder.glob(_STATE_GLOB):
                if path.name not in kept and not (keeps_later and kept and path.name > max(kept)):
                    path.unlink(missing_ok=True)

    def _read_state(self, count: int) -> dict[str, Tensor] | None:
        """Read the state after ``count`` segments, tensors by name; None where it is missing or damaged."""
        line = self._stored.get(count - 1)
        data = read_kept_file(self._state_path(count)) if line and line.state else None
        if line is None or data is None or hashlib.sha256(data).hexdigest() != line.state:
            return None
        with suppress(InputError), translate_foreign_errors(_make_state_error):
            return load(data)
        return None

    def _segment_path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.mkv"

    def _state_path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.state.safetensors"


def _make_state_error(error: Exception) -> InputError:
    return InputError(f"a stored state cannot be read ({error})")
