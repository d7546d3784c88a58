"""Ranges of int8: of which weights they are, and what rounding costs."""

import copy
from pathlib import Path

import pytest
import torch

from kinemacolor import Session
from kinemacolor.inference.engines import openvino
from kinemacolor.inference.engines.int8 import load_ranges, record_ranges, round_inputs
from kinemacolor.inference.engines.openvino import compile_methods
from kinemacolor.models.base import Colorizer
from kinemacolor.models.kinema.fusion import FusionAnswer
from kinemacolor.models.kinema.model import Kinema
from support.films import scene


@pytest.fixture(scope="module")
def seen(kinema: Colorizer) -> tuple[torch.Tensor, ...]:
    """What fusion sees of a frame."""
    found: list[tuple[torch.Tensor, ...]] = []

    def look(*inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        assert isinstance(kinema, Kinema)
        found.append(inputs)
        return kinema.fuse(*inputs)

    session = Session(kinema.with_methods({"fuse": look}), [scene(0)], height=72, width=96)
    session.colorize(scene(1))
    return found[0]


def test_ranges_are_those_of_the_weights_that_ship_and_of_no_others(kinema: Colorizer) -> None:
    ranges = load_ranges(kinema)
    assert len(ranges) >= 30
    assert all(name.startswith("fusion.") and low < high for name, (low, high) in ranges.items())
    other = copy.deepcopy(kinema)
    with torch.no_grad():
        other.get_parameter("fusion.answer.bias").add_(1e-3)
    assert load_ranges(other) == {}


@torch.inference_mode()
def test_rounding_changes_colours_by_less_than_anyone_sees(
    kinema: Colorizer, seen: tuple[torch.Tensor, ...], home: Path
) -> None:
    """Within 0.1 Lab units in the mean; OpenVINO, which also rounds weights, as well as torch that rounds inputs."""
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    assert isinstance(kinema, Kinema)
    plain = FusionAnswer(*kinema.fuse(*seen)).mix(fill=False).colors
    for model in (round_inputs(kinema, load_ranges(kinema)), compile_methods(kinema)):
        assert isinstance(model, Kinema)
        error = (FusionAnswer(*model.fuse(*seen)).mix(fill=False).colors - plain).abs()
        assert 0 < error.mean() < 0.1


@torch.inference_mode()
def test_ranges_hold_all_that_was_seen() -> None:
    layer = torch.nn.Conv2d(1, 1, 1)
    with record_ranges({"layer": layer}) as ranges:
        layer(torch.tensor([[[[1.0, 3.0]]]]))
        layer(torch.tensor([[[[-2.0, 0.0]]]]))
    layer(torch.full((1, 1, 1, 1), 9.0))
    assert ranges == {"layer": (-2.0, 3.0)}


@torch.inference_mode()
def test_a_cpu_without_the_instructions_computes_in_float32(
    kinema: Colorizer, seen: tuple[torch.Tensor, ...], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    monkeypatch.setattr(openvino, "has_vnni", lambda: False)
    assert isinstance(kinema, Kinema)
    model = compile_methods(copy.copy(kinema))
    assert isinstance(model, Kinema)
    for one, wanted in zip(model.fuse(*seen), kinema.fuse(*seen), strict=True):
        torch.testing.assert_close(one, wanted, atol=1e-3, rtol=1e-4)
