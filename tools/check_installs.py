"""On which machines ``pip install`` needs no compiler: for each Python and platform, what the built wheel resolves to.

    python tools/check_installs.py

Builds the wheel, and has uv resolve it with wheels alone, once for each Python that its classifiers name and each of
`PLATFORMS`: the package, then all extras together. One line each; exit 1 where something has no wheel and `GAPS`, which
the README tells of, does not say so. uv and not ``pip install --dry-run --platform``, because pip takes markers such as
``sys_platform`` from the machine that it runs on: for Windows it would ask for the CUDA packages of Linux, and leave
out what only Windows needs. Nothing is downloaded but the lists of versions and what each requires.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.parser import HeaderParser
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Ours -> uv's. glibc 2.28 is that of 2018: RHEL 8, Debian 10, Ubuntu 20.04 and later.
PLATFORMS = {
    "Linux x86_64": "x86_64-manylinux_2_28",
    "Linux aarch64": "aarch64-manylinux_2_28",
    "Windows amd64": "x86_64-pc-windows-msvc",
    "macOS arm64": "aarch64-apple-darwin",
    "macOS x86_64": "x86_64-apple-darwin",
    "Windows arm64": "aarch64-pc-windows-msvc",
}
MACOS = "14.0"  # what the wheels of torch and PyAV ask for
AT_ONCE = 8  # they wait for the network
TRIES = 4
DEVELOPERS = ("dev", "docs")  # extras that nobody who colours films installs


@dataclass(frozen=True)
class Target:
    """A machine to install on: one of `PLATFORMS`, and a Python as ``3.14``."""

    platform: str
    python: str

    def __str__(self) -> str:
        return f"{self.platform}, Python {self.python}"


@dataclass(frozen=True)
class Gap:
    """What is known to have no wheel.

    Attributes:
        package: what is missing.
        extra: the extra that needs it; none: everybody does, so nothing can be installed there.
        platforms, pythons: where; none: everywhere.
    """

    package: str
    extra: str = ""
    platforms: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()

    def covers(self, extra: str, target: Target) -> bool:
        """Whether this extra (none: the package itself) is not expected to resolve there."""
        return (
            extra == self.extra
            and (not self.platforms or target.platform in self.platforms)
            and (not self.pythons or target.python in self.pythons)
        )


GAPS = (
    Gap("torch", platforms=("macOS x86_64", "Windows arm64")),
    Gap("opentimelineio", extra="editors", pythons=("3.14",)),
    Gap("openvino", extra="openvino", platforms=("Linux aarch64",)),  # its wheels there ask for glibc 2.35
)


class NoWheelsError(Exception):
    """Something that is required has no wheel for the target; says what, in uv's words."""


Resolve = Callable[[Sequence[str], Target], dict[str, str]]
"""Extras and a target to the versions of all packages, by name.

Raises:
    NoWheelsError: there are none.
"""


@dataclass(frozen=True)
class Wheel:
    """A built wheel, and what its metadata says: Pythons of its classifiers, extras but for the developers'."""

    path: Path
    name: str
    pythons: tuple[str, ...]
    extras: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> "Wheel":
        """From the file."""
        with zipfile.ZipFile(path) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            metadata = HeaderParser().parsestr(archive.read(name).decode())
        classifiers = "\n".join(metadata.get_all("Classifier", []))
        pythons = tuple(re.findall(r"^Programming Language :: Python :: (3\.\d+)$", classifiers, re.MULTILINE))
        extras = tuple(extra for extra in metadata.get_all("Provides-Extra", []) if extra not in DEVELOPERS)
        return cls(path, metadata["Name"], pythons, extras)


def build_wheel(folder: Path) -> Wheel:
    """This checkout as a wheel in `folder`."""
    words = ["build", "--no-config", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT)]
    for attempt in range(TRIES):
        done = run_uv(words)
        if done.returncode == 0:
            (path,) = folder.glob("*.whl")
            return Wheel.read(path)
        time.sleep(5 * attempt)
    raise SystemExit(f"The wheel cannot be built:\n{done.stderr}")


