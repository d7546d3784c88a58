"""Strange films through the whole command line, with the quick model: exit codes, results, and what is left."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kinemacolor.cli.main import run
from kinemacolor.provenance.record import RECORD_SUFFIX
from support.film_facts import read_facts
from support.films import scene
from support.laws import WHOLE, Ending, away, find_any_ending, find_strays, fingerprint
from support.plans import save
from support.quick_jobs import FAST
from support.quick_model import quick_model
from support.strange_cases import FAST as QUICK_CODING
from support.strange_films import code_film, cut_off, damage, join_bytes

X264 = {"options": QUICK_CODING}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a film, another being current; nothing is left there."""
    (tmp_path / "films").mkdir()
    save(tmp_path / "films" / "still.png", scene(0))
    with quick_model(monkeypatch), away(tmp_path / "away", monkeypatch) as elsewhere:
        before = fingerprint(elsewhere)
        yield tmp_path / "films"
        assert fingerprint(elsewhere) == before


def colorize(film: Path, *more: str) -> Ending:
    ending = find_any_ending(run, [str(film), "-r", str(film.with_name("still.png")), *FAST, *more])
    assert ending.kind == WHOLE, ending
    assert find_strays(film.parent) == []
    return ending


def results_of(folder: Path) -> list[str]:
    """Names of results; a record lies beside each, also beside a partial one."""
    found = {path.name for path in folder.iterdir() if ".color" in path.name}
    records = {name for name in found if name.endswith(RECORD_SUFFIX)}
    assert records == {f"{name}{RECORD_SUFFIX}" for name in found - records}
    return sorted(found - records)


def test_a_whole_film(folder: Path) -> None:
    film = code_film(folder / "film.mp4", sound="aac", **X264)
    assert colorize(film).value == 0
    assert results_of(folder) == ["film.color.mp4"]
    assert read_facts(folder / "film.color.mp4").frames == 8


def test_a_film_that_is_cut_off_is_kept_as_partial(folder: Path) -> None:
    whole = code_film(folder / "whole.mkv", 100, **X264)
    film = cut_off(folder / "film.mkv", whole, 0.6)
    ending = colorize(film)
    assert ending.value == 5
    assert results_of(folder) == ["film.color.partial.mkv"], "what was made stays, and has not the name of a whole film"
    assert 0 < read_facts(folder / "film.color.partial.mkv").frames < 100


def test_a_film_damaged_in_the_middle_is_coloured_to_its_end(folder: Path) -> None:
    film = damage(folder / "film.ts", code_film(folder / "whole.ts", 40, **X264), 0.5, zeros=400)
    assert colorize(film, "-o", str(folder / "film.color.mkv")).value in (0, 5)
    assert results_of(folder) in (["film.color.mkv"], ["film.color.partial.mkv"])


def test_what_is_no_film_leaves_nothing(folder: Path) -> None:
    for name, content in {"empty.mp4": b"", "letter.mkv": b"Dear film," * 99, "film.mov": bytes(3000)}.items():
        (folder / name).write_bytes(content)
        before = fingerprint(folder)
        assert colorize(folder / name).value == 3, name
        assert fingerprint(folder) == before, name


@pytest.mark.parametrize("sound", ["pcm_u8", "pcm_mulaw", "adpcm_ima_wav"])
def test_the_default_result_holds_the_sound(sound: str, folder: Path) -> None:
    """Without -o the container is chosen by what is in the film."""
    film = code_film(folder / "film.avi", codec="mpeg4", sound=sound)
    assert colorize(film).value == 0
    (name,) = results_of(folder)
    assert read_facts(folder / name).packets["audio"], name


def test_joined_films_are_not_cut_in_silence(folder: Path) -> None:
    part = code_film(folder / "part.ts", 60, codec="mpeg2video")
    ending = colorize(join_bytes(folder / "film.ts", part, part), "-o", str(folder / "film.color.mp4"))
    (name,) = results_of(folder)
    frames = read_facts(folder / name).frames
    assert (ending.value, frames) in ((0, 120), (5, frames)), "all of it, or told"
    checked = find_any_ending(run, ["verify", str(folder / "film.ts"), str(folder / name)])
    assert checked.value == (0 if frames == 120 else 5)


HOSTILE_NAMES = [
    "-film.mp4",
    "a\nb.mp4",
    "100%d %03d.mp4",
    "a:b | c?.mp4",
    "'quotes\".mp4",
    "\u202efilm.mp4",
    "film..mp4",
]


@pytest.mark.parametrize("name", [*HOSTILE_NAMES, "🎞.mp4", "n" * 230 + ".mp4", "file:film.mp4", "concat:a|b.mp4"])
def test_names_are_only_names(name: str, folder: Path) -> None:
    code_film(folder / "plain.mp4", 2, **X264).rename(folder / name)
    words = [
        "colorize",
        "-r",
        str(folder / "still.png"),
        "-o",
        str(folder / "out.color.mkv"),
        *FAST,
        "--",
        str(folder / name),
    ]
    ending = find_any_ending(run, words)
    assert (ending.kind, ending.value) == (WHOLE, 0), ending
    assert results_of(folder) == ["out.color.mkv"]
