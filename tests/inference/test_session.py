from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from kinemacolor.color import YCbCr, rgb_to_lab
from kinemacolor.errors import UsageError
from kinemacolor.inference.postprocess import ColorPrediction
from kinemacolor.inference.session import BT709_FULL_RANGE, Session, complete_reference, make_reference_batch
from kinemacolor.models.base import Colorizer
from kinemacolor.options import EdgeFilter, Precision, RenderOptions
from kinemacolor.utils.device import choose_device
from kinemacolor.video.geometry import Geometry, compute_working_size, resize
from kinemacolor.video.orientation import Orientation
from kinemacolor.weights.registry import MODELS
from support.films import scene
from support.sessions import gray_of, tiny

SMALL = RenderOptions(short_side=64)


def advance(session: Session, luma: np.ndarray) -> list[ColorPrediction]:
    """What a session paints for the next frame of film size, with its gain."""
    return [
        session.postprocessor.with_saturation(one)
        for one in session.predict_frames(session.geometry.downscale_codes(luma)[None], BT709_FULL_RANGE)
    ]


def chroma_error(result: np.ndarray, truth: np.ndarray) -> float:
    """Mean ab distance."""
    lab = [rgb_to_lab(torch.from_numpy(p.copy()).permute(2, 0, 1).float() / 255)[1:] for p in (result, truth)]
    return float((lab[0] - lab[1]).norm(dim=0).mean())


def test_frames_in_a_loop_take_the_colours_of_the_reference(kinema: Colorizer) -> None:
    session = Session(kinema, [scene(0)], height=72, width=96, options=SMALL)
    for index in range(4):
        rgb, confidence = session.colorize(gray_of(scene(index)))
        assert rgb.shape == (72, 96, 3)
        assert confidence.shape == (72, 96)
        gray = np.repeat(gray_of(scene(index))[..., None], 3, 2)
        assert chroma_error(rgb, scene(index)) < 0.5 * chroma_error(gray, scene(index))


def test_a_coloured_frame_is_seen_by_its_luma_alone(kinema: Colorizer) -> None:
    frames = scene(3), np.repeat(gray_of(scene(3))[..., None], 3, 2)
    one, other = (Session(kinema, [scene(0)], height=72, width=96, options=SMALL).colorize(f)[0] for f in frames)
    assert np.array_equal(one, other)


def test_luma_of_the_result_is_that_of_the_frame(kinema: Colorizer) -> None:
    gray = gray_of(scene(2))
    rgb, _ = Session(kinema, [scene(0)], height=72, width=96, options=SMALL).colorize(gray)
    assert np.abs(gray_of(rgb).astype(int) - gray).max() <= 1


def test_a_still_film_does_not_flicker(kinema: Colorizer) -> None:
    """Grain of two levels on a still picture: once history has settled, ab moves by less than half a unit a frame."""
    session = Session(kinema, [scene(5)], height=72, width=96, options=SMALL)
    generator = np.random.default_rng(0)
    still, last, changes = gray_of(scene(0)).astype(float), None, []
    for _ in range(8):
        noisy = (still + generator.normal(0, 2, still.shape)).clip(0, 255).astype(np.uint8)
        (painted,) = advance(session, noisy)
        if last is not None:
            changes.append(np.abs(painted.ab - last).mean())
        last = painted.ab
    assert max(changes[2:]) < 0.5


def test_saturation_scales_chroma(kinema: Colorizer) -> None:
    def chroma(saturation: float) -> np.ndarray:
        options = RenderOptions(short_side=64, saturation=saturation)
        session = Session(kinema, [scene(0)], height=72, width=96, options=options)
        return advance(session, gray_of(scene(1)))[0].ab

    assert np.allclose(chroma(0.5), chroma(1.0) / 2, atol=1e-4)
    assert np.abs(chroma(0)).max() == 0


