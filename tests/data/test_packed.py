"""A pack gives the same sources and nearly the same frames, and says where it is damaged."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from kinemacolor.data.frame_cache import FrameCache
from kinemacolor.data.index import SourceIndex, build_source_index
from kinemacolor.data.packed import PICTURES_FILE, JpegQuality, read_pack, write_pack
from kinemacolor.errors import InputError, UsageError
from kinemacolor.training.datasets import load_training_data
from kinemacolor.training.recipe_file import read_recipe

SIZE = (64, 96)
CLIPS = {"frames": 2, "size": list(SIZE), "crop": [64, 64], "strides": [1], "kinds": {"near": 1.0, "wrong": 1.0}}


def save_smooth_picture(path: Path, seed: int, scale: int = 1, move: int = 0) -> None:
    knots = np.random.default_rng(seed).uniform(0, 255, (4, 6, 3)).astype(np.float32)
    wide = cv2.resize(knots, (scale * SIZE[1] + 16, scale * SIZE[0]), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), wide[:, move : move + scale * SIZE[1]])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write three films, one of them three times as large as needed, and two photographs, one of them large."""
    folder = tmp_path_factory.mktemp("data")
    for seed, (name, scale) in enumerate((("one", 1), ("two", 3), ("three", 1))):
        for number in range(4):
            save_smooth_picture(folder / "films" / name / f"{number}.png", seed, scale, 2 * number)
    for seed, scale in ((11, 1), (12, 4)):
        save_smooth_picture(folder / "photographs" / "set" / f"{seed}.png", seed, scale)
    return folder


@pytest.fixture(scope="module")
def index(data: Path) -> SourceIndex:
    found = build_source_index([data / "films"], [data / "photographs"], data / "cache")
    rows = np.random.default_rng(0).standard_normal((len(found.sources), 7)).astype(np.float32)
    return SourceIndex(found.sources, found.faults, rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_a_pack_gives_back_sources_frames_and_embeddings(index: SourceIndex, data: Path, tmp_path: Path) -> None:
    cache = FrameCache(data / "cache/frames", SIZE)
    cache.load_frames(index.sources[0])  # one source from the cache, the others decoded
    size = write_pack(index, cache, tmp_path, JpegQuality(95, 95))
    assert size == (tmp_path / PICTURES_FILE).stat().st_size
    read, packed = read_pack(tmp_path, SIZE)
    assert read.sources == index.sources
    assert read.embeddings is not None
    assert index.embeddings is not None
    assert np.abs(read.embeddings - index.embeddings).max() < 1e-3
    for source in index.sources:
        frames, wanted = packed.load_frames(source), cache.load_frames(source)
        assert frames.shape == wanted.shape == packed.get_cached_shape(source)
        assert np.abs(frames.astype(int) - wanted.astype(int)).mean() < 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["embeddings.npy", PICTURES_FILE, "sources.jsonl"]


def test_a_pack_serves_another_size(index: SourceIndex, data: Path, tmp_path: Path) -> None:
    write_pack(index, FrameCache(data / "cache/frames", SIZE), tmp_path, JpegQuality(80, 80))
    _, packed = read_pack(tmp_path, (80, 80))
    wanted = FrameCache(tmp_path / "cache", (80, 80))
    for source in index.sources:
        assert packed.load_frames(source).shape == wanted.load_frames(source).shape


def test_a_run_knows_its_data_again(data: Path, index: SourceIndex, tmp_path: Path) -> None:
    folders = {"films": [str(data / "films")], "photographs": [str(data / "photographs")], "cache": str(tmp_path)}
    here = load_training_data(read_recipe("kinema", {"data": folders, "clips": CLIPS}))
    write_pack(index, FrameCache(tmp_path, SIZE), tmp_path / "pack", JpegQuality(90, 90))
    section = {"pack": str(tmp_path / "pack"), "cache": str(tmp_path / "other")}
    there = load_training_data(read_recipe("kinema", {"data": section, "clips": CLIPS}))
    assert there.digest == here.digest
    assert there.validation_films == here.validation_films
    for number in range(4):
        ours, theirs = here.clips[number], there.clips[number]
        assert (ours.source_number, ours.reference_kind) == (theirs.source_number, theirs.reference_kind)
        assert float((ours.lab - theirs.lab).abs().mean()) < 2
    assert not (tmp_path / "other/frames").exists()


def test_a_recipe_names_folders_or_a_pack(data: Path, tmp_path: Path) -> None:
    both = {"pack": str(tmp_path), "films": [str(data / "films")]}
    for section, said in (({}, "nothing to learn from"), (both, "not both")):
        with pytest.raises(UsageError, match=said):
            load_training_data(read_recipe("kinema", {"data": section}))


def test_damage_is_named(index: SourceIndex, data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no whole pack"):
        read_pack(tmp_path, SIZE)
    write_pack(index, FrameCache(data / "cache/frames", SIZE), tmp_path, JpegQuality(80, 80))
    _, packed = read_pack(tmp_path, SIZE)
    content = (tmp_path / PICTURES_FILE).read_bytes()
    (tmp_path / PICTURES_FILE).write_bytes(bytes(len(content)))
    with pytest.raises(InputError, match="is damaged: pack again"):
        packed.load_frames(index.sources[0])
    (tmp_path / PICTURES_FILE).write_bytes(content[:-1])
    with pytest.raises(InputError, match="do not belong together"):
        read_pack(tmp_path, SIZE)


def test_luma_and_chroma_have_their_own_quality(index: SourceIndex, data: Path, tmp_path: Path) -> None:
    cache, photograph = FrameCache(data / "cache/frames", SIZE), index.sources[-1]
    wanted, errors = cv2.cvtColor(cache.load_frames(photograph)[0], cv2.COLOR_RGB2YCrCb).astype(int), []
    for quality in (JpegQuality(20, 95), JpegQuality(95, 20)):
        write_pack(index, cache, tmp_path, quality)
        frame = read_pack(tmp_path, SIZE)[1].load_frames(photograph)[0]
        errors.append(np.abs(cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb).astype(int) - wanted).mean((0, 1)))
    fine_chroma, fine_luma = errors
    assert fine_luma[0] < fine_chroma[0] / 2
    assert fine_chroma[1:].sum() < fine_luma[1:].sum() / 2
