"""Where a colour comes from: a point of a frame leads to a point of a reference, as a person sees both."""

import cv2
import numpy as np
import pytest
import torch

from kinemacolor.inference.attribution import Attribution, Origin
from kinemacolor.inference.session import Session
from kinemacolor.models.base import Colorizer
from kinemacolor.models.deep_exemplar import DeepExemplar
from kinemacolor.options import RenderOptions
from kinemacolor.video.orientation import Orientation
from support.sessions import gray_of, tiny

SIZE = (108, 192)
SMALL = RenderOptions(short_side=108)
POINTS = [(row, column) for row in (0.1, 0.3, 0.5, 0.8) for column in (0.05, 0.35, 0.6, 0.9)]
TWO_CELLS = 2 * 4 / 108


def place(seed: int = 0, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A colour picture H W 3 that looks the same nowhere twice."""
    generator = np.random.default_rng(seed)
    layers = [generator.uniform(0, 255, (size[0] // n, size[1] // n, 3)).astype(np.float32) for n in (6, 12, 36)]
    fine, middle, coarse = (cv2.resize(layer, size[::-1], interpolation=cv2.INTER_CUBIC) for layer in layers)
    return (0.3 * fine + 0.3 * middle + 0.4 * coarse).clip(0, 255).astype(np.uint8)


def session(model: Colorizer, *references: np.ndarray, size: tuple[int, int] = SIZE, **changes: object) -> Session:
    return Session(model, references, height=size[0], width=size[1], **({"options": SMALL} | changes))  # type: ignore[arg-type]


def origins(explained: Attribution, points: list[tuple[float, float]] = POINTS) -> list[Origin]:
    found = [explained.origin_at(*point) for point in points]
    assert None not in found
    return found  # type: ignore[return-value]


def distances(found: list[Origin], wanted: list[tuple[float, float]] = POINTS) -> np.ndarray:
    """How far each lies from where it should, in parts of the picture."""
    return np.array([max(abs(a.row - row), abs(a.column - column)) for a, (row, column) in zip(found, wanted)])  # noqa: B905


@pytest.mark.parametrize("name", ["kinema", "match"])
def test_a_frame_of_the_reference_comes_from_the_same_place(name: str) -> None:
    """Also where the frame is only the right two thirds of it, and of another aspect."""
    model, whole = tiny(name), place()
    found = origins(session(model, whole).attribute_frame(gray_of(whole)))
    assert {one.reference for one in found} == {0}
    assert (distances(found) < TWO_CELLS).all()
    part = np.ascontiguousarray(gray_of(whole)[:, 64:])
    found = origins(session(model, whole, size=(108, 128)).attribute_frame(part))
    assert np.median(distances(found, [(row, 1 / 3 + column * 2 / 3) for row, column in POINTS])) < TWO_CELLS


@pytest.mark.parametrize("name", ["kinema", "match"])
def test_the_reference_that_shows_it_is_named(name: str) -> None:
    pictures = [place(1), place(2), place(3)]
    for number, picture in enumerate(pictures):
        found = origins(session(tiny(name), *pictures).attribute_frame(gray_of(picture)))
        assert [one.reference for one in found].count(number) >= 15
        assert np.median(distances(found)) < TWO_CELLS


def test_history_keeps_the_place(kinema: Colorizer) -> None:
    """A picture that drifts by 2 px a frame: its colours still come from where they were at first."""
    wide = place(size=(108, 220))
    run = session(kinema, np.ascontiguousarray(wide[:, :192]))
    for index in range(5):
        explained = run.attribute_frame(np.ascontiguousarray(gray_of(wide)[:, 2 * index : 192 + 2 * index]))
    points = [point for point in POINTS if point[1] < 0.8]
    wanted = [(row, column + 8 / 192) for row, column in points]
    assert np.median(distances(origins(explained, points), wanted)) < TWO_CELLS


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_points_are_of_the_frame_as_it_is_shown(kinema: Colorizer, rotation: int) -> None:
    """Stored on its side and squeezed, shown upright and wide, beside a reference that is a larger picture."""
    whole = place()
    squeezed = cv2.resize(gray_of(whole), (144, 108), interpolation=cv2.INTER_AREA)
    stored = np.ascontiguousarray(np.rot90(squeezed, -(rotation // 90)))
    aspect = 4 / 3 if rotation % 180 == 0 else 3 / 4
    large = cv2.resize(whole, (384, 216))
    run = session(kinema, large, size=stored.shape, orientation=Orientation(rotation // 90), pixel_aspect=aspect)
    explained = run.attribute_frame(stored)
    assert explained.rgb.shape[:2] == explained.confidence.shape == squeezed.shape
    assert np.abs(gray_of(explained.rgb).astype(int) - squeezed).max() <= 1
    assert (distances(origins(explained)) < TWO_CELLS).all()


@pytest.mark.parametrize("rotation", [0, 90])
def test_a_crop_is_undone_on_both_sides(kinema: Colorizer, rotation: int) -> None:
    """The frame is the middle of a taller reference; what lies outside of its own 16:9 has no origin."""
    tall = place(size=(192, 192))
    frame = gray_of(tall)[24:168]
    stored = np.ascontiguousarray(np.rot90(frame, -(rotation // 90)))
    options = RenderOptions(short_side=108, crop=True)
    explained = session(
        kinema, tall, size=stored.shape, options=options, orientation=Orientation(rotation // 90)
    ).attribute_frame(stored)
    points = [(row, column) for row in (0.2, 0.5, 0.7) for column in (0.1, 0.5, 0.8)]
    wanted = [((24 + 144 * row) / 192, column) for row, column in points]
    assert (distances(origins(explained, points), wanted) < TWO_CELLS).all()
    assert explained.origin_at(0.05, 0.5) is explained.origin_at(0.95, 0.5) is None
    assert not explained.confidence[: int(0.05 * 144)].any()


class Known(DeepExemplar):
    """Its descriptors are given: of all pictures but the last those ``of`` the reference, then their mirror image."""

    def __init__(self) -> None:
        super().__init__(DeepExemplar.options_type(width=1 / 16))  # type: ignore[call-arg]
        self.correspondence.theta = self.correspondence.phi = torch.nn.Identity()  # type: ignore[assignment]
        self.described = torch.randn(1, 16, 18, 26)
        self.mirrored = False

    def _compute_descriptors(self, rgb: torch.Tensor) -> torch.Tensor:
        seen = self.described.flip(3) if self.mirrored else self.described
        self.mirrored = True
        assert rgb.shape[2:] == (72, 104)
        return seen.expand(len(rgb), -1, -1, -1)


@torch.inference_mode()
def test_deep_exemplar_tells_its_best_match() -> None:
    """A mirrored frame of 67 x 101 px: rows stay, columns turn round; places are of the picture, not of its padding."""
    model, reference = Known().eval(), torch.rand(1, 1, 3, 67, 101) * 50
    step = model(torch.rand(1, 1, 1, 67, 101) * 100, model.init_state(reference), with_aux=True)
    number, row, column = step.aux["origin"][0, 0]
    assert not number.any()
    middles = 4 * torch.arange(26).repeat_interleave(4) + 2.0
    torch.testing.assert_close(row, (middles[:67, None] / 67).clamp_max(1).expand(67, 101))
    torch.testing.assert_close(column, ((104 - middles[:101]) / 101).clamp_max(1).expand(67, 101))


def test_what_is_explained_is_what_is_coloured(kinema: Colorizer) -> None:
    """Frame after frame: both are the next one."""
    whole = place()
    one, other = (session(kinema, whole) for _ in range(2))
    for shift in (0, 3):
        frame = np.roll(gray_of(whole), shift, 1)
        explained, (rgb, confidence) = one.attribute_frame(frame), other.colorize(frame)
        assert np.array_equal(explained.rgb, rgb)
        assert np.array_equal(explained.confidence, confidence)
        at = explained.origin_at(0.5, 0.5)
        assert at is not None
        assert at.confidence == confidence[54, 96]


def test_the_part_of_the_match_is_told(kinema: Colorizer) -> None:
    """Most of a colour comes from the place where it is shown, little where the place is shown nowhere."""
    parts = []
    for seed in (0, 9):
        explained = session(kinema, place(seed)).attribute_frame(gray_of(place(0)))
        assert explained.matched is not None
        assert 0 <= explained.matched.min() <= explained.matched.max() <= 1
        parts.append(explained.matched.mean())
    assert parts[0] > 0.8
    assert parts[0] > 1.5 * parts[1]
    at = explained.origin_at(0.99, 0.99)
    assert at is not None
    assert at.matched == explained.matched[-1, -1]


def test_what_no_reference_shows_is_told_only_when_asked_for(kinema: Colorizer) -> None:
    picture = place()
    assert session(kinema, picture).attribute_frame(gray_of(picture)).filled is None
    options = RenderOptions(short_side=108, fill=True)
    explained = session(kinema, picture, options=options).attribute_frame(gray_of(picture))
    assert explained.filled is not None
    assert explained.matched is not None
    assert explained.filled.shape == explained.matched.shape
    assert 0 <= explained.filled.min() < explained.filled.max() <= 1
    assert (explained.filled + explained.matched).max() <= 1 + 1e-6
    at = explained.origin_at(0.99, 0.99)
    assert at is not None
    assert at.filled == explained.filled[-1, -1]


def test_a_model_without_places_has_no_origin() -> None:
    for name in ("color2embed", "gray"):
        explained = session(tiny(name), place()).attribute_frame(gray_of(place()))
        assert explained.origin is explained.matched is explained.origin_at(0.5, 0.5) is None


def test_a_point_outside_of_the_frame_is_a_value_error(kinema: Colorizer) -> None:
    explained = session(kinema, place()).attribute_frame(gray_of(place()))
    assert explained.origin_at(1, 1) is not None
    for point in ((-0.1, 0.5), (0.5, 1.1)):
        with pytest.raises(ValueError, match=r"lies at 0\.\.1"):
            explained.origin_at(*point)