def run_uv(words: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
    """Uv with these words, and `text` on its standard input."""
    environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": MACOS, "UV_PYTHON_DOWNLOADS": "never"}
    command = [sys.executable, "-m", "uv", *words]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=environment)  # noqa: S603


def resolve_wheel(wheel: Wheel, extras: Sequence[str], target: Target) -> dict[str, str]:
    """`Resolve` by uv. Where the network fails it is tried again.

    Raises:
        NoWheelsError: no set of wheels fits.
        SystemExit: the network failed every time.
    """
    words = ["pip", "compile", "-", "--no-config", "--quiet", "--no-header", "--no-annotate", "--only-binary", ":all:"]
    words += ["--python-platform", PLATFORMS[target.platform], "--python-version", target.python]
    wanted = f"{wheel.name}[{','.join(extras)}] @ {wheel.path.resolve().as_uri()}\n"
    for attempt in range(TRIES):
        done = run_uv(words, wanted)
        if done.returncode == 0:
            return dict(re.findall(r"^([\w.-]+)==(\S+)", done.stdout, re.MULTILINE))
        if done.returncode == 1:  # 2 is everything that is no answer
            raise NoWheelsError(done.stderr.strip())
        time.sleep(5 * attempt)
    raise SystemExit(f"{target}: {done.stderr.strip()}")


@dataclass(frozen=True)
class Answer:
    """What is found for a target: the line that says it, and what nobody expected."""

    line: str
    faults: tuple[str, ...] = ()


def check_target(target: Target, extras: Iterable[str], resolve: Resolve, gaps: Sequence[Gap] = GAPS) -> Answer:
    """The package alone, its extras together, and whether known gaps are still there."""
    faults: list[str] = []

    def find(words: Sequence[str]) -> dict[str, str] | None:
        try:
            return resolve(words, target)
        except NoWheelsError as error:
            faults.append(f"{target}, [{','.join(words)}]: {error}")
            return None

    def is_closed(extra: str) -> bool:
        """Whether a gap is there no longer."""
        try:
            return bool(resolve([extra] if extra else [], target))
        except NoWheelsError:
            return False

    known = {extra: gap.package for extra in ("", *extras) for gap in gaps if gap.covers(extra, target)}
    closed = [extra for extra in known if is_closed(extra)]
    told = "".join(f"; [{extra}] could be taken out of GAPS" for extra in closed)
    if "" in known:
        return Answer(f"{target}: cannot be installed, {known['']} has no wheel{told}")
    package = find([])
    if package is None:
        return Answer(f"{target}: FAILED", tuple(faults))
    whole = [extra for extra in extras if extra not in known]
    together = find(whole)
    if together is None:  # which of them it is
        for extra in whole:
            find([extra])
    line = f"{target}: {len(package)} packages, torch {package['torch']}"
    line += f"; with extras {'FAILED' if together is None else len(together)}"
    line += "".join(f"; no [{extra}], {known[extra]} has no wheel" for extra in known if extra not in closed)
    return Answer(line + told, tuple(faults))


def check_wheel(wheel: Wheel) -> Iterator[Answer]:
    """An answer for each Python and platform, in order."""
    targets = [Target(platform, python) for platform, python in product(PLATFORMS, wheel.pythons)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(
            lambda target: check_target(target, wheel.extras, lambda words, at: resolve_wheel(wheel, words, at)),
            targets,
        )


def main(words: Sequence[str] | None = None) -> int:
    """The check: 0 where all is as `GAPS` says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, nargs="?", help="instead of building one")
    path = parser.parse_args(words).wheel
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        wheel = Wheel.read(path) if path else build_wheel(Path(folder))
        if not wheel.pythons:
            raise SystemExit(f"{wheel.path.name}: no classifier names a version of Python")
        print(f"{wheel.path.name}; extras: {', '.join(wheel.extras)}", flush=True)
        for answer in check_wheel(wheel):
            print(answer.line, flush=True)
            faults += answer.faults
    for fault in faults:
        print(f"\n{fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