def test_unrelated_references_are_doubted(kinema: Colorizer) -> None:
    checks = np.kron(np.indices((9, 12)).sum(0) % 2, np.ones((8, 8)))[..., None] * [[[255, 40, 40]]]
    doubts = {}
    for name, picture in (("own", scene(0)), ("other", checks.astype(np.uint8))):
        session = Session(kinema, [picture], height=72, width=96, options=SMALL)
        doubts[name] = session.colorize(gray_of(scene(1)))[1].mean()
    assert doubts["own"] > 2 * doubts["other"]


@pytest.mark.parametrize("edge_filter", ["none", "fgs", "guided"])
def test_edge_filters_keep_flat_colour_flat(kinema: Colorizer, edge_filter: str) -> None:
    options = RenderOptions(short_side=64, edge_filter=edge_filter)
    session = Session(kinema, [scene(0)], height=72, width=96, options=options)
    rgb, _ = session.colorize(gray_of(scene(1)))
    assert chroma_error(rgb, scene(1)) < chroma_error(np.repeat(gray_of(scene(1))[..., None], 3, 2), scene(1))


def test_a_sideways_film_is_seen_upright(kinema: Colorizer) -> None:
    """Stored frames lie on their side; the colours come back lying on their side too."""
    upright = Session(kinema, [scene(0)], height=72, width=96, options=SMALL)
    turned = Session(kinema, [scene(0)], height=96, width=72, options=SMALL, orientation=Orientation(1))
    gray = gray_of(scene(2))
    one, _ = upright.colorize(gray)
    stored = np.ascontiguousarray(np.rot90(gray, -1))
    other, _ = turned.colorize(stored)
    assert np.abs(np.rot90(other, 1).astype(int) - one).mean() < 1.5


def test_chroma_codes_fit_depth_and_subsampling(kinema: Colorizer) -> None:
    session = Session(kinema, [scene(0)], height=72, width=96, options=SMALL)
    native, target = YCbCr(0.2126, 0.0722, 8, False), YCbCr(0.2126, 0.0722, 10, False)
    luma = gray_of(scene(1))
    (painted,) = session.predict_frames(session.geometry.downscale_codes(luma)[None], native)
    codes = session.postprocessor.compute_cbcr_codes(luma, painted, (36, 48), native, target)
    assert codes.shape == (2, 36, 48)
    assert codes.dtype == np.uint16
    assert 64 <= codes.min() < 512 < codes.max() <= 960


