"""The verbs on the GPU machine, `receive`, `train` and `fetch`: the standard library is enough for them."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_transfer.archive import extract_archive
from gpu_transfer.messages import TransferError, print_lines
from gpu_transfer.pieces import (
    MIB,
    collect_pieces,
    find_missing_pieces,
    has_index,
    list_piece_paths,
    read_index,
)
from gpu_transfer.shards import Moments, copy_transfer, cut_shards
from gpu_transfer.wheels import install_wheels
from gpu_transfer.working_tree import ROOT

HOME = Path("/tmp/kinemacolor-gpu")  # noqa: S108  the machine has no other users
SPARE_SECONDS = 45.0  # for the last checkpoint and its shards


@dataclass(frozen=True)
class JobOptions:
    """Options of `train`; the fields are those of the command line.

    ``minutes`` includes unpacking and ``spare``, the seconds for the last checkpoint and its shards.
    """

    minutes: float
    device: str
    workers: int
    steps: int | None
    spare: float
    moments: Moments
    shard_mib: float
    home: Path
    out: Path | None


def receive_parts(parts: Sequence[Path], home: Path, *, forget: bool) -> None:
    """Check parts and keep them in ``home``; ``forget`` deletes all that is there before."""
    if forget:
        shutil.rmtree(home, ignore_errors=True)
    index = collect_pieces(parts, home / "parts", "send that part again", forget=False)
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
    seconds = 60 * job.minutes - (time.monotonic() - start) - job.spare
    if seconds <= 0:
        raise TransferError(
            f"{job.minutes} minutes are too few: {job.spare:.0f} seconds of them are for the checkpoint"
        )
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
    if exit_code:
        raise TransferError(f"the trainer's exit code is {exit_code}; what it had saved is in {output}")


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
    """Extract the archive and install its wheels, unless an earlier job has done so."""
    marker = home / "unpacked"
    if marker.is_file() and marker.read_text() == index["id"]:
        return
    extract_archive(list_piece_paths(index, home / "parts"), home)
    install_wheels(home / "wheels", home / "site")
    marker.write_text(index["id"])


def _run_trainer(job: JobOptions, seconds: float) -> int:
    """Run `kinemacolor train` for this time and return its exit code.

    It stops by itself; where it does not, it is asked to after a third of the spare time, and killed after two.
    """
    home, paths = job.home, [str(job.home / "site"), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "KINEMACOLOR_HOME": str(home / "home"),
        "PYTHONUNBUFFERED": "1",
    }
    command: list[object] = [sys.executable, "-m", "kinemacolor", "train", home / "recipe.toml", "-o", home / "run"]
    command += ["--cache", home / "cache", "--device", job.device, "--workers", job.workers]
    command += ["--max-minutes", f"{seconds / 60:.3f}", *(["--steps", job.steps] if job.steps else [])]
    with subprocess.Popen([str(word) for word in command], env=environment) as trainer:  # noqa: S603
        try:
            return trainer.wait(seconds + job.spare / 3)
        except subprocess.TimeoutExpired:
            trainer.terminate()  # it ends after the current step, with a checkpoint
        try:
            return trainer.wait(job.spare / 3)
        except subprocess.TimeoutExpired:
            trainer.kill()
            return trainer.wait()


def _find_newest_checkpoint(home: Path) -> Path | None:
    return max((home / "run" / "checkpoints").glob("step-*.pt"), default=None)
