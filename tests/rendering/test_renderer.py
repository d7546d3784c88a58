"""A render that is stopped at any moment, or planned anew, loses nothing and does nothing twice."""

import random
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from safetensors.torch import save as save_state

from kinemacolor.errors import InputError, WeightsError
from kinemacolor.inference.postprocess import ColorPrediction, blend_predictions
from kinemacolor.inference.quantization import is_repeated_frame
from kinemacolor.models.base import Colorizer
from kinemacolor.options import ShotRenderOptions
from kinemacolor.plan.document import Plan
from kinemacolor.plan.planner import PlanRequest, make_plan
from kinemacolor.references.load import ReferenceReader
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.rendering.cache import PassFolder
from kinemacolor.rendering.journal import SEGMENT_FRAMES
from kinemacolor.rendering.output import OutputSpec, prepare_plan_output
from kinemacolor.rendering.passes import build_shot_passes
from kinemacolor.rendering.renderer import RenderPlan, execute_render_plan
from kinemacolor.video.display import iter_color_frames
from kinemacolor.video.reader import probe_film
from support.films import scene, write_film
from support.plans import CUT, gray, other_scene, save, two_scenes
from support.renders import SMALL, append_segment, command, edited, large, planned, rendered


def killed_until_done(path: Path, name: str, kills: int, seed: int) -> int:
    """Render, killed at random moments: gives how often it was, when it was done in the end."""
    generator, done = random.Random(seed), 0
    while done < kills:
        with subprocess.Popen(command(path, name)) as process:
            try:
                process.wait(generator.uniform(0.5, 6))
                break
            except subprocess.TimeoutExpired:
                process.kill()
                done += 1
    subprocess.run(command(path, name), check=not path.with_name(name).exists())
    return done


