"""What was painted, on disk: lossless pieces of a few seconds, a journal, and the state to go on from."""

import hashlib
import io
import json
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from kinemacolor.errors import InputError
from kinemacolor.inference.postprocess import Painted
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.utils.files import iter_json_lines, translate_disk_errors, write_file_atomically
from kinemacolor.video.pixels import view_plane

LENGTH = 48  # frames
DEPTH, FORMAT = 10, "yuv444p10le"  # a step is a quarter of a Lab unit
BYTES_PER_PIXEL = 1.0  # a generous guess; grain of the chroma decides
_LEVELS = 2**DEPTH
_ENCODER = {"level": "3", "slices": "4", "context": "0", "g": "1"}


class WorkFolder:
    """Where the passes of a plan are kept, each in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._threads = folder / "threads"
        self._known: dict[str, PassFolder] = {}

    def of(self, digest: str, frames: int) -> "PassFolder":
        """The folder of a pass of so many frames."""
        if digest not in self._known:
            self._known[digest] = PassFolder(self.folder / "passes" / digest, frames)
        return self._known[digest]

    @property
    def threads(self) -> int:
        """Of torch when the work began, else now: another number rounds otherwise."""
        return int(self._threads.read_text()) if self._threads.is_file() else torch.get_num_threads()

    @contextmanager
    def same_threads(self) -> Iterator[None]:
        """With as many `threads`."""
        before = torch.get_num_threads()
        if not self._threads.is_file():
            with write_file_atomically(self._threads) as stream:
                stream.write(str(before).encode())
        torch.set_num_threads(self.threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def prune(self, digests: Collection[str]) -> None:
        """Forget all but these."""
        for folder in (self.folder / "passes").iterdir():
            if folder.name not in digests:
                shutil.rmtree(folder)


class PassFolder:
    """The segments of one pass, in the order of painting: ``000000.mkv`` and so on.

    A segment counts when the journal has it; the state after it is there before that, and the one before
    it is kept until then. So a run that is killed at any moment goes on from the last line of the journal.
    """

    def __init__(self, folder: Path, frames: int) -> None:
        self.folder, self.frames = folder, frames
        self._journal = folder / "journal.jsonl"
        self.refresh()

    def refresh(self) -> None:
        """Read the journal again: another process may have written it."""
        self._digests: list[str] = []
        self.painted = 0  # frames that the whole segments hold
        for line in iter_json_lines(self._journal):
            if line.get("segment") == self.segments:
                self._count(line)

    def _count(self, line: Mapping[str, Any]) -> None:
        self._digests.append(str(line["sha256"]))
        self.painted += int(line["frames"])

    @property
    def segments(self) -> int:
        """How many are whole."""
        return len(self._digests)

    @property
    def is_whole(self) -> bool:
        return self.painted == self.frames

    def state(self) -> dict[str, Tensor] | None:
        """What to go on from after the last segment; None, and no segment, where that is lost or nothing is done."""
        path = self._state(self.segments)
        try:
            return load(path.read_bytes())
        except (OSError, SafetensorError):
            if self.segments:
                self._journal.unlink()
                self.refresh()
            return None

    def files(self) -> dict[str, bytes]:
        """What another folder must `take` to go on from here, by name; none where nothing is done."""
        needed = [self._path(self.segments - 1), self._state(self.segments), self._journal] if self.segments else []
        return {path.name: path.read_bytes() for path in needed if path.exists()}

    def take(self, files: Mapping[str, bytes]) -> None:
        """Stand where the folder stood that gave these `files`, journal last; where there are none, as `refresh`.

        Raises ResourceError where the disk is full or refuses.
        """
        before = self._state(self.segments)
        for name, data in files.items():
            with write_file_atomically(self.folder / name) as stream:
                stream.write(data)
        self.refresh()
        if before != self._state(self.segments):
            before.unlink(missing_ok=True)

    def store(self, painted: Sequence[Painted], state: Mapping[str, Tensor]) -> None:
        """The next segment, and the state after it.

        Raises ResourceError where the disk is full or refuses.
        """
        number, data = self.segments, _encode(painted)
        with write_file_atomically(self._path(number)) as stream:
            stream.write(data)
        last = self.painted + len(painted) == self.frames
        if not last:
            with write_file_atomically(self._state(number + 1)) as stream:
                stream.write(save({name: tensor.contiguous() for name, tensor in state.items()}))
        line = {"segment": number, "frames": len(painted), "sha256": hashlib.sha256(data).hexdigest()}
        with translate_disk_errors(self._journal), self._journal.open("a", encoding="utf-8") as journal:
            journal.write(f"\n{json.dumps(line)}")  # the line before may have been cut off by a kill
        self._count(line)
        self._state(number).unlink(missing_ok=True)

    def read(self, number: int) -> list[Painted]:
        """The frames of a segment, in the order of painting.

        Raises InputError where it is damaged.
        """
        path = self._path(number)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} is gone ({error.strerror}): delete {self.folder} and render again") from error
        if hashlib.sha256(data).hexdigest() != self._digests[number]:
            raise InputError(f"{path} is damaged: delete {self.folder} and render again")
        return _decode(data)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.mkv"

    def _state(self, number: int) -> Path:
        return self.folder / f"{number:06d}.state.safetensors"


def _encode(painted: Sequence[Painted]) -> bytes:
    """FFV1 in Matroska: confidence as Y, a as U, b as V."""
    height, width = painted[0].confidence.shape
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska", options={"fflags": "bitexact"}) as container:
        stream = container.add_stream("ffv1", rate=24, options=_ENCODER)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, FORMAT
        stream.codec_context.thread_count = 1
        for number, (chroma, confidence) in enumerate(painted):
            frame = av.VideoFrame(width, height, FORMAT)
            planes = (confidence * (_LEVELS - 1), *((chroma + 128) * (_LEVELS / 256)).transpose(2, 0, 1))
            for index, plane in enumerate(planes):
                view_plane(frame, index)[:] = np.rint(plane).clip(0, _LEVELS - 1)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _decode(data: bytes) -> list[Painted]:
    with av.open(io.BytesIO(data), "r") as container:
        return [_painted([view_plane(frame, index) for index in range(3)]) for frame in container.decode(video=0)]


def _painted(planes: list[UIntArray]) -> Painted:
    confidence, *chroma = (plane.astype(np.float32) for plane in planes)
    return Painted(np.stack(chroma, -1) * np.float32(256 / _LEVELS) - 128, confidence / np.float32(_LEVELS - 1))