def test_a_subsampling_that_there_is_not_changes_nothing(kinema: Colorizer) -> None:
    """The frame can be given again, and comes next as before."""
    coding = YCbCr(0.2126, 0.0722, 8, False)
    results = []
    for wrong in (False, True):
        session = Session(kinema, [scene(0)], height=72, width=96, options=SMALL)
        session.chroma(gray_of(scene(1)), coding)
        if wrong:
            with pytest.raises(ValueError, match="there is no subsampling '421'"):
                session.chroma(gray_of(scene(9)), coding, "421")
        state = session.snapshot_state()
        results.append({name: one.numpy().tobytes() for name, one in state.items()})
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("shape", "wanted"), [((1080, 1920), (216, 384)), ((1920, 1080), (384, 216)), ((1, 1), (216, 216))]
)
def test_working_size_keeps_the_aspect(shape: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert compute_working_size(*shape, 216) == wanted
    assert max(compute_working_size(1, 10_000, 216)) == 4 * 216


def test_pixel_aspect_counts() -> None:
    assert Geometry.from_frame_size(576, 720, 216, pixel_aspect=Fraction(64, 45)).working_size == (216, 384)
    assert Geometry.from_frame_size(
        576, 720, 216, pixel_aspect=Fraction(64, 45), orientation=Orientation(1)
    ).working_size == (
        384,
        216,
    )


def test_down_and_up_are_inverse_for_smooth_fields() -> None:
    geometry = Geometry.from_frame_size(240, 320, 64, orientation=Orientation(3))
    plane = np.linspace(0, 255, 240 * 320).reshape(240, 320).astype(np.uint8)
    small = geometry.downscale_codes(plane)
    assert small.shape == geometry.working_size == (85, 64)
    back = geometry.upscale_field(small.astype(np.float32), (240, 320))
    assert np.abs(back - plane).mean() < 2


def test_resize_keeps_depth_and_channels() -> None:
    assert resize(np.zeros((10, 12, 2), np.float32), (5, 6)).shape == (5, 6, 2)
    assert resize(np.full((10, 12), 60000, np.uint16), (20, 6)).max() == 60000


def test_several_references_share_one_size() -> None:
    batch = make_reference_batch([np.zeros((100, 200, 3), np.uint8), np.zeros((200, 100, 3), np.uint8)], 64)
    assert batch[0].shape == (1, 2, 3, 64, 64)
    assert torch.equal(batch[1], torch.ones(2, 64, 64))
    assert make_reference_batch([np.zeros((100, 200, 3), np.uint8)], 64)[0].shape == (1, 1, 3, 64, 128)


def layer(rgb: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """As a painting program saves it: transparent black where nothing is painted."""
    return np.dstack([rgb * painted[..., None], np.uint8(255) * painted])


def coat(size: tuple[int, int] = (72, 96)) -> np.ndarray:
    """A mask H W of bool: the left third, and a stripe that fills no pixel of a smaller picture."""
    painted = np.zeros(size, bool)
    painted[:, : size[1] // 3 + 1] = True
    painted[size[0] // 2, :] = True
    return painted


def test_colours_of_a_smaller_reference_are_those_of_its_paint() -> None:
    """Neither black nor another colour bleeds in, from an edge or into a thin stroke; L is the mean of all."""
    red, painted = np.full((144, 192, 3), (200, 60, 50), np.uint8), coat((144, 192))
    under = np.where(painted[..., None], red, np.uint8([0, 0, 255]))
    for picture in (layer(red, painted), np.dstack([under, np.uint8(255) * painted])):
        (lab,), masks = make_reference_batch([picture], 50)
        assert masks.shape == (1, 50, 67)
        assert 0.3 < masks.mean() < 0.4
        wanted = rgb_to_lab(torch.tensor([200, 60, 50])[:, None, None] / 255)[1:]
        found = lab[0, 1:, masks[0] > 0]
        torch.testing.assert_close(found, wanted[:, 0].expand_as(found), atol=0.01, rtol=0)
    whole, _ = make_reference_batch([np.ascontiguousarray(picture[..., :3])], 50)
    assert torch.equal(whole[:, :, 0], lab[None, :, 0])


def test_an_opaque_picture_is_a_whole_reference() -> None:
    one, other = (make_reference_batch([p], 64) for p in (scene(0), layer(scene(0), np.ones((72, 96), bool))))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_painted_part_gives_its_colours_and_only_they(kinema: Colorizer) -> None:
    """The right of a still is painted in the opposite colours, and nothing else."""
    right = np.zeros((72, 96), bool)
    right[:, 48:] = True
    gray = gray_of(scene(0))
    other = complete_reference(np.dstack([255 - scene(0), np.uint8(255) * right]), gray)
    answers = []
    for pictures in ([scene(0)], [other]):
        session = Session(kinema, pictures, height=72, width=96, options=SMALL, in_shot=True)
        answers.append(session.colorize(gray)[0][:, 56:])
    assert chroma_error(answers[1], other[:, 56:, :3]) < 0.5 * chroma_error(answers[0], other[:, 56:, :3])


def test_complete_lays_the_frame_under_the_paint() -> None:
    painted, gray = coat(), gray_of(scene(1))
    color = np.full((72, 96, 3), (150, 110, 100), np.uint8)
    whole = complete_reference(layer(color, painted), np.repeat(np.repeat(gray, 2, 0), 2, 1))
    assert np.array_equal(whole[..., 3] > 0, painted)
    assert np.array_equal(whole[~painted, :3], np.repeat(gray[~painted, None], 3, 1))
    found = rgb_to_lab(torch.from_numpy(whole[painted, None, :3]).permute(2, 0, 1) / 255)
    lightness = rgb_to_lab(torch.from_numpy(gray[painted, None]).expand(3, -1, -1) / 255)[0]
    torch.testing.assert_close(found[0], lightness, atol=0.6, rtol=0)
    ab = rgb_to_lab(torch.tensor([150, 110, 100])[:, None, None] / 255)[1:]
    middling = (lightness > 30) & (lightness < 80)
    assert ((found[1:] - ab)[:, middling].abs() < 1.5).all()


def test_a_reference_almost_without_paint_is_a_value_error(kinema: Colorizer) -> None:
    painted = np.zeros((72, 96), bool)
    painted[3, :3] = True
    with pytest.raises(ValueError, match=r"0\.04% of a reference is painted"):
        Session(kinema, [layer(scene(0), painted)], height=72, width=96)


def test_misuse_is_a_value_error(kinema: Colorizer) -> None:
    with pytest.raises(ValueError, match="at least one reference"):
        Session(kinema, [], height=10, width=10)
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no cuda"):
            choose_device("cuda")


def test_the_published_recipe_is_the_models_own_default() -> None:
    model, picture = tiny("deep-exemplar"), [scene(0)]
    published = Session(model, picture, height=72, width=96)
    assert (published.postprocessor.saturation, published.postprocessor.edge_filter) == (1.25, "fgs")
    plain = Session(model, picture, height=72, width=96, options=RenderOptions(saturation=1, edge_filter="none"))
    assert (plain.postprocessor.saturation, plain.postprocessor.edge_filter) == (1, "none")
    gray = gray_of(scene(1))
    (one,), (other,) = advance(published, gray), advance(plain, gray)
    assert np.allclose(one.ab, 1.25 * other.ab, atol=1e-3)


@pytest.mark.parametrize("rotation", [0, 90])
@pytest.mark.parametrize("edge_filter", ["none", "fgs", "guided"])
def test_crop_sees_the_middle_only(kinema: Colorizer, rotation: int, edge_filter: EdgeFilter) -> None:
    """What a session of the cut film would give, in the middle; gray and unsure outside."""
    whole, still = scene(1, (96, 96)), scene(0, (96, 96))
    cut = slice(21, 75)  # 54 rows of 96 columns are 16:9
    options = RenderOptions(short_side=54, crop=True, edge_filter=edge_filter)
    session = Session(kinema, [still], height=96, width=96, options=options, orientation=Orientation(rotation // 90))
    rgb, confidence = session.colorize(np.ascontiguousarray(np.rot90(gray_of(whole), -(rotation // 90))))
    rgb, confidence = np.rot90(rgb, rotation // 90), np.rot90(confidence, rotation // 90)
    assert not confidence[:21].any()
    assert np.ptp(rgb[:21].astype(int), axis=2).max() <= 1
    part = Session(kinema, [still[cut]], height=54, width=96, options=replace(options, crop=False))
    wanted, _ = part.colorize(np.ascontiguousarray(gray_of(whole)[cut]))
    assert np.abs(rgb[cut].astype(int) - wanted).mean() < 1


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize(("precision", "chroma_bound"), [("bfloat16", 0.03), ("float16", 0.005)])
def test_half_precision_stays_near(name: str, precision: Precision, chroma_bound: float) -> None:
    """Untrained recurrent networks magnify rounding, so of theirs only the match is compared."""
    answers = []
    for chosen in ("float32", precision):
        options = RenderOptions(short_side=72, precision=chosen)  # type: ignore[arg-type]
        session = Session(tiny(name), [scene(0)], height=72, width=96, options=options)
        luma = np.stack([gray_of(scene(index)) for index in range(3)])
        found = session.predict_frames(luma, BT709_FULL_RANGE)
        answers.append([np.stack(parts) for parts in zip(*((one.ab, one.confidence) for one in found), strict=True)])
    (chroma, confidence), (chroma_half, confidence_half) = answers
    assert np.isfinite(chroma_half).all()
    assert np.abs(confidence - confidence_half).mean() < (0.1 if precision == "bfloat16" else 0.04)
    if name in ("kinema", "color2embed"):
        assert np.abs(chroma - chroma_half).mean() < chroma_bound * np.abs(chroma).mean()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_frames_encoded_ahead_in_another_thread_are_predicted_bit_for_bit(name: str) -> None:
    model = tiny(name)
    blocks = np.stack([gray_of(scene(3 * index)) for index in range(3 * model.spec.block_size)])
    one, other = (Session(model, [scene(0)], height=72, width=96, options=SMALL, device="cpu") for _ in range(2))
    small = np.stack([one.geometry.downscale_codes(luma) for luma in blocks])
    with ThreadPoolExecutor(1) as ahead:
        waiting = [(block, ahead.submit(other.encode_frames, block, BT709_FULL_RANGE)) for block in np.split(small, 3)]
        for block, answer in waiting:
            features = answer.result()
            assert features is not None
            assert bool(features.encoding) == (name == "kinema")  # the only one that splits its work
            wanted = one.predict_frames(block, BT709_FULL_RANGE)
            found = other.predict_frames(block, BT709_FULL_RANGE, features)
            for a, b in zip(wanted, found, strict=True):
                assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("name", [*sorted(MODELS), "gray", "match"])
@pytest.mark.parametrize("done", [0, 3])
def test_a_restored_session_goes_on_bit_for_bit(name: str, done: int, tmp_path: Path) -> None:
    """Through a file, before the first frame and after some, in a session that was built anew."""
    model = tiny(name)
    luma = np.stack([gray_of(scene(3 * index)) for index in range(done + 6)])

    def fresh() -> Session:
        return Session(model, [scene(0), scene(9)], height=72, width=96, options=SMALL, in_shot=True)

    def advance(session: Session, part: np.ndarray) -> list[np.ndarray]:
        small = np.stack([session.geometry.downscale_codes(luma) for luma in part])
        return [array for painted in session.predict_frames(small, BT709_FULL_RANGE) for array in painted]

    whole = fresh()
    if done:
        advance(whole, luma[:done])
    save_file(whole.snapshot_state(), tmp_path / "state.safetensors")
    other = fresh()
    other.restore_state(load_file(tmp_path / "state.safetensors"))
    for cut in (slice(done, done + 3), slice(done + 3, None)):
        wanted, found = advance(whole, luma[cut]), advance(other, luma[cut])
        assert all(np.array_equal(a, b) for a, b in zip(wanted, found, strict=True))


def test_a_snapshot_is_a_copy_and_not_another_model_s(kinema: Colorizer) -> None:
    session = Session(kinema, [scene(0)], height=72, width=96, options=SMALL)
    before = session.snapshot_state()
    session.colorize(gray_of(scene(1)))
    after = session.snapshot_state()
    for tensor in before.values():
        tensor.zero_()
    session.restore_state(after)
    assert all(torch.equal(a, b) for a, b in zip(after.values(), session.snapshot_state().values(), strict=True))
    foreign = Session(tiny("deep-exemplar"), [scene(0)], height=72, width=96, options=SMALL).snapshot_state()
    with pytest.raises(ValueError, match="a snapshot of kinema holds"):
        session.restore_state(foreign)


def test_frames_that_may_not_be_written_are_taken_without_a_warning(
    kinema: Colorizer, recwarn: pytest.WarningsRecorder
) -> None:
    frame = gray_of(scene(1))
    frame.flags.writeable = False
    Session(kinema, [scene(0)], height=72, width=96, options=SMALL).colorize(frame)
    assert not recwarn.list
