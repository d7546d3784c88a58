"""The ffmpeg commands of docs/editors.md, run as they stand there on a film and its layer."""

import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from kinemacolor.options import EncodingOptions
from kinemacolor.video.pixels import view_plane
from kinemacolor.video.reader import VideoReader, probe_film
from support.films import scene, write_film
from support.plans import save
from support.renders import SMALL, rendered
from support.small_renders import Recall

GUIDE = Path(__file__).parents[2] / "docs/editors.md"
SIZE = (120, 256)
FRAMES = 12


def commands_in_the_guide() -> list[str]:
    """All ffmpeg commands, each on one line."""
    blocks = re.findall(r"```bash\n(ffmpeg .*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return [block.replace("\\\n", " ").strip() for block in blocks]


COMMANDS = commands_in_the_guide()


@pytest.fixture(scope="module")
def ffmpeg() -> str:
    """The program: of the package imageio-ffmpeg, which ships one."""
    module = pytest.importorskip("imageio_ffmpeg", reason="needs imageio-ffmpeg, of the extra dev")
    path: str = module.get_ffmpeg_exe()
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, ffmpeg: str) -> Path:
    """A folder with a film, its result and its layer, and all that the commands make of them."""
    from kinemacolor.plan.planner import PlanRequest, make_plan
    from kinemacolor.references.spec import ReferenceSpec

    place = tmp_path_factory.mktemp("recipes")
    film = write_film(place / "film.mp4", FRAMES, SIZE, sound=True, options={"crf": "12"})
    save(place / "still.png", scene(3, SIZE))
    wish = PlanRequest(film, (ReferenceSpec.parse(str(place / "still.png")),), place / "stills", options=SMALL)
    make_plan(wish)[0].write(place / "film.plan.json")
    prores = EncodingOptions(vcodec="prores")
    rendered(place / "film.plan.json", Recall(), "result.mov", encoding=prores, layer=place / "layer.mov")
    for number, command in enumerate(COMMANDS):
        done = run(command, ffmpeg, place)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        for name in ("out.mov", "out.mxf", "out.mkv", "frame.png"):
            if (place / name).exists() and name in command.split()[-1]:
                shutil.copy(place / name, place / f"{number}.{name}")
    return place


def run(command: str, ffmpeg: str, place: Path) -> subprocess.CompletedProcess[str]:
    """Run a line as a shell does, with this program for ffmpeg."""
    line = f'ffmpeg() {{ "{ffmpeg}" -nostdin -v error -y "$@"; }}; {command}'
    return subprocess.run(["bash", "-c", line], cwd=place, capture_output=True, text=True, check=False)


def planes_of(path: Path) -> list[list[np.ndarray]]:
    with VideoReader(path) as reader:
        return [[view_plane(frame, index).astype(int) for index in range(3)] for frame in reader.iter_frames()]


def find(word: str, name: str) -> int:
    """The number of the only command that has a word and writes this."""
    (number,) = [n for n, one in enumerate(COMMANDS) if word in one and one.endswith(name)]
    return number


def test_the_guide_has_the_commands() -> None:
    assert [command.split()[-1] for command in COMMANDS] == [
        *("out.mov", "out.mxf", "out.mkv", "out.mkv", "frame.png", "even.mkv")
    ]


@pytest.mark.parametrize(
    ("word", "name", "most_luma", "most_chroma"),
    [("-g 1", "out.mkv", 0.0, 0.0), ("prores_ks", "out.mov", 2.0, 3.0), ("dnxhr_hqx", "out.mxf", 2.0, 3.0)],
)
def test_film_and_layer_make_the_film_in_colour(
    folder: Path, word: str, name: str, most_luma: float, most_chroma: float
) -> None:
    """Means of errors, in codes of 10 bits: none of luma, and of the layer's colours, where no codec adds its own."""
    found = planes_of(folder / f"{find(word, name)}.{name}")
    film, layer = planes_of(folder / "film.mp4"), planes_of(folder / "layer.mov")
    assert len(found) == len(film) == FRAMES
    for made, below, above in zip(found, film, layer, strict=True):
        assert np.abs(made[0] - 4 * below[0]).mean() <= most_luma
        assert max(np.abs(made[plane] - above[plane]).mean() for plane in (1, 2)) <= most_chroma
        assert made[1].std() > 0 or made[1].mean() != 512, "there is colour"


def test_the_layer_gives_the_colours_of_the_result(folder: Path) -> None:
    made = planes_of(folder / f"{find('prores_ks', 'out.mov')}.out.mov")
    for one, other in zip(made, planes_of(folder / "result.mov"), strict=True):
        assert all(np.abs(one[plane] - other[plane]).mean() < 4 for plane in range(3))


def test_a_part_of_the_colour_is_that_part(folder: Path) -> None:
    pale = planes_of(folder / f"{find('lutyuv', 'out.mkv')}.out.mkv")
    for made, above in zip(pale, planes_of(folder / "layer.mov"), strict=True):
        for plane in (1, 2):
            assert np.abs(made[plane] - 512 - 0.6 * (above[plane] - 512)).max() <= 1


def test_sound_and_times_come_along(folder: Path) -> None:
    for word, name, codec in [
        *(("prores_ks", "out.mov", "aac"), ("dnxhr_hqx", "out.mxf", "pcm_s24le"), ("-g 1", "out.mkv", "aac"))
    ]:
        path = folder / f"{find(word, name)}.{name}"
        assert probe_film(path).rate == 24
        with av.open(str(path)) as container:
            assert container.streams.audio[0].codec_context.name == codec


def test_a_frame_is_a_picture_of_it(folder: Path) -> None:
    picture = cv2.imread(str(folder / f"{find('rgb48be', 'frame.png')}.frame.png"), cv2.IMREAD_UNCHANGED)
    assert picture.shape == (*SIZE, 3)
    assert picture.dtype == np.uint16


def test_a_film_that_was_made_even_can_be_mxf(folder: Path) -> None:
    from kinemacolor.video.mxf import check_is_even

    info = probe_film(folder / "even.mkv")
    assert info.rate == Fraction(24)
    check_is_even(info)
