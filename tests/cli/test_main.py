"""The command line: exit codes, messages, what goes to which stream."""

import io
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from kinemacolor.cli import main
from kinemacolor.cli.main import run
from kinemacolor.video.display import iter_color_frames
from support.films import scene, write_film

FAST = ["--size", "64"]


def colorize(film: Path, reference: Path, output: Path, *more: str) -> int:
    return run([str(film), "-r", str(reference), "-o", str(output), *FAST, *more])


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_a_film_alone_means_colorize(
    film: Path, reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert colorize(film, reference, tmp_path / "out.mp4") == 0
    talk = capsys.readouterr()
    assert talk.out == ""
    assert "8/8 frames" in talk.err
    assert "mean confidence" in talk.err


def test_the_report_is_json_on_stdout_and_quiet_is_quiet(
    film: Path, reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert colorize(film, reference, tmp_path / "out.mp4", "--json", "--quiet") == 0
    talk = capsys.readouterr()
    report = json.loads(talk.out)
    assert talk.err == ""
    assert report["frames"] == 8
    assert report["settings"]["working_size"] == [64, 85]
    assert {"seconds", "mean_confidence", "warnings"} <= set(report)


def test_help_is_quick_and_loads_no_torch() -> None:
    code = (
        "import sys, kinemacolor.cli.main\n"
        "assert kinemacolor.cli.main.run(['colorize', '--help']) == 0\n"
        "heavy = {'torch', 'cv2', 'av', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--reference" in done.stdout


@pytest.mark.parametrize("arguments", [["colorize"], ["film.mp4", "-r", "x.png", "--edge-filter", "no"]])
def test_wrong_usage_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert "Usage" in said(capsys)


def test_a_film_without_references_says_how_to_get_some(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["film.mp4"]) == 2
    assert "--ask-references" in said(capsys)


@pytest.mark.parametrize("time", ["abc", "1:2:3:4", "-5", "", "nan", "inf"])
def test_a_time_that_is_none_exits_2(film: Path, reference: Path, tmp_path: Path, time: str) -> None:
    assert colorize(film, reference, tmp_path / "out.mp4", f"--start={time}") == 2


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--start", "0:01:00"], "behind the end"),
        (["--start", "0.2", "--end", "0.1"], "leave nothing"),
        (["--model", "nonsense"], "there is no model"),
        (["--vcodec", "nonsense"], "no encoder"),
        (["--device", "nonsense"], "device"),
        (["--device", "meta"], "device"),
    ],
)
def test_options_that_do_not_fit_exit_2(
    film: Path, reference: Path, tmp_path: Path, more: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert colorize(film, reference, tmp_path / "out.mp4", *more) == 2
    assert words in said(capsys)
    assert not list(tmp_path.glob("out*"))


def test_files_that_are_no_films_exit_3_and_say_why(
    reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, empty, folder = tmp_path / "text.mp4", tmp_path / "empty.mp4", tmp_path / "folder"
    text.write_text("I am no film. " * 100)
    empty.touch()
    folder.mkdir()
    sound = write_film(tmp_path / "nothing.mp4", 0, sound=True)
    words = {tmp_path / "none.mp4": "does not exist", folder: "no pictures"}
    words |= {text: "cannot be read as a film", empty: "cannot be read as a film", sound: "no picture stream"}
    bare = write_film(tmp_path / "bare.mkv", 0, prepare=lambda container, _: container.start_encoding())
    words[bare] = "cannot be read as a film"
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    words[broken] = "damaged or no picture"
    for path, message in words.items():
        assert colorize(path, reference, tmp_path / "out.mp4") == 3, path
        assert message in said(capsys), path
    assert not list(tmp_path.glob("out*"))


def test_a_film_cut_off_exits_5_and_reports_what_is_kept(
    reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = write_film(tmp_path / "in.mkv", 72, options={"g": "4"})
    whole.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.6)])
    assert colorize(whole, reference, tmp_path / "out.mkv", "--json") == 5
    talk = capsys.readouterr()
    assert "cut off" in talk.err
    assert "as only what is whole" not in talk.err
    assert json.loads(talk.out)["result"].endswith("out.partial.mkv")
    assert colorize(whole, reference, Path("out.mkv"), "--json", "--archive", "--bag", str(tmp_path / "bag")) == 5
    talk = capsys.readouterr()
    lacks = "the partial result has no .sha256, lies in no bag, as only what is whole gets that"
    assert lacks in talk.err.replace("\n", " ")
    assert lacks in json.loads(talk.out)["warnings"]
    assert lacks in (tmp_path / "bag" / "data" / "out.partial.mkv.kinemacolor.json").read_text()


# References of every kind.


def test_references_that_cannot_serve_exit_3(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gray, text = tmp_path / "gray.jpg", tmp_path / "text.png"
    cv2.imwrite(str(gray), cv2.cvtColor(scene(0), cv2.COLOR_RGB2GRAY))
    text.write_text("no picture")
    words = {gray: "has no colour", text: "no picture", tmp_path / "none.png": "does not exist"}
    for path, message in words.items():
        assert colorize(film, path, tmp_path / "out.mp4") == 3
        assert message in said(capsys)


def save_kinds(folder: Path) -> dict[str, Path]:
    """The scene as a CMYK JPEG, a sideways EXIF JPEG, with alpha, with a palette, as WebP and with an odd profile."""
    picture = Image.fromarray(scene(0))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 270 degrees
    alpha = picture.convert("RGBA")
    alpha.putalpha(Image.fromarray(np.tile(np.linspace(128, 255, 96).astype(np.uint8), (72, 1))))
    saves = {
        "cmyk.jpg": (picture.convert("CMYK"), {}),
        "turned.jpg": (picture.rotate(90, expand=True), {"exif": exif}),
        "alpha.png": (alpha, {}),
        "palette.png": (picture.convert("P"), {}),
        "still.webp": (picture, {}),
        "profile.png": (picture, {"icc_profile": b"not a profile"}),
    }
    for name, (image, options) in saves.items():
        image.save(folder / name, **options)
    return {name: folder / name for name in saves}


def test_references_of_every_kind_give_their_colours(film: Path, tmp_path: Path) -> None:
    truth = scene(4).astype(float)
    gray_error = np.abs(truth - truth.mean(-1, keepdims=True)).mean()
    for name, path in save_kinds(tmp_path).items():
        output = tmp_path / f"{name}.mp4"
        assert colorize(film, path, output, "--quiet") == 0
        result = list(iter_color_frames(output))[4].astype(float)
        assert np.abs(result - truth).mean() < 0.75 * gray_error, name


def test_a_16_bit_png_is_a_reference_too(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    cv2.imwrite(str(path), scene(0)[..., ::-1].astype(np.uint16) * 257)
    assert colorize(film, path, tmp_path / "out.mp4", "--quiet") == 0


# The other verbs.


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("kinemacolor 0.")


def test_verify_tells_a_faithful_result_from_another_film(
    film: Path, reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result, other = tmp_path / "out.mkv", write_film(tmp_path / "other.mp4", 5)
    assert colorize(film, reference, result, "--lossless", "--quiet") == 0
    assert run(["verify", str(film), str(result), "--json"]) == 0
    talk = capsys.readouterr()
    assert "bit for bit" in talk.err
    assert all(check["passed"] for check in json.loads(talk.out))
    assert run(["verify", str(film), str(other)]) == 5
    assert "FAIL frames" in said(capsys)
    assert run(["verify", str(film), str(tmp_path / "none.mp4")]) == 3


def test_verify_sees_changed_luma_and_lost_sound(film: Path, reference: Path, tmp_path: Path) -> None:
    silent = write_film(tmp_path / "silent.mp4")
    assert run(["verify", str(film), str(silent)]) == 5
    darker = tmp_path / "darker.mkv"
    write_film(darker, 8, codec="ffv1")
    assert run(["verify", str(silent), str(darker)]) == 5  # a lossless codec that is not the source's luma


def test_preview_is_one_picture(
    film: Path, reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "look.png"
    arguments = ["preview", str(film), "-r", str(reference), "-o", str(made), "--at", "0f", "--at", "0:00:00.2", *FAST]
    assert run(arguments) == 0
    assert "preview: 2/2 frames" in said(capsys)
    picture = cv2.imread(str(made))
    assert picture.shape == (72 * 2 + 6, 96 * 3 + 12, 3)
    assert run(arguments) == 2
    assert run([*arguments, "--overwrite"]) == 0
    assert run([*arguments, "--overwrite", "--at", "99"]) == 2
    start = ["preview", str(film), "-r", str(reference)]
    for name in ("no/look.png", "look.xyz", "look", reference.name):
        assert run([*start, "--overwrite", "-o", str(tmp_path / name)]) == 2


def test_the_demo_leaves_a_film_and_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "-o", str(tmp_path / "demo"), "--quiet"]) == 0
    assert str(tmp_path / "demo" / "sample.color.mp4") in said(capsys)
    assert cv2.imread(str(tmp_path / "demo" / "sample.preview.png")) is not None
    blocked = tmp_path / "file"
    blocked.touch()
    assert run(["demo", "-o", str(blocked / "demo")]) == 2


def test_models_and_doctor_tell_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list", "--json"]) == 0
    (row,) = [row for row in json.loads(capsys.readouterr().out) if row["name"] == "kinema"]
    assert row["licence"] == "Apache-2.0"
    assert run(["models", "list"]) == 0
    assert "kinema" in capsys.readouterr().out
    assert run(["doctor"]) == 0
    report = capsys.readouterr().out
    assert "libx264" in report
    assert "torch for kinema: KINEMACOLOR_ENGINE is torch" in " ".join(report.split())
    assert "FAIL" not in report


def test_doctor_tells_of_an_engine_that_is_not_there_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KINEMACOLOR_ENGINE", "tvm")
    assert run(["doctor"]) == 2
    report = capsys.readouterr().out
    assert "FAIL engine: KINEMACOLOR_ENGINE is tvm: there is no engine 'tvm'" in report
    assert "disk: " in report


def test_evaluate_and_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    films, results = tmp_path / "films", tmp_path / "results"
    for name in ("one", "two"):
        (films / name).mkdir(parents=True)
        for index in range(3):
            cv2.imwrite(str(films / name / f"{index}.jpg"), scene(index)[..., ::-1])
    assert run(["evaluate", str(films), "-o", str(results), "--jobs", "2", "-q"]) == 0
    table, _, distances = capsys.readouterr().out.partition("\n\n")
    assert "| 1–10 | 2 |" in distances
    names = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    assert names == ["gray first", "match first", "kinema first"]
    assert (results / "index.html").is_file()
    assert run(["compare", "gray", "kinema", "--results", str(results)]) == 0
    assert "| PSNR dB | 2 |" in capsys.readouterr().out
    assert run(["compare", "gray", "nonsense", "--results", str(results)]) == 3
    assert run(["evaluate", str(films), "--only", "none*"]) == 3
    assert run(["evaluate", str(films), "-o", str(tmp_path / "no" / "results")]) == 2
    assert run(["evaluate", str(films), "-o", str(results), "--protocol", "nonsense"]) == 2
    assert run(["evaluate", str(films), "-o", str(results), "--protocol", "still"]) == 2
    assert run(["evaluate", str(films), "-o", str(results), "--model", "nonsense"]) == 2


def test_a_code_page_that_lacks_letters_ends_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="cp1252", newline="\n"))
    monkeypatch.setattr(main, "prepare_quick_start", lambda: None)
    monkeypatch.setattr(main, "run", lambda words: print("the film \u6620\u753b, \xe9", flush=True))
    with pytest.raises(SystemExit):
        main.main()
    assert written.getvalue() == b"the film \\u6620\\u753b, \xe9\n"
