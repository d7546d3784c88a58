"""Measures how fast colorizing is, and what that does to colours: the tables of docs/results.md#speed, and its picture.

python docs/make_speed.py ../before ../shared            in turn with the version that is installed in ../before
python docs/make_speed.py ../before ../shared --same-weights ../other    colours also in turn with that of ../other

Takes an hour on two quiet cores; --rounds 1 --frames 8 takes a quarter. What cannot run here (OpenVINO) is left out.
"""

import argparse
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent
PICTURE = DOCS / "pictures" / "timeline.svg"
# Named, because a short job takes torch where nobody chooses.
ENGINES = ["--engine openvino"] if importlib.util.find_spec("openvino") else []
VARIANTS = [*ENGINES, *(f"{one} --preset superfast" for one in ENGINES or ["--engine torch"])]


def main() -> None:
    """Measure, and put each table into the page as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--same-weights", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--only", choices=("bench", "quality", "long"))
    words = parser.parse_args()
    rounds = ["--rounds", str(words.rounds)]
    variants = [word for one in VARIANTS for word in ("--with", one)]
    engines = [word for one in ENGINES for word in ("--with", one)]
    if words.only in (None, "bench"):
        film = words.shared / "data" / "sample" / "dog-walk.mp4"
        bench = [
            "-m",
            "kinemacolor",
            "bench",
            str(film),
            "--against",
            str(words.before),
            *rounds,
            "--engine",
            "torch",
            *variants,
        ]
        put_into_page("bench", run(*bench, "--timeline", str(PICTURE)))
    if words.only in (None, "quality"):
        tables = []
        for place in filter(None, (words.before, words.same_weights)):
            tool = [str(DOCS.parent / "tools" / "compare_quality.py"), str(words.shared / "data" / "video-eval")]
            tables.append(run(*tool, "--against", str(place), "--frames", str(words.frames), *engines))
        put_into_page("quality", "\n".join(tables))
    if words.only in (None, "long"):
        put_into_page("long", run("-m", "kinemacolor", "bench", "--long", "--rounds", "1"))


def run(*words: str) -> str:
    """Run this Python with ``words``; gives what it writes."""
    return subprocess.run([sys.executable, "-P", *words], stdout=subprocess.PIPE, text=True, check=True).stdout


def put_into_page(name: str, table: str) -> None:
    """Replace what lies between the markers of a name in docs/results.md."""
    page = DOCS / "results.md"
    text = page.read_text(encoding="utf-8")
    begin, end = f"<!-- speed: {name} -->", f"<!-- /speed: {name} -->"
    changed, count = re.subn(f"{begin}.*?{end}", lambda _: f"{begin}\n{table}{end}", text, flags=re.DOTALL)
    if not count:
        raise SystemExit(f"{page} has no place for {name}")
    page.write_text(changed, encoding="utf-8")


if __name__ == "__main__":
    main()
