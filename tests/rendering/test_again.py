"""A record is enough to make its results again, byte for byte; whoever wrote it, it has nothing else written."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import kinemacolor
from kinemacolor.cli.main import run
from kinemacolor.errors import InputError, PartialError, UsageError, WeightsError
from kinemacolor.options import DeliveryOptions, EncodingOptions, RenderOptions
from kinemacolor.plan import frame_encoder
from kinemacolor.plan.similarity import FrameEmbedding
from kinemacolor.references.spec import ReferenceSpec
from kinemacolor.rendering import recording
from kinemacolor.rendering.again import AgainRequest, AgainRun, run_again
from kinemacolor.rendering.one_shot import ColorizeRequest, run_request
from kinemacolor.utils.files import compute_file_sha256
from kinemacolor.weights import registry
from support.films import scene, write_film
from support.laws import fingerprint, time_limit
from support.plans import gray, save
from support.small_renders import LOSSLESS, SIZE, Recall, render_small, short_segments, small_plan

__all__ = ["short_segments"]
pytestmark = pytest.mark.usefixtures("short_segments", "home", "no_network")
RECORD = "out.mkv.kinemacolor.json"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """All pictures are alike, and the model is `Recall`."""

    class Same:
        def encode_frame(self, gray: np.ndarray) -> FrameEmbedding:
            return FrameEmbedding(torch.ones(1, 1), torch.ones(1))

    monkeypatch.setattr(frame_encoder, "make_frame_encoder", lambda *given: Same())
    monkeypatch.setattr(registry, "load_model", lambda *given: Recall())


def colorized(folder: Path, name: str = "out.mkv", source: str = "film.mkv", **changes: Any) -> Path:
    """A film that was colorized in one go; gives its record."""
    given = {"options": RenderOptions(short_side=64), "encoding": LOSSLESS, "jobs": 1} | changes
    request = ColorizeRequest(folder / source, (ReferenceSpec(folder / "key.png"),), folder / name, **given)
    run_request(request, Recall())
    return folder / f"{name}.kinemacolor.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small_plan(tmp_path / "project", 12).parent


def edited(record: Path, change: Callable[[Any], object]) -> Path:
    content = json.loads(record.read_text())
    change(content)
    record.write_text(json.dumps(content))
    return record


def without_names(record: Path) -> Any:
    content = json.loads(record.read_text())
    content.pop("made_utc")
    for result in content["results"]:
        result.pop("name")
    return content


def test_a_film_in_a_bag_is_made_again_outside_of_it(folder: Path) -> None:
    place, archive = folder / "bag" / "data", EncodingOptions(archive=True)
    colorized(folder, "bag/data/out.mkv", encoding=archive, delivery=DeliveryOptions(bag=folder / "bag"))
    record, before = place / RECORD, fingerprint(folder / "bag")
    given = {"source": folder / "film.mkv", "references": folder}
    with pytest.raises(UsageError, match="name a place outside of it"):
        run_again(AgainRequest(record, **given))
    done = run_again(AgainRequest(record, output=folder / "once more.mkv", **given))
    assert done.same == {"film": True}
    assert (folder / "once more.mkv.sha256").is_file()
    assert fingerprint(folder / "bag") == before


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"start_seconds": 0.1, "end_seconds": 0.4},
        {"encoding": EncodingOptions(crf=20.0)},
        {
            "encoding": EncodingOptions(lossless=True, parts=True),
            "options": RenderOptions(short_side=64, saturation=1.4),
        },
    ],
)
def test_a_film_is_made_again_to_the_same_bytes(folder: Path, changes: dict[str, Any]) -> None:
    record = colorized(folder, **changes)
    made = kinemacolor.make_again(record, jobs=1)
    assert (made.is_same, dict(made.same), made.differences) == (True, {"film": True}, ())
    again = folder / "out-again.mkv"
    assert again.read_bytes() == (folder / "out.mkv").read_bytes()
    assert without_names(folder / f"{again.name}.kinemacolor.json") == without_names(record)
    assert not list(folder.glob("*.work"))
    assert kinemacolor.make_again(record).is_same, "it is done, and says so"


def test_a_render_with_layer_and_confidence_is_made_again(folder: Path) -> None:
    names = ("out.mkv", "layer.mkv", "sure.mkv")
    render_small(folder / "film.plan.json", layer=folder / names[1], confidence=folder / names[2])
    (folder / "film.plan.json").unlink()
    made = run_again(AgainRequest(folder / RECORD, output=folder / "new.mkv", jobs=1))
    assert made.same == {"film": True, "layer": True, "confidence": True}
    for name, again in zip(names, ("new.mkv", "layer-again.mkv", "sure-again.mkv"), strict=True):
        assert (folder / name).read_bytes() == (folder / again).read_bytes()


@pytest.mark.parametrize("name", ["a\xff", "a\xfe\\b", "\\\\host\\a"])
def test_whatever_name_a_file_system_takes_is_recorded(folder: Path, name: str) -> None:
    """Bytes that are no UTF-8, and backslashes, which separate nothing but on Windows."""
    strange = os.fsdecode(name.encode("latin-1"))
    try:
        (folder / "film.mkv").rename(film := folder / f"{strange}.mkv")
        film.resolve(strict=True)
    except OSError:
        pytest.skip("this file system does not take it")
    (folder / "key.png").rename(still := folder / f"{strange}.png")
    encoding = EncodingOptions(archive=True)
    request = ColorizeRequest(
        film,
        (ReferenceSpec(still),),
        folder / f"{strange}.out.mkv",
        encoding=encoding,
        jobs=1,
        options=RenderOptions(short_side=64),
    )
    run_request(request, Recall())
    record = folder / f"{strange}.out.mkv.kinemacolor.json"
    assert json.loads(record.read_text(encoding="utf-8"))["source"]["place"] == film.name
    assert (folder / f"{strange}.out.mkv.sha256").read_bytes().count(os.fsencode("out.mkv")) == 2
    assert run_again(AgainRequest(record, jobs=1)).is_same


def test_what_cannot_be_recorded_is_found_before_the_first_frame(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "_list_versions", lambda *given: {"torch": None})
    model = Recall()
    with pytest.raises(UsageError, match="no record of this job can be made: versions"):
        render_small(folder / "film.plan.json", model=model)
    assert model.seen == 0
    assert not list(folder.glob("*.partial*"))


def test_results_of_one_name_in_two_folders_are_made_again(folder: Path) -> None:
    (folder / "l").mkdir()
    render_small(folder / "film.plan.json", layer=folder / "l" / "out.mkv")
    made = run_again(AgainRequest(folder / RECORD, jobs=1))
    assert made.same == {"film": True, "layer": True}
    assert (folder / "out-again.layer.mkv").read_bytes() == (folder / "l" / "out.mkv").read_bytes()


def test_a_film_that_is_cut_off_is_made_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = write_film(folder / "film.mkv", 72, SIZE, options={"g": "4", "bf": "0"})
    film.write_bytes(film.read_bytes()[: film.stat().st_size * 2 // 3])
    with pytest.raises(PartialError):
        colorized(folder)
    record = folder / "out.partial.mkv.kinemacolor.json"
    assert run(["again", str(record), "--jobs", "1", "--exact"]) == 0
    assert "out-again.partial.mkv: the same bytes as recorded" in capsys.readouterr().err
    assert (folder / "out-again.partial.mkv").read_bytes() == (folder / "out.partial.mkv").read_bytes()
    assert not list(folder.glob("*.work"))
    edited(record, lambda content: content["results"][0].update(sha256="0" * 64))
    given = ["again", str(record), "-o", str(folder / "x.mkv"), "--jobs", "1"]
    assert run([*given, "--exact"]) == 5
    assert "(film): nothing that is recorded differs" in capsys.readouterr().err


def test_another_container_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = colorized(folder, encoding=EncodingOptions())
    assert run(["again", str(record), "-o", str(folder / "x.mp4"), "--jobs", "1"]) == 0
    assert "note: not the recorded bytes (film): the container was .mkv, is .mp4" in capsys.readouterr().err


def test_a_record_of_this_run_that_cannot_be_read_is_told(folder: Path) -> None:
    record = edited(colorized(folder), lambda content: content["plan"]["options"].update(saturation=0.5))
    again = AgainRun(AgainRequest(record, jobs=1))
    again.render()
    (folder / "out-again.mkv.kinemacolor.json").write_text("{}")
    (words,) = AgainRun(AgainRequest(record, jobs=1)).render().differences
    assert words.startswith("what else differs cannot be said: ")


def test_names_that_are_too_long_are_told(folder: Path) -> None:
    record = colorized(folder)
    for given in ({"source": Path("q" * 300)}, {"references": Path("q" * 300)}):
        with pytest.raises(InputError, match="does not exist"):
            AgainRun(AgainRequest(record, **given))


def test_pictures_are_made_again(folder: Path) -> None:
    scans = folder / "scans"
    scans.mkdir()
    for number in (1, 2, 4):
        save(scans / f"{number}.png", scene(number, SIZE))
    record = colorized(folder, "scans.color", "scans", gaps="hold", encoding=EncodingOptions())
    assert run_again(AgainRequest(record, jobs=1)).is_same
    found = fingerprint(folder / "scans-again.color")
    assert found == fingerprint(folder / "scans.color")
    assert len(found) == 4
    single = colorized(folder, "one.png", "scans/1.png", encoding=EncodingOptions())
    assert run_again(AgainRequest(single, jobs=1)).is_same
    assert (folder / "one-again.png").read_bytes() == (folder / "one.png").read_bytes()


def test_pictures_keep_their_names_where_those_of_the_source_changed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scans with other names, and the pages of a file with another one; not from the first on."""
    (folder / "scans").mkdir()
    for number in range(8, 12):
        save(folder / "scans" / f"s_{number}.png", scene(number, SIZE))
    pages = [Image.fromarray(gray(scene(number, SIZE))[..., 0]) for number in range(12)]
    pages[0].save(folder / "pages.tif", save_all=True, append_images=pages[1:])
    given = {"encoding": EncodingOptions(), "start_seconds": 1 / 24}
    records = [colorized(folder, f"{name}.color", name, **given) for name in ("scans", "pages.tif")]
    for file in (folder / "scans").iterdir():
        file.rename(file.with_name(f"frame{int(file.stem[2:])}.png"))
    (folder / "vault").mkdir()
    (folder / "scans").rename(folder / "vault" / "other scans")
    (folder / "pages.tif").rename(folder / "vault" / "reel.tif")
    for record, source in zip(records, ("other scans", "reel.tif"), strict=True):
        again = ["again", str(record), "--source", str(folder / "vault" / source), "--jobs", "1", "--exact"]
        assert run([*again, "--overwrite"]) == 0
        assert run(again) == 0, "it is done, and says so"
        found = fingerprint(folder / record.name.replace(".color", "-again.color").removesuffix(".kinemacolor.json"))
        assert found == fingerprint(folder / record.name.removesuffix(".kinemacolor.json"))
        edited(record, lambda content: [result.pop("files") for result in content["results"]])
        assert run([*again, "-o", str(folder / f"{source}.older.color")]) == 5
        assert "noted no names of pictures, so they are named after the source's" in capsys.readouterr().err


