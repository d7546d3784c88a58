"""The log of a run: a JSON line for each event, curves for TensorBoard, filmstrips."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2

from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.utils.files import iter_json_lines, translate_disk_errors, write_file_atomically

LOG_FILE = "log.jsonl"


class RunLog:
    """Writes `log.jsonl`, `tensorboard/` and `filmstrips/` in the folder of a run that resumes at ``step``.

    Lines of later steps are deleted. Without the package tensorboard there are no curves, and ``notice`` says so.
    """

    notice: str | None = None

    def __init__(self, folder: Path, step: int) -> None:
        self.folder, self._began = folder, time.monotonic()
        kept = [line for line in read_log(folder) if line["step"] <= step]
        with write_file_atomically(folder / LOG_FILE) as stream:
            stream.write("".join(json.dumps(line) + "\n" for line in kept).encode())
        try:
            from torch.utils.tensorboard import SummaryWriter

            self._tensorboard: Any = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
        except ImportError:
            self._tensorboard, self.notice = None, "no curves for TensorBoard: pip install tensorboard"

    def write(self, step: int, kind: str, facts: Mapping[str, Any]) -> None:
        """Append a line; its floats, and those of its sections, also become points of curves.

        Raises ResourceError for disk errors.
        """
        row = {"step": step, "kind": kind, "seconds": round(time.monotonic() - self._began, 3)} | dict(facts)
        sections = {name: value for name, value in facts.items() if isinstance(value, Mapping) and name != "films"}
        inner = {f"{name}/{key}": value for name, section in sections.items() for key, value in section.items()}
        with translate_disk_errors(self.folder):
            with (self.folder / LOG_FILE).open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
            for name, value in {**facts, **inner}.items():
                if self._tensorboard and isinstance(value, float):
                    self._tensorboard.add_scalar(f"{kind}/{name}", value, step)

    def write_filmstrip(self, step: int, strip: UInt8Array) -> None:
        """Write a filmstrip ``H W 3`` sRGB as JPEG."""
        good, jpeg = cv2.imencode(".jpg", strip[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
        assert good
        with write_file_atomically(self.folder / "filmstrips" / f"{step:08}.jpg") as stream:
            stream.write(jpeg.tobytes())
        if self._tensorboard:
            half = cv2.resize(strip, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)  # kept as PNG, which is large
            self._tensorboard.add_image("filmstrip: reference, gray, truth, result", half, step, dataformats="HWC")

    def close(self) -> None:
        """Flush and close the curves. Raises ResourceError for disk errors."""
        if self._tensorboard:
            with translate_disk_errors(self.folder):
                self._tensorboard.close()


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Read the lines of a run's log; an unfinished line of a killed run is skipped."""
    return [row for row in iter_json_lines(folder / LOG_FILE) if isinstance(row.get("step"), int)]
