"""Measures what the command line costs before any network is needed: CPU-seconds of verbs and of their errors.

python tools/measure_startup.py [--repeats 3]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

SAMPLE, STILL = (str(files("kinemacolor").joinpath("assets", name)) for name in ("sample.mp4", "sample-reference.jpg"))
COMMANDS = (
    ["--help"],
    ["models", "list"],
    ["verify", "missing.mp4", "x"],
    ["colorize", "missing.mp4", "-r", STILL],
    ["colorize", SAMPLE, "-r", "missing.png"],
    ["colorize", SAMPLE, "-r", STILL, "-o", SAMPLE],
    ["shots", SAMPLE, "-o", "shots.csv", "--overwrite"],
    ["plan", "missing.mp4", "-r", STILL],
    ["render", "missing.json"],
    ["report", "missing.json"],
    ["evaluate", "missing"],
    ["train", "missing.toml"],
    ["web", "--host", "0.0.0.0"],  # noqa: S104  it is refused, which is what is measured
)


def measure_cpu_seconds(words: list[str], folder: Path) -> float:
    """CPU-seconds, of all threads, of one command in a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "kinemacolor", *words]
    subprocess.run(command, cwd=folder, capture_output=True, check=False)  # noqa: S603  words of this file
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a table in Markdown: the least of some repeats, because other programs only add to it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    print("| command | CPU-seconds |\n|---|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for words in COMMANDS:
            least = min(measure_cpu_seconds(words, Path(folder)) for _ in range(repeats))
            shown = " ".join(Path(word).name if word.startswith("/") else word for word in words)
            print(f"| `{shown}` | {least:.2f} |", flush=True)


if __name__ == "__main__":
    main()
