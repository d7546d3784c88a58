"""The filter in VapourSynth itself, in a Python of its own; the network runs in a worker of this one."""

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kinemacolor
from kinemacolor.color import YCbCr
from kinemacolor.inference.session import Session
from kinemacolor.models.base import Colorizer
from support.films import luma_of, scene, write_film
from support.planes import read_planes
from support.plans import other_scene, save
from support.vapoursynth_python import WORKER_PYTHON, install_vapoursynth, make_environment

FRAMES, CUT = 14, 8
OPTIONS = kinemacolor.RenderOptions(short_side=64)
EXAMPLE = Path(__file__).parents[2] / "examples" / "vapoursynth" / "colorize.vpy"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_vapoursynth(tmp_path_factory.mktemp("vapoursynth") / "environment")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of two scenes in 10 bits, pictures of both, its plan, and the render of that."""
    place = tmp_path_factory.mktemp("script")
    film = write_film(
        place / "film.mkv",
        FRAMES,
        codec="ffv1",
        pix_fmt="yuv420p10le",
        picture=lambda at: scene(at) if at < CUT else other_scene(at),
    )
    (place / "refs").mkdir()
    for name, picture in {"ref_000002": scene(2), "ref_000006": scene(6), "blocks": other_scene(10)}.items():
        save(place / "refs" / f"{name}.png", picture)
    (place / "shots.csv").write_text(f"first\n0\n{CUT}\n")
    plan = kinemacolor.make_plan(film, place / "refs", shot_list=place / "shots.csv", options=OPTIONS)
    plan.write(place / "film.plan.json")
    encoding = kinemacolor.EncodingOptions(lossless=True)
    kinemacolor.render(plan, place / "color.mkv", confidence=place / "sure.mkv", encoding=encoding, jobs=1)
    np.save(place / "luma.npy", luma_of(film))
    return place


@pytest.fixture(scope="module")
def wanted(folder: Path) -> list[list[np.ndarray]]:
    return list(read_planes(folder / "color.mkv"))


@pytest.fixture(scope="module")
def kept(python: Path, folder: Path) -> dict[str, Any]:
    """What a script found: one run for all tests, as each has to start VapourSynth, and workers."""
    names = [folder / name for name in ("luma.npy", "refs", "film.plan.json")]
    command = [python, "-P", Path(__file__).with_name("script.py"), *names, WORKER_PYTHON, folder / "kept.npz"]
    done = run_script(command, folder)
    assert done.returncode == 0, done.stderr.decode()
    with np.load(folder / "kept.npz") as found:
        return dict(found)


def run_script(command: list[Any], folder: Path, **variables: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a program with VapourSynth in ``folder``; no process that it started is left when it has ended."""
    mark = f"KINEMACOLOR_TEST_RUN={folder}"
    environment = make_environment() | dict([mark.split("=", 1)]) | variables
    words = list(map(str, command))
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, check=False, timeout=560)
    for _ in range(50):
        if not (left := find_marked_processes(mark)):
            return done
        time.sleep(0.2)  # those that just end
    raise AssertionError(f"left: {left}")


