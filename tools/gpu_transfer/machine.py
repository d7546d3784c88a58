"""The verbs on the GPU machine: the standard library is enough for them; what needs more is a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_transfer.pieces import (
    MIB,
    TransferError,
    collect_pieces,
    extract_archive,
    find_missing_pieces,
    has_index,
    list_piece_paths,
    print_lines,
    read_index,
)
from gpu_transfer.shards import Moments, copy_transfer, cut_shards
from gpu_transfer.wheels import unpack_wheels
from gpu_transfer.working_tree import ROOT, compute_code_digest

HOME = Path("/tmp/kinemacolor-gpu")  # noqa: S108  the machine has no other users
SPARE_SECONDS = 45.0  # for the last checkpoint and its shards
BENCH_SECONDS = 40.0
RECIPES = ("kinema", "deep-exemplar", "color2embed", "long-term")
CHECK_SECONDS = 120.0  # a check takes 20; a machine that hangs is given up


@dataclass(frozen=True)
class JobOptions:
    """Options of `train`; the fields are those of the command line.

    ``minutes`` includes unpacking, ``spare``, the seconds for the last checkpoint and its shards, and ``bench``.
    """

    minutes: float
    device: str
    workers: int
    steps: int | None
    spare: float
    bench: bool
    tiny: bool
    recipes: list[str] | None
    moments: Moments
    shard_mib: float
    home: Path
    out: Path | None


def check_machine(parts: Sequence[Path], home: Path, device: str, *, tiny: bool, recipes: list[str] | None) -> None:
    """Look at the machine and try two steps of the ``recipes`` (None: all). Wheels come from ``parts``.

    Raises TransferError where anything failed; all else was tried before.
    """
    free = shutil.disk_usage(home.parent).free / 2**30
    print_lines(f"disk: {free:.0f} GiB free at {home.parent}", f"python: {sys.version.split()[0]}")
    for part in parts:
        unpack_wheels(part / "wheels", home / "site")
    options = {"device": device, "tiny": tiny, "recipes": recipes or RECIPES}
    with _start_program(home, "check", options) as program:
        exit_code = _wait_for(program, CHECK_SECONDS)
    if exit_code:
        raise TransferError(f"the check found what is wanting, or did not end (exit code {exit_code}): see above")


def receive_parts(parts: Sequence[Path], home: Path, *, forget: bool, other_code: bool) -> None:
    """Check parts and keep them in ``home``; ``forget`` deletes all that is there before.

    Raises TransferError for a part that is damaged, of another pack, or, unless ``other_code``, made for other code
    than lies here.
    """
    if forget:
        shutil.rmtree(home, ignore_errors=True)
    index = collect_pieces(parts, home / "parts", "send that part again", forget=False)
    if index.get("code") != compute_code_digest() and not other_code:
        raise TransferError(
            f"the pack was made for commit {index.get('commit')}, and the code here is other: check that commit out, "
            "pack again, or say --other-code where the change is meant"
        )
    for part in parts:
        unpack_wheels(part / "wheels", home / "site")
    missing = find_missing_pieces(index, home / "parts")
    if missing:
        print_lines(f"{index['name']}: still to come: {_format_parts(missing)}")
        return
    print_lines(f"{index['name']}: all {len(index['pieces'])} parts are here")


def train_run(job: JobOptions) -> None:
    """Train until the time is over, and copy the first shards of the newest checkpoint into ``job.out``.

    Raises TransferError where parts are missing, time is short, or training fails; what a failed training saved is
    in ``job.out`` nevertheless.
    """
    start, home = time.monotonic(), job.home
    output = _make_output_folder(job.out)
    index = _read_complete_index(home)
    _unpack_once(home, index)
    reserved = job.spare + BENCH_SECONDS * job.bench
    seconds = 60 * job.minutes - (time.monotonic() - start) - reserved
    if seconds <= 0:
        raise TransferError(f"{job.minutes} minutes are too few: {reserved:.0f} seconds of them are reserved")
    before = _find_newest_checkpoint(home)
    exit_code = _run_trainer(job, seconds)
    newest = _find_newest_checkpoint(home)
    if newest is None:
        raise TransferError(f"no checkpoint was made, and the trainer's exit code is {exit_code}: see above")
    shards = cut_shards(home, newest, f"{index['name']}-{newest.stem}", int(job.shard_mib * MIB), job.moments)
    copy_transfer(home, 1, output)
    elapsed = time.monotonic() - start
    print_lines(
        f"{newest.stem} (before: {before.stem if before else 'none'}) in {shards} shards, {elapsed:.0f} s in all"
    )
    if job.bench:
        run_bench(home, job.device, output, tiny=job.tiny, recipes=job.recipes)
    if exit_code:
        raise TransferError(f"the trainer's exit code is {exit_code}; what it had saved is in {output}")


def run_bench(home: Path, device: str, out: Path | None, *, tiny: bool, recipes: list[str] | None) -> None:
    """Measure frames a second of models and recipes, as JSON lines, also in the file bench.jsonl in ``out``."""
    path = _make_output_folder(out) / "bench.jsonl"
    options = {"device": device, "tiny": tiny, "recipes": recipes or RECIPES, "path": str(path)}
    with _start_program(home, "bench", options) as program:
        exit_code = _wait_for(program, 1.3 * BENCH_SECONDS)
    print_lines(f"bench: {path}, exit code {exit_code}")


def fetch_shards(transfer: int, home: Path, out: Path | None) -> None:
    """Copy the shards of a transfer, counted from 1, into ``out``."""
    copy_transfer(home, transfer, _make_output_folder(out))


def _make_output_folder(out: Path | None) -> Path:
    """Make the folder ``out``, or the one that the variable OUT of the environment names."""
    place = out or os.environ.get("OUT")
    if not place:
        raise TransferError("say --out FOLDER, or set the variable OUT to it")
    Path(place).mkdir(parents=True, exist_ok=True)
    return Path(place)


def _read_complete_index(home: Path) -> dict[str, Any]:
    """Read the index of the parts. Raises TransferError unless all of them are here."""
    if not has_index(home / "parts"):
        raise TransferError("nothing has come yet: send gpu/0 and say `python3 tools/gpu.py receive gpu/0`, and so on")
    index = read_index(home / "parts")
    missing = find_missing_pieces(index, home / "parts")
    if missing:
        raise TransferError(f"parts are missing: send and receive {_format_parts(missing)} first")
    return index


def _format_parts(numbers: Sequence[int]) -> str:
    return " ".join(f"gpu/{number}" for number in numbers)


def _unpack_once(home: Path, index: Mapping[str, Any]) -> None:
    """Extract the archive, unless an earlier job has done so."""
    marker = home / "unpacked"
    if marker.is_file() and marker.read_text() == index["id"]:
        return
    extract_archive(list_piece_paths(index, home / "parts"), home)
    marker.write_text(index["id"])


def _run_trainer(job: JobOptions, seconds: float) -> int:
    """Train for this time and return the exit code of the process.

    It stops by itself; where it does not, it is asked to after a third of the spare time, and killed after two.
    """
    options = {"home": str(job.home), "device": job.device, "workers": job.workers, "steps": job.steps}
    with _start_program(job.home, "train", options | {"deadline": time.time() + seconds}) as trainer:
        return _wait_for(trainer, seconds + job.spare / 3, job.spare / 3)


@contextmanager
def _start_program(home: Path, verb: str, options: Mapping[str, object]) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a program of `programs` with the wheels and the working tree before all other packages."""
    paths = [str(home / "site"), str(ROOT / "src"), str(ROOT / "tools"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "KINEMACOLOR_HOME": str(home / "home"),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "gpu_transfer.programs", verb, json.dumps(options)]
    with subprocess.Popen(command, env=environment) as program:  # noqa: S603
        yield program


def _wait_for(program: "subprocess.Popen[bytes]", seconds: float, patience: float = 5.0) -> int:
    """Wait for a process and return its exit code; too late it is asked to end, and killed after ``patience``.

    Ctrl-C reaches the process too, which then ends after the current step, with a checkpoint.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            return program.wait(deadline - time.monotonic())
        except KeyboardInterrupt:
            print_lines("interrupted: waiting for the current step")
            deadline = time.monotonic() + patience
        except subprocess.TimeoutExpired:
            break
    program.send_signal(signal.SIGTERM)
    try:
        return program.wait(patience)
    except subprocess.TimeoutExpired:
        program.kill()
        return program.wait()


def _find_newest_checkpoint(home: Path) -> Path | None:
    return max((home / "run" / "checkpoints").glob("step-*.pt"), default=None)
