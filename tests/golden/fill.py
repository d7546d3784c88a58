"""Networks with the weights that the recorded answers were made from."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from golden import recipe


def answers(name: str) -> dict[str, Tensor]:
    """The recorded answers ``name.npz``."""
    with np.load(Path(__file__).with_name(f"{name}.npz")) as recorded:
        return {key: torch.from_numpy(value) for key, value in recorded.items()}


def fill(network: nn.Module, names: dict[str, str]) -> None:
    """Give every tensor the values of its official name; ``names`` maps our modules to the official ones."""
    ours = {key: tensor for key, tensor in network.state_dict().items() if tensor.is_floating_point()}
    official = {key: f"{names[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}" for key in ours}
    values = recipe.fill({official[key]: tuple(tensor.shape) for key, tensor in ours.items()})
    missing = network.load_state_dict({key: values[official[key]] for key in ours}, strict=False).missing_keys
    assert all(key.endswith("num_batches_tracked") for key in missing)