def test_pictures_that_differ_are_counted(folder: Path) -> None:
    record = colorized(folder, "out.color", encoding=EncodingOptions())
    first = json.loads(record.read_text())["results"][0]
    for name, words in (
        ("000003.png", "1 of 12 pictures differ, the first is '000003.png'"),
        ("more.png", "the pictures have other names or are others, among them 'more.png'"),
    ):
        files = first["files"] | {name: "0" * 64}
        edited(record, lambda content, files=files: content["results"][0].update(files=files, sha256="0" * 64))
        assert run_again(AgainRequest(record, folder / f"{name}.color", jobs=1)).differences == (words,)


def test_what_has_moved_is_named_and_found(folder: Path, tmp_path: Path) -> None:
    record, elsewhere = colorized(folder), tmp_path / "elsewhere"
    (elsewhere / "stills").mkdir(parents=True)
    before = shutil.move(folder / "film.mkv", elsewhere / "other name.mkv")
    still = shutil.move(folder / "key.png", elsewhere / "stills" / "renamed.png")
    with pytest.raises(
        InputError, match=r"film\.mkv is missing: name it with --source; .*key\.png is missing: name its"
    ):
        AgainRun(AgainRequest(record))
    save(elsewhere / "stills" / "another.png", scene(9, SIZE))
    with pytest.raises(InputError, match=r"no file in .* is the reference key\.png"):
        AgainRun(AgainRequest(record, source=Path(before), references=elsewhere / "stills" / "another.png"))
    with pytest.raises(InputError, match="does not exist: name a folder"):
        AgainRun(AgainRequest(record, source=Path(before), references=elsewhere / "none"))
    for references in (elsewhere, Path(still)):
        made = run_again(AgainRequest(record, source=Path(before), references=references, overwrite=True, jobs=1))
        assert made.is_same
    (elsewhere / "stills" / "0 notes").write_bytes(b"")
    bare = Path(shutil.move(still, elsewhere / "stills" / "still"))  # as a reference may be called
    for references in (elsewhere, bare):
        made = run_again(AgainRequest(record, source=Path(before), references=references, overwrite=True, jobs=1))
        assert made.is_same


