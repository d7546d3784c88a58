"""What training learns from: found, checked, cut into clips, bent, worn; and what cannot be used."""

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from kinemacolor.color import lab_to_rgb, rgb_to_lab
from kinemacolor.data import flow_cache as motions
from kinemacolor.data import index as indexing
from kinemacolor.data.check import format_data_report
from kinemacolor.data.clip import Clip, ClipOptions
from kinemacolor.data.dataset import ClipDataset
from kinemacolor.data.degradation import FilmDegradation, compress_frames, degrade_film
from kinemacolor.data.device_store import estimate_store_bytes, load_device_store
from kinemacolor.data.flow_cache import FlowCache
from kinemacolor.data.frame_cache import FrameCache, resize_and_center_crop
from kinemacolor.data.index import SourceIndex, build_source_index
from kinemacolor.data.layered_shot import LayeredShot, relight
from kinemacolor.data.loader import Batch, iter_batches
from kinemacolor.data.pasted_thing import PastedThing
from kinemacolor.data.photograph_shot import PhotographShot
from kinemacolor.data.sampler import SourceSampler, pick_shuffled
from kinemacolor.data.self_reference import make_self_reference, thin_plate_spline
from kinemacolor.data.shots import FilmShot, TrainingShot
from kinemacolor.data.sources import find_cuts
from kinemacolor.data.store import DiskStore
from kinemacolor.data.warping import Window
from kinemacolor.errors import InputError, ResourceError, UsageError
from kinemacolor.metrics.motion import warp_array_by_flow
from kinemacolor.nn.backbones import EfficientNetLite0
from kinemacolor.utils import threads as pipeline
from support.films import SIZE, scene, write_film

FRAMES = 14
SMALL = ClipOptions(frames=3, size=(64, 80), damaged=0)


