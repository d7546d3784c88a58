"""Scans with gaps, on the command line: frames and time codes count in the series that --gaps makes."""

from pathlib import Path

import cv2
import pytest

from kinemacolor.cli.times import read_span
from kinemacolor.errors import UsageError
from support.films import scene


def test_a_frame_number_counts_the_pictures_that_are_held(tmp_path: Path) -> None:
    for number in (0, 1, 5, 6):
        cv2.imwrite(str(tmp_path / f"scan_{number:03d}.png"), scene(number))
    assert read_span(tmp_path, "4f", "6f", "hold") == pytest.approx((4 / 24, 6 / 24))
    assert read_span(tmp_path, "2f", None, "skip")[0] == pytest.approx(2 / 24)
    with pytest.raises(UsageError, match="missing"):
        read_span(tmp_path, "2f", None)
