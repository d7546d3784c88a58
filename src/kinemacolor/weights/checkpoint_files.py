"""Finds checkpoints in files and archives of other programs and reads their tensors. Executes nothing in them."""

import argparse
import pickle
import re
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import IO
from uuid import uuid4

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from kinemacolor.errors import WeightsError, translate_foreign_errors
from kinemacolor.weights.int8_form import unpack_int8

CHECKPOINT_NAME = re.compile(r"(.*/)?[^/.][^/]*\.(pth|pt|ckpt|safetensors)")  # members of an archive that are read
MAX_CHECKPOINT_BYTES = 4 << 30  # bytes of a checkpoint in an archive


def iter_checkpoint_files(label: str, path: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the label and path of a checkpoint file, or of each checkpoint in a zip or tar archive.

    ``label`` is the name for messages. A member is copied into ``folder``, under a name of ours, until the next one is
    asked for: no name in an archive decides where anything is written. Raises WeightsError for a damaged archive or a
    member that is too large, ResourceError where the disk is full.
    """

    @contextmanager
    def extract_member(member_name: str, stream: IO[bytes] | None, size: int) -> Iterator[tuple[str, Path]]:
        member = f"{PurePosixPath(member_name).name} in {label}"
        if size > MAX_CHECKPOINT_BYTES or stream is None:
            raise WeightsError(f"{member} has {size >> 30} GiB, more than any model here: name another file")
        copy = folder / f"{uuid4().hex}{PurePath(member_name).suffix}"
        try:
            with stream, copy.open("xb") as sink:
                shutil.copyfileobj(stream, sink)
            yield member, copy
        finally:
            with suppress(OSError):  # on Windows it stays while its tensors are mapped; the folder is temporary
                copy.unlink(missing_ok=True)

    with translate_foreign_errors(lambda error: WeightsError(f"{label} is a damaged archive ({error}): get it again")):
        if zipfile.is_zipfile(path) and path.suffix != ".safetensors":
            with zipfile.ZipFile(path) as zipped:
                if not any(name.endswith("/data.pkl") for name in zipped.namelist()):  # else PyTorch's own zip file
                    for entry in zipped.infolist():
                        if CHECKPOINT_NAME.fullmatch(entry.filename):
                            with extract_member(entry.filename, zipped.open(entry), entry.file_size) as copy:
                                yield copy
                    return
        elif tarfile.is_tarfile(path):
            with tarfile.open(path) as packed:
                for member in packed:
                    if member.isfile() and CHECKPOINT_NAME.fullmatch(member.name):
                        with extract_member(member.name, packed.extractfile(member), member.size) as copy:
                            yield copy
            return
    yield label, path


def load_tensors(label: str, path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors of a safetensors file or PyTorch checkpoint, by the names in it, and its metadata.

    ``label`` is the name for messages. Raises WeightsError for a file that is damaged, of another kind, or wants to run
    code.
    """
    with translate_foreign_errors(partial(_describe_damage, label)):
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as opened:
                metadata = opened.metadata() or {}
            return unpack_int8(label, load_file(path)), metadata
        with path.open("rb") as stream:
            start = stream.read(2)
        if not (zipfile.is_zipfile(path) or start[:1] == pickle.PROTO):
            what = "cut off" if start == b"PK" else "no checkpoint of PyTorch, no safetensors file and no archive"
            raise WeightsError(f"{label} is {what}: get the file again")
        with torch.serialization.safe_globals([argparse.Namespace]):
            return _flatten_state_dict(torch.load(path, weights_only=True, map_location="cpu")), {}


def _describe_damage(label: str, error: Exception) -> WeightsError:
    """Say what an error of PyTorch or safetensors means: a file that wants to run code, or a damaged one."""
    code = re.search(r"GLOBAL \S+|TorchScript", str(error))
    if code:
        return WeightsError(f"{label} wants to run code ({code[0]}), refused: get a file of tensors only")
    return WeightsError(f"{label} is damaged: get the file again")


def _flatten_state_dict(loaded: object) -> dict[str, Tensor]:
    """Collect the dense real tensors of a dictionary and of the dictionaries in it, by one name each.

    Names lose the words ``module`` and ``state_dict``, which DataParallel and trainers add. Raises ValueError where two
    names become the same.
    """
    flat = {}
    for name, value in loaded.items() if isinstance(loaded, dict) else ():
        for inner, tensor in value.items() if isinstance(value, dict) else [("", value)]:
            plain = isinstance(tensor, Tensor) and tensor.layout is torch.strided and tensor.device.type == "cpu"
            if plain and not (tensor.is_quantized or tensor.is_complex()):
                words = f"{name}.{inner}".strip(".").split(".")
                key = ".".join(word for word in words if word not in ("module", "state_dict"))
                if key in flat:
                    raise ValueError(f"{key} twice")
                flat[key] = tensor
    return flat
