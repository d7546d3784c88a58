"""What must never be learned from is refused, however it was scaled, compressed, cropped, mirrored or cut."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from kinemacolor.cli.main import run
from kinemacolor.data import held_out as module
from kinemacolor.data.held_out import refuse_held_out
from kinemacolor.data.index import SourceIndex, build_source_index
from kinemacolor.errors import InputError, UsageError

SIZE = (96, 160)


def painted(seed: int, width: int = SIZE[1]) -> np.ndarray:
    """A smooth photograph of its own colours, H W 3 uint8."""
    knots = np.random.default_rng(seed).uniform(0, 255, (8, 12, 3)).astype(np.float32)
    return cv2.resize(knots, (width, SIZE[0]), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def save(path: Path, picture: np.ndarray, quality: int = 95) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return path


def drifting(folder: Path, seed: int, frames: range, step: int = 4) -> Path:
    """These frames of a film that pans over a wide picture, ``step`` px a frame."""
    wide = painted(seed, SIZE[1] + 64 * step)
    for number in frames:
        save(folder / f"{number:03}.jpg", wide[:, step * number : step * number + SIZE[1]])
    return folder


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two films and a photograph that must not be learned from."""
    folder = tmp_path_factory.mktemp("held")
    drifting(folder / "one", 1, range(40))
    drifting(folder / "two", 2, range(20, 40))
    save(folder / "photographs" / "three.jpg", painted(3))
    return folder


def refused(index: SourceIndex, held: Path, cache: Path) -> dict[str, str]:
    """Names of the refused sources, and why."""
    found = refuse_held_out(index, [held], cache)
    assert {x.path for x in found.sources}.isdisjoint(fault.path for fault in found.faults if fault.kind == "held out")
    return {fault.path.stem: fault.detail for fault in found.faults if fault.kind == "held out"}


def test_copies_of_a_held_out_frame_are_refused(held: Path, tmp_path: Path) -> None:
    frame = np.asarray(cv2.imread(str(held / "one/033.jpg")))  # not the middle one
    cropped = frame[4:95, 6:158]  # 5 %
    for name, copy, quality in (
        ("half", cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), 95),
        ("large", cv2.resize(frame, (640, 384), interpolation=cv2.INTER_CUBIC), 95),
        ("coarse", frame, 20),
        ("cropped", cropped, 95),
        ("mirrored", frame[:, ::-1], 95),
        ("both", cropped[:, ::-1], 40),
        ("album", painted(3), 50),
        ("stranger", painted(9), 95),
    ):
        save(tmp_path / "train" / f"{name}.jpg", copy, quality)
    (tmp_path / "train/exact.jpg").write_bytes((held / "photographs/three.jpg").read_bytes())
    index = build_source_index([], [tmp_path / "train"], tmp_path / "cache")
    found = refused(index, held, tmp_path / "cache")
    assert {*found} == {"half", "large", "coarse", "cropped", "mirrored", "both", "album", "exact"}
    assert found["half"].endswith(f"% of its gradients are those of {held / 'one'}, frame 33")
    assert found["exact"] == f"the same as {held / 'photographs/three.jpg'}"
    assert refuse_held_out(index, [], tmp_path / "cache") is index


def test_a_list_names_what_is_held_out(held: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("a/one", "a/two", "b/one", "b/three", "b/four")):
        save(tmp_path / f"train/{name}.jpg", painted(20 + number))
    save(tmp_path / "train/b/smaller.jpg", cv2.resize(painted(21), None, fx=0.5, fy=0.5), 80)
    (tmp_path / "train/c.jpg").write_bytes((tmp_path / "train/b/three.jpg").read_bytes())
    names = tmp_path / "names.tsv"
    names.write_text("# of one kind\na/two.jpg\ta/one.jpg\n\nc.jpg\n")
    index = build_source_index([held / "one"], [tmp_path / "train"], tmp_path / "cache")
    assert "duplicate" in {fault.kind for fault in index.faults}  # c.jpg is b/three.jpg, and is named
    found = refuse_held_out(index, [names], tmp_path / "cache")
    assert [source.path.relative_to(tmp_path) for source in found.sources[1:]] == [
        Path("train/b/four.jpg"),
        Path("train/b/one.jpg"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"one/000.jpg\n", "1 of 1 names are of no film or photograph here, such as 'one/000.jpg'"),
        (b"photographs/three.jpg\nphotographs/thre.jpg\n", "1 of 2 names .* such as 'photographs/thre.jpg'"),
        (b"hotographs/three.jpg\n", "1 of 1 names"),
        (b"\t\n# three.jpg\n", "names nothing"),
        (b"\xff\xd8\xff", "is no text"),
        (None, "does not exist"),
    ],
)
def test_a_bad_list_is_told(held: Path, tmp_path: Path, text: bytes | None, message: str) -> None:
    index = build_source_index([held / "one"], [held / "photographs"], tmp_path / "cache")
    if text is not None:
        (tmp_path / "names.txt").write_bytes(text)
    with pytest.raises(InputError, match=rf"names.txt.*{message}"):
        refuse_held_out(index, [tmp_path / "names.txt"], tmp_path / "cache")


