"""Frames go through all stages while later ones are painted; whatever breaks ends all stages, and is what is told."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kinemacolor.errors import InputError, ResourceError
from kinemacolor.inference.postprocess import ChromaPostprocessor
from kinemacolor.inference.session import Session
from kinemacolor.rendering import cache
from kinemacolor.rendering.cache import PassFolder
from kinemacolor.video.reader import VideoReader
from kinemacolor.video.writer import VideoWriter
from support.small_renders import CUT, FRAMES, Recall, render_small, small_plan
from support.waiting import PATIENCE


def fail_in(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, error: BaseException, after: int = 3) -> None:
    """Let a method raise an error once it was called ``after`` times."""
    real: Callable[..., object] = getattr(owner, name)
    calls = 0

    def call(*given: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls > after:
            raise error
        return real(*given, **named)

    monkeypatch.setattr(owner, name, call)


def test_a_frame_is_written_before_its_segment_is_painted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model waits for it; the plan has one forward pass behind the keyframe, shorter than a segment."""
    path, written, painted_late = small_plan(tmp_path, CUT), threading.Event(), []
    write, forward = VideoWriter.write, Recall.forward

    def write_and_tell(*given: object, **named: object) -> None:
        write(*given, **named)  # type: ignore[arg-type]
        written.set()

    def forward_once_written(self: Recall, *given: object, **named: object) -> object:
        if self.seen == CUT - 1:
            painted_late.append(written.wait(PATIENCE))
        return forward(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(VideoWriter, "write", write_and_tell)
    monkeypatch.setattr(Recall, "forward", forward_once_written)
    render_small(path)
    assert painted_late == [True]


def test_what_was_just_painted_is_not_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small_plan(tmp_path, 4)  # its keyframe is the last frame: one pass, backward, and a forward one of one frame
    render_small(path)
    whole = (tmp_path / "out.mkv").read_bytes()
    for file in tmp_path.glob("film.plan.work/passes/*/*"):
        file.unlink()
    monkeypatch.setattr(cache, "decode_codes", lambda data: pytest.fail("a segment is decoded"))
    assert render_small(path, "again.mkv").painted == 5
    assert (tmp_path / "again.mkv").read_bytes() == whole


@pytest.mark.parametrize(
    ("owner", "name", "error"),
    [
        (VideoReader, "to_stored_frame", InputError("decode")),
        (Session, "encode_frames", ResourceError("features")),
        (Recall, "forward", KeyboardInterrupt("network")),
        (ChromaPostprocessor, "compute_cbcr_codes", ResourceError("chroma")),
        (VideoWriter, "write", ResourceError("encode")),
        (PassFolder, "store_segment", ResourceError("store")),
    ],
)
def test_what_breaks_in_a_stage_ends_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, error: BaseException
) -> None:
    path, threads = small_plan(tmp_path), threading.active_count()
    with monkeypatch.context() as patch:
        fail_in(patch, owner, name, error, after=1 if name == "store_segment" else 3)
        with pytest.raises(type(error), match=str(error)):
            render_small(path)
    assert threading.active_count() == threads
    assert not (tmp_path / "out.mkv").exists()
    assert render_small(path, overwrite=True).frames == FRAMES
    assert (tmp_path / "out.mkv").exists()


def test_the_last_segment_that_cannot_be_stored_fails_the_render(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_plan(tmp_path)
    passes = 3  # of less than a segment each
    fail_in(monkeypatch, PassFolder, "store_segment", ResourceError("the disk is full"), after=passes - 1)
    with pytest.raises(ResourceError, match="the disk is full"):
        render_small(path)
    assert not (tmp_path / "out.mkv").exists()
