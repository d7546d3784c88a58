"""What a name becomes: one that every system can hold, and that shows what it is."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kinemacolor.errors import UsageError
from kinemacolor.web.names import MAX_NAME_BYTES, clean_name, safe_file_name
from kinemacolor.web.project_entry import ProjectEntry

ANY_NAME = st.text(st.characters(codec=None, exclude_categories=()), max_size=300)


@given(ANY_NAME)
@example("../../etc/passwd")
@example("\ud800.png")
@example("a.\ud800\ud800")
@example("con.mp4")
@example("x" * 400 + ".png")
@example("é" * 400 + ".ü" * 4)
@example(" . .png")
@example("\0")
@example("C:\\films\\Nosferatu.mkv")
@example("con" + "." * 20 + "x" * 300)
@example("con" + "\u200b" + ".png")
@example("e\u200d\u0301" * 200 + ".png")
def test_a_name_is_one_file_that_every_system_can_hold(name: str) -> None:
    try:
        safe = safe_file_name(name)
    except UsageError:
        return
    assert safe == Path(safe).name
    assert safe not in ("", ".", "..")
    assert not set(safe) & set('/\\\0<>:"|?*\n')
    assert safe[0] not in " ."
    assert safe[-1] not in " ."
    assert len(safe.encode()) <= MAX_NAME_BYTES
    assert safe_file_name(safe) == safe
    assert clean_name(safe) == safe


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Nosferatu (1922).mkv", "Nosferatu (1922).mkv"),
        ("../../a b.png", "a b.png"),
        ("C:\\films\\Der Müller.mp4", "Der Müller.mp4"),
        ('<script>"x".jpg', "_script__x_.jpg"),
        ("con.mp4", "_con.mp4"),
        ("COM1", "_COM1"),
        ("concert.mp4", "concert.mp4"),
        ("cafe\u0301.png", "café.png"),
        (".hidden.png", "hidden.png"),
        ("映画.mov", "映画.mov"),
        ("photo\u202egnp.exe.png", "photognp.exe.png"),
        ("a\u2066b\u2069\u200e\u200f\u061c.mp4", "ab.mp4"),
        ("ab\u200b\u200c\u200d\u2060\ufeff\u00ad.mp4", "ab.mp4"),
        ("one\ntwo\r\u2028\u2029\u0085.mp4", "onetwo.mp4"),
        ("a\u00a0b\u3000c.mp4", "a b c.mp4"),
        ("\u3164\u2800\ufe0fx.png", "x.png"),
        ("c\u200bon.mp4", "_con.mp4"),
        ("aux .tar.mp4", "_aux .tar.mp4"),
        ("lpt¹.png", "_lpt¹.png"),
        ("CONIN$", "_CONIN$"),
        ("x" * 300 + ".tiff", "x" * (MAX_NAME_BYTES - 5) + ".tiff"),
    ],
)
def test_what_a_name_becomes(name: str, safe: str) -> None:
    assert safe_file_name(name) == safe


@pytest.mark.parametrize("name", ["", ".", "..", "/", "a/", "...", " ", "x." + "y" * 50])
def test_no_name_at_all_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is no name for a file"):
        safe_file_name(name)


def test_the_title_of_a_project_shows_what_it_is_also_of_an_older_one() -> None:
    entry = ProjectEntry(title="film\u202e4pm.exe\n", film=Path("x"), created=0)
    assert entry.title == "film4pm.exe"
    kept = entry.model_dump_json().replace("film4pm.exe", "film\u202e4pm")
    assert ProjectEntry.model_validate_json(kept).title == "film4pm"
