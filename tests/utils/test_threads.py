import pytest
import torch

from kinemacolor.options import EncodingOptions
from kinemacolor.utils import threads
from kinemacolor.video import encoding


@pytest.mark.parametrize(("cores", "painting"), [(1, 1), (2, 1), (3, 1), (4, 2), (64, 2)])
def test_painting_threads_depend_on_the_machine_alone(
    cores: int, painting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    monkeypatch.setattr(threads, "count_cores", lambda: cores)
    assert threads.choose_painting_threads() == painting
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)  # as OMP_NUM_THREADS=1 has it
    assert threads.choose_painting_threads() == 1


@pytest.mark.parametrize(
    ("few", "preset", "is_one"), [(True, "veryfast", True), (True, "slow", False), (False, "veryfast", False)]
)
def test_x264_takes_one_thread_where_others_fill_the_cores(
    few: bool, preset: str, is_one: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "has_few_cores", lambda: few)
    options = encoding._build_encoder_options("libx264", EncodingOptions(preset=preset))
    assert (options.get("threads") == "1") == is_one
    assert "threads" not in encoding._build_encoder_options("libx265", EncodingOptions(preset=preset))
