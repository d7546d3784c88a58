"""Lists of shots as programs write them: each is read as it is meant, and what cannot be is told with its line."""

import warnings
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import opentimelineio as otio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinemacolor.errors import InputError, KinemacolorError, UsageError
from kinemacolor.shots.files import READABLE_SUFFIXES, read_shots, write_shots
from kinemacolor.shots.listed import ShotListNotice
from kinemacolor.shots.shot import FrameClock, Shot

LISTS = Path(__file__).parent / "lists"
FPS24, FPS25, NTSC = Fraction(24), Fraction(25), Fraction(30000, 1001)
CUTS = (Shot(0, 10), Shot(10, 37, "cut"), Shot(37, 100, "cut"))


def spans(shots: tuple[Shot, ...]) -> list[tuple[int, int]]:
    return [(shot.first, shot.end) for shot in shots]


def read(path: Path, frames: int = 100, clock: FrameClock | None = None, *, note: str = "") -> tuple[Shot, ...]:
    """Read a list; it must be noted as ``note`` says, or not at all."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        shots = read_shots(path, frames, clock or FrameClock(FPS25))
    notes = [str(one.message) for one in told if one.category is ShotListNotice]
    assert len(notes) == bool(note), notes
    assert note in "".join(notes)
    return shots


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


# Files as the programs write them; all of a film of 100 frames with cuts at 10 and 37.


@pytest.mark.parametrize(
    ("name", "rate", "note"),
    [
        ("premiere.edl", FPS25, ""),
        ("premiere-drop.edl", NTSC, ""),
        ("resolve.edl", FPS24, "01:00:00:00, the film at 00:00:00:00: 1 hour off"),
        ("avid.edl", FPS25, "10:00:00:00, the film at 00:00:00:00: 10 hours off"),
        ("lightworks.edl", FPS25, "01:00:00:00"),
        ("pyscenedetect.csv", FPS25, ""),
        ("pyscenedetect-no-cuts.csv", FPS25, ""),
        ("pyscenedetect-0.5.csv", FPS25, ""),
        ("pyscenedetect-screen.txt", FPS25, ""),
        ("transnetv2.scenes.txt", FPS25, ""),
        ("excel.csv", FPS25, ""),
        ("excel-utf16.txt", FPS25, ""),
        ("libreoffice-seconds.csv", FPS25, ""),
        ("pandas.csv", FPS25, ""),
    ],
)
def test_lists_of_programs_are_read(name: str, rate: Fraction, note: str) -> None:
    assert spans(read(LISTS / name, 100, FrameClock(rate), note=note)) == spans(CUTS)


# EDL


def edl(*events: str, head: str = "TITLE: x\nFCM: NON-DROP FRAME\n") -> str:
    return head + "".join(f"{number:03}  AX  {event}\n" for number, event in enumerate(events, 1))


CUT_EVENTS = (
    "V C 00:00:00:00 00:00:00:10 00:00:00:00 00:00:00:10",
    "V C 00:00:00:10 00:00:01:12 00:00:00:10 00:00:01:12",
    "V C 00:00:01:12 00:00:04:00 00:00:01:12 00:00:04:00",
)
PLAIN = edl(*CUT_EVENTS)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        "\ufeff" + PLAIN,
        PLAIN.encode("utf-16"),
        PLAIN.replace("TITLE: x", "TITLE: Caf\xe9 \x80").encode("latin-1"),
        PLAIN.lower(),
        PLAIN.replace("  ", "\t").replace(" ", "\t"),
        "\n\n" + PLAIN.replace("\n", "\n\n"),
        "* COMMENT: a\n* LOC: 01:00:00:00 RED  mark\n>>> SOURCE AX\nM2   AX  048.0  00:00:00:00\n\n" + PLAIN,
        PLAIN.replace("\n002", "\n* FROM CLIP NAME:  A.MOV\nM2   AX       050.0       00:00:00:00\n002"),
        PLAIN.replace("\n002", "\nFCM: DROP FRAME\n002"),
        PLAIN.replace("\n003", "\nFINAL CUT PRO REEL: A REPLACED BY: B\nSPLIT:    AUDIO DELAY= 00:00:00:05\n003"),
        PLAIN + "004  AX  A  C 00:00:00:00 00:00:04:00 00:00:00:00 00:00:04:00\n",
        PLAIN + "004  AX  AA C 00:00:00:00 00:00:04:00 00:00:00:00 00:00:04:00\n",
        PLAIN + "004  AX  A2 C 00:00:00:00 00:00:04:00 00:00:00:00 00:00:04:00\n",
        PLAIN + "004  AX  NONE C 00:00:00:00 00:00:04:00 00:00:00:00 00:00:04:00\n",
        PLAIN + "004  TITLE  V2 C 00:00:00:00 00:00:01:00 00:00:01:00 00:00:02:00\n",
        PLAIN.replace(" V C", " B C"),
        PLAIN.replace(" V C", " AA/V C"),
        PLAIN.replace(" V C", " V1 C"),
        PLAIN.replace("  AX  ", "  "),
        PLAIN.replace("  AX  ", "  MY REEL 12  "),
        PLAIN.replace("  AX  ", "  5  "),
        PLAIN.replace("00:00:04:00\n", "00:00:04:00  ; the end\n"),
        edl(*(event.replace("V C", f"V C {number * 24:03}") for number, event in enumerate(CUT_EVENTS))),
        # A source that runs at another speed, and one of other reels: the record side counts.
        PLAIN.replace("V C 00:00:00:10 00:00:01:12", "V C 07:00:00:00 07:00:08:00"),
    ],
)
def test_an_edl_may_be_written_in_many_ways(tmp_path: Path, text: str | bytes) -> None:
    assert read(written(tmp_path, "a.edl", text)) == CUTS


@pytest.mark.parametrize("suffix", [".edl", ".csv"])
def test_a_list_goes_past_midnight(tmp_path: Path, suffix: str) -> None:
    clock, codes = FrameClock(FPS25, 24 * 3600 * 25 - 20), ["23:59:59:05", "23:59:59:15", "00:00:00:17", "00:00:03:05"]
    texts = {
        ".edl": edl(*(f"V C {a} {b} {a} {b}" for a, b in pairwise(codes))),
        ".csv": "Start Timecode,End Timecode\n" + "".join(f"{a},{b}\n" for a, b in pairwise(codes)),
    }
    path = written(tmp_path, f"a{suffix}", texts[suffix])
    assert spans(read(path, clock=clock)) == spans(CUTS)
    path.write_text("Start Timecode\n" + "".join(f"{a}\n" for a in codes[:-1]) if suffix == ".csv" else texts[suffix])
    read(path, clock=FrameClock(FPS25), note="23:59:59:05, the film at 00:00:00:00")
    path.write_text(texts[suffix].replace("00:00:00:17", "22:59:59:20"))  # an hour back is a list out of order
    with pytest.raises(InputError, match="sort the list by time"):
        read_shots(path, 100, clock)


@pytest.mark.parametrize(
    ("mark", "fcm"), [(";", "NON-DROP"), (".", "NON-DROP"), (",", ""), (":", "DROP"), (";", "DROP")]
)
@pytest.mark.parametrize("origin", ["00:00:00", "01:00:00", "10:00:00"])
def test_drop_frame_is_read_with_any_punctuation(tmp_path: Path, mark: str, fcm: str, origin: str) -> None:
    """A minute and more: drop-frame leaves two numbers out there."""
    hours = origin[:3]
    codes = [f"{hours}00:00{mark}00", f"{hours}00:59{mark}29", f"{hours}01:00{mark}02", f"{hours}02:00{mark}02"]
    events = [f"V C {a} {b} {a} {b}" for a, b in pairwise(codes)]
    text = edl(*events, head=f"TITLE: x\nFCM: {fcm} FRAME\n")
    note = "" if origin == "00:00:00" else "off"
    shots = read(written(tmp_path, "a.edl", text), 3598, FrameClock(NTSC), note=note)
    assert spans(shots) == [(0, 1799), (1799, 1800), (1800, 3598)]


def test_a_wrong_fcm_line_does_not_matter(tmp_path: Path) -> None:
    text = edl("V C 00:00:00:00 00:02:00:00 00:00:00:00 00:02:00:00", head="FCM: DROP FRAME\n")
    assert spans(read(written(tmp_path, "a.edl", text), 3600, FrameClock(NTSC))) == [(0, 3600)]


@pytest.mark.parametrize(
    ("film_begins", "list_begins", "note"),
    [
        ("00", "01", "1 hour off"),
        ("00", "10", "10 hours off"),
        ("10", "01", "9 hours off"),
        ("10", "00", "10 hours off"),
        ("01", "01", ""),
    ],
)
def test_a_list_may_be_whole_hours_off(tmp_path: Path, film_begins: str, list_begins: str, note: str) -> None:
    text = PLAIN.replace(" 00:", f" {list_begins}:")
    clock = FrameClock(FPS25, int(film_begins) * 90000)
    assert read(written(tmp_path, "a.edl", text), clock=clock, note=note) == CUTS


def test_a_list_that_is_as_long_is_counted_from_its_beginning(tmp_path: Path) -> None:
    text = PLAIN.replace(" 00:00:0", " 09:58:3")
    assert read(written(tmp_path, "a.edl", text), note="09:58:30:00, the film at 00:00:00:00: counted from") == CUTS


@pytest.mark.parametrize(
    ("effect", "length"),
    [("D 004", 4), ("D    012", 12), ("D004", 4), ("W001 012", 12), ("W117    005", 5), ("K 006", 6), ("K O 006", 6)],
)
def test_dissolves_wipes_and_keys_are_dissolves(tmp_path: Path, effect: str, length: int) -> None:
    """They begin with their event; a shot begins in their middle."""
    text = edl(CUT_EVENTS[0]) + (
        "002  AX  V C 00:00:00:10 00:00:00:10 00:00:00:10 00:00:00:10\n"
        f"002  BX  V {effect} 00:00:00:10 00:00:04:00 00:00:00:10 00:00:04:00\n"
        "EFFECTS NAME IS CROSS DISSOLVE\n"
    )
    first = 10 + length // 2
    wanted = (Shot(0, first), Shot(first, 100, "dissolve", dissolve=length))
    assert read(written(tmp_path, "a.edl", text)) == wanted


def test_a_key_over_its_background_is_one_shot(tmp_path: Path) -> None:
    text = edl(CUT_EVENTS[0]) + (
        "002  BG  V K B     00:00:00:10 00:00:04:00 00:00:00:10 00:00:04:00\n"
        "002  TI  V K 000 F 00:00:00:10 00:00:04:00 00:00:00:10 00:00:04:00\n"
    )
    assert spans(read(written(tmp_path, "a.edl", text))) == [(0, 10), (10, 100)]


def test_what_fades_from_and_to_black_is_a_fade(tmp_path: Path) -> None:
    text = (
        "001  BL  V C     00:00:00:00 00:00:00:00 00:00:00:00 00:00:00:00\n"
        "001  AX  V D 010 00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00\n"
        "002  BL  V D 010 00:00:00:00 00:00:01:00 00:00:01:00 00:00:02:00\n"
        "003  BL  V C     00:00:00:00 00:00:00:00 00:00:02:00 00:00:02:00\n"
        "003  AX  V D 005 00:00:01:00 00:00:03:00 00:00:02:00 00:00:04:00\n"
    )
    wanted = (Shot(0, 35), Shot(35, 50, "fade"), Shot(50, 100, "fade"))
    assert read(written(tmp_path, "a.edl", text)) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "no event, wanted lines such as"),
        ("", "no event"),
        (edl("A C 00:00:00:00 00:00:04:00 00:00:00:00 00:00:04:00"), "sound alone"),
        (PLAIN.replace("00:00:01:12 00:00:04:00\n", "00:00:01:12\n"), "line 5: `003  AX  V C .* is no event"),
        (PLAIN.replace("002  AX  V C", "002  AX  V Q"), "line 4: `002"),
        (PLAIN.replace("00:00:01:12", "00:00:01:29"), "line 4: 00:00:01:29 is no time code at 25 frames.*export"),
        (PLAIN.replace("00:00:01:12", "00:61:01:12"), "line 4: 00:61:01:12 is no time code"),
        (PLAIN.replace("00:00:04:00", "00:00:04;00"), "line 5: there is no drop-frame time code at 25"),
        (
            PLAIN.replace("V C 00:00:00:10 00:00:01:12 00:00:00:10", "V C 00:00:00:10 00:00:01:12 00:00:00:14"),
            "between",
        ),
        (
            PLAIN.replace("V C 00:00:00:10 00:00:01:12 00:00:00:10", "V C 00:00:00:10 00:00:01:12 00:00:00:08"),
            "line 4 beg",
        ),
        (edl(CUT_EVENTS[0], CUT_EVENTS[2], CUT_EVENTS[1]), "sort the list|is in no shot"),
        (edl(*CUT_EVENTS[:2]), "line 4: the last shot ends with frame 36, the film with frame 99"),
        (edl(*CUT_EVENTS, "V C 0:00:04:00 0:00:05:00 0:00:04:00 0:00:05:00"), "line 6 begins with frame 100"),
        (edl("V C 00:00:03:00 00:00:00:00 00:00:03:00 00:00:00:00"), "ends before it begins"),
        (PLAIN.replace("002  AX  V C", "002  AX  V D 099"), "line 4: a dissolve of 99 frames is longer"),
        (PLAIN.replace("002  AX  V C", "002  AX  V D 9999999"), "line 4"),
        ("".join(f"{n:03} AX V C 99:59:59:24 99:59:59:24 99:59:59:24 99:59:59:24\n" for n in range(3)), "no frame"),
    ],
)
def test_what_is_wrong_with_an_edl_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(written(tmp_path, "a.edl", text))


def test_an_edl_of_a_film_that_time_code_cannot_count_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no time code at 18 frames a second, so an EDL"):
        read(written(tmp_path, "a.edl", PLAIN), clock=FrameClock(Fraction(18)))


# Tables


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("first\n0\n10\n37\n", ""),
        ("First,Last\n0,9\n10,36\n37,99\n", ""),
        ("FIRST;LAST\n0;9\n10;36\n37;99\n", ""),
        ("first\tlast\n0\t9\n10\t36\n37\t99\n", ""),
        ('"first" , "last"\r\n"0" , "9"\r\n 10 , 36 \r\n37,99', ""),
        ("\ufefffirst,last\n0.0,9.0\n10.0,36.0\n37.0,99.0\n", ""),
        ("first;last\n0,0;9,0\n10,0;36,0\n37,0;99,0\n", ""),
        ("name,Start Frame,End Frame\na,0,9\nb,10,36\nc,37,99\n", ""),
        ("start,end\n0,10\n10,37\n37,100\n", "taken as the frame after it"),
        ("first\n1\n11\n38\n", "number 1"),
        ("first,last\n1,10\n11,37\n38,100\n", "number 1"),
        ("0\n10\n37\n", ""),
        ("0,9\n10,36\n37,99\n", ""),
        ("0 9\n10 36\n37 99", ""),
        ("# by hand\n\nfirst\n\n0\n10\n\n37\n\n", ""),
        ("sep=;\nfirst;last\n0;9\n10;36\n37;99\n", ""),
        ("start_seconds\n0\n0.4\n1.48\n", ""),
        ("start_seconds;end_seconds\n0,000;0,400\n0,400;1,480\n1,480;4,000\n", ""),
        ("Start Time,End Time\n00:00:00.000,00:00:00.400\n00:00:00.400,00:00:01.480\n00:00:01.480,00:00:04.000\n", ""),
        ("start,end\n0:00,0:00.36\n0:00.4,0:01.44\n0:01.48,0:03.96\n", ""),
        ("Timecode In,Timecode Out\n00:00:00:00,00:00:00:10\n00:00:00:10,00:00:01:12\n00:00:01:12,00:00:04:00\n", ""),
        ("in\n01:00:00:00\n01:00:00:10\n01:00:01:12\n", "1 hour off"),
        ("Timecode List:,00:00:00.400,00:00:01.480\n", ""),
        ("|first|last|\n|--|--|\n|0|9|\n|10|36|\n|37|99|\n", ""),
        ("last,first\n9,0\n36,10\n99,37\n", ""),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".txt"])
def test_a_table_may_be_written_in_many_ways(tmp_path: Path, text: str, note: str, suffix: str) -> None:
    assert spans(read(written(tmp_path, f"a{suffix}", text), note=note)) == spans(CUTS)


def test_times_are_looked_up_where_the_rate_varies(tmp_path: Path) -> None:
    clock = FrameClock(FPS25, frame_seconds=[0.0, 0.04, 0.5, 0.9, 2.0, 2.04])
    path = written(tmp_path, "a.csv", "start_seconds\n0\n0.5\n2.0\n")
    assert spans(read(path, 6, clock)) == [(0, 2), (2, 4), (4, 6)]


def test_seconds_count_from_the_beginning_of_the_film_and_frames_from_the_cut(tmp_path: Path) -> None:
    clock = FrameClock(FPS25, 50, 2.0)
    assert spans(read(written(tmp_path, "a.csv", "start_seconds\n2.0\n2.4\n"), clock=clock)) == [(0, 10), (10, 100)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("first\n0\n1e30\n", "line 3: `1e30` is beyond"),
        ("first\n0\n-5\n", "line 3: `-5` is no number of a frame"),
        ("first\n0\nnan\n", "line 3: `nan`"),
        ("first\n0\ninf\n", "line 3: `inf`"),
        ("first\n0\n12.5\n", "line 3: `12.5` is no number of a frame.*start_seconds"),
        ("first\n0\n" + "9" * 5000 + "\n", "line 3: `9999"),
        ("first,last\n0,9\n,36\n", "line 3: `` is no number"),
        ("first,last\n0,9\n10,x\n", "line 3: `x`"),
        ("first,last\n0,20\n10,99\n", "line 3 begins with frame 10, but line 2 ends with frame 20"),
        ("first,last\n0,9\n20,99\n", "line 2 ends with frame 9, line 3 begins with frame 20"),
        ("first\n0\n50\n20\n", r"line 4 begins with frame 20, before line 3 \(frame 50\): sort"),
        ("first\n0\n20\n20\n", "line 4 begins with frame 20, as line 3 does"),
        ("first\n0\n200\n", "line 3 begins with frame 200, the film ends with frame 99"),
        ("first,last\n0,9\n10,200\n", "the last shot ends with frame 200, the film with frame 99"),
        ("first,last\n0,9\n10,5\n", "ends before it begins"),
        ("Frame Number,Timecode,content_val\n1,00:00:00.040,3.2\n2,00:00:00.080,x\n", "line 2: the first shot|is no"),
        ("a,b,c\n1,2,3\n", "line 1: wanted a column `first`.*found `a`, `b`, `c`"),
        ("0,9,1\n10,99,2\n", "line 1: 3 columns without names"),
        ("in\n00:00:00:00\n5\n", "line 3: `5` is no time code, as other rows have"),
        ("in\n00:00:00:00\n00:00:00:40\n", "line 3: 00:00:00:40 is no time code at 25"),
        ("first,dissolve\n0,0\n50,4000\n", "line 3: a dissolve of 4000 frames is longer"),
        ("first\n", "no row below"),
        ("", "holds no shot"),
        ("\n\n# nothing\n", "holds no shot"),
        ("first\n0\n" + 'x"' * 100_000 + "\n", "line 3"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(written(tmp_path, "a.csv", text))


# OpenTimelineIO


def timeline(transition: tuple[int, int] | None = None, *, rate: float = 25, begin: int | None = None) -> str:
    made = otio.schema.Timeline("x")
    if begin is not None:
        made.global_start_time = otio.opentime.RationalTime(begin, rate)
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    made.tracks.append(otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio))
    made.tracks.append(track)
    for number, (first, end) in enumerate(spans(CUTS)):
        if transition and number == 1:
            before, after = (otio.opentime.RationalTime(length, rate) for length in transition)
            track.append(otio.schema.Transition("t", "SMPTE_Dissolve", before, after))
        span = otio.opentime.TimeRange(
            otio.opentime.RationalTime(1000 * number, rate), otio.opentime.RationalTime(end - first, rate)
        )
        media = otio.schema.ExternalReference(f"{number}.mov")
        track.append(otio.schema.Clip(f"clip {number}", media, span))
    text: str = otio.adapters.write_to_string(made, "otio_json")
    return text


def test_a_timeline_of_another_program_is_read(tmp_path: Path) -> None:
    assert read(written(tmp_path, "a.otio", timeline())) == CUTS
    assert read(written(tmp_path, "b.otio", timeline(begin=90000)), note="1 hour off") == CUTS
    assert read(written(tmp_path, "c.otio", "\ufeff" + timeline())) == CUTS
    slower = FrameClock(Fraction(24000, 1001))
    assert read(written(tmp_path, "d.otio", timeline(rate=24, begin=0)), clock=slower) == CUTS


@pytest.mark.parametrize(("lengths", "first", "dissolve"), [((2, 2), 10, 4), ((0, 8), 14, 8), ((5, 0), 7, 5)])
def test_a_transition_is_a_dissolve(tmp_path: Path, lengths: tuple[int, int], first: int, dissolve: int) -> None:
    shots = read(written(tmp_path, "a.otio", timeline(lengths)))
    assert shots == (Shot(0, first), Shot(first, 37, "dissolve", dissolve=dissolve), CUTS[2])


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "",
        "[]",
        "null",
        "[" * 200_000,
        '{"a":' * 100_000,
        '{"OTIO_SCHEMA":"Timeline.1"}',
        '{"OTIO_SCHEMA":"Clip.1"}',
        '{"OTIO_SCHEMA":"Timeline.99"}',
        '{"OTIO_SCHEMA":"Timeline.1","tracks":{"OTIO_SCHEMA":"Stack.1","children":[]}}',
        timeline().replace('"value": 27.0', '"value": 1e300'),
        timeline().replace('"value": 27.0', '"value": NaN'),
        timeline().replace('"rate": 25.0', '"rate": 0'),
        timeline().replace('"rate": 25.0', '"rate": -25'),
        timeline().replace("ExternalReference.1", "Nothing.1").replace("Clip.", "Clop."),
        timeline()[:-400],
    ],
)
def test_a_broken_timeline_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(KinemacolorError):
        read(written(tmp_path, "a.otio", text))


# What is no list at all


def test_a_file_that_cannot_be_a_list_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"\*\.csv, \*\.edl, \*\.otio"):
        read(written(tmp_path, "a.json", "{}"))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="is no file"):
        read(tmp_path / "folder.csv")
    monkeypatch.setattr("kinemacolor.shots.files.MAX_LIST_BYTES", 10)
    with pytest.raises(InputError, match="that is no list of shots"):
        read(written(tmp_path, "a.csv", "first\n" + "0\n" * 10))


SEEDS = [
    PLAIN,
    timeline((2, 2)),
    "Scene Number,Start Frame,End Frame\n1,1,10\n2,11,100\n",
    "first;last;dissolve\n0;9;0\n10;99;4\n",
    "in\n01:00:00;00\n01:00:01;12\n",
]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_a_list_holds_ends_in_shots_or_in_our_error(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Arbitrary text, and lists with pieces replaced."""
    text = data.draw(st.one_of(st.text(max_size=200), st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(text)))
        piece = data.draw(
            st.one_of(st.text(max_size=6), st.sampled_from(["\n", "9" * 30, "-1", ";", ":", "1e30", "NaN"]))
        )
        text = text[:at] + piece + text[at + data.draw(st.integers(0, 8)) :]
    path = tmp_path_factory.getbasetemp() / f"fuzz{data.draw(st.sampled_from(READABLE_SUFFIXES))}"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    clock = FrameClock(data.draw(st.sampled_from([FPS25, NTSC, Fraction(18)])), data.draw(st.sampled_from([0, 86400])))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            shots = read_shots(path, 100, clock)
        except KinemacolorError:
            return
    assert shots[0].first == 0
    assert shots[-1].end == 100


def test_what_we_write_says_dissolves_and_drop_frame(tmp_path: Path) -> None:
    shots = (Shot(0, 1000), Shot(1000, 2000, "dissolve", dissolve=12))
    path = tmp_path / "a.edl"
    write_shots(path, shots, FrameClock(NTSC, 107892, drop_frame=True), Path("My film.mov"))
    assert path.read_text() == (
        "TITLE: My film\nFCM: DROP FRAME\n\n"
        "001  Myfilm   V     C        01:00:00;00 01:00:33;04 01:00:00;00 01:00:33;04\n"
        "* FROM CLIP NAME:  My film.mov\n* COMMENT: shot 0001\n"
        "002  Myfilm   V     C        01:00:33;04 01:00:33;04 01:00:33;04 01:00:33;04\n"
        "002  Myfilm   V     D 012    01:00:33;04 01:01:06;22 01:00:33;04 01:01:06;22\n"
        "* FROM CLIP NAME:  My film.mov\n* COMMENT: shot 0002\n"
    )
    assert read(path, 2000, FrameClock(NTSC, 107892, drop_frame=True)) == shots
