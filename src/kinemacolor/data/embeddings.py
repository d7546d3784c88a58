"""Embeddings of gray pictures by a network, to find similar pictures."""

import hashlib
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from kinemacolor.data.sources import Source, read_source_frame
from kinemacolor.errors import InputError, translate_foreign_errors
from kinemacolor.utils.arrays import Float32Array
from kinemacolor.utils.files import write_file_atomically
from kinemacolor.utils.threads import single_thread
from kinemacolor.video.geometry import resize

INPUT_SIDE = 112  # px: every picture is resized to a square, whatever its aspect
BATCH_SIZE = 8
POOLED_MAPS = 3  # the deepest maps of the network, which are pooled


def compute_embeddings(sources: Sequence[Source], network: nn.Module, path: Path) -> Float32Array:
    """Compute unit embeddings ``S C`` of the gray middle frames of sources; those cached at ``path`` are reused.

    ``network`` takes ``B 3 h w`` gray sRGB 0..1 and gives a tuple of feature maps. A row is the spatial means of its
    deepest maps, minus the mean over all sources, normalized to length 1.
    Raises InputError for a missing source, ResourceError for disk errors.
    """
    network_hash = _hash_network(network)
    float32_network = deepcopy(network).float().eval()  # on a CPU half precision is many times slower
    known = _read_cached_rows(path, network_hash)
    missing = [source for source in sources if source.digest not in known]
    with single_thread():  # small pictures gain nothing from more, and are 15 times slower on a busy machine
        for start in range(0, len(missing), BATCH_SIZE):
            chunk = missing[start : start + BATCH_SIZE]
            known |= dict(zip((source.digest for source in chunk), _pool_features(chunk, float32_network), strict=True))
    if missing:
        with write_file_atomically(path) as stream:
            np.savez_compressed(
                stream, network=network_hash, digests=np.array(list(known)), rows=np.stack(list(known.values()))
            )
    rows = np.stack([known[source.digest] for source in sources]).astype(np.float32)
    rows -= rows.mean(0)
    unit: Float32Array = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return unit


@torch.inference_mode()
def _pool_features(sources: Sequence[Source], network: nn.Module) -> Float32Array:
    """Spatial means of the deepest feature maps, ``S C``; each map's part has length 1."""
    gray = [cv2.cvtColor(read_source_frame(source, source.frames // 2), cv2.COLOR_RGB2GRAY) for source in sources]
    batch = torch.from_numpy(np.stack([resize(picture, (INPUT_SIDE, INPUT_SIDE)) for picture in gray])).float() / 255
    rgb = batch[:, None].expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
    maps: tuple[Tensor, ...] = network(rgb.to(next(network.parameters())))
    means = [nn.functional.normalize(part.mean((2, 3)), dim=1) for part in maps[-POOLED_MAPS:]]
    rows: Float32Array = torch.cat(means, 1).cpu().numpy()
    return rows


def _hash_network(network: nn.Module) -> str:
    """Hash of a network's weights, so that embeddings of another network are not used."""
    total = hashlib.sha256()
    for key, tensor in network.state_dict().items():
        total.update(key.encode() + tensor.cpu().numpy().tobytes())
    return total.hexdigest()


def _read_cached_rows(path: Path, network_hash: str) -> dict[str, Float32Array]:
    """Cached rows by digest of their source; none where the file is of another network, or damaged."""
    try:
        with translate_foreign_errors(lambda error: InputError(f"{path}: {error}")), np.load(path) as stored:
            rows = dict(zip(stored["digests"].tolist(), stored["rows"], strict=True))
            return rows if str(stored["network"]) == network_hash else {}
    except InputError:
        return {}
