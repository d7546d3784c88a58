"""The verb `join`: shards from the GPU machine become files of a run again."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from gpu_transfer.archive import extract_archive
from gpu_transfer.messages import TransferError, print_lines
from gpu_transfer.pieces import collect_pieces, copy_atomically, find_missing_pieces, list_piece_paths
from gpu_transfer.shards import find_transfer


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
        transfers = " ".join(str(number) for number in sorted({find_transfer(shard) for shard in missing}))
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