def test_a_handed_on_folder_is_enough(folder: Path, tmp_path: Path) -> None:
    record = colorized(folder)
    assert str(tmp_path) not in record.read_text()
    there = tmp_path / "there"
    there.mkdir()
    for name in ("film.mkv", "key.png", record.name):
        shutil.move(folder / name, there / name)
    assert run_again(AgainRequest(there / record.name, jobs=1)).is_same


def test_files_that_changed_are_refused(folder: Path) -> None:
    record = colorized(folder)
    with (folder / "film.mkv").open("ab") as film:
        film.write(b"x")
    save(folder / "key.png", scene(9, SIZE))
    with pytest.raises(InputError, match=r"film\.mkv is another film than the recorded .*key\.png is another picture"):
        AgainRun(AgainRequest(record))


def test_other_weights_are_refused(folder: Path) -> None:
    def change(content: Any) -> None:
        content["plan"]["weights"]["kinema"] = content["model"]["weights"][0]["sha256"] = "0" * 64

    with pytest.raises(WeightsError, match="other weights of kinema"):
        AgainRun(AgainRequest(edited(colorized(folder), change)))


def test_other_bytes_are_told_with_what_differs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def change(content: Any) -> None:
        content["plan"]["options"]["saturation"] = 0.5
        content["versions"] |= {"torch": "1.0", "x264": "7"}
        content["machine"] |= {"engine": "abacus"}

    record = edited(colorized(folder), change)
    assert run(["again", str(record), "--jobs", "1", "--json"]) == 0
    told = capsys.readouterr()
    assert "note: not the recorded bytes (film): abacus on cpu does not run here; " in told.err
    assert "torch was 1.0, is 2." in told.err
    assert "x264 was 7, is none" in told.err
    assert json.loads(told.out)["same"] == {"film": False}
    assert run(["again", str(record), "--exact"]) == 5


