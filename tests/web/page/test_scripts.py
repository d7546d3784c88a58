"""The page's scripts, by deno, which comes from PyPI: their style, their types, and the tests of their logic."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE, TESTS = ROOT / "src/kinemacolor/web/page", Path(__file__).parent
DENO = shutil.which("deno", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))

pytestmark = pytest.mark.skipif(DENO is None, reason="no deno: pip install 'kinemacolor[dev]'")


def run_deno(*arguments: str | Path) -> None:
    """Run deno with the page's configuration; the test fails with its words where it finds something."""
    command = [str(DENO), *map(str, arguments)]
    command[2:2] = ["--quiet", "--config", str(PAGE / "deno.json")]
    surroundings = {**os.environ, "NO_COLOR": "1", "DENO_NO_UPDATE_CHECK": "1"}
    done = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_style() -> None:
    run_deno("fmt", "--check", PAGE, TESTS)
    run_deno("lint", PAGE, TESTS)


def test_types() -> None:
    run_deno("check", PAGE / "main.js", *sorted(PAGE.glob("*/*.js")))


def test_logic() -> None:
    run_deno("test", "--no-check", TESTS)  # whose types Deno's own library and Node's would both give
