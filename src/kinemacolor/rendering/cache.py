"""Stores predictions on disk: losslessly encoded segments, a journal, and the model's state to continue from."""

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
from kinemacolor.inference.postprocess import ColorPrediction
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.utils.files import iter_json_lines, translate_disk_errors, write_file_atomically
from kinemacolor.video.pixels import view_plane

SEGMENT_FRAMES = 48  # frames that are predicted, encoded and stored together
CACHE_DEPTH = 10  # bits: a level of ab is a quarter of a Lab unit
CACHE_PIXEL_FORMAT, FILLED_PIXEL_FORMAT = "yuv444p10le", "yuva444p10le"  # without and with the filled part
_LEVELS = 2**CACHE_DEPTH
_ENCODER_OPTIONS = {"level": "3", "slices": "4", "context": "0", "g": "1"}


class WorkFolder:
    """The folder with the predictions of a plan's passes, each pass in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._threads_file = folder / "threads"
        self._format_file = folder / "format"
        self._pass_folders: dict[str, PassFolder] = {}

    def pass_folder(self, digest: str, frames: int) -> "PassFolder":
        """Return the folder of a pass with this digest and number of ``frames``."""
        if digest not in self._pass_folders:
            self._pass_folders[digest] = PassFolder(self.folder / "passes" / digest, frames)
        return self._pass_folders[digest]

    def claim_format(self, number: int) -> str | None:
        """Note that what is painted here has this format; gives words for a person where an older one lies here.

        What has another format is never read: the digests of passes have the number in them.
        """
        before = self._format_file.read_text() if self._format_file.is_file() else None
        if before == str(number):
            return None
        with write_file_atomically(self._format_file) as stream:
            stream.write(str(number).encode())
        has_passes = any((self.folder / "passes").glob("*/journal.jsonl"))
        return f"what another version painted in {self.folder} is painted again" if has_passes else None

    @property
    def torch_threads(self) -> int:
        """The number of torch threads that this folder was begun with; the present one for a new folder.

        Results depend on it: with another number of threads sums are rounded differently.
        """
        return int(self._threads_file.read_text()) if self._threads_file.is_file() else torch.get_num_threads()

    @contextmanager
    def pin_torch_threads(self) -> Iterator[None]:
        """Run the block with `torch_threads`; records the present number in a new folder."""
        before = torch.get_num_threads()
        if not self._threads_file.is_file():
            with write_file_atomically(self._threads_file) as stream:
                stream.write(str(before).encode())
        torch.set_num_threads(self.torch_threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def prune_passes(self, digests: Collection[str]) -> None:
        """Delete all passes but those with these digests."""
        for folder in (self.folder / "passes").iterdir():
            if folder.name not in digests:
                shutil.rmtree(folder)


class PassFolder:
    """The segments of one pass, in the order of painting: ``000000.mkv`` and so on.

    A segment counts once the journal names it. The state after it is written before that, and the state before it is
    deleted after that, so a run that is killed at any moment continues from the last line of the journal.
    """

    def __init__(self, folder: Path, frames: int) -> None:
        self.folder, self.frames = folder, frames
        self._journal = folder / "journal.jsonl"
        self.reload_journal()

    def reload_journal(self) -> None:
        """Read the journal again, because another process may have written to it."""
        self._digests: list[str] = []
        self.frames_painted = 0  # in complete segments
        for line in iter_json_lines(self._journal):
            if line.get("segment") == self.segment_count:
                self._count_segment(line)

    def _count_segment(self, line: Mapping[str, Any]) -> None:
        """Count the segment that a line of the journal names."""
        self._digests.append(str(line["sha256"]))
        self.frames_painted += int(line["frames"])

    @property
    def segment_count(self) -> int:
        """The number of complete segments."""
        return len(self._digests)

    @property
    def is_complete(self) -> bool:
        """Whether all frames of the pass are painted."""
        return self.frames_painted == self.frames

    def load_state(self) -> dict[str, Tensor] | None:
        """Load the state after the last segment, tensors by name; None where no segment is complete.

        Where the state is lost or damaged, all segments are given up: the journal is deleted, and the pass begins anew.
        """
        path = self._state_path(self.segment_count)
        try:
            return load(path.read_bytes())
        except (OSError, SafetensorError):
            if self.segment_count:
                self._journal.unlink()
                self.reload_journal()
            return None

    def export_files(self) -> dict[str, bytes]:
        """Read the files, by name, that `import_files` needs to continue elsewhere; none before the first segment."""
        needed = (
            [self._segment_path(self.segment_count - 1), self._state_path(self.segment_count), self._journal]
            if self.segment_count
            else []
        )
        return {path.name: path.read_bytes() for path in needed if path.exists()}

    def import_files(self, files: Mapping[str, bytes]) -> None:
        """Write the files that `export_files` of another folder gave, the journal last, to continue from its state.

        Without files the journal is read again.

        Raises ResourceError where the disk is full or refuses.
        """
        before = self._state_path(self.segment_count)
        for name, data in files.items():
            with write_file_atomically(self.folder / name) as stream:
                stream.write(data)
        self.reload_journal()
        if before != self._state_path(self.segment_count):
            before.unlink(missing_ok=True)

    def append_segment(self, predictions: Sequence[ColorPrediction], state: Mapping[str, Tensor]) -> None:
        """Store the next segment, and the model's state after it.

        Raises ResourceError where the disk is full or refuses.
        """
        number, data = self.segment_count, _encode_predictions(predictions)
        with write_file_atomically(self._segment_path(number)) as stream:
            stream.write(data)
        is_last = self.frames_painted + len(predictions) == self.frames
        if not is_last:
            with write_file_atomically(self._state_path(number + 1)) as stream:
                stream.write(save({name: tensor.contiguous() for name, tensor in state.items()}))
        line = {"segment": number, "frames": len(predictions), "sha256": hashlib.sha256(data).hexdigest()}
        with translate_disk_errors(self._journal), self._journal.open("a", encoding="utf-8") as journal:
            journal.write(f"\n{json.dumps(line)}")  # the line before may have been cut off by a kill
        self._count_segment(line)
        self._state_path(number).unlink(missing_ok=True)

    def read_segment(self, number: int) -> list[ColorPrediction]:
        """Read the predictions of a segment, in the order of painting.

        Raises InputError where it is missing or damaged.
        """
        path = self._segment_path(number)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} is gone ({error.strerror}): delete {self.folder} and render again") from error
        if hashlib.sha256(data).hexdigest() != self._digests[number]:
            raise InputError(f"{path} is damaged: delete {self.folder} and render again")
        return _decode_predictions(data)

    def _segment_path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.mkv"

    def _state_path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.state.safetensors"


def _encode_predictions(predictions: Sequence[ColorPrediction]) -> bytes:
    """Encode predictions as FFV1 in Matroska, 10 bits: confidence as Y, a as U, b as V, the filled part as alpha."""
    height, width = predictions[0].confidence.shape
    pixel_format = CACHE_PIXEL_FORMAT if predictions[0].filled is None else FILLED_PIXEL_FORMAT
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska", options={"fflags": "bitexact"}) as container:
        stream = container.add_stream("ffv1", rate=24, options=_ENCODER_OPTIONS)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.codec_context.thread_count = 1
        for number, (ab, confidence, filled) in enumerate(predictions):
            frame = av.VideoFrame(width, height, pixel_format)
            planes = [confidence * (_LEVELS - 1), *((ab + 128) * (_LEVELS / 256)).transpose(2, 0, 1)]
            planes += [] if filled is None else [filled * (_LEVELS - 1)]
            for index, plane in enumerate(planes):
                view_plane(frame, index)[:] = np.rint(plane).clip(0, _LEVELS - 1)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _decode_predictions(data: bytes) -> list[ColorPrediction]:
    """Decode what `_encode_predictions` gave."""
    with av.open(io.BytesIO(data), "r") as container:
        return [
            _prediction_from_planes([view_plane(frame, index) for index in range(len(frame.planes))])
            for frame in container.decode(video=0)
        ]


def _prediction_from_planes(planes: list[UIntArray]) -> ColorPrediction:
    """Convert the planes of a frame, in codes of `CACHE_DEPTH` bits, to a prediction."""
    confidence, a, b, *filled = (plane.astype(np.float32) for plane in planes)
    ab = np.stack([a, b], -1) * np.float32(256 / _LEVELS) - 128
    return ColorPrediction(ab, *(part / np.float32(_LEVELS - 1) for part in (confidence, *filled)))
