"""Weights that are no weights: refused or told of when they are imported, and never painted with."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from kinemacolor.cli.main import run
from kinemacolor.errors import WeightsError
from kinemacolor.inference.session import BT709_FULL_RANGE, Session
from kinemacolor.models.base import Colorizer
from kinemacolor.plan.frame_encoder import KinemaFrameEncoder
from kinemacolor.weights.import_export import import_weights
from kinemacolor.weights.registry import WeightsNotice, load_model
from support.films import scene

pytestmark = pytest.mark.usefixtures("home")


def changed_kinema(path: Path, change: Callable[[Tensor], Tensor]) -> Path:
    """Our own file of weights, each number of it changed."""
    assert run(["models", "export", "kinema", str(path)]) == 0
    from safetensors import safe_open

    with safe_open(path, "pt") as stream:
        metadata = stream.metadata()
        tensors = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118
    save_file({key: change(one) if one.is_floating_point() else one for key, one in tensors.items()}, path, metadata)
    return path


def test_numbers_that_no_trained_network_has_are_refused(tmp_path: Path) -> None:
    path = changed_kinema(tmp_path / "k.safetensors", lambda one: torch.full_like(one, 6e4))
    with pytest.raises(WeightsError, match="larger than 1000"):
        import_weights("kinema", [path])


def test_weights_that_give_no_number_are_refused(tmp_path: Path) -> None:
    path = changed_kinema(tmp_path / "k.safetensors", lambda one: -100 * torch.ones_like(one))
    with pytest.raises(WeightsError, match="kinema gives NaN"):
        import_weights("kinema", [path])


def test_weights_that_colour_worse_than_nothing_are_told_of(tmp_path: Path) -> None:
    path = changed_kinema(tmp_path / "k.safetensors", lambda one: torch.full_like(one, 0.01))
    with pytest.warns(WeightsNotice, match="own colours"):
        import_weights("kinema", [path])


@pytest.mark.filterwarnings("error::kinemacolor.weights.registry.WeightsNotice")
def test_trained_weights_pass_the_trial(tmp_path: Path) -> None:
    assert import_weights("kinema", [changed_kinema(tmp_path / "k.safetensors", lambda one: one)])


def broken(kind: float) -> Colorizer:
    network = load_model("kinema")
    next(network.fusion.parameters()).data.fill_(kind)  # type: ignore[union-attr, operator]
    next(network.describe.parameters()).data.fill_(kind)  # type: ignore[union-attr, operator]
    return network


@pytest.mark.parametrize("kind", [np.nan, np.inf])
def test_no_picture_is_made_of_what_is_no_number(kind: float) -> None:
    session = Session(broken(kind), [scene(0)], height=64, width=112)
    with pytest.raises(WeightsError, match="kinema gives NaN"):
        session.predict_frames(np.zeros((1, *session.geometry.working_size), np.uint8), BT709_FULL_RANGE)
    with pytest.raises(WeightsError, match="kinema gives NaN"):
        KinemaFrameEncoder(broken(kind)).encode_frame(scene(0)[..., 1])  # type: ignore[arg-type]
