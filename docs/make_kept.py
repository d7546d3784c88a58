"""Writes docs/kept.md: what of a film is kept in which kind of result, tried on small films that have each thing.

python docs/make_kept.py          writes it
python docs/make_kept.py --check  writes nothing; fails where it is not what the program gives

Reading and writing are the real ones, with one colour all over in place of a network; `verify` says what was kept.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # small films with everything are made there


from kinemacolor.errors import KinemacolorError  # noqa: E402
from kinemacolor.verification.check import Check  # noqa: E402
from kinemacolor.verification.verify import verify_film  # noqa: E402
from support.films import write_with_chroma  # noqa: E402
from support.kept_films import CASES, Case  # noqa: E402

PAGE = ROOT / "docs/kept.md"
RESULTS = {
    ".mp4 H.264": ("x.mp4", {}),
    ".mp4 H.265": ("x.mp4", {"vcodec": "h265"}),
    ".mov H.264": ("x.mov", {}),
    ".mov ProRes": ("x.mov", {"vcodec": "prores"}),
    ".mov DNxHR": ("x.mov", {"vcodec": "dnxhr"}),
    ".mxf DNxHR": ("x.mxf", {}),
    ".mkv H.264": ("x.mkv", {}),
    ".mkv FFV1": ("x.mkv", {"lossless": True}),
    ".webm VP9": ("x.webm", {}),
    "PNG": ("x", {}),
    "EXR": ("x", {"vcodec": "exr"}),
}
HEAD = """# What is kept in which result

`python docs/make_kept.py` makes this table from real runs: for each line a small film that has the thing is read and
written as a render does it, and `kinemacolor verify` says what became of it. PNG and EXR are folders of pictures.

**kept**: the same, to the container's rounding of times · **near**: luma within the error of a lossy codec, or of a
computation where the film stores R'G'B' · **—**: container or codec cannot hold it, and `verify` says so in its line ·
**lost**: left out or changed, and `verify` fails; what it says stands below, and what the writer says of it ·
**refused**: such a film is not written so, and the message stands below.

"""
_LIMITS = ("cannot hold", "holds no", "hold none", "no encoder writes", "has no fields", "have no fields", "without it")
_LIMITS += ("has no place for",)


class Cell(NamedTuple):
    """What became of a thing in one result: a word, and the reasons and notes that belong to it."""

    word: str
    notes: tuple[str, ...] = ()


def try_case(case: Case, source: Path, folder: Path, name: str, options: dict[str, Any]) -> Cell:
    """Write one film as one kind of result, and ask what became of the thing."""
    output = folder / name
    try:
        warnings = write_with_chroma(source, output, **options)
    except KinemacolorError as error:
        reason = str(error).partition(f"{folder}/")[2] or str(error)
        return Cell("refused", (reason.replace(f"{folder}/", "").partition(": try")[0],))
    checks = [check for check in verify_film(source, output) if check.name in (*case.checks, "all else")]
    return judge(checks, case, tuple(warnings))


def judge(checks: list[Check], case: Case, warnings: tuple[str, ...]) -> Cell:
    """Say in a word what the checks of a thing come to."""
    own = [check for check in checks if check.name in case.checks]
    failed = [check for check in own if not check.passed]
    if failed:
        said = tuple(warning for warning in warnings if any(word in warning.lower() for word in case.warning_words))
        return Cell("**lost**", (f"{failed[0].name}: {failed[0].detail}", *said))
    reasons = [check.detail.partition("left out: ")[2] for check in own if "left out" in check.detail]
    reasons += [check.detail.partition("became progressive: ")[2] for check in own if "became prog" in check.detail]
    if reasons or not own:  # of pictures there is nothing to check but pictures
        return Cell("—", tuple(reason for reason in reasons if not any(limit in reason for limit in _LIMITS)))
    changes = tuple(f"{check.name}: {check.detail}" for check in own if " range became " in check.detail)
    is_near = any(check.name == "luma" and not check.detail.startswith("bit for bit") for check in own)
    return Cell("near" if is_near else "kept", changes)


def iter_rows(cases: list[Case]) -> Iterator[tuple[Case, list[Cell]]]:
    """Try every case in every kind of result."""
    with tempfile.TemporaryDirectory() as place:
        for number, case in enumerate(cases):
            folder = Path(place) / str(number)
            folder.mkdir()
            source = case.make(folder)
            cells = []
            for column, (name, options) in enumerate(RESULTS.values()):
                target = folder / str(column)
                target.mkdir()
                cells.append(try_case(case, source, target, name, options))
            yield case, cells


def make_page(cases: list[Case]) -> str:
    """Make the whole page."""
    notes: dict[str, int] = {}
    lines = [f"| | {' | '.join(RESULTS)} |", f"|---|{':-:|' * len(RESULTS)}"]
    for case, cells in iter_rows(cases):
        words = []
        for cell in cells:
            numbers = [str(notes.setdefault(note, len(notes) + 1)) for note in dict.fromkeys(cell.notes)]
            words.append(cell.word + (f" <sup>{', '.join(numbers)}</sup>" if numbers else ""))
        lines.append(f"| {case.name} | {' | '.join(words)} |")
    reasons = [f"{number}. {note}" for note, number in notes.items()]
    return HEAD + "\n".join([*lines, "", *reasons]) + "\n"


def main() -> None:
    """Write the page, or check it."""
    page = make_page(CASES)
    if "--check" not in sys.argv:
        PAGE.write_text(page, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page:
        sys.exit(f"{PAGE.name} is not what the program gives: run python docs/make_kept.py")


if __name__ == "__main__":
    main()
