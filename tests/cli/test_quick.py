"""What needs no network answers without loading one; how long that takes is measured by `docs/results.md`, not here."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.films import scene, write_film
from support.plans import save

QUICK = {
    "help": ["colorize", "--help"],
    "models": ["models", "list"],
    "verify": ["verify", "none.mp4", "x.mp4"],
    "no film": ["colorize", "none.mp4", "-r", "still.png"],
    "no reference": ["colorize", "film.mp4", "-r", "none.png"],
    "no time": ["colorize", "film.mp4", "-r", "still.png", "--start", "x"],
    "no model": ["colorize", "film.mp4", "-r", "still.png", "--model", "none"],
    "no device": ["colorize", "film.mp4", "-r", "still.png", "--device", "abacus"],
    "over its input": ["colorize", "film.mp4", "-r", "still.png", "-o", "film.mp4"],
    "preview": ["preview", "film.mp4", "-r", "none.png"],
    "plan": ["plan", "none.mp4", "-r", "still.png"],
    "render": ["render", "none.json"],
    "report": ["report", "none.json"],
    "shots": ["shots", "film.mp4", "-o", "shots.csv"],
    "suggest": ["refs", "suggest", "none.mp4"],
    "evaluate": ["evaluate", "none"],
    "train": ["train", "none.toml"],
    "web": ["web", "--host", "0.0.0.0"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("quick")
    write_film(place / "film.mp4", 8)
    save(place / "still.png", scene(0))
    return place


@pytest.mark.parametrize("words", QUICK.values(), ids=QUICK.keys())
def test_no_network_is_loaded_where_none_is_needed(words: list[str], folder: Path) -> None:
    code = (
        "import sys\n"
        "from kinemacolor.cli.main import run\n"
        "code = run(sys.argv[1:])\n"
        "assert 'torch' not in sys.modules, 'torch'\n"
        "assert code in (0, 2, 3), code"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
