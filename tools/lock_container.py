"""Writes requirements.lock, what the container installs: every package with its version and the hashes of its files.

    python tools/lock_container.py

Resolved by uv for the Python of the Dockerfile on Linux, with wheels alone: the package with its page and OpenVINO, and
what builds it. torch is the build for CPUs from PyTorch's index; where that cannot be reached, ``--torch-wheels
FOLDER`` takes a downloaded wheel, and the hashes of the other platforms have to be added by hand.
"""

import argparse
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
EXTRAS = ("openvino", "web")
TORCH = "torch==2.13.0+cpu"  # what the tests ran with
COMMAND = "python tools/lock_container.py"


def read_python() -> str:
    """The Python of the Dockerfile, as ``3.11``."""
    found = re.search(
        r"^ARG PYTHON=python:(\d+\.\d+)-", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    if not found:
        raise SystemExit("The Dockerfile has no line ARG PYTHON=python:VERSION-...")
    return found[1]


def main(words: Sequence[str] | None = None) -> int:
    """Write the lock anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-wheels", type=Path, help="folder with a wheel of torch for CPUs")
    wheels = parser.parse_args(words).torch_wheels
    builds = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        "pyproject.toml",
        "-",
        "--no-config",
        "--quiet",
        "--upgrade",
    ]
    command += ["--python-version", read_python(), "--python-platform", "x86_64-manylinux_2_28"]
    command += ["--only-binary", ":all:", "--generate-hashes", "--output-file", LOCK.name]
    command += [word for extra in EXTRAS for word in ("--extra", extra)]
    command += ["--find-links", str(wheels.resolve())] if wheels else ["--torch-backend", "cpu"]
    environment = {**os.environ, "UV_CUSTOM_COMPILE_COMMAND": COMMAND, "UV_PYTHON_DOWNLOADS": "never"}
    return subprocess.run(  # noqa: S603
        command, input="\n".join([TORCH, *builds]), text=True, check=False, cwd=ROOT, env=environment
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
