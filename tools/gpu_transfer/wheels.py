"""Wheels of the packages that a usual GPU machine with PyTorch lacks: downloaded before, unpacked there."""

import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gpu_transfer.pieces import MIB, TransferError, print_lines

# pydantic and what it needs; docs/gpu-queue.md lists what the machine must have itself.
# pydantic wants a recent typing_extensions, which an older PyTorch may not have brought.
PACKAGES = ("pydantic", "pydantic_core", "annotated-types", "typing-inspection", "typing_extensions")
PYTHON_VERSION = "3.12"
PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014", "manylinux1")


def download_wheels(output: Path, python: str) -> None:
    """Download wheels of `PACKAGES` for a GPU machine into the folder ``output``, whose contents are replaced.

    They have the versions that are installed here; ``python`` is the machine's version, such as 3.12. Raises
    TransferError where one is not installed here or cannot be had.
    """
    try:
        requirements = [f"{name}=={version(name)}" for name in PACKAGES]
    except PackageNotFoundError as error:
        raise TransferError(f"{error.name} is not installed here: use the environment that trains") from error
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(output)]
    command += ["--python-version", python, "--implementation", "cp"]
    command += [word for name in PLATFORMS for word in ("--platform", f"{name}_x86_64")]
    if subprocess.run([*command, *requirements], check=False).returncode:  # noqa: S603
        raise TransferError("pip could not download the wheels: see above")
    size = sum(path.stat().st_size for path in output.iterdir())
    print_lines(f"{output}: {len(requirements)} wheels, {size / MIB:.1f} MiB")


def unpack_wheels(wheels: Path, target: Path) -> None:
    """Unpack all wheels of a folder into the folder ``target``; they hold no programs, so pip is not needed.

    Raises TransferError for a damaged one.
    """
    for path in sorted(wheels.glob("*.whl")):
        try:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(target)
        except zipfile.BadZipFile as error:
            raise TransferError(f"{path} is damaged ({error}): send that part again") from error
