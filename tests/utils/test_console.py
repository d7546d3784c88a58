"""What is said while something runs."""

import pytest

from kinemacolor.utils.console import show_progress


@pytest.mark.parametrize(
    ("seconds", "done", "said"),
    [
        (20, 50, "2.5 steps/s, 20 s left"),
        (50, 5, "10.0 s/step, 0:15:50 left"),
        (5000, 50, "100.0 s/step, 1:23:20 left"),
    ],
)
def test_lines_tell_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], seconds: int, done: int, said: str
) -> None:
    now = 1000.0
    monkeypatch.setattr("kinemacolor.utils.console.time.monotonic", lambda: now)
    with show_progress("train", unit="steps") as advance:
        now += seconds
        advance(done, 100)
    assert capsys.readouterr().err == f"train: {done}/100 steps, {said}\n"


def test_what_was_done_before_is_no_part_of_the_rate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 1000.0
    monkeypatch.setattr("kinemacolor.utils.console.time.monotonic", lambda: now)
    with show_progress("film") as advance:
        advance(80, 100)
        now += 20
        advance(90, 100)
    assert capsys.readouterr().err == "film: 90/100 frames, 2.0 s/frame, 20 s left\n"


def test_nothing_is_said_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress("train", quiet=True) as advance:
        advance(100, 100)
    assert capsys.readouterr().err == ""