def test_another_cut_of_a_held_out_film_is_refused(held: Path, tmp_path: Path) -> None:
    drifting(tmp_path / "films/overlaps", 2, range(25))  # its middle frame is not held out, its last ones are
    drifting(tmp_path / "films/stranger", 7, range(12))
    index = build_source_index([tmp_path / "films"], [], tmp_path / "cache")
    assert {*refused(index, held, tmp_path / "cache")} == {"overlaps"}


def test_clips_of_one_origin_are_refused_together(tmp_path: Path) -> None:
    for name, seed in (("train/later", 5), ("train/other", 6), ("held/early", 4)):
        drifting(tmp_path / name, seed, range(3))
    for folder, rows in (("train", "later,one.mp4\nother,two.mp4"), ("held", "early,one.mp4")):
        (tmp_path / folder / "manifest.csv").write_text(f"clip,source\n{rows}\n")
    index = build_source_index([tmp_path / "train"], [], tmp_path / "cache")
    found = refused(index, tmp_path / "held", tmp_path / "cache")
    assert found == {"later": f"cut from the same film as {tmp_path / 'held/early'}"}


def test_black_frames_resemble_nothing(held: Path, tmp_path: Path) -> None:
    black = np.zeros((*SIZE, 3), np.uint8)
    for number in range(3):
        save(tmp_path / "held/fade" / f"{number}.png", black if number else painted(8))
        save(tmp_path / "train/fade" / f"{number}.png", black if number else painted(9))
    index = build_source_index([tmp_path / "train"], [], tmp_path / "cache")
    assert refused(index, tmp_path / "held", tmp_path / "cache") == {}


def test_hashes_are_kept_and_those_of_older_caches_read(
    held: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drifting(tmp_path / "films/overlaps", 2, range(25))
    drifting(tmp_path / "films/stranger", 7, range(12))
    index = build_source_index([tmp_path / "films"], [], tmp_path / "cache")
    rows = [json.loads(line) for line in (tmp_path / "cache/index.jsonl").read_text().split("\n") if line]
    assert "hashes" not in rows[0]  # the index has what it had before anything could be held out
    first = refused(index, held, tmp_path / "cache")
    for name in ("held-out.jsonl", "frame-hashes.jsonl"):
        path = tmp_path / "cache" / name
        path.write_text(path.read_text() + '\n{"digest": "cut off')
    monkeypatch.setattr(module, "compute_gradient_hash", lambda picture: pytest.fail("hashed again"))
    assert refused(index, held, tmp_path / "cache") == first


def test_held_out_folders_that_cannot_be_read_and_nothing_left(held: Path, tmp_path: Path) -> None:
    index = build_source_index([held / "one"], [], tmp_path / "cache")
    with pytest.raises(UsageError, match=r"all films and photographs are held out, such as .*one"):
        refuse_held_out(index, [held], tmp_path / "cache")
    with pytest.raises(InputError, match="does not exist"):
        refuse_held_out(index, [tmp_path / "none"], tmp_path / "cache")
    save(tmp_path / "broken/a.jpg", painted(1)).write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"a.jpg"):
        refuse_held_out(index, [tmp_path / "broken"], tmp_path / "cache")


def test_check_data_names_what_is_refused(
    held: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    again = drifting(tmp_path / "films/again", 1, range(5, 20))
    drifting(tmp_path / "films/stranger", 7, range(12))
    (tmp_path / "mine.toml").write_text(
        f'base = "kinema"\n[data]\nfilms = ["films"]\nheld_out = ["{held}"]\ncache = "cache"\n'
        "[clips]\nframes = 2\nstrides = [1]\nsize = [64, 64]\ncrop = [64, 64]\nkinds = { near = 1 }\nphotographs = 0\n"
    )
    assert run(["train", str(tmp_path / "mine.toml"), "--check-data"]) == 0
    told = capsys.readouterr().out
    assert f"held out: 1\n  {again}: 100% of its gradients are those of {held / 'one'}, frame " in told
    monkeypatch.chdir(tmp_path)
    assert run(["train", "mine.toml", "--check-data", "--held-out", "films/stranger"]) == 0
    assert f"held out: 1\n  {tmp_path / 'films/stranger'}: the same as" in capsys.readouterr().out