def find_marked_processes(mark: str) -> list[str]:
    """The processes that have this in their environment; none where there is no /proc."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text())
        except OSError:  # it has ended, or is another user's
            continue
    return found


def test_luma_and_properties_are_kept_and_chroma_is_the_renders(kept: dict[str, Any], wanted: list[Any]) -> None:
    """While VapourSynth asks for many frames at once."""
    for frame, planes in enumerate(wanted):
        for index, plane in enumerate(planes):
            assert kept[f"all.{frame}.{index}"].dtype == np.uint16
            assert np.array_equal(kept[f"all.{frame}.{index}"], plane)
        assert kept[f"mark.{frame}"].tolist() == [frame, 6, 1]  # samples in the middle; the clip had 0


@pytest.mark.parametrize(("name", "frames"), [("again", (9, 2, 13, 0)), ("one thread", (5, 12))])
def test_frames_in_any_order_are_the_same(
    kept: dict[str, Any], wanted: list[Any], name: str, frames: tuple[int, ...]
) -> None:
    for frame in frames:
        assert all(np.array_equal(kept[f"{name}.{frame}.{index}"], wanted[frame][index]) for index in range(3))


@pytest.mark.parametrize("name", ["properties", "gray"])
def test_folder_of_placed_pictures_and_shots_make_the_plan(kept: dict[str, Any], wanted: list[Any], name: str) -> None:
    """Shots of `_SceneChangePrev`, and of numbers for a clip without chroma."""
    for frame in (10, 4):
        assert all(np.array_equal(kept[f"{name}.{frame}.{index}"], wanted[frame][index]) for index in range(3))


def test_confidence_is_a_second_clip(kept: dict[str, Any], folder: Path) -> None:
    assert kept["sure.format"].tolist() == ["Gray8", "1"]
    for frame, codes in enumerate(luma_of(folder / "sure.mkv")):
        assert np.abs((codes / 4 - 16) / 219 * 255 - kept[f"sure.{frame}"]).max() < 1
        assert kept["one thread.sure"][frame] == kept[f"sure.{frame}"].sum()


def test_gray_clips_become_the_subsampling_that_fits(kept: dict[str, Any]) -> None:
    assert kept["gray.format"].tolist() == ["YUV420P10", "1"]
    assert kept["odd.1.1"].shape == kept["odd.1.0"].shape == (71, 96)


@pytest.mark.parametrize(("name", "full_range"), [("limited", False), ("full", True), ("old full", True)])
def test_matrix_and_range_are_those_of_the_properties(
    kept: dict[str, Any], kinema: Colorizer, name: str, full_range: bool
) -> None:
    """`_Range` counts the other way than `_ColorRange` did. Codes of a session in this process may round otherwise."""
    coding = YCbCr(0.2126, 0.0722, 8, full_range)
    session = Session(kinema, [other_scene(10)], height=72, width=96, options=OPTIONS, engine="torch")
    luma = kept["all.0.0"], kept["all.1.0"]
    codes = [session.chroma((one >> 2).astype(np.uint8), coding, "444")[0] for one in luma][1].astype(int)
    found = np.stack([kept[f"{name}.1.1"], kept[f"{name}.1.2"]])
    assert np.abs(found - codes).max() <= 2
    assert np.abs(codes - 128).max() > 20


def test_a_clip_can_be_the_reference(kept: dict[str, Any]) -> None:
    """A red one makes Cr larger."""
    assert kept["picture.1.2"].mean() > 540


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the script counts its processes in /proc")
def test_a_clip_that_nobody_has_ends_its_worker(kept: dict[str, Any]) -> None:
    """In a program that opens one script after another."""
    assert kept["workers"].tolist() == [1, 0, 1, 0]


def test_what_a_user_can_mend_is_told(kept: dict[str, Any]) -> None:
    wanted = [
        "RGB24 has no luma plane to keep: convert the clip first",
        "the clip changes its format or size",
        "YUV444PS is not supported",
        "no reference: give colour pictures",
        "a plan has references, shots, model and options",
        "none.png does not exist",
        "a clip as a reference must be RGB24",
        "this Python has no torch: install it, or name the Python of an environment",
        "/none/python cannot be started",
        "no reference: give colour pictures",
        "references cannot have 3: give paths",
        "references cannot have None: give paths",
        "shots cannot have 1.5: give the numbers",
        "a shot begins at frame 99, the clip has the frames 0 to 13",
        "options are a dictionary or kinemacolor.RenderOptions",
        "short_side is 64.5: give a whole number",
        "options are a dictionary or kinemacolor.RenderOptions",
    ]
    for words, told in zip(wanted, kept["told"], strict=True):
        assert told.startswith("colorize: ")
        assert words in told
    assert "frame 1 of the clip: " in str(kept["broken"]) or "the disk is on fire" in str(kept["broken"])


# What `vspipe` does to a script, where a Python has no shared library.
PIPE = """
import runpy, sys
import vapoursynth as vs
script, result, *given = sys.argv[1:]
runpy.run_path(script, init_globals=dict(one.split("=", 1) for one in given))
with open(result, "wb") as stream:
    vs.get_output(0).clip.output(stream)
assert vs.get_output(1).clip.format.name == "Gray8"
"""


def test_the_example_colorizes_a_film(python: Path, folder: Path, wanted: list[Any]) -> None:
    """With BestSource; samples of all planes are those of the render."""
    output = folder / "example.yuv"
    given = {"film": folder / "film.mkv", "plan": folder / "film.plan.json", "python": WORKER_PYTHON}
    words = [f"{name}={value}" for name, value in given.items()]
    done = run_script([python, "-c", PIPE, EXAMPLE, output, *words], folder)
    assert done.returncode == 0, done.stderr.decode()
    assert output.read_bytes() == b"".join(plane.tobytes() for planes in wanted for plane in planes)


def test_the_example_says_what_it_lacks(python: Path, folder: Path) -> None:
    done = run_script([python, "-c", PIPE, EXAMPLE, folder / "none.yuv"], folder)
    assert done.returncode != 0
    assert b"name a film: -a film=film.mkv" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="the command is one of a Unix shell")
def test_the_command_of_the_example_runs_in_the_folder_of_the_film(python: Path, folder: Path, tmp_path: Path) -> None:
    """By vspipe itself, which works in the folder of the script."""
    variables = {"XDG_CONFIG_HOME": str(tmp_path), "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    run_script([python.parent / "vapoursynth", "config"], folder, **variables)
    if run_script([python.parent / "vspipe", "--version"], folder, **variables).stdout.count(b"Core") != 1:
        pytest.skip("vspipe finds no shared library of this Python")
    (command,) = re.findall(r"^(vspipe .*) \| ffmpeg", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    command = command.replace("vspipe", f"vspipe -a python={shlex.quote(WORKER_PYTHON)} -a size=64")
    command = command.replace("examples/vapoursynth/colorize.vpy", shlex.quote(str(EXAMPLE)))
    done = run_script(["sh", "-c", command], folder, **variables)
    assert done.returncode == 0, done.stderr.decode()
    (tmp_path / "film.y4m").write_bytes(done.stdout)
    luma = luma_of(tmp_path / "film.y4m")
    assert np.array_equal(luma, np.load(folder / "luma.npy"))
