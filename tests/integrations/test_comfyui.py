"""The ComfyUI nodes, against a stub with the signatures of ComfyUI's own sources (tests/support/comfyui)."""

import io
import json
import sys
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

import kinemacolor
from kinemacolor.errors import KinemacolorError
from kinemacolor.options import SAMPLE_FILM, SAMPLE_REFERENCE
from support.comfy_workflow import ROOT, STUB, list_nodes, load_pack, make_core_nodes, run_workflow
from support.films import luma_of

ASSETS = Path(kinemacolor.__file__).parent
WORKFLOWS = ROOT / "examples/comfyui"


@pytest.fixture(scope="module")
def nodes() -> Any:
    """All nodes: those of the pack and the few of ComfyUI's that the workflows use."""
    sys.path.insert(0, str(STUB))
    try:
        yield list_nodes(load_pack()) | make_core_nodes()
    finally:
        sys.path.remove(str(STUB))
        for name in [one for one in sys.modules if one.split(".")[0].startswith(("comfy", "folder_paths"))]:
            del sys.modules[name]


@pytest.fixture
def comfy(nodes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ComfyUI's folder, with a film of twelve frames and a picture in its input."""
    import folder_paths

    monkeypatch.setattr(folder_paths, "root", str(tmp_path))
    for name in ("input", "output", "temp"):
        (tmp_path / name).mkdir()
    with av.open(str(ASSETS / SAMPLE_FILM)) as source, av.open(str(tmp_path / "input/film.mp4"), "w") as target:
        stream = target.add_stream("libx264", rate=25, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = 192, 108, "yuv420p"
        for frame, number in zip(source.decode(video=0), range(12), strict=False):
            gray = frame.reformat(width=192, height=108, format="gray").reformat(format="yuv420p")
            gray.pts, gray.time_base = number, Fraction(1, 25)
            target.mux(stream.encode(gray))
        target.mux(stream.encode())
    Image.open(ASSETS / SAMPLE_REFERENCE).save(tmp_path / "input/still.png")
    return tmp_path


@pytest.fixture
def references(comfy: Path) -> tuple[str, ...]:
    return (str(comfy / "input/still.png"),)


def open_film(comfy: Path, **trim: float) -> Any:
    from comfy_api.latest import InputImpl

    return InputImpl.VideoFromFile(str(comfy / "input/film.mp4"), **trim)


def read_workflow(name: str) -> dict[str, Any]:
    return json.loads((WORKFLOWS / name).read_text())


CHOICES = {
    **{"prefix": "film", "container": "mkv", "codec": "lossless", "confidence": False, "report": False},
    **{"keep_predictions": False, "device": "cpu", "model": "kinema", "saturation": 1.0, "fill": False},
}


def start(node: Any, **inputs: Any) -> Any:
    clone = type("Clone", (node,), {"hidden": type("Hidden", (), {"unique_id": "7"})})
    return clone.execute(**inputs)


def colorize(nodes: dict[str, Any], film: Any, references: tuple[str, ...], **other: Any) -> Any:
    return start(nodes["KinemacolorColorizeFilm"], film=film, references=references, **(CHOICES | other))


def has_colour(path: Path) -> bool:
    with av.open(str(path)) as film:
        return bool(np.ptp(next(film.decode(video=0)).to_ndarray(format="yuv444p")[1:]) > 4)


def test_the_workflow_of_one_picture_colorizes_a_film(nodes: dict[str, Any], comfy: Path) -> None:
    done = run_workflow(nodes, read_workflow("colorize_film.json"))
    film, confidence, report, path = done["6"].args
    result = Path(path)
    assert result.parent == comfy / "output/kinemacolor"
    assert has_colour(result)
    assert luma_of(result).shape == luma_of(comfy / "input/film.mp4").shape
    assert film.get_stream_source() == path
    assert Path(confidence.get_stream_source()).exists()
    assert "12 frames" in report
    assert "index.html" in report
    assert done["4"].args[0].shape[3] == 3
    shown = done["6"].ui.as_dict()["images"][0]
    assert (shown["subfolder"], shown["filename"], shown["type"]) == ("kinemacolor", result.name, "output")
    assert not list(result.parent.glob("*.work"))


def test_what_is_done_is_not_done_again(nodes: dict[str, Any], comfy: Path) -> None:
    """Queued again, as after a restart; also the report is found, though predictions were not kept."""
    workflow = read_workflow("colorize_film.json")
    first = run_workflow(nodes, workflow)["6"].args
    written = Path(first[3]).stat().st_mtime_ns
    again = run_workflow(nodes, workflow)["6"].args
    assert again[2:] == first[2:]
    assert Path(first[3]).stat().st_mtime_ns == written


def test_other_files_wanted_of_a_film_that_is_done_are_made(
    nodes: dict[str, Any], comfy: Path, references: tuple[str, ...]
) -> None:
    plain = colorize(nodes, open_film(comfy), references).args
    film = av.open(plain[3])
    before = [frame.to_ndarray() for frame in film.decode(video=0)]
    film.close()
    reported = colorize(nodes, open_film(comfy), references, report=True).args
    assert reported[3] == plain[3]  # painted again: predictions were not kept
    assert "index.html" in reported[2]
    with av.open(reported[3]) as film:
        assert all(
            np.array_equal(one, frame.to_ndarray()) for one, frame in zip(before, film.decode(video=0), strict=True)
        )
    for other in ({"confidence": True}, {"confidence": True, "container": "mov", "codec": "prores"}):
        made = colorize(nodes, open_film(comfy), references, **other).args
        assert Path(made[1].get_stream_source()).exists()
        assert made[3] != plain[3]


def test_a_result_that_was_moved_is_made_again(nodes: dict[str, Any], comfy: Path, references: tuple[str, ...]) -> None:
    """Its record and its confidence are left. What was edited is not written over, in words for a node."""
    wishes = {"confidence": True, "prefix": "moved"}
    first = Path(colorize(nodes, open_film(comfy), references, **wishes).args[3])
    content = first.read_bytes()
    first.unlink()
    assert colorize(nodes, open_film(comfy), references, **wishes).args[3] == str(first)
    assert first.read_bytes() == content
    first.write_bytes(b"edited")
    with pytest.raises(KinemacolorError, match="choose another prefix"):
        colorize(nodes, open_film(comfy), references, **wishes)
    assert first.read_bytes() == b"edited"


def test_a_report_is_made_where_another_job_left_part_of_the_predictions(
    nodes: dict[str, Any], comfy: Path, references: tuple[str, ...]
) -> None:
    from comfy import model_management

    plain = colorize(nodes, open_film(comfy), references, container="mp4", codec="auto").args
    model_management.interrupt_after = 10
    with pytest.raises(model_management.InterruptProcessingException):
        colorize(nodes, open_film(comfy), references)
    assert list((comfy / "output").glob("film_*.work"))
    reported = colorize(nodes, open_film(comfy), references, container="mp4", codec="auto", report=True).args
    assert reported[3] == plain[3]
    assert "index.html" in reported[2]
    assert has_colour(Path(colorize(nodes, open_film(comfy), references).args[3]))


def test_the_workflow_of_keyframes_takes_pictures_of_an_image_model(nodes: dict[str, Any], comfy: Path) -> None:
    from comfy_api.latest import io as sockets

    def tint(images: torch.Tensor) -> Any:  # stands for an image model
        return sockets.NodeOutput((images * torch.tensor([1.0, 0.8, 0.6])).clamp(0, 1))

    schema = sockets.Schema("tint", inputs=[sockets.Image.Input("images")], outputs=[sockets.Image.Output()])
    model = type("Tint", (sockets.ComfyNode,), {"define_schema": lambda: schema, "execute": staticmethod(tint)})
    workflow = read_workflow("colour_keyframes.json")
    workflow["9"] = {"class_type": "Tint", "inputs": {"images": workflow["3"]["inputs"]["images"]}}
    workflow["3"]["inputs"]["images"] = ["9", 0]
    done = run_workflow(nodes | {"Tint": model}, workflow)
    plan = kinemacolor.Plan.read(done["4"].args[0])
    assert {entry.frame for entry in plan.references.values()} == {int(one) for one in done["2"].args[1].split(",")}
    result = Path(done["5"].args[3])
    assert has_colour(result)
    assert np.array_equal(luma_of(result), luma_of(comfy / "input/film.mp4"))
    assert list(result.parent.glob("*.work"))  # predictions are kept


def test_the_film_is_the_one_of_the_library(nodes: dict[str, Any], comfy: Path, references: tuple[str, ...]) -> None:
    path = Path(colorize(nodes, open_film(comfy), references).args[3])
    kinemacolor.colorize(
        comfy / "input/film.mp4",
        references[0],
        comfy / "own.mkv",
        device="cpu",
        encoding=kinemacolor.EncodingOptions(lossless=True),
    )
    with av.open(str(path)) as one, av.open(str(comfy / "own.mkv")) as other:
        for left, right in zip(one.decode(video=0), other.decode(video=0), strict=True):
            assert np.array_equal(left.to_ndarray(), right.to_ndarray())


def test_a_job_that_was_cancelled_goes_on(nodes: dict[str, Any], comfy: Path, references: tuple[str, ...]) -> None:
    from comfy import model_management
    from comfy_api import latest

    outcome: list[object] = []

    def run() -> None:  # ComfyUI runs nodes in a thread that is not the main one
        try:
            outcome.append(colorize(nodes, open_film(comfy), references).args[3])
        except model_management.InterruptProcessingException as error:
            outcome.append(error)

    def run_in_thread() -> object:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return outcome.pop()

    model_management.interrupt_after = 8
    assert isinstance(run_in_thread(), model_management.InterruptProcessingException)
    assert list((comfy / "output").glob("film_*.work"))
    assert not [path for path in (comfy / "output").glob("film_*.mkv") if ".partial" not in path.name]
    latest.progress.clear()
    result = Path(str(run_in_thread()))
    assert has_colour(result)
    assert latest.progress[-1] == (12, 12, "7")
    written = result.stat().st_mtime_ns
    assert run_in_thread() == str(result)  # queued again: there is nothing to do
    assert result.stat().st_mtime_ns == written


def test_a_trimmed_film_gives_its_part(nodes: dict[str, Any], comfy: Path, references: tuple[str, ...]) -> None:
    result = Path(colorize(nodes, open_film(comfy, start_time=0.08, duration=0.2), references).args[3])
    assert np.array_equal(luma_of(result), luma_of(comfy / "input/film.mp4")[2:7])


def test_a_cropped_film_is_refused(nodes: dict[str, Any], comfy: Path, references: tuple[str, ...]) -> None:
    film = open_film(comfy)
    film.get_dimensions = lambda: (100, 100)
    with pytest.raises(ValueError, match="crop the result"):
        colorize(nodes, film, references)


def test_a_film_in_memory_is_written_once(nodes: dict[str, Any], comfy: Path, references: tuple[str, ...]) -> None:
    from comfy_api.latest import InputImpl

    film = InputImpl.VideoFromFile(io.BytesIO((comfy / "input/film.mp4").read_bytes()))
    result = Path(colorize(nodes, film, references).args[3])
    assert np.array_equal(luma_of(result), luma_of(comfy / "input/film.mp4"))
    assert len(list((comfy / "temp/kinemacolor").glob("*.mp4"))) == 1


def test_pictures_become_references_with_masks_and_frames(nodes: dict[str, Any], comfy: Path) -> None:
    node, pictures = nodes["KinemacolorReferences"], torch.rand(2, 20, 30, 3)
    (names,) = node.execute(images=pictures, masks=torch.ones(1, 10, 15), frames="0, 9", others=("x.png",)).args
    assert names[0] == "x.png"
    assert [name.rpartition("@")[2] for name in names[1:]] == ["0", "9"]
    picture = np.asarray(Image.open(names[1].rpartition("@")[0]))
    assert picture.shape == (20, 30, 4)
    assert np.array_equal(picture[..., :3], (pictures[0] * 255).round().numpy().astype(np.uint8))
    assert node.execute(images=pictures, masks=torch.ones(1, 10, 15), frames="0, 9", others=("x.png",)).args[0] == names


def test_pictures_of_one_channel_are_gray(nodes: dict[str, Any], comfy: Path) -> None:
    (names,) = nodes["KinemacolorReferences"].execute(images=torch.rand(1, 20, 30, 1)).args
    picture = np.asarray(Image.open(names[0]))
    assert picture.shape == (20, 30, 3)
    assert np.ptp(picture, axis=2).max() == 0
    with pytest.raises(ValueError, match="5 channels"):
        nodes["KinemacolorReferences"].execute(images=torch.rand(1, 20, 30, 5))


@pytest.mark.parametrize("seconds", ["inf", "nan", "1e400", "-1"])
def test_seconds_that_no_film_has_are_told(
    nodes: dict[str, Any], comfy: Path, references: tuple[str, ...], seconds: str
) -> None:
    wishes = {name: CHOICES[name] for name in ("model", "saturation", "fill", "device")}
    with pytest.raises(KinemacolorError, match="give a number from 0"):
        start(nodes["KinemacolorPreview"], film=open_film(comfy), references=references, seconds=seconds, **wishes)


def test_cancel_stops_planning_too(nodes: dict[str, Any], comfy: Path, references: tuple[str, ...]) -> None:
    from comfy import model_management

    for name, wishes in (
        ("KinemacolorPlan", {"references": references, "per_shot": 1, "shots": "", "model": "kinema"}),
        ("KinemacolorFramesToColour", {"budget": 2}),
    ):
        model_management.interrupt_after = 0
        further = {"saturation": 1.0, "fill": False} if "model" in wishes else {}
        with pytest.raises(model_management.InterruptProcessingException):
            start(nodes[name], film=open_film(comfy), **wishes, **further)
    assert not list((comfy / "output").rglob("*.plan.json"))


def test_a_film_with_a_long_name_has_its_plan(nodes: dict[str, Any], comfy: Path, references: tuple[str, ...]) -> None:
    from comfy_api.latest import InputImpl

    film = (comfy / "input/film.mp4").rename(comfy / "input" / f"{'é' * 120}.mp4")
    wishes = {name: CHOICES[name] for name in ("model", "saturation", "fill")}
    node = nodes["KinemacolorPlan"]
    path, _ = start(
        node, film=InputImpl.VideoFromFile(str(film)), references=references, per_shot=1, shots="", **wishes
    ).args
    assert kinemacolor.Plan.read(path).film.path == film


@pytest.mark.parametrize(("frames", "words"), [("1", "one for each"), ("one, two", "no list of frames")])
def test_frames_that_do_not_fit_are_refused(nodes: dict[str, Any], comfy: Path, frames: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        nodes["KinemacolorReferences"].execute(images=torch.rand(2, 20, 30, 3), frames=frames)


def test_masks_that_do_not_fit_are_refused(nodes: dict[str, Any], comfy: Path) -> None:
    with pytest.raises(ValueError, match="3 masks do not fit 2 pictures"):
        nodes["KinemacolorReferences"].execute(images=torch.rand(2, 20, 30, 3), masks=torch.ones(3, 20, 30))


def test_files_become_references_and_changes_are_seen(nodes: dict[str, Any], comfy: Path) -> None:
    node, path = nodes["KinemacolorReferenceFiles"], str(comfy / "input/still.png")
    assert node.execute(paths=f"\n {path}@3 \n").args == ((f"{path}@3",),)
    before = node.fingerprint_inputs(paths=path)
    Path(path).touch()
    assert node.fingerprint_inputs(paths=path) != before
    with pytest.raises(ValueError, match="does not exist"):
        node.execute(paths=str(comfy / "missing.png"))


def test_gray_pictures_are_told(nodes: dict[str, Any], comfy: Path) -> None:
    images, frames = start(nodes["KinemacolorFramesToColour"], film=open_film(comfy), budget=2).args
    (names,) = nodes["KinemacolorReferences"].execute(images=images, frames=frames).args
    with pytest.raises(KinemacolorError, match="gray"):
        colorize(nodes, open_film(comfy), names)


def test_a_name_outside_of_the_output_is_refused(
    nodes: dict[str, Any], comfy: Path, references: tuple[str, ...]
) -> None:
    for prefix, words in (
        ("../film", "outside"),
        *((one, "names no file") for one in (".", "..", "a/..", "a/b/../..")),
        ("x" * 255, "too long"),
    ):
        with pytest.raises(ValueError, match=words):
            colorize(nodes, open_film(comfy), references, prefix=prefix)
    assert sorted(path.name for path in comfy.iterdir()) == ["input", "output", "temp"]


def test_prores_does_not_go_into_mp4(nodes: dict[str, Any], comfy: Path, references: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="choose mov or mkv"):
        colorize(nodes, open_film(comfy), references, codec="prores", container="mp4")


def test_a_stream_gives_the_colours_of_a_session(
    nodes: dict[str, Any], comfy: Path, references: tuple[str, ...]
) -> None:
    from comfy_api.latest import Input

    luma = luma_of(comfy / "input/film.mp4")[:5]
    frames = torch.from_numpy(luma).float()[..., None].expand(-1, -1, -1, 3) / 255

    class Frames(Input.ImageStream):
        place = 0

        def get_dimensions(self) -> tuple[int, int]:
            return frames.shape[2], frames.shape[1]

        def do_reset(self) -> None:
            self.place = 0

        def do_pull(self, max_frames: int) -> torch.Tensor:
            chunk = frames[self.place : self.place + max_frames]
            self.place += len(chunk)
            return chunk

    (stream,) = nodes["KinemacolorColorizeStream"].execute(Frames(), references, "kinema", "cpu").args
    assert stream.get_dimensions() == (192, 108)
    session = kinemacolor.Session(
        kinemacolor.load_model("kinema"), [np.asarray(Image.open(references[0]))], height=108, width=192, device="cpu"
    )
    expected = np.stack([session.colorize(frame)[0] for frame in luma])
    for _ in range(2):
        stream.reset()
        chunks = [stream.pull(2) for _ in range(3)]
        assert [len(chunk) for chunk in chunks] == [2, 2, 1]
        assert np.array_equal((torch.cat(chunks) * 255).round().numpy().astype(np.uint8), expected)
    assert len(stream.pull(2)) == 0


@pytest.mark.parametrize("workflow", sorted(path.name for path in WORKFLOWS.glob("*.json")))
def test_workflows_name_every_input(nodes: dict[str, Any], workflow: str) -> None:
    for node in read_workflow(workflow).values():
        sockets = nodes[node["class_type"]].define_schema().inputs
        assert {one.id for one in sockets if not one.optional} <= set(node["inputs"])
