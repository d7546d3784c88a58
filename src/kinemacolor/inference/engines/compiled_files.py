"""Files of compiled networks in the user's cache folder: compiling takes seconds, reading what was compiled a tenth."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from torch import nn

import kinemacolor.models
import kinemacolor.nn
from kinemacolor.errors import ResourceError
from kinemacolor.utils.checked_files import read_kept_file
from kinemacolor.utils.files import write_file_atomically

MOST_FILES = 18  # of at most 20 MB, those that were used last: three or four for each size of pictures
_DIGEST_BYTES = 32


def find_compiled(key: object) -> bytes | None:
    """Read what `store_compiled` stored under a key; None where nothing is, or what is there is damaged."""
    path = _compiled_path(key)
    data = read_kept_file(path)
    if data is None or hashlib.sha256(data[_DIGEST_BYTES:]).digest() != data[:_DIGEST_BYTES]:
        return None
    with suppress(OSError):
        os.utime(path)
    return data[_DIGEST_BYTES:]


def store_compiled(key: object, data: bytes) -> None:
    """Store a compiled network under a key, any value whose `repr` says all; does nothing where the disk refuses.

    Those that were not used for longest are deleted.
    """
    path = _compiled_path(key)
    with suppress(ResourceError, OSError):
        with write_file_atomically(path) as stream:
            stream.write(hashlib.sha256(data).digest() + data)
        newest_first = sorted(path.parent.glob("*.blob"), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in newest_first[MOST_FILES:]:
            old.unlink(missing_ok=True)


def hash_network(model: nn.Module) -> str:
    """Compute a digest of all that decides what a network computes: weights, type, code of networks and engines."""
    digest = hashlib.sha256(f"{type(model).__qualname__} {hash_weights(model)}".encode())
    for room in (Path(kinemacolor.models.__path__[0]), Path(kinemacolor.nn.__path__[0]), Path(__file__).parent):
        for path in sorted(room.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def hash_weights(model: nn.Module) -> str:
    """Compute a digest of the weights of a network: names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _compiled_path(key: object) -> Path:
    home = os.environ.get("KINEMACOLOR_HOME")
    if home:
        folder = Path(home) / "cache"
    else:
        import platformdirs  # here, because a training machine says where and may lack it

        folder = platformdirs.user_cache_path("kinemacolor", appauthor=False)
    return folder / "compiled" / f"{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}.blob"
