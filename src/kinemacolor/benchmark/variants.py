"""Runs jobs of this version or of another one, each in a process of its own, and says what they cost."""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinemacolor.benchmark.process_cost import wait_for_cost
from kinemacolor.errors import InputError, PartialError, UsageError
from kinemacolor.utils.processes import make_python_command, make_python_environment

STAGE_PROBE = Path(__file__).with_name("stage_probe.py")
VERSION_CODE = "import sys, kinemacolor; sys.stdout.write(kinemacolor.__version__)"


@dataclass(frozen=True)
class Variant:
    """A version of this program with options of `colorize`, as one thing to be timed.

    ``python`` is the interpreter of the environment where that version is installed.
    """

    name: str
    python: Path
    version: str
    options: tuple[str, ...] = ()

    @property
    def is_this_version(self) -> bool:
        """Whether it is the version that runs this code."""
        return self.python == _own_python()


@dataclass(frozen=True)
class Job:
    """A film to colorize with a reference, up to ``end_seconds``; ``threads`` of torch, None for its own choice."""

    film: Path
    reference: Path
    model: str
    end_seconds: float | None = None
    threads: int | None = None


@dataclass(frozen=True)
class JobCost:
    """What one job cost: frames, core-seconds of all its threads, seconds on the clock, peak of its memory in MB.

    ``pipeline`` is what the job itself reports of its stages; empty where that version reports nothing.
    """

    frames: int
    core_seconds: float
    wall_seconds: float
    peak_memory_mb: float
    pipeline: tuple[dict[str, Any], ...] = ()


def make_variants(
    other: Path | None, options: Sequence[str] = (), more: Iterable[Sequence[str]] = ()
) -> tuple[Variant, ...]:
    """Make what is to be timed: ``other``, if any, then this version with ``options``, then with each of ``more``.

    ``other`` is a virtual environment, or a Python. Raises UsageError where it has no kinemacolor.
    """
    variants = []
    own = _own_python()
    if other is not None:
        python = _find_python(other)
        variants.append(Variant("before", python, _ask_version(python)))
    version = _ask_version(own)
    for words in map(tuple, (options, *more)):
        variants.append(Variant(" ".join(["now", *words]), own, version, words))
    return tuple(variants)


def run_job(variant: Variant, job: Job) -> JobCost:
    """Colorize once, in a new process; its result is thrown away. Raises PartialError where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        return run_command(variant, ["-m", "kinemacolor", *_make_words(variant, job, Path(folder))], job.threads)


def probe_stages(variant: Variant, job: Job) -> dict[str, float]:
    """Colorize once on one core; gives the core-seconds of each stage that this version has (`stage_probe.STAGES`).

    The whole is their sum. Raises as `run_job`.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "stages.json")
        run_command(variant, [str(STAGE_PROBE), str(result), *_make_words(variant, job, Path(folder))], threads=1)
        stages: dict[str, float] = json.loads(result.read_text(encoding="utf-8"))["stages"]
    return stages


def run_command(variant: Variant, words: Sequence[str], threads: int | None = None) -> JobCost:
    """Run the Python of a variant with ``words``, which end with a command that writes a report as JSON.

    This process must be small: what it held when it started the other one counts as memory of that one, too. Raises
    PartialError where the command fails.
    """
    environment = make_variant_environment(variant, threads)
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as messages:
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: S603  a Python that the user named, or this one
            [str(variant.python), "-P", *words], stdout=output, stderr=messages, env=environment
        )
        cost = wait_for_cost(process)
        wall_seconds = time.monotonic() - began
        for stream in (output, messages):
            stream.seek(0)
        if process.returncode:
            last = messages.read().decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
            raise PartialError(f"{variant.name} ended with exit code {process.returncode}: {last[0]}")
        report = json.loads(output.read())
    stages = tuple(report.get("stages", ()))
    return JobCost(int(report["frames"]), cost.core_seconds, wall_seconds, cost.peak_memory_mb, stages)


def make_variant_environment(variant: Variant, threads: int | None = None) -> Mapping[str, str]:
    """Return the variables for a process of a version: another one than this must not find this one's modules."""
    environment = make_python_environment()
    if not variant.is_this_version:
        environment = {key: value for key, value in environment.items() if not key.startswith("PYTHON")}
    return environment | ({} if threads is None else {"OMP_NUM_THREADS": str(threads)})


def _own_python() -> Path:
    """Return the Python that runs this code."""
    return Path(make_python_command()[0])


def _make_words(variant: Variant, job: Job, folder: Path) -> list[str]:
    """The command line of a job."""
    end = [] if job.end_seconds is None else ["--end", f"{job.end_seconds:.3f}"]
    words = ["colorize", str(job.film), "-r", str(job.reference), "-o", str(folder / "result.mp4"), *end]
    return [*words, "--model", job.model, "--quiet", "--json", *variant.options]


def _find_python(place: Path) -> Path:
    """Find the Python of a virtual environment; a file is taken as it is. Raises InputError where there is none."""
    for path in (place, place / "bin" / "python", place / "Scripts" / "python.exe"):
        if path.is_file():
            return path.absolute()  # not resolved: a virtual environment is known by the name of its Python
    raise InputError(f"{place} is no virtual environment, and no Python: name one where kinemacolor is installed")


def _ask_version(python: Path) -> str:
    """Ask a Python which kinemacolor it has. Raises UsageError where it has none."""
    variant = Variant("", python, "")
    command = [str(python), "-P", "-c", VERSION_CODE]
    try:
        told = subprocess.run(  # noqa: S603
            command, env=make_variant_environment(variant), capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise InputError(f"{python} cannot be run ({error.strerror}): name a Python") from error
    if told.returncode:
        raise UsageError(f"{python} has no kinemacolor: install the version to compare with there")
    return told.stdout.strip()
