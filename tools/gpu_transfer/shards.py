"""The way back: the result of a training as shards, handed out a few at a time, and the verb `join`."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from gpu_transfer.pieces import (
    INDEX_NAME,
    MIB,
    ArchiveWriter,
    PieceWriter,
    TransferError,
    collect_pieces,
    copy_atomically,
    extract_archive,
    find_missing_pieces,
    list_piece_paths,
    print_lines,
    read_index,
    write_index,
)

SHARD_BYTES = 15 * MIB
SHARDS_PER_TRANSFER = 4  # with the index five files: 60 MiB at `SHARD_BYTES`

Moments = Literal["full", "half", "none"]


def cut_shards(home: Path, checkpoint: Path, name: str, limit: int, moments: Moments) -> int:
    """Cut a checkpoint, the weights, the log and the last filmstrip of ``home/run`` into ``home/shards``.

    ``limit``: bytes of a shard. ``moments``: see `reduce_optimizer_state`; ``full`` leaves the checkpoint as it is.
    Gives the number of shards.
    """
    run, folder = home / "run", home / "shards"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    content = checkpoint
    if moments != "full":
        content = folder / "reduced.pt"
        reduce_optimizer_state(checkpoint, content, moments)
    pieces = PieceWriter(folder, name, limit)
    with ArchiveWriter(pieces) as archive:
        archive.add_file(f"checkpoints/{checkpoint.name}", content)
        filmstrips = sorted((run / "filmstrips").glob("*"))[-1:]
        for path in (run / "recipe.json", run / "log.jsonl", *sorted((run / "weights").glob("*")), *filmstrips):
            if path.is_file():
                archive.add_file(path.relative_to(run).as_posix(), path)
    if content != checkpoint:
        content.unlink()
    write_index(pieces.build_index(name), folder)
    return len(pieces.rows)


def reduce_optimizer_state(source: Path, target: Path, moments: Moments) -> None:
    """Copy a checkpoint with the optimizer's moments in bfloat16 (``half``) or without them (``none``).

    A run that goes on from the copy is not the same run. This function needs PyTorch.
    """
    import torch

    content = torch.load(source, map_location="cpu", weights_only=True)
    train_state = content["learner"]  # keys of checkpoints keep their old names
    for owner in (train_state, train_state["discriminator"]):
        if owner is None:
            continue
        state = owner["solver"]["state"]
        for row in state.values():
            row |= {key: x.bfloat16() for key, x in row.items() if torch.is_tensor(x) and x.numel() > 1}
        if moments == "none":
            state.clear()
    torch.save(content, target)


def copy_transfer(home: Path, number: int, output: Path) -> None:
    """Copy the shards of transfer ``number``, from 1, and their index into ``output``.

    Raises TransferError for a number that does not exist.
    """
    folder = home / "shards"
    index = read_index(folder)
    transfers = -(-len(index["pieces"]) // SHARDS_PER_TRANSFER)
    if not 1 <= number <= transfers:
        raise TransferError(f"there are transfers 1 to {transfers}, not {number}")
    for path in list_piece_paths(index, folder)[(number - 1) * SHARDS_PER_TRANSFER : number * SHARDS_PER_TRANSFER]:
        shutil.copyfile(path, output / path.name)
    shutil.copyfile(folder / INDEX_NAME, output / INDEX_NAME)
    following = f"; then: python3 tools/gpu.py fetch {number + 1}" if number < transfers else ""
    print_lines(f"transfer {number} of {transfers} is in {output}{following}")


def join_shards(folders: Sequence[Path], run: Path, *, forget: bool) -> None:
    """Collect the shards in ``folders``; when all are there, extract them into the folder of the run.

    Until then they wait in ``RUN.incoming``. Raises TransferError where shards are missing or damaged, where others
    wait and are not to be forgotten, and for a folder that holds other things than a run.
    """
    run = run.absolute()
    incoming = run.with_name(f"{run.name}.incoming")
    index = collect_pieces(folders, incoming, "fetch that transfer again", forget=forget)
    missing = find_missing_pieces(index, incoming)
    if missing:
        transfers = " ".join(str(number) for number in sorted({1 + shard // SHARDS_PER_TRANSFER for shard in missing}))
        names = ", ".join(index["pieces"][shard]["file"] for shard in missing)
        raise TransferError(f"still missing: {names} (fetch {transfers}); what came is kept in {incoming}")
    if run.is_dir() and any(run.iterdir()) and not (run / "recipe.json").is_file():
        raise TransferError(f"{run} holds other things than a run: choose another folder")
    extracted = incoming / "whole"
    extract_archive(list_piece_paths(index, incoming), extracted)
    # The checkpoint last: a run goes on from its newest one, so log and weights must be there before.
    files = sorted(extracted.rglob("*"), key=lambda path: "checkpoints" in path.parts)
    for path in [path for path in files if path.is_file()]:
        target = run / path.relative_to(extracted)
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_atomically(path, target)
    shutil.rmtree(incoming)
    print_lines(f"{run}: {index['name']}, sha256 of all {len(index['pieces'])} shards checked")
