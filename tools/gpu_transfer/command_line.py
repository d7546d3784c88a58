"""Train on a GPU machine that one has for minutes. See docs/gpu-queue.md.

    here                wheels, pack                  gpu/0 gpu/1: wheels, pictures, weights, checkpoint, recipe
    on the GPU machine  check, receive, train, bench  parts -> training -> shards; fetch: the shards that are left
    here                join                          shards -> checkpoint, log and weights in the folder of the run

One archive travels in each direction, cut into pieces; `index.json` beside each piece has the sha256 of all. The verbs
for the GPU machine need only the standard library and a copy of this repository, until `check` and `train` use PyTorch.
"""

import argparse
import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from gpu_transfer.machine import (
    HOME,
    RECIPES,
    SPARE_SECONDS,
    JobOptions,
    check_machine,
    fetch_shards,
    receive_parts,
    run_bench,
    train_run,
)
from gpu_transfer.pieces import MIB, PICTURE_QUALITY, TransferError
from gpu_transfer.shards import SHARD_BYTES, Moments, join_shards
from gpu_transfer.wheels import PYTHON_VERSION, download_wheels
from gpu_transfer.working_tree import ROOT

AddVerb = Callable[[str, Callable[..., None], str], argparse.ArgumentParser]


def main(words: list[str] | None = None) -> int:
    """Run a verb and return the exit code: 2 for what the user can mend, 130 for Ctrl-C."""
    values = vars(build_parser().parse_args(words))
    run_verb = values.pop("run_verb")
    try:
        run_verb(**values)
    except TransferError as error:
        print(f"gpu.py: {error}", file=sys.stderr, flush=True)
        return 2
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        print(f"gpu.py: the disk is full ({error}): make space, then say it again", file=sys.stderr, flush=True)
        return 2
    except KeyboardInterrupt:
        print("gpu.py: stopped; say it again, and it goes on", file=sys.stderr, flush=True)
        return 130
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all verbs; each sets ``run_verb``, a function whose keywords are the verb's options."""
    top = argparse.ArgumentParser(prog="gpu.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    verbs = top.add_subparsers(required=True, metavar="VERB")

    def add_verb(name: str, run_verb: Callable[..., None], text: str) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name, help=text, description=text)
        verb.set_defaults(run_verb=run_verb)
        return verb

    _add_wheels(add_verb)
    _add_pack(add_verb)
    _add_check(add_verb)
    _add_receive(add_verb)
    _add_train(add_verb)
    _add_bench(add_verb)
    _add_fetch(add_verb)
    _add_join(add_verb)
    return top


def _add_wheels(add_verb: AddVerb) -> None:
    verb = add_verb("wheels", download_wheels, "Download the packages that the GPU machine lacks, for its Python.")
    verb.add_argument("-o", "--output", type=Path, default=ROOT / "gpu/wheels")
    verb.add_argument("--python", default=PYTHON_VERSION, help="version of the machine's Python")


def _add_pack(add_verb: AddVerb) -> None:
    text = "Cut all that the GPU machine needs into gpu/0, gpu/1, ..., each small enough for a transfer."
    verb = add_verb("pack", _run_pack, text)
    verb.add_argument("--recipe", required=True, help="a .toml file, or the name of a packaged one")
    verb.add_argument("--name", help="name of the result (default: the recipe's)")
    verb.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="changes", help="change the recipe; repeat"
    )
    verb.add_argument("--start", type=Path, help="weights or checkpoint that the whole model begins with")
    verb.add_argument(
        "--data",
        type=Path,
        default=(ROOT / "../shared/data").resolve(),
        help="has video-train, image-train, video-train-2, image-train-2",
    )
    verb.add_argument("--films", type=Path, action="append", help="instead of those of --data; repeat")
    verb.add_argument("--photographs", type=Path, action="append", help="instead of those of --data; repeat")
    verb.add_argument("--run", type=Path, help="folder of a run: go on from its newest checkpoint, if there is one")
    verb.add_argument(
        "--cache", type=Path, help="training cache of what was scanned and embedded before (default: the user's)"
    )
    verb.add_argument("--wheels", type=Path, default=ROOT / "gpu/wheels")
    verb.add_argument("--no-wheels", action="store_true")
    verb.add_argument("--quality", type=int, nargs=2, default=PICTURE_QUALITY, help="of luma and of chroma, 1 to 100")
    verb.add_argument("--part-mib", type=float, help="size limit of a part (default: what fits into a transfer)")
    verb.add_argument("-o", "--output", type=lambda text: Path(text).resolve(), default=ROOT / "gpu")