def painted(seed: int, size: tuple[int, int] = (96, 128)) -> np.ndarray:
    """A smooth photograph of its own colours, H W 3 uint8."""
    knots = np.random.default_rng(seed).uniform(0, 255, (6, 8, 3)).astype(np.float32)
    return cv2.resize(knots, size[::-1], interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def save(path: Path, picture: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture[..., ::-1])
    return path


def save_film(folder: Path, frames: list[np.ndarray]) -> Path:
    for number, frame in enumerate(frames):
        save(folder / f"{number:03}.png", frame)
    return folder


def drifting(seed: int, count: int = FRAMES) -> list[np.ndarray]:
    """A film whose content moves 2 px a frame to the left."""
    wide = painted(seed, (SIZE[0], SIZE[1] + 2 * count))
    return [np.ascontiguousarray(wide[:, 2 * number : 2 * number + SIZE[1]]) for number in range(count)]


def manifest(folder: Path, rows: dict[str, str]) -> None:
    with (folder / "manifest.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["clip", "source", "licence"], *([*row, "free"] for row in rows.items())])


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """As in a worker: small pictures are slower with more."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    pipeline.use_single_thread()
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three films, two of one origin, and five photographs in two folders."""
    folder = tmp_path_factory.mktemp("data")
    for name, seed in (("one_a", 1), ("one_b", 2), ("two", 3)):
        save_film(folder / "films" / name, drifting(seed))
    manifest(folder / "films", {"one_a": "one.mp4", "one_b": "one.mp4", "two": "two.mp4"})
    for number in range(5):
        save(folder / "photographs" / ("many" if number else "few") / f"{number}.png", painted(10 + number))
    return folder


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    torch.manual_seed(0)
    return EfficientNetLite0().eval()


@pytest.fixture(scope="module")
def index(data: Path, network: EfficientNetLite0) -> SourceIndex:
    return build_source_index([data / "films"], [data / "photographs"], data / "cache", network=network)


def same(first: object, second: object) -> bool:
    pairs = [(value, vars(second)[name]) for name, value in vars(first).items()]
    return all(torch.equal(a, b) if isinstance(a, Tensor) else a == b for a, b in pairs)


def step_errors(clip: Clip) -> list[tuple[float, float]]:
    """Mean change of L where seen, between consecutive frames: along the flow, and without it."""
    errors = []
    for first, second, way, here in zip(clip.lab, clip.lab[1:], clip.flow, clip.visibility, strict=False):
        along = warp_array_by_flow(first[:1].permute(1, 2, 0).numpy(), way.permute(1, 2, 0).contiguous().numpy())[
            ..., 0
        ]
        mask = here[0].numpy() > 0
        errors.append(tuple(np.abs(x - second[0].numpy())[mask].mean() for x in (along, first[0].numpy())))
    return errors


def test_films_and_photographs_are_found_and_looked_at(index: SourceIndex, data: Path) -> None:
    found = {source.path.stem: source for source in index.sources}
    assert set(found) == {"one_a", "one_b", "two", "0", "1", "2", "3", "4"}
    assert (found["two"].frames, found["two"].height, found["two"].width) == (FRAMES, *SIZE)
    assert found["one_a"].group == found["one_a"].origin == found["one_b"].origin == "one.mp4"
    assert found["1"].group == found["2"].group != found["0"].group
    assert found["1"].origin != found["2"].origin
    assert index.faults == ()
    assert build_source_index([data / "films" / "two"], [], data / "cache").sources[0].group == "two.mp4"


def test_a_film_file_is_a_film_and_lies_upright(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", 5, prepare=lambda _, stream: stream.set_display_rotation(90))
    (source,) = build_source_index([tmp_path], [], tmp_path / "cache").sources
    assert (source.path, source.frames, source.height, source.width) == (film, 5, SIZE[1], SIZE[0])
    stored = FrameCache(tmp_path / "cache", (48, 36)).load_frames(source)
    wanted = cv2.resize(np.rot90(scene(4)), (36, 48), interpolation=cv2.INTER_AREA)
    assert stored.shape == (5, 48, 36, 3)
    assert np.abs(stored[4].astype(int) - wanted).mean() < 8


def test_what_cannot_be_used_is_named_and_left_out(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "more"
    good, again = save(folder / "good.png", painted(3)), save(folder / "zzz.png", painted(3))
    near = save(folder / "near.png", (painted(3) * 0.9).astype(np.uint8))
    gray = save(folder / "gray.png", np.repeat(painted(4)[..., :1], 3, 2))
    (folder / "broken.jpg").write_bytes(b"no picture")
    mixed = save_film(tmp_path / "films" / "mixed", [painted(5), painted(5, (50, 60))])
    (tmp_path / "films" / "cut.mp4").write_bytes(b"no film")
    found = build_source_index([data / "films", tmp_path / "films"], [folder], tmp_path / "cache")
    faults = {(fault.path.name, fault.kind) for fault in found.faults}
    assert faults == {
        ("broken.jpg", "unreadable"),
        ("mixed", "unreadable"),
        ("cut.mp4", "unreadable"),
        (gray.name, "gray"),
        (again.name, "duplicate"),
        (near.name, "near duplicate"),
    }
    assert {source.path.name for source in found.sources} == {"one_a", "one_b", "two", good.name, near.name}
    text = format_data_report(ClipDataset(found, SMALL, tmp_path / "cache"))
    assert "films: 3 in 2 groups, 3 shots, 42 frames" in text
    assert "photographs: 2 in 1 group" in text
    assert all(str(path) in text for path in (folder / "broken.jpg", mixed, gray, again, near))
    assert "frame 1 is 60x50" in text
    with pytest.raises(InputError, match="5 films and photographs cannot be used"):
        build_source_index([data / "films", tmp_path / "films"], [folder], tmp_path / "cache", strict=True)
    with pytest.raises(InputError, match=r"none of 1 .*gray.png is gray"):
        build_source_index([], [gray], tmp_path / "cache")


@pytest.mark.parametrize("wrong", ["nowhere", "films/one_a/000.png"])
def test_folders_without_films_are_refused(data: Path, tmp_path: Path, wrong: str) -> None:
    with pytest.raises(InputError, match=r"does not exist|holds no film"):
        build_source_index([data / wrong], [], tmp_path)
    with pytest.raises(UsageError, match="nothing to learn"):
        build_source_index([], [], tmp_path)


def test_a_scan_looks_only_at_what_is_new(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, folder = tmp_path / "cache", tmp_path / "photographs"
    changing, other = save(folder / "a.png", painted(1)), save(folder / "b.png", painted(2))
    first = build_source_index([data / "films"], [folder], cache)
    seen: list[str] = []
    look = indexing.scan_source
    monkeypatch.setattr(indexing, "scan_source", lambda found: seen.append(found.path.name) or look(found))
    assert build_source_index([data / "films"], [folder], cache) == first
    assert seen == []
    save(changing, painted(7, (40, 60)))
    lines = (cache / "index.jsonl").read_text().splitlines()
    cut = [line[:-9] if str(other) in line else line for line in lines]
    (cache / "index.jsonl").write_text("\n".join([*cut, '{"path": "cut off']))
    second = build_source_index([data / "films"], [folder], cache)
    assert sorted(seen) == ["a.png", "b.png"]
    assert next(source for source in second.sources if source.path == changing).width == 60
    build_source_index([data / "films"], [folder], cache)
    assert len(seen) == 2


def test_processes_find_the_same(data: Path, index: SourceIndex, tmp_path: Path) -> None:
    assert build_source_index([data / "films"], [data / "photographs"], tmp_path, jobs=2).sources == index.sources


def test_cuts_part_shots(tmp_path: Path) -> None:
    film = save_film(tmp_path / "film", drifting(1, 6) + drifting(2, 8))
    (source,) = build_source_index([film], [], tmp_path / "cache").sources
    assert source.list_shot_ranges() == [range(6), range(6, 14)]
    flash = np.zeros((9, 2, 3, 3), np.float32)
    flash[4] = 50
    assert find_cuts(flash) == ()
    clips = ClipDataset(SourceIndex((source,), ()), replace(SMALL, strides=(1, 2, 3)), tmp_path / "cache")
    errors = [error for clip in islice(clips, 20) for error in step_errors(clip)]
    assert max(along for along, _ in errors) < 2


def test_alike_pictures_are_neighbours(data: Path, network: EfficientNetLite0, tmp_path: Path) -> None:
    folder = tmp_path / "photographs"
    for number in range(6):
        save(folder / f"{number}.png", painted(20 + number))
    save(folder / "5-again.png", painted(25)[:, ::-1])
    found = build_source_index([], [folder], tmp_path, network=network)
    names = [source.path.stem for source in found.sources]
    assert found.embeddings is not None
    assert np.allclose(np.linalg.norm(found.embeddings, axis=1), 1)
    assert names[found.rank_other_origins(names.index("5-again"))[0]] == "5"
    assert len(found.rank_other_origins(0)) == 6
    torch.manual_seed(1)
    anew = build_source_index([], [folder], tmp_path, network=EfficientNetLite0().eval()).embeddings
    assert not np.allclose(anew, found.embeddings)
    (tmp_path / "embeddings.npz").write_bytes(b"broken")
    assert np.allclose(
        build_source_index([], [folder], tmp_path, network=network).embeddings, found.embeddings, atol=1e-5
    )


def test_strangers_are_of_another_origin(index: SourceIndex) -> None:
    names = [source.path.stem for source in index.sources]
    strangers = {names[number] for number in index.rank_other_origins(names.index("one_a"))}
    assert strangers == {"two", "0", "1", "2", "3", "4"}


def test_a_clip_is_what_it_says(index: SourceIndex, data: Path) -> None:
    options = replace(SMALL, frames=4, crop=(48, 56), references=2)
    for clip in (ClipDataset(index, options, data / "cache")[number] for number in range(6)):
        assert clip.lab.shape == (4, 3, 48, 56)
        assert clip.lightness.shape == (4, 1, 48, 56)
        assert clip.references.shape == (2, 3, 64, 80)
        assert clip.flow.shape == (3, 2, 48, 56)
        assert clip.visibility.shape == (3, 1, 48, 56)
        assert set(clip.visibility.unique().tolist()) <= {0, 1}
        assert clip.in_shot == (clip.reference_kind in ("near", "far"))
        assert all(x.dtype == torch.float32 for x in vars(clip).values() if isinstance(x, Tensor))
    single = ClipDataset(index, replace(SMALL, frames=1), data / "cache")[0]
    assert single.flow.shape == (0, 2, 64, 80)
    assert single.visibility.shape == (0, 1, 64, 80)


@pytest.mark.parametrize("photographs", [0.0, 1.0])
def test_flow_brings_a_frame_to_the_next_where_it_is_seen(index: SourceIndex, data: Path, photographs: float) -> None:
    """Also strided, reversed, mirrored and cropped."""
    options = replace(SMALL, frames=3, crop=(56, 60), strides=(1, 3), photographs=photographs)
    clips = ClipDataset(index, options, data / "cache")
    made = [clips[number] for number in range(24)]
    errors = np.array([error for clip in made for error in step_errors(clip)])
    assert errors[:, 0].max() < 1.2
    assert errors[:, 0].mean() < errors[:, 1].mean() / 3
    assert min(float(clip.visibility.mean()) for clip in made) > 0.5
    for clip in made:
        for way, seen in zip(clip.flow, clip.visibility, strict=True):
            rows, columns = np.nonzero(seen[0].numpy())
            x, y = columns + way[0].numpy()[rows, columns], rows + way[1].numpy()[rows, columns]
            assert min(x.min(), y.min()) > -1e-4
            assert x.max() < 59 + 1e-4
            assert y.max() < 55 + 1e-4


def test_a_film_is_seen_through_a_window(tmp_path: Path) -> None:
    frames = np.stack(
        [cv2.warpAffine(painted(1), np.float32([[1, 0, n], [0.02 * n, 1, 0]]), (128, 96)) for n in range(6)]
    )
    save_film(tmp_path / "film", list(frames))
    (source,) = build_source_index([tmp_path / "film"], [], tmp_path / "cache").sources
    store = DiskStore(FrameCache(tmp_path / "cache/frames", (96, 128)), FlowCache(tmp_path / "cache/motion"))
    shot = FilmShot(store, source, range(2, 6), Window(30, 20, (60, 70)))
    assert shot.length == 4
    window = Window(5, 7, (40, 50))
    assert np.array_equal(shot.render_frames([1], window)[0].permute(1, 2, 0), frames[3, 35:75, 27:77])
    flow, seen = shot.compute_flow([3, 1], window)
    whole = FlowCache(tmp_path / "cache" / "motion").load_or_compute(source.digest, (5, 3), frames[5], frames[3])
    assert np.array_equal(flow[0].permute(1, 2, 0), whole.to_first[35:75, 27:77])
    assert (seen[0, 0].numpy() <= whole.seen_in_second[35:75, 27:77]).all()
    assert seen.mean() > 0.5
    assert np.unique(flow[0].permute(1, 2, 0)[10:30, 10:40].numpy().round(1)).size > 3


def test_a_film_of_a_photograph_moves_exactly_as_it_says() -> None:
    """Far below a pixel, between any two frames: a ramp tells where each pixel comes from."""
    rows, columns = np.mgrid[0:120, 0:160].astype(np.float32)
    ramp = torch.from_numpy(np.stack([columns, rows, columns * 0]))
    for seed in range(8):
        shot = PhotographShot(ramp, (60, 80), 24, np.random.default_rng(seed))
        for first, second in ((3, 4), (4, 3), (0, 23)):
            error, seen, picture, flow = flow_error(shot, first, second)
            inner = seen & (picture[..., 0] > 2) & (picture[..., 1] > 2)  # where the border mirrors it has a kink
            inner &= (picture[..., 0] < 157) & (picture[..., 1] < 117)
            assert error[inner].max() < 0.1
            assert inner.mean() > 0.3
        assert np.abs(flow).max() > 2


def flow_error(shot: TrainingShot, first: int, second: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What the flow between two frames gets wrong, where it says to hold; the second frame and the flow, ``h w C``."""
    whole = Window(0, 0, shot.size)
    before, picture = (x.permute(1, 2, 0).numpy() for x in shot.render_frames([first, second], whole))
    flow, seen = (x[0].permute(1, 2, 0).numpy() for x in shot.compute_flow([first, second], whole))
    return np.abs(warp_array_by_flow(before, flow) - picture), seen[..., 0] > 0, picture, flow


def test_things_pass_over_a_photograph_with_exact_motion_and_occlusion() -> None:
    """Levels tell who is seen and where it comes from; what was covered before is said not to be seen."""
    rows, columns = np.mgrid[0:120, 0:160].astype(np.float32)
    ground, thing = (torch.from_numpy(np.stack([columns, rows, columns * 0 + own])) for own in (0, 200))
    for seed in range(12):
        generator = np.random.default_rng(seed)
        below = PhotographShot(ground, (60, 80), 24, generator)
        things = [PastedThing(thing, (60, 80), 24, generator, has_limbs=seed % 2 == 1) for _ in range(2)]
        shot = LayeredShot(below, things, (0, 0))
        for first, second in ((3, 4), (4, 3), (2, 10), (0, 23)):
            error, seen, picture, _ = flow_error(shot, first, second)
            inner = seen & (picture[..., :2] > 3).all(-1) & (picture[..., 0] < 156) & (picture[..., 1] < 116)
            assert error[inner].max() < 10  # nothing comes from another layer, but for 2 % of opacity, twice
            assert np.mean(error[inner] < 2) > 0.95
        assert seen.mean() < 1
    shares = []  # of the frame that one thing covers, over the shots
    for seed in range(40):
        generator = np.random.default_rng(seed)
        below = PhotographShot(ground, (60, 80), 24, generator)
        shot = LayeredShot(below, [PastedThing(thing, (60, 80), 24, generator)], (0, 0))
        shares.append(
            [(frame[2] > 100).float().mean() for frame in shot.render_frames(range(24), Window(0, 0, (60, 80)))]
        )
    covered = np.array(shares)
    assert 0.05 < covered.mean() < 0.3
    away = covered < 0.002
    assert any(row[0] and not row.all() for row in away)  # one enters
    assert any(row[-1] and not row.all() for row in away)  # one leaves
    assert any(not row[0] and row[1:-1].any() and not row[-1] for row in away)  # one leaves and comes back
    lit = LayeredShot(below, [], (0.1, -0.1)).render_frames([0, 23], Window(0, 0, (60, 80)))
    torch.testing.assert_close(lit[0], (below.render_frames([0], Window(0, 0, (60, 80)))[0] * 1.1).clamp(0, 255))


def plain(ab: tuple[float, float]) -> Tensor:
    """A photograph of one ab and a smooth L of 35 to 65, ``3 120 160`` 0..255."""
    lightness = torch.from_numpy(painted(7, (120, 160))[..., 0].copy()).float() / 255 * 30 + 35
    return 255 * lab_to_rgb(torch.stack([lightness, *(torch.full_like(lightness, one) for one in ab)]))


def shares_of(picture: Tensor, colours: list[tuple[float, float]]) -> list[float]:
    """The share of a picture ``3 h w`` 0..255 that has each ab, to 3 units."""
    ab = rgb_to_lab(picture / 255)[1:].permute(1, 2, 0)
    return [float(((ab - torch.tensor(one)).abs().amax(-1) < 3).float().mean()) for one in colours]


def test_a_distant_time_shows_the_same_colours_in_other_places_and_light() -> None:
    """Of the ground, of things (sometimes missing), and of what is new."""
    colours, whole = [(20.0, 10.0), (-20.0, 15.0), (5.0, -25.0)], Window(0, 0, (60, 80))
    ground, thing, new = map(plain, colours)
    seen = []
    for seed in range(30):
        generator = np.random.default_rng(seed)
        below = PhotographShot(ground, (60, 80), 24, generator)
        things, newcomers = ([PastedThing(one, (60, 80), 24, generator, has_limbs=True)] for one in (thing, new))
        shot = LayeredShot(below, things, (0, 0), newcomers)
        frame = shot.render_frames([12], whole)[0]
        distant = shot.draw_distant(generator)
        assert (distant.size, distant.length) == ((60, 80), 1)
        (picture,) = distant.render_frames([0], whole)
        lit = relight(picture, generator)
        assert shares_of(lit, colours) == pytest.approx(shares_of(picture, colours), abs=0.03)
        assert (rgb_to_lab(lit / 255)[0] - rgb_to_lab(picture / 255)[0]).abs().mean() > 0.5
        assert shares_of(frame, colours)[2] == 0
        seen.append((shares_of(lit, colours), shares_of(frame, colours)))
        assert sum(seen[-1][0]) > 0.7  # all but soft edges
    shares = np.array(seen)
    assert (shares[:, 0, 2] > 0.001).mean() > 0.9  # what is new, seldom covered
    assert 0.1 < (shares[:, 0, 1] < 0.0005).mean() < 0.5  # what is missing
    both = shares[(shares[..., 1] > 0.01).all(1), :, 1]
    assert np.abs(np.log2(both[:, 0] / both[:, 1])).max() > 1


def test_another_light_keeps_colours_and_the_order_of_tones() -> None:
    lab = torch.stack([torch.linspace(5, 95, 64)[:, None].expand(64, 3), *torch.zeros(2, 64, 3)])
    slopes = []
    for seed in range(8):
        made = rgb_to_lab(relight(255 * lab_to_rgb(lab), np.random.default_rng(seed)) / 255)
        assert made[1:].abs().max() < 0.5
        steps = made[0].diff(dim=0)
        assert ((steps > 0).all(0)).all()
        slopes.append(float((made[0, 32, 0] - made[0, 32, -1]).abs()))
        assert made[0].min() > 0
        assert made[0].max() < 100
    assert max(slopes) > 5


def test_lookalikes_have_the_luma_of_another_thing_and_not_its_colours() -> None:
    for seed in range(8):
        generator = np.random.default_rng(seed)
        photographs = [
            dim + scale * torch.from_numpy(painted(seed)).permute(2, 0, 1) for dim, scale in ((120, 0.3), (60, 0.4))
        ]
        model, own = (PastedThing(one, (60, 80), 24, generator) for one in photographs)
        other = own.disguise(model, generator)
        model_lab, own_lab, made_lab = (measure_thing(one) for one in (model, own, other))
        (lightness, *ab), own_mean, (made_lightness, *made_ab) = (x.mean(1) for x in (model_lab, own_lab, made_lab))
        assert abs(own_mean[0] - lightness) > 5
        assert abs(made_lightness - lightness) < 4  # what sRGB cannot show is clipped
        own_spread, made_spread = (abs(x[0].std() - model_lab[0].std()) for x in (own_lab, made_lab))
        assert made_spread < own_spread + 1
        assert torch.linalg.vector_norm(torch.stack(made_ab) - torch.stack(ab)) > 10
        assert np.corrcoef(own_lab[0], made_lab[0])[0, 1] > 0.95  # the same detail, at the same place


def measure_thing(thing: PastedThing) -> Tensor:
    """Lab ``3 N`` of the pixels inside a thing's outline, wherever it is in the first frame."""
    levels, opacity = thing.render_layer([0], Window(-100, -120, (260, 320)))
    return rgb_to_lab(levels[0] / 255)[:, opacity[0, 0] > 0.99]


def test_clips_depend_on_their_number_and_nothing_else(index: SourceIndex, data: Path) -> None:
    options = replace(SMALL, damaged=0.5)
    clips, other = (ClipDataset(index, options, data / "cache", seed) for seed in (1, 2))
    made = [clips[number] for number in range(6)]
    assert all(same(clips[number], made[number]) for number in (4, 0))
    assert same(ClipDataset(index, options, data / "cache", 1)[5], made[5])
    assert not any(same(other[number], made[number]) for number in range(6))


# Of clips 0 to 3: means of L, of the input, of the references, of the length of the flow, and of the visibility.
RECORDED = [
    (26.26, 57.04, 26.45, 1.25, 0.84),
    (23.03, 49.35, 18.91, 1.0, 0.97),
    (21.41, 57.43, 22.9, 0.88, 0.77),
    (15.97, 52.49, 15.92, 1.55, 0.96),
]


def test_clips_are_those_of_earlier_versions(index: SourceIndex, data: Path) -> None:
    """Runs go on with the clips they began with: an option that came later draws nothing while it is off."""
    options = replace(SMALL, damaged=0.5, pasted=0.5, photographs=1, kinds={"near": 1, "far": 1, "part": 2, "self": 1})
    clips = ClipDataset(index, options, data / "cache", 3)
    for number, wanted in enumerate(RECORDED):
        clip = clips[number]
        measured = clip.lab, clip.lightness, clip.references, clip.flow.norm(dim=1), clip.visibility
        assert [float(one.mean()) for one in measured] == pytest.approx(wanted, abs=0.02)


def test_a_loader_goes_on_where_another_was_stopped(
    index: SourceIndex, data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clips = ClipDataset(index, replace(SMALL, damaged=0.5), data / "cache")
    state = torch.get_rng_state()
    whole = list(islice(iter_batches(clips, batch_size=2), 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert whole[0].lab.shape == (2, 3, 3, 64, 80)
    assert len(whole[0].in_shot) == 2
    with closing(iter_batches(clips, 2, batch_size=2, workers=1)) as rest:
        assert all(same(next(rest), wanted) for wanted in whole[2:])
    assert "terminate" not in capfd.readouterr().err
    assert isinstance(whole[0].to("cpu"), Batch)


def test_groups_take_turns_evenly() -> None:
    """Whatever their sizes; and within a group its sources."""
    order = SourceSampler(films=((0,), (1, 2, 3), (4, 5)), photographs=((6, 7), (8,)), photograph_share=0.25, seed=3)
    drawn = [order.pick_source(number) for number in range(160)]
    count = Counter(drawn)
    assert sum(count[n] for n in (6, 7, 8)) == 40
    assert count[0] == sum(count[n] for n in (1, 2, 3)) == sum(count[n] for n in (4, 5)) == 40
    assert count[8] == count[6] + count[7] == 20
    assert count[6] == count[7] == 10
    assert [count[n] for n in (1, 2, 3)] == pytest.approx([40 / 3] * 3, abs=1)
    again = [pick_shuffled(number, 7, 1) for number in range(21)]
    assert [sorted(again[n : n + 7]) for n in (0, 7, 14)] == [list(range(7))] * 3
    assert again[:7] != again[7:14]


WHOLE = replace(SMALL, size=(54, 72), mirrored=0)  # the shape of the films: nothing is cut away


def lab_of(pictures: np.ndarray) -> Tensor:
    return rgb_to_lab(torch.from_numpy(pictures.copy()).permute(0, 3, 1, 2).float() / 255)


def place_in(film: Tensor, picture: Tensor) -> int:
    """Which frame of ``T 3 h w`` a picture is."""
    away = (film - picture).abs().mean((1, 2, 3))
    assert away.min() < 1e-3
    return int(away.argmin())


@pytest.mark.parametrize(("kind", "low", "high"), [("near", 0, 5), ("far", 6, FRAMES)])
def test_references_of_the_film_are_near_or_far(index: SourceIndex, data: Path, kind: str, low: int, high: int) -> None:
    clips = ClipDataset(index, replace(WHOLE, frames=1, photographs=0, kinds={kind: 1}), data / "cache")
    distances = set()
    for clip in (clips[number] for number in range(16)):
        film = lab_of(clips.frame_cache.load_frames(index.sources[clip.source_number]))
        distances.add(abs(place_in(film, clip.references[0]) - place_in(film, clip.lab[0])))
        assert clip.in_shot
    assert low <= min(distances) < max(distances) <= high


@pytest.mark.parametrize(("backwards", "steps"), [(0, {1, 3}), (1, {-1, -3})])
def test_frames_follow_each_other_by_a_stride(
    index: SourceIndex, data: Path, backwards: float, steps: set[int]
) -> None:
    options = replace(WHOLE, photographs=0, strides=(1, 3), reversed=backwards)
    made = set()
    for clip in (ClipDataset(index, options, data / "cache")[number] for number in range(12)):
        film = lab_of(
            ClipDataset(index, options, data / "cache").frame_cache.load_frames(index.sources[clip.source_number])
        )
        places = [place_in(film, frame) for frame in clip.lab]
        made |= set(np.diff(places).tolist())
        assert len(set(np.diff(places))) == 1
    assert made == steps


def test_another_part_is_of_the_same_film_or_photograph(index: SourceIndex, data: Path) -> None:
    """Of two films that were cut from one, the other; of a film that stands alone, its farthest frame."""
    options = replace(WHOLE, frames=1, photographs=0, mirrored=0, kinds={"part": 1})
    films = replace(index, sources=tuple(source for source in index.sources if source.kind == "film"), embeddings=None)
    origins = ["one", "one", *(str(number) for number in range(2, len(films.sources)))]
    films = replace(films, sources=tuple(map(lambda x, o: replace(x, origin=o), films.sources, origins)))
    clips, whence = ClipDataset(films, options, data / "cache"), set()
    for clip in (clips[number] for number in range(24)):
        siblings = films.find_same_origin(clip.source_number).tolist()
        assert siblings == {0: [1], 1: [0]}.get(clip.source_number, [])
        film = lab_of(clips.frame_cache.load_frames(films.sources[siblings[0] if siblings else clip.source_number]))
        place = place_in(film, clip.references[0])
        if not siblings:
            here = place_in(film, clip.lab[0])
            assert place == (0 if here >= len(film) / 2 else len(film) - 1)
        whence.add(bool(siblings))
        assert not clip.in_shot
    assert whence == {True, False}


def test_another_part_of_a_photograph_is_another_view(index: SourceIndex, data: Path) -> None:
    clips = ClipDataset(index, replace(WHOLE, frames=1, photographs=1, kinds={"part": 1}), data / "cache")
    for clip in (clips[number] for number in range(6)):
        away = (clip.references[0] - clip.lab[0]).abs().mean((1, 2))
        assert away[0] > 1
        assert (clip.references[0].mean((1, 2)) - clip.lab[0].mean((1, 2))).abs().max() < 30


def test_a_reference_of_itself_has_the_colours_and_not_the_places(index: SourceIndex, data: Path) -> None:
    clips = ClipDataset(index, replace(WHOLE, kinds={"self": 1}), data / "cache")
    for clip in (clips[number] for number in range(6)):
        first, reference = clip.lab[0], clip.references[0]
        assert (first.mean((1, 2)) - reference.mean((1, 2))).abs().max() < 15
        assert (first - reference).abs().mean() > 3
        assert not clip.in_shot
    picture = painted(1)
    bent = [make_self_reference(picture, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(bent[0], bent[1])
    assert not np.array_equal(bent[0], bent[2])
    assert bent[0].shape == picture.shape


@pytest.mark.parametrize("kind", ["similar", "wrong"])
def test_other_pictures_are_of_another_origin(index: SourceIndex, data: Path, kind: str) -> None:
    clips = ClipDataset(index, replace(WHOLE, kinds={kind: 1}), data / "cache")
    stills = []
    for source in index.sources:
        both = [resize_and_center_crop(frame, WHOLE.size) for frame in clips.frame_cache.load_frames(source)]
        stills.append(lab_of(np.stack([*both, *(frame[:, ::-1] for frame in both)])))
    ranks = set()
    for clip in (clips[number] for number in range(24)):
        (shown,) = (
            n for n, still in enumerate(stills) if (still - clip.references[0]).abs().mean((1, 2, 3)).min() < 1e-3
        )
        strangers = index.rank_other_origins(clip.source_number).tolist()
        assert index.sources[shown].origin != index.sources[clip.source_number].origin
        ranks.add(strangers.index(shown) / len(strangers))
    assert max(ranks) < 5 / 6 if kind == "similar" else min(ranks) > 0.4
    assert len(ranks) > 2


def test_one_film_only_also_works(data: Path, network: EfficientNetLite0, tmp_path: Path) -> None:
    film = data / "films" / "two"
    index = build_source_index([film], [], tmp_path, network=network)
    clips = ClipDataset(index, SMALL, tmp_path)
    assert [notice.split(":")[0] for notice in clips.notices] == ["no similar references", "no wrong references"]
    assert {clips[number].reference_kind for number in range(20)} == {"near", "far", "part", "self"}
    assert "no wrong references: there is but one" in format_data_report(clips)
    with pytest.raises(UsageError, match="no wrong references"):
        ClipDataset(index, replace(SMALL, kinds={"wrong": 1}), tmp_path)
    with pytest.raises(InputError, match="no film has a shot of 15 frames"):
        ClipDataset(index, replace(SMALL, frames=15), tmp_path)
    unlike = ClipDataset(build_source_index([data / "films"], [], tmp_path), SMALL, tmp_path)
    assert "nothing tells which pictures are alike" in unlike.notices[0]
    assert {unlike[number].reference_kind for number in range(40)} == {"near", "far", "part", "self", "wrong"}


def test_a_film_that_is_too_short_is_named(data: Path, tmp_path: Path) -> None:
    save_film(tmp_path / "short", drifting(9, 3))
    clips = ClipDataset(
        build_source_index([data / "films", tmp_path], [], tmp_path / "cache"),
        replace(SMALL, frames=4),
        tmp_path / "cache",
    )
    assert any("short has no shot of 4 frames" in notice for notice in clips.notices)
    assert "short" not in {clips.index.sources[clips[number].source_number].path.name for number in range(6)}


def test_a_source_that_changed_or_is_gone_is_named(tmp_path: Path) -> None:
    film = save_film(tmp_path / "film", drifting(1, 5))
    index = build_source_index([film], [], tmp_path / "cache")
    (film / "004.png").unlink()
    with pytest.raises(InputError, match="has 4 frames and had 5"):
        ClipDataset(index, SMALL, tmp_path / "cache")[0]
    assert list((tmp_path / "cache").rglob(".*")) == []


def test_stored_frames_and_motion_are_used_again_and_mended(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = ClipDataset(build_source_index([data / "films"], [], tmp_path), replace(SMALL, kinds={"near": 1}), tmp_path)
    first = clips[0]
    (frames,), kept = tmp_path.glob("frames/*/*/*.npy"), sorted(tmp_path.glob("motion/*/*.npz"))
    assert len(kept) == 2
    before = frames.read_bytes(), [path.read_bytes() for path in kept]
    computed: list[int] = []
    between = motions.compute_flow_pair
    monkeypatch.setattr(motions, "compute_flow_pair", lambda *pair: computed.append(1) or between(*pair))
    assert same(clips[0], first)
    assert computed == []
    with np.load(kept[0]) as stored:
        changed = dict(stored)
    changed["to_first"][3, 3] += 1
    with kept[0].open("wb") as stream:
        np.savez(stream, **changed)
    kept[1].write_bytes(before[1][1][:100])
    frames.write_bytes(before[0][:-7])
    assert same(clips[0], first)
    assert len(computed) == 2
    assert (frames.read_bytes(), [path.read_bytes() for path in kept]) == before
    np.save(frames, np.zeros((2, 3), np.uint8))
    kept[0].write_bytes(before[1][1])  # a whole file, of other frames
    assert same(clips[0], first)
    assert len(computed) == 3


@pytest.mark.parametrize("photographs", [0.0, 1.0])
def test_clips_of_a_device_are_those_of_the_disk(index: SourceIndex, data: Path, photographs: float) -> None:
    """Same choices, same pixels: bit for bit where the device is the CPU."""
    options = replace(SMALL, crop=(48, 56), strides=(1, 2), damaged=0.5, pasted=0.5, photographs=photographs)
    options = replace(options, lookalikes=0.5, limbs=0.5, distant=0.5)
    disk = ClipDataset(index, options, data / "cache")
    seen: list[tuple[int, int | None]] = []
    store = load_device_store(
        index.sources, disk.frame_cache, options, torch.device("cpu"), jobs=2, on_progress=lambda *at: seen.append(at)
    )
    device = ClipDataset(index, options, data / "cache", store=store)
    for number in range(16):
        assert same(device[number], disk[number])
    assert seen[-1][0] == seen[-1][1]
    held = sum(x.nbytes for x in [*store.frames.values(), *store.stills.values()])
    held += sum(motion.flow.nbytes + motion.visibility.nbytes for motion in store.motions.values())
    assert held == estimate_store_bytes(index.sources, disk.frame_cache, options)


def test_a_device_with_too_little_memory_is_told_what_is_wanted(
    index: SourceIndex, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10_000, 20_000))
    with pytest.raises(ResourceError, match=r"want 0\.0 GB on the device"):
        load_device_store(index.sources, FrameCache(data, (64, 80)), SMALL, torch.device("cuda"), jobs=1)


def test_a_disk_that_refuses_is_named(data: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ResourceError, match="may not be written"):
        build_source_index([data / "films" / "two"], [], tmp_path / "cache")


def test_damage_is_on_the_gray_input_only(index: SourceIndex, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for what moves or covers the film itself."""
    draw = FilmDegradation.draw_random
    monkeypatch.setattr(FilmDegradation, "draw_random", lambda generator: replace(draw(generator), weave=0, pillars=0))
    options = replace(SMALL, photographs=0, kinds={"near": 1}, mirrored=0, reversed=0)
    clean, broken = (ClipDataset(index, replace(options, damaged=share), data / "cache") for share in (0, 1))
    differ = 0
    for number in range(8):
        plain, hurt = clean[number], broken[number]
        assert torch.equal(plain.references, hurt.references)
        assert torch.equal(plain.lightness, plain.lab[:, :1])
        differ += not torch.equal(hurt.lightness, hurt.lab[:, :1])
        assert 0 <= hurt.lightness.min() <= hurt.lightness.max() <= 100
    assert differ >= 6
    photograph = ClipDataset(index, replace(options, photographs=1), data / "cache")[0]
    assert 0 < (photograph.lightness - photograph.lab[:, :1]).std() < 3  # its luminance noise


def degraded(film: Tensor, seed: int, **strengths: float) -> Tensor:
    noise = torch.Generator().manual_seed(seed)
    return degrade_film(film, FilmDegradation(**strengths), np.random.default_rng(seed), noise)


STILL = ("blur", "fade", "blown", "vignette", "compression")  # alike in every frame of a film that does not move


@pytest.mark.parametrize("kind", [*STILL, "grain", "scratches", "dirt", "hairs", "flicker", "focus"])
def test_each_damage_does_what_it_says(kind: str) -> None:
    rows = np.linspace(8, 72, 96, dtype=np.float32)[:, None] + 3 * np.sin(np.arange(128, dtype=np.float32))
    film = torch.from_numpy(np.repeat(rows[None], 6, 0))
    made = [degraded(film, seed, **{kind: 1.0}) for seed in (3, 3, 4)]
    change = (made[0] - film).numpy()
    assert made[0].dtype == torch.float32
    assert torch.equal(made[0], made[1])
    assert kind in ("blur", "compression") or not torch.equal(made[0], made[2])
    assert 0 <= made[0].min() < made[0].max() <= 100
    assert np.abs(change).max() > 2
    still = np.abs(change[1:] - change[:-1]).max() < 1e-3
    assert still == (kind in STILL)
    if kind == "scratches":  # upright, and where they were a frame ago
        across = np.abs(change).mean(1)
        assert np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairwise(across)]) > 0.5
        assert np.abs(change).max(0).max(0).min() < 1e-3
    if kind == "grain":
        assert np.abs(np.corrcoef(change[0].ravel(), change[1].ravel())[0, 1]) < 0.05
        assert change[:, 40:56].std() > 1.5 * change[:, :8].std()  # most in middle grays
    if kind in ("dirt", "hairs"):  # most of a frame is clean
        assert (np.abs(change) > 2).mean() < 0.2
    if kind == "flicker":
        assert (made[0] / film).std((1, 2)).max() < 1e-5
    if kind == "vignette":
        assert made[0][:, :8, :8].mean() / film[:, :8, :8].mean() < 0.85
        assert made[0][:, 40:56, 56:72].mean() / film[:, 40:56, 56:72].mean() > 0.95
    if kind == "blown":
        assert made[0].std() > 1.5 * film.std()
    assert torch.equal(degraded(film, 0), film)


def test_compression_at_a_fine_step_is_the_picture_and_in_blocks_of_eight() -> None:
    film = torch.rand(2, 20, 27, generator=torch.Generator().manual_seed(0)) * 60 + 20
    made = compress_frames(film, 0)
    assert made.shape == film.shape
    assert (made - film).abs().mean() < 8
    flat = torch.full((1, 16, 16), 50.0)
    assert (compress_frames(flat, 1) - flat).abs().max() < 5
    assert compress_frames(film[:, :8, :8], 0.5).equal(compress_frames(film, 0.5)[:, :8, :8])


@pytest.mark.parametrize("photographs", [0.0, 1.0])
def test_weave_moves_the_true_colours_and_the_flow_with_the_film(
    index: SourceIndex, data: Path, monkeypatch: pytest.MonkeyPatch, photographs: float
) -> None:
    monkeypatch.setattr(FilmDegradation, "draw_random", lambda generator: FilmDegradation(weave=1.0))
    options = replace(SMALL, frames=3, crop=(56, 60), damaged=1, photographs=photographs)
    clips = ClipDataset(index, options, data / "cache")
    errors = np.array([error for number in range(12) for error in step_errors(clips[number])])
    assert errors[:, 0].max() < 2
    assert errors[:, 0].mean() < errors[:, 1].mean() / 3


def test_pillars_are_black_in_truth_and_input(index: SourceIndex, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FilmDegradation, "draw_random", lambda generator: FilmDegradation(pillars=1.0))
    clip = ClipDataset(index, replace(SMALL, frames=3, damaged=1, photographs=0), data / "cache")[0]
    for side in (clip.lab[..., :10], clip.lab[..., -10:]):
        assert side[:, 0].max() < 10
        assert side[:, 1:].abs().max() < 0.1
    assert clip.lightness[..., :10].max() < 10
    assert not clip.visibility[..., :10].any()
    assert clip.visibility[..., 20:60].any()


def test_a_thin_plate_spline_goes_through_its_knots_and_keeps_lines_straight() -> None:
    generator = np.random.default_rng(0)
    knots, places = generator.uniform(-1, 1, (9, 2)), generator.uniform(-1, 1, (20, 2))
    moved = generator.uniform(-1, 1, (9, 2))
    assert np.allclose(thin_plate_spline(knots, moved, knots), moved)
    turn, shift = np.array([[0.6, -0.8], [0.8, 0.6]]), np.array([0.3, -2])
    assert np.allclose(thin_plate_spline(knots, knots @ turn + shift, places), places @ turn + shift)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kinds": {"nonsense": 1}},
        {"kinds": {"near": -1, "far": 2}},
        {"kinds": {}},
        {"frames": 0},
        {"strides": ()},
        {"strides": (0,)},
        {"references": 0},
        {"damaged": 1.5},
        {"distant": -0.1},
        {"crop": (65, 80)},
    ],
)
def test_options_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        replace(SMALL, **wrong)