def kill_and_compare(folder: Path, kills: int, seed: int) -> int:
    path = planned(folder, frames=240, picture=lambda i: two_scenes(i // 2))
    subprocess.run(command(path, "whole.mkv"), check=True)
    for kept in path.with_name("film.plan.work").glob("passes/*"):
        for file in kept.iterdir():
            file.unlink()
    done = killed_until_done(path, "killed.mkv", kills, seed)
    assert path.with_name("killed.mkv").read_bytes() == path.with_name("whole.mkv").read_bytes()
    assert not list(folder.glob("*partial*"))
    return done


def test_a_killed_render_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    kill_and_compare(tmp_path, 3, seed=1)


@pytest.mark.slow
def test_fifty_kills_at_random_moments_change_nothing(tmp_path: Path) -> None:
    kills = 0
    for seed in range(100):
        folder = tmp_path / str(seed)
        folder.mkdir()
        kills += kill_and_compare(folder, 50, seed)
        if kills >= 50:
            return
    pytest.fail(f"only {kills} kills")


def test_a_changed_plan_paints_only_what_changed(kinema: Colorizer, tmp_path: Path) -> None:
    path = planned(tmp_path)
    assert rendered(path, kinema).painted == 3 * CUT
    whole = (tmp_path / "out.mkv").read_bytes()
    assert rendered(path, kinema, "again.mkv").painted == 0
    assert (tmp_path / "again.mkv").read_bytes() == whole
    edited(path, lambda content: content["shots"][1].update(references={"waves": None}))
    assert rendered(path, kinema, "other.mkv").painted == CUT
    assert (tmp_path / "other.mkv").read_bytes() != whole


def test_gain_and_edges_need_no_painting(kinema: Colorizer, tmp_path: Path) -> None:
    path = planned(tmp_path)
    rendered(path, kinema)
    edited(path, lambda content: content["shots"][0].update(options={"saturation": 0.0, "edge_filter": "guided"}))
    assert rendered(path, kinema, "pale.mkv").painted == 0
    colour = [float(frame.astype(float).std(-1).mean()) for frame in iter_color_frames(tmp_path / "pale.mkv")]
    assert max(colour[: CUT - 1]) < 2 < min(colour[CUT + 1 :])


def test_a_repainted_reference_paints_its_shots_anew(kinema: Colorizer, tmp_path: Path) -> None:
    path = planned(tmp_path)
    rendered(path, kinema)
    save(tmp_path / "blocks.png", other_scene(3)[..., ::-1])
    assert rendered(path, kinema, "new.mkv").painted == CUT


def test_a_keyframe_acts_in_both_directions(kinema: Colorizer, tmp_path: Path) -> None:
    """Frames on both sides of the one picture take its colours, those before it from its backward pass."""
    save(tmp_path / "key.png", scene(15))
    path = planned(tmp_path, "key.png@15", frames=CUT, picture=scene)
    plan = Plan.read(path)
    ((one,),) = [[stretch.weighted_passes for stretch in build_shot_passes(plan, {tmp_path / "key.png": "x"})]]
    assert [(share.source.first, share.source.end, share.source.is_backward) for share in one] == [
        (0, 16, True),
        (15, 30, False),
    ]
    assert all(share.source.has_reference_at_start for share in one)
    rendered(path, kinema)
    for index, made in enumerate(iter_color_frames(tmp_path / "out.mkv")):
        truth = large(scene(index)).astype(float)
        assert np.abs(made - truth).mean() < 0.7 * np.abs(large(gray(scene(index))) - truth).mean(), index


def test_between_two_keyframes_each_counts_near_itself(tmp_path: Path) -> None:
    save(tmp_path / "a.png", scene(5))
    save(tmp_path / "b.png", scene(25))
    plan = Plan.read(planned(tmp_path, "a.png@5", "b.png@25", frames=CUT, picture=scene))
    (stretch,) = build_shot_passes(plan, {tmp_path / "a.png": "a", tmp_path / "b.png": "b"})
    forward, backward = stretch.weighted_passes[1:3]
    assert (forward.source.first, forward.source.end, backward.source.end) == (5, 25, 26)
    assert [round(forward.weight_at(frame), 2) for frame in (4, 5, 10, 20, 25)] == [0, 1, 0.75, 0.25, 0]
    assert [round(backward.weight_at(frame), 2) for frame in (4, 5, 10, 20, 25)] == [0, 0, 0.25, 0.75, 1]
    assert len(forward.source.references) == len(backward.source.references) == 2


def test_across_a_dissolve_both_shots_count(kinema: Colorizer, tmp_path: Path) -> None:
    path = edited(planned(tmp_path), lambda content: content["shots"][1].update(dissolve=8, transition="dissolve"))
    found = build_shot_passes(Plan.read(path), {tmp_path / "waves.png": "a", tmp_path / "blocks.png": "b"})
    assert [(one.weighted_passes[0].source.first, one.weighted_passes[0].source.end) for one in found] == [
        (0, CUT + 4),
        (CUT - 4, 2 * CUT),
        (2 * CUT, 3 * CUT),
    ]
    for frame in range(CUT - 8, CUT + 8):
        before, after = found[0].weighted_passes[0].weight_at(frame), found[1].weighted_passes[0].weight_at(frame)
        assert before + after == pytest.approx(1)
    assert rendered(path, kinema).painted == 3 * CUT + 8


def test_the_surer_pass_counts_more() -> None:
    shape = (2, 2)
    sure = ColorPrediction(np.full((*shape, 2), 10, np.float32), np.full(shape, 0.9, np.float32))
    unsure = ColorPrediction(np.full((*shape, 2), -10, np.float32), np.full(shape, 0.1, np.float32))
    mixed = blend_predictions([(0.5, sure), (0.5, unsure)])
    assert (mixed.ab > 5).all()
    assert blend_predictions([(1.0, unsure)]) is unsure
    assert np.allclose(blend_predictions([(0.3, sure), (0.9, sure)]).ab, 10)


def test_segments_come_back_and_a_torn_journal_is_no_loss(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    frames = [
        ColorPrediction(
            generator.uniform(-90, 90, (67, 93, 2)).astype(np.float32), generator.random((67, 93), np.float32)
        )
        for _ in range(3)
    ]
    folder = PassFolder(tmp_path, 6)
    append_segment(folder, frames)
    for one, other in zip(frames, folder.read_segment(0), strict=True):
        assert np.abs(one.ab - other.ab).max() <= 0.126
        assert np.abs(one.confidence - other.confidence).max() <= 0.0006
    append_segment(folder, folder.read_segment(0))
    assert all(np.array_equal(a.ab, b.ab) for a, b in zip(folder.read_segment(0), folder.read_segment(1), strict=True))
    assert folder.is_complete
    (tmp_path / "000001.state.safetensors").write_bytes(save_state({}))
    text = (tmp_path / "journal.jsonl").read_text()
    (tmp_path / "journal.jsonl").write_text(text[:-20])
    torn = PassFolder(tmp_path, 6)
    assert (torn.segment_count, torn.frames_painted) == (1, 3)
    assert next(torn.iter_starts(1)).state == {}
    append_segment(torn, frames)
    assert PassFolder(tmp_path, 6).is_complete
    (tmp_path / "000001.mkv").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"000001\.mkv is missing or damaged: render again"):
        PassFolder(tmp_path, 6).read_segment(1)


def test_what_changed_underneath_stops_the_render(kinema: Colorizer, tmp_path: Path) -> None:
    path = planned(tmp_path)
    picture = (tmp_path / "waves.png").read_bytes()
    (tmp_path / "waves.png").unlink()
    with pytest.raises(InputError, match=r"waves\.png does not exist"):
        rendered(path, kinema)
    (tmp_path / "waves.png").write_bytes(picture)
    film = (tmp_path / "film.mp4").read_bytes()
    (tmp_path / "film.mp4").write_bytes(film + b"x")
    with pytest.raises(InputError, match="is not the film that the plan was made for"):
        rendered(path, kinema)
    (tmp_path / "film.mp4").unlink()
    with pytest.raises(InputError, match=r"film\.mp4 does not exist"):
        rendered(path, kinema)
    (tmp_path / "film.mp4").write_bytes(film)
    edited(path, lambda content: content["weights"].update(kinema="0" * 64))
    with pytest.raises(WeightsError, match="other weights"):
        rendered(path, kinema)


def test_a_reference_that_vanishes_while_rendering_stops_it_and_nothing_is_lost(
    kinema: Colorizer, tmp_path: Path
) -> None:
    path = planned(tmp_path)
    plan, work = Plan.read(path), tmp_path / "work"
    job = RenderPlan(plan, kinema, work, references=ReferenceReader(max_bytes=1))  # so little that it reads again
    prepared = prepare_plan_output(plan, OutputSpec(tmp_path / "out.mkv"), kinema.spec, work, device="cpu", inputs=[])
    (tmp_path / "blocks.png").rename(tmp_path / "away.png")
    with pytest.raises(InputError, match=r"blocks\.png does not exist"):
        execute_render_plan(job, prepared)
    assert not (tmp_path / "out.mkv").exists()
    (tmp_path / "away.png").rename(tmp_path / "blocks.png")
    assert rendered(path, kinema).painted == 2 * CUT


def test_a_reference_that_was_read_is_not_needed_any_more(kinema: Colorizer, tmp_path: Path) -> None:
    path = planned(tmp_path)
    plan, work = Plan.read(path), tmp_path / "work"
    job = RenderPlan(plan, kinema, work)
    prepared = prepare_plan_output(plan, OutputSpec(tmp_path / "out.mkv"), kinema.spec, work, device="cpu", inputs=[])
    for name in ("blocks.png", "waves.png"):
        (tmp_path / name).unlink()
    assert execute_render_plan(job, prepared).painted == 3 * CUT


@pytest.fixture
def seen(kinema: Colorizer, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Gets an entry for each frame that the model is shown."""
    shown: list[int] = []
    forward = type(kinema).forward_encoded

    def counted(self: Colorizer, luma, *others, **named):
        shown.extend(range(luma.shape[1]))
        return forward(self, luma, *others, **named)

    monkeypatch.setattr(type(kinema), "forward_encoded", counted)
    return shown


def test_repeated_frames_are_painted_once(kinema: Colorizer, seen: list[int], tmp_path: Path) -> None:
    """16 frames a second shown as 24: every second one twice."""
    path = planned(tmp_path, "waves.png", frames=24, picture=lambda i: scene(2 * (2 * i // 3)))
    assert rendered(path, kinema).frames == 24
    assert len(seen) == 16


@pytest.mark.parametrize(("fields", "unique"), [((2, 3), 16), ((2, 2), 20), ((3, 3), 13)])
def test_pulldown_is_painted_once(
    kinema: Colorizer, seen: list[int], tmp_path: Path, fields: tuple[int, int], unique: int
) -> None:
    """20 interlaced frames of film frames that are shown for 2 or 3 fields: 3:2, 2:2, and 3:3 of 16 2/3 in 25."""
    film = [number for number in range(20) for _ in range(fields[number % 2])]

    def woven(index: int) -> np.ndarray:
        top, bottom = (large(gray(scene(film[2 * index + field]))) for field in (0, 1))
        top[1::2] = bottom[1::2]
        return top

    def interlaced(_: object, stream: av.VideoStream) -> None:
        stream.codec_context.field_order = 2

    source = write_film(
        tmp_path / "in.mkv", 20, (240, 320), codec="ffv1", pix_fmt="gray", picture=woven, prepare=interlaced
    )
    save(tmp_path / "waves.png", scene(0))
    assert probe_film(source).is_interlaced
    job = PlanRequest(source, (ReferenceSpec(tmp_path / "waves.png"),), tmp_path / "stills", options=SMALL)
    make_plan(job)[0].write(tmp_path / "film.plan.json")
    assert rendered(tmp_path / "film.plan.json", kinema).frames == 20
    assert len(seen) == unique
    assert probe_film(tmp_path / "out.mkv").is_interlaced


def test_a_copy_is_told_from_a_frame_that_moved() -> None:
    still = gray(scene(0))[..., 0].astype(np.uint8)
    noise = np.random.default_rng(0).normal(0, 0.4, still.shape)
    assert is_repeated_frame(still, (still + noise).clip(0, 255).round().astype(np.uint8), 8)
    assert not is_repeated_frame(still, gray(scene(1))[..., 0], 8)
    dot = still.copy()
    dot[10:14, 10:14] = 255
    assert not is_repeated_frame(still, dot, 8)


def test_layer_and_confidence_are_films_of_their_own(kinema: Colorizer, tmp_path: Path) -> None:
    path = planned(tmp_path)
    rendered(path, kinema, layer=tmp_path / "layer.mkv", confidence=tmp_path / "sure.mkv")
    layer, sure = (list(iter_color_frames(tmp_path / name)) for name in ("layer.mkv", "sure.mkv"))
    assert len(layer) == len(sure) == 3 * CUT
    assert cv2.cvtColor(layer[5], cv2.COLOR_RGB2GRAY).std() < 8 < layer[5].astype(float).std(-1).mean()
    assert sure[5].astype(float).std(-1).mean() < 2
    assert sure[5].mean() > 60


def test_a_look_of_a_shot_wins_over_the_films(tmp_path: Path) -> None:
    plan = Plan.read(planned(tmp_path))
    shot = plan.shots[0].model_copy(update={"options": ShotRenderOptions(short_side=96)})
    assert plan.options_for_shot(shot).short_side == 96
    assert plan.options_for_shot(plan.shots[1]).short_side == 64
    assert SEGMENT_FRAMES * 2 > CUT


def held_mb(process: subprocess.Popen[bytes]) -> float:
    status = Path(f"/proc/{process.pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024 / 1e6


@pytest.mark.slow
def test_200_000_frames_need_no_more_memory_than_some(tmp_path: Path) -> None:
    """Each picture is held for eight frames, so that 25,000 are painted; the curve is printed (pytest -s)."""
    film = write_film(tmp_path / "film.mkv", 200_000, (64, 96), picture=lambda i: gray(scene(i // 8, (64, 96))))
    save(tmp_path / "still.png", scene(0))
    command = [sys.executable, "-m", "kinemacolor"]
    plan = tmp_path / "film.plan.json"
    for arguments in (
        ["plan", str(film), "-r", str(tmp_path / "still.png"), "--size", "64", "-o", str(plan), "-q"],
        ["render", str(plan), "-o", str(tmp_path / "out.mkv"), "-q"],
    ):
        curve = []
        with subprocess.Popen([*command, *arguments]) as process:
            while process.poll() is None:
                curve.append(held_mb(process))
                time.sleep(5)
        assert process.returncode == 0
        print(arguments[0], [round(curve[len(curve) * part // 10]) for part in range(10)], round(max(curve)), "MB")
        assert max(curve) < 1500
        middle, end = np.mean(curve[len(curve) // 4 : len(curve) // 2]), np.mean(curve[-len(curve) // 4 :])
        assert end < 1.15 * middle


def test_what_another_version_painted_is_told_and_painted_again(kinema: Colorizer, tmp_path: Path) -> None:
    path = planned(tmp_path, frames=CUT)
    first = rendered(path, kinema)
    assert (first.painted, first.warnings) == (CUT, [])
    work = path.with_name("work")
    (work / "format").unlink()  # as the version before left it: no number, and passes of other digests
    (old,) = (work / "passes").iterdir()
    old.rename(old.with_name("0" * 24))
    again = rendered(path, kinema, "again.mkv")
    assert again.painted == CUT
    assert [warning for warning in again.warnings if "another version" in warning]
    assert not old.with_name("0" * 24).exists()
    assert rendered(path, kinema, "third.mkv").warnings == []
