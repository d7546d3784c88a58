"""A Python that has VapourSynth: its wheels want 3.12 or newer, and the tests may run in an older one."""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kinemacolor

PACKAGES = ["vapoursynth>=81", "vapoursynth-bestsource", "numpy"]
OLDEST = (3, 12)
SECONDS_TO_INSTALL = 240
WORKER_PYTHON = sys.executable  # has torch


def iter_pythons() -> Iterator[str]:
    """Pythons of this machine that may be new enough."""
    if sys.version_info >= OLDEST:
        yield sys.executable
    for minor in (12, 13, 14):
        if found := shutil.which(f"python3.{minor}"):
            yield found
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from (str(path) for path in sorted(pyenv.glob("3.1[2-9].*/bin/python")))


@functools.cache
def find_python() -> str | None:
    """The first of them that starts and is new enough."""
    code = f"import sys; sys.exit(sys.version_info[:2] < {OLDEST})"
    for one in iter_pythons():
        if subprocess.run([one, "-c", code], capture_output=True, check=False).returncode == 0:
            return one
    return None


def install_vapoursynth(folder: Path) -> Path:
    """Make an environment with VapourSynth and without torch; gives its Python. Skips where that cannot be done."""
    python = find_python()
    if python is None:
        pytest.skip("no Python of 3.12 or newer is here for VapourSynth")
    scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
    try:
        subprocess.run([python, "-m", "venv", str(folder)], check=True, capture_output=True)
        install = [str(scripts / "python"), "-m", "pip", "install", "-q", "--only-binary=:all:", *PACKAGES]
        subprocess.run(install, check=True, capture_output=True, timeout=SECONDS_TO_INSTALL)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"VapourSynth cannot be installed here: {str(error.stderr or error)[-200:]}")
    return scripts / "python"


def make_environment() -> dict[str, str]:
    """Variables with which that Python finds this package, as one that was installed without what it depends on."""
    return os.environ | {"PYTHONPATH": str(Path(kinemacolor.__file__).parents[1])}
