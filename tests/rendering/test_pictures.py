"""Films of pictures through the whole job: gaps that are held, pages of a TIFF, names of results."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from kinemacolor.errors import InputError, UsageError
from kinemacolor.models.base import Colorizer
from kinemacolor.options import EncodingOptions, RenderOptions
from kinemacolor.plan.document import Plan
from kinemacolor.plan.planner import film_sha256
from kinemacolor.references.load import ReferenceReader
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.rendering.api import make_plan, render
from kinemacolor.rendering.one_shot import ColorizeRequest, ColorizeRun
from kinemacolor.rendering.output import default_output_path
from kinemacolor.rendering.renderer import check_inputs
from kinemacolor.video.display import iter_numbered_frames
from support.films import scene, write_film
from support.pictures import make_tiff, write_apng


def scan(folder: Path, *numbers: int) -> Path:
    folder.mkdir()
    for number in numbers:
        cv2.imwrite(str(folder / f"f_{number:03d}.png"), scene(number)[..., 0])
    return folder


def test_held_pictures_are_frames_of_plan_and_result(kinema: Colorizer, reference: Path, tmp_path: Path) -> None:
    film = scan(tmp_path / "scan", 0, 1, 4)
    output = default_output_path(film)
    request = ColorizeRequest(film, (ReferenceSpec(reference),), output, options=RenderOptions(short_side=64))
    with pytest.raises(UsageError, match="2 pictures are missing, with the numbers 2 to 3"):
        ColorizeRun(request)
    run = ColorizeRun(ColorizeRequest(**{**vars(request), "gaps": "hold"}))
    assert any("2 to 3: the picture before each is shown" in one for one in run.output_setup.warnings)
    plan = run.make_plan(kinema)
    assert (plan.film.frames, plan.film.gaps, plan.film.frame_index.gaps) == (5, "hold", "hold")
    kept = tmp_path / "plan.json"
    plan.write(kept)
    assert json.loads(kept.read_text())["film"]["gaps"] == "hold"
    assert Plan.read(kept).film == plan.film
    check_inputs(plan, ReferenceReader())
    skipped = plan.model_copy(update={"film": plan.film.model_copy(update={"gaps": "skip"})})
    with pytest.raises(InputError, match="is not the film"):  # what was painted for held frames fits no others
        check_inputs(skipped, ReferenceReader())
    assert run.render(plan, kinema).frames == 5
    assert sorted(file.name for file in output.iterdir()) == [f"f_{number:03d}.png" for number in range(5)]


def test_a_plan_without_gaps_does_not_speak_of_them(tmp_path: Path) -> None:
    film = scan(tmp_path / "scan", 0, 1)
    assert film_sha256(film, "error") == film_sha256(film, "hold") == film_sha256(film, "skip")


def test_results_have_names_that_can_hold_them(tmp_path: Path) -> None:
    film = scan(tmp_path / "scan", 0, 1)
    gray = scene(0)[..., 0]
    (tmp_path / "pages.tif").write_bytes(make_tiff([gray, gray], bits=8, photometric=1))
    (tmp_path / "one.tif").write_bytes(make_tiff([gray], bits=8, photometric=1))
    write_apng(tmp_path / "loop.png", [scene(0), scene(1)], "rgb24", [0, 1], 24)
    Image.fromarray(scene(0)).save(tmp_path / "still.gif")
    Image.fromarray(scene(0)).save(tmp_path / "still.jp2")
    names = {
        film: "scan.color",
        film / "f_%03d.png": "scan.f.color",
        tmp_path / "pages.tif": "pages.color",
        tmp_path / "one.tif": "one.color.tif",
        tmp_path / "loop.png": "loop.color.mp4",
        tmp_path / "still.gif": "still.color.png",
        tmp_path / "still.jp2": "still.color.png",
        tmp_path / "film.mkv": "film.color.mkv",
        tmp_path / "film.avi": "film.color.mp4",
    }
    for source, name in names.items():
        assert default_output_path(source) == tmp_path / name
    assert np.array_equal(cv2.imread(str(film / "f_000.png"), cv2.IMREAD_UNCHANGED), gray)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le"])
def test_layer_and_confidence_may_be_pictures_beside_a_film(reference: Path, tmp_path: Path, pixels: str) -> None:
    """They take planes of full size, and of 16 bits where the film has 10: not those of the film."""
    film, plan = write_film(tmp_path / "in.mkv", 3, codec="ffv1", pix_fmt=pixels), tmp_path / "plan.json"
    make_plan(film, reference, options=RenderOptions(short_side=64)).write(plan)
    lossless, shown = EncodingOptions(lossless=True), dict[str, list[np.ndarray]]()
    for suffix in (".mkv", ""):
        paths = [tmp_path / f"{name}{suffix}" for name in ("layer", "sure")]
        film_path = tmp_path / f"out{suffix}.mkv"
        render(plan, film_path, encoding=lossless, layer=paths[0], confidence=paths[1], work_folder=tmp_path / "work")
        shown[suffix] = [next(frame for _, frame in iter_numbered_frames(path, {1})) for path in paths]
    for one, other in zip(shown[".mkv"], shown[""], strict=True):
        assert np.abs(one.astype(float) - other).mean() < 3
