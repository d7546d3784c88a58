"""Wheels of the packages that a usual GPU machine with PyTorch lacks: downloaded before, installed there."""

import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gpu_transfer.messages import TransferError, print_lines
from gpu_transfer.pieces import MIB

# docs/gpu-queue.md lists what the machine must have itself. The last four are what pydantic needs; all are downloaded
# in the versions that are installed here.
PACKAGES = (
    *("av", "opentimelineio", "platformdirs", "pydantic"),
    *("pydantic_core", "annotated-types", "typing_extensions", "typing-inspection"),
)
PYTHON_VERSION = "3.12"
PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014", "manylinux1")


def download_wheels(output: Path) -> None:
    """Download wheels of `PACKAGES` for the GPU machine into the folder ``output``, whose contents are replaced.

    Raises TransferError where one of them is not installed here.
    """
    try:
        requirements = [f"{name}=={version(name)}" for name in PACKAGES]
    except PackageNotFoundError as error:
        raise TransferError(f"{error.name} is not installed here: use the environment that trains") from error
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(output)]
    command += ["--python-version", PYTHON_VERSION, "--implementation", "cp"]
    command += [word for name in PLATFORMS for word in ("--platform", f"{name}_x86_64")]
    subprocess.run([*command, *requirements], check=True)  # noqa: S603
    size = sum(path.stat().st_size for path in output.iterdir())
    print_lines(f"{output}: {len(requirements)} wheels, {size / MIB:.0f} MiB")


def install_wheels(wheels: Path, target: Path) -> None:
    """Install all wheels of a folder, if there are any, into the folder ``target``, without a network.

    Raises TransferError where pip fails.
    """
    paths = sorted(map(str, wheels.glob("*.whl")))
    if not paths:
        return
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-compile"]
    command += ["--no-cache-dir", "--upgrade", "--target", str(target), *paths]
    if subprocess.run(command, check=False).returncode:  # noqa: S603
        raise TransferError("the wheels do not fit this Python: see above")