def test_the_command_says_when_it_is_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["again", str(colorized(folder)), "--jobs", "1"]) == 0
    assert "out-again.mkv: the same bytes as recorded" in capsys.readouterr().err
    assert run(["again", str(folder / "none.json")]) == 3


def test_a_run_that_was_stopped_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record, whole = colorized(folder), Recall()
    with monkeypatch.context() as patch:
        patch.setattr(registry, "load_model", lambda *given: Recall(8))
        with pytest.raises(KeyboardInterrupt):
            run_again(AgainRequest(record, jobs=1))
    monkeypatch.setattr(registry, "load_model", lambda *given: whole)
    assert run_again(AgainRequest(record, jobs=1)).is_same
    assert 0 < whole.seen < 12


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content.update(kinemacolor_record=2), "install a newer one"),
        (lambda content: content.update(kinemacolor_record="1"), "is no record"),
        (lambda content: content.clear(), "is no record"),
        (lambda content: content.pop("plan"), "plan: is missing"),
        (lambda content: content["results"][0].update(name="../out.mkv"), "without a folder"),
        (lambda content: content["results"][0].update(name="/tmp/out.mkv"), "without a folder"),
        (lambda content: content["results"][0].update(name="a/../b.mkv"), "without a folder"),
        (lambda content: content["results"][0].update(name="\ud800.mkv"), "without a folder"),
        (lambda content: content["results"][0].update(name=5), "wanted a text"),
        (lambda content: content["results"][0].update(name=".."), "without a folder"),
        (lambda content: content["results"][0].update(name="a\0b"), "without a folder"),
        (lambda content: content["results"][0].update(name="n" * 300), "without a folder"),
        (lambda content: content["results"][0].update(files={"/etc/x.png": "0" * 64}), "wanted a place"),
        (lambda content: content["results"][0].update(files={"x.png": "0"}), "files"),
        (lambda content: content["results"].append(content["results"][0]), "one film first"),
        (lambda content: content["source"].update(place="/etc/passwd"), "wanted a place"),
        (lambda content: content["source"].update(place="../../film.mkv"), "wanted a place"),
        (lambda content: content["source"].update(place="a/../../film.mkv"), "wanted a place"),
        (lambda content: content["references"]["key"].update(place=""), "wanted a place"),
        (lambda content: content["references"].clear(), "other references"),
        (lambda content: content["source"].update(sha256="0" * 64), "another film than the source"),
        (lambda content: content["model"].update(name="color2embed"), "another model"),
        (lambda content: content["machine"].update(torch_threads=10**9), "torch_threads"),
        (lambda content: content["machine"].update(rows=10**9), "rows"),
        (lambda content: content["source"].update(place="x" * 300), "wanted a place"),
        (lambda content: content["encoding"].update(crf=1e9), "crf"),
    ],
)
def test_a_record_that_is_none_is_refused(folder: Path, change: Callable[[Any], object], words: str) -> None:
    record = edited(colorized(folder), change)
    before = fingerprint(folder.parent)
    with pytest.raises(UsageError, match=words):
        AgainRun(AgainRequest(record))
    assert fingerprint(folder.parent) == before