def _add_check(add_verb: AddVerb) -> None:
    text = "Say what the machine is and lacks, and try two steps of every recipe with random clips (20 s)."
    verb = add_verb("check", check_machine, text)
    verb.add_argument("parts", type=Path, nargs="*", help="folders of parts, of which the wheels are taken")
    _add_device(verb)
    verb.add_argument("--home", type=Path, default=HOME)


def _add_receive(add_verb: AddVerb) -> None:
    verb = add_verb("receive", receive_parts, "Check parts and keep them until all are there.")
    verb.add_argument("parts", type=Path, nargs="+")
    verb.add_argument("--forget", action="store_true", help="first delete all in --home, also a run not fetched yet")
    verb.add_argument("--other-code", action="store_true", help="the pack was made for other code than lies here")
    verb.add_argument("--home", type=Path, default=HOME)


def _add_train(add_verb: AddVerb) -> None:
    text = "Train until the time is over, and put the first shards of the newest checkpoint into --out."
    verb = add_verb("train", _run_train, text)
    verb.add_argument("--minutes", type=float, required=True, help="time in all, with unpacking and shards")
    verb.add_argument("--workers", type=int, default=14, help="processes that make clips, where the GPU does not")
    verb.add_argument("--steps", type=int, help="steps in all, whatever the recipe says")
    verb.add_argument("--bench", action="store_true", help="measure frames a second at the end (40 s of the time)")
    verb.add_argument("--spare", type=float, default=SPARE_SECONDS, help="seconds for checkpoint and shards")
    verb.add_argument(
        "--moments",
        choices=get_args(Moments),
        default="full",
        help="how much of the optimizer's moments comes back; with less than full it is another run",
    )
    verb.add_argument("--shard-mib", type=float, default=SHARD_BYTES / MIB)
    _add_device(verb)
    _add_home_and_out(verb)


def _add_bench(add_verb: AddVerb) -> None:
    verb = add_verb("bench", run_bench, "Measure frames a second of models and recipes, as JSON lines (40 s).")
    _add_device(verb)
    _add_home_and_out(verb)


def _add_fetch(add_verb: AddVerb) -> None:
    verb = add_verb("fetch", fetch_shards, "Put the shards of another transfer into --out.")
    verb.add_argument("transfer", type=int, help="its number, from 1")
    _add_home_and_out(verb)


def _add_device(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--device", default="cuda")
    verb.add_argument("--tiny", action="store_true", help="measure with small frames, to rehearse on a CPU")
    verb.add_argument("--recipe", action="append", dest="recipes", choices=RECIPES, help="measure this; default: all")


def _add_home_and_out(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--home", type=Path, default=HOME)
    verb.add_argument("--out", type=Path, help="folder for the shards (default: the variable OUT)")


def _add_join(add_verb: AddVerb) -> None:
    text = "Collect shards; when all are there, put their contents into the folder of the run."
    verb = add_verb("join", join_shards, text)
    verb.add_argument("folders", type=Path, nargs="+")
    verb.add_argument("-o", "--run", type=Path, required=True)
    verb.add_argument("--forget", action="store_true", help="delete the unfinished shards of another job")


def _run_pack(**values: Any) -> None:
    from gpu_transfer.packing import PackOptions, pack_run  # needs kinemacolor, which the GPU machine may lack

    pack_run(PackOptions(**values))


def _run_train(**values: Any) -> None:
    train_run(JobOptions(**values))
