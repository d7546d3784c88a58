"""Luma that is kept when a film is surveyed is what painting would read from the film, or is not taken."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from kinemacolor.options import EncodingOptions, RenderOptions
from kinemacolor.plan import planner
from kinemacolor.plan.survey import survey_film
from kinemacolor.provenance.record import make_record_path
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.rendering import kept_luma, luma, renderer
from kinemacolor.rendering.kept_luma import KeptLuma
from kinemacolor.rendering.luma import LumaReader
from kinemacolor.rendering.one_shot import ColorizeRequest, ColorizeRun, run_request
from kinemacolor.rendering.passes import InferencePass
from kinemacolor.video.geometry import make_film_geometry
from kinemacolor.video.random_access import RangeReader
from kinemacolor.video.reader import probe_film
from support.films import scene, write_film
from support.plans import gray, save
from support.quick_model import quick_model
from support.small_renders import Recall

FRAMES, PIECE, SEGMENT = 20, 6, 4
FILM_FORMATS = {"8 bits": "gray", "10 bits": "gray10le", "fields": "gray"}


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(luma, "SEGMENT_FRAMES", SEGMENT)
    for module in (kept_luma, luma):
        monkeypatch.setattr(module, "PIECE_FRAMES", PIECE)


def make_film(folder: Path, kind: str) -> Path:
    def interlaced(_: object, stream: av.VideoStream) -> None:
        stream.codec_context.field_order = 2

    return write_film(
        folder / "film.mkv",
        FRAMES,
        (160, 200),
        codec="ffv1",
        pix_fmt=FILM_FORMATS[kind],
        picture=lambda i: gray(scene(i, (160, 200))),
        prepare=interlaced if kind == "fields" else None,
    )


def keep(film: Path, folder: Path) -> tuple[KeptLuma, RangeReader]:
    """Survey a film and keep its luma; gives what reads that, as another process would, and the film."""
    info = probe_film(film)
    geometry = make_film_geometry(info, 64)
    kept = KeptLuma(folder, info, geometry)
    kept.start()
    survey = survey_film(film, on_luma=kept.add_frame)
    kept.finish()
    return KeptLuma(folder, info, geometry), RangeReader(film, survey.index)


def same_frames(reader: RangeReader, kept: KeptLuma, one: InferencePass, first_segment: int = 0) -> bool:
    from_film = list(LumaReader(reader, kept.geometry).iter_pass(one, first_segment))
    found = list(LumaReader(reader, kept.geometry, kept).iter_pass(one, first_segment))
    assert len(found) == len(one) - first_segment * SEGMENT
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(from_film, found, strict=True))


@pytest.mark.parametrize("kind", FILM_FORMATS)
def test_kept_luma_is_that_of_the_film(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, reader = keep(make_film(tmp_path, kind), tmp_path / "luma")
    with reader:
        assert probe_film(reader.info.path).is_interlaced == (kind == "fields")
        for first, end, is_backward, segment in ((0, FRAMES, False, 0), (3, 17, True, 1), (5, 19, False, 2)):
            assert same_frames(reader, kept, InferencePass(first, end, is_backward, (), RenderOptions()), segment)
        monkeypatch.setattr(RangeReader, "iter_blocks", None)  # it is not read any more
        whole = InferencePass(0, FRAMES, False, (), RenderOptions())
        assert len(list(LumaReader(reader, kept.geometry, kept).iter_pass(whole, 0))) == FRAMES
    assert sum(file.stat().st_size for file in (tmp_path / "luma").glob("*.luma")) < FRAMES * kept.frame_bytes


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "000001.luma").write_bytes(b""),
        lambda folder: (folder / "000003.luma").unlink(),
        lambda folder: (folder / "000000.luma").write_bytes((folder / "000001.luma").read_bytes()),
        lambda folder: (folder / "index.json").unlink(),
        lambda folder: (folder / "index.json").write_text('{"pieces": []}'),
    ],
)
def test_damaged_luma_is_read_from_the_film(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    kept, reader = keep(make_film(tmp_path, "8 bits"), tmp_path / "luma")
    assert kept.find_damage() is None
    damage(tmp_path / "luma")
    told = kept.find_damage()
    assert told is not None
    assert "missing or damaged" in told
    with reader:
        assert same_frames(reader, kept, InferencePass(0, FRAMES, False, (), RenderOptions()))


def test_luma_of_another_size_is_not_taken(tmp_path: Path) -> None:
    kept, reader = keep(make_film(tmp_path, "8 bits"), tmp_path / "luma")
    other = make_film_geometry(reader.info, 80)
    assert KeptLuma(tmp_path / "luma", reader.info, other).read_piece(0) is None
    with reader:
        frames = LumaReader(reader, other, kept).iter_pass(InferencePass(0, 3, False, (), RenderOptions()), 0)
        assert next(frames).shape == (80, 100)


def test_what_lies_in_its_place_is_removed_and_nothing_else(tmp_path: Path) -> None:
    film, folder = make_film(tmp_path, "8 bits"), tmp_path / "work" / "luma"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "000000.luma").write_text("mine")
    folder.parent.mkdir()
    folder.symlink_to(tmp_path / "mine")
    keep(film, folder)
    folder.joinpath("strange").write_text("left of before")
    keep(film, folder)
    assert sorted(file.name for file in folder.iterdir()) == [*(f"{n:06d}.luma" for n in range(4)), "index.json"]
    assert (tmp_path / "mine" / "000000.luma").read_text() == "mine"


def test_a_job_decodes_its_film_twice_and_hashes_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are those of a plan that is made and rendered apart, which decodes it three times."""
    film, hashed = make_film(tmp_path, "8 bits"), []
    save(tmp_path / "still.png", scene(0, (64, 96)))
    references, options = (ReferenceSpec(tmp_path / "still.png"),), RenderOptions(short_side=64)
    request = ColorizeRequest(
        film, references, tmp_path / "out.mkv", options=options, encoding=EncodingOptions(lossless=True)
    )
    compute = planner.film_sha256
    for module in (planner, renderer):
        monkeypatch.setattr(module, "film_sha256", lambda *given: hashed.append(given) or compute(*given))
    with quick_model(monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(RangeReader, "iter_blocks", None)
            run_request(request, Recall())
        assert len(hashed) == 1
        whole = request.output.read_bytes()
        request.output.unlink()
        make_record_path(request.output).unlink()
        monkeypatch.setattr(KeptLuma, "is_worth_it", False)
        again = ColorizeRun(request)
        assert again.finished is None
        report = again.render(again.make_plan(Recall()), Recall())
    assert request.output.read_bytes() == whole
    assert {one.name for one in report.stages} == {"decode", "features", "network", "chroma", "encode", "luma", "store"}
    assert all(one.items == FRAMES for one in report.stages)