@pytest.mark.parametrize("damage", [b"", b"\xff", b"[" * 50_000, b"[]", b'{"kinemacolor_record": 1'])
def test_a_damaged_record_is_refused(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "a.kinemacolor.json").write_bytes(damage)
    with pytest.raises(UsageError):
        AgainRun(AgainRequest(tmp_path / "a.kinemacolor.json"))
    with pytest.raises(InputError, match="is no file"):
        AgainRun(AgainRequest(tmp_path))


def test_strange_places_are_only_read(folder: Path) -> None:
    """A pipe is not waited for, and a record gives encoders no options: x264 can be told to write files."""
    os.mkfifo(folder / "pipe")
    record = colorized(folder)
    stolen = folder / "stolen"

    def change(content: Any) -> None:
        content["source"]["place"] = content["references"]["key"]["place"] = "pipe"
        content["encoders"]["film"]["options"] = {"x264-params": f"stats={stolen}:pass=1"}

    with time_limit(20), pytest.raises(InputError, match=r"pipe is missing.*pipe is missing"):
        AgainRun(AgainRequest(edited(record, change)))
    made = run_again(AgainRequest(record, source=folder / "film.mkv", references=folder, jobs=1))
    assert made.is_same
    assert not stolen.exists()


def test_nothing_is_written_over(folder: Path) -> None:
    record = colorized(folder)
    (folder / "out-again.mkv").write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        AgainRun(AgainRequest(record))
    for output in (folder / "film.mkv", record):
        with pytest.raises(UsageError):
            AgainRun(AgainRequest(record, output=output, overwrite=True))
    (folder / "new.mkv.work").mkdir()
    (folder / "new.mkv.work/mine").write_text("mine")
    with pytest.raises(UsageError, match="not ours"):
        AgainRun(AgainRequest(record, output=folder / "new.mkv"))


def test_stills_of_a_colour_film_are_taken_again(folder: Path, tmp_path: Path) -> None:
    """They lay in the work folder of `colorize`, which is gone."""
    color = write_film(folder / "color.mp4", 12, SIZE, codec="libx264", pix_fmt="yuv420p")
    other = write_film(folder / "other.mkv", 30, SIZE, codec="ffv1", pix_fmt="gray")
    request = ColorizeRequest(
        other,
        (ReferenceSpec(color),),
        folder / "out.mkv",
        options=RenderOptions(short_side=64),
        encoding=LOSSLESS,
        jobs=1,
    )
    run_request(request, Recall())
    record = folder / RECORD
    (still,) = {tuple(one["still_of"].items()) for one in json.loads(record.read_text())["references"].values()}
    assert dict(still) == {"place": "color.mp4", "sha256": compute_file_sha256(color), "frame": dict(still)["frame"]}
    assert run_again(AgainRequest(record, jobs=1)).is_same
    (tmp_path / "archive").mkdir()
    color.rename(tmp_path / "archive" / "colour, renamed")
    with pytest.raises(InputError, match="is missing: name its folder"):
        AgainRun(AgainRequest(record, overwrite=True))
    assert run_again(AgainRequest(record, references=tmp_path, overwrite=True, jobs=1)).is_same
    assert not list(folder.glob("*.work"))
