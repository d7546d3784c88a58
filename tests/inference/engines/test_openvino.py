"""What OpenVINO computes, beside what torch does."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kinemacolor import Session
from kinemacolor.inference.engines import openvino
from kinemacolor.inference.engines.compiled_files import MOST_FILES, find_compiled, hash_network, store_compiled
from kinemacolor.inference.engines.openvino import compile_methods, compile_module
from kinemacolor.inference.session import BT709_FULL_RANGE as CODING
from kinemacolor.models.base import Colorizer
from kinemacolor.models.kinema.model import Kinema
from kinemacolor.options import RenderOptions
from support.films import scene

pytest.importorskip("openvino", reason="OpenVINO is not installed")
SMALL = RenderOptions(short_side=64)


class _Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.conv(x), x * 2


@torch.inference_mode()
def test_a_module_is_called_as_before_and_gives_new_tensors() -> None:
    module, x = _Twice(), torch.rand(1, 1, 6, 8)
    compiled = compile_module(module, [x])
    first, second = compiled(x), compiled((x.mT + 1).contiguous().mT)  # the second in another layout
    for found, given in ((first, x), (second, x + 1)):
        for one, wanted in zip(found, module(given), strict=True):
            torch.testing.assert_close(one, wanted)


@torch.inference_mode()
def test_methods_of_kinema_give_what_torch_gives(kinema: Colorizer, home: Path) -> None:
    """Rows of a batch too; features and descriptors within 1e-4, whole frames within 0.05 Lab units."""
    lightness = 100 * torch.rand(2, 1, 64, 80)
    compiled = compile_methods(kinema)
    assert compile_methods(kinema) is compiled
    assert isinstance(kinema, Kinema)
    assert isinstance(compiled, Kinema)
    plain, other = (model.encode(lightness) for model in (kinema, compiled))
    for one, wanted in zip(other[:-3], plain[:-3], strict=True):
        torch.testing.assert_close(one, wanted, atol=1e-4, rtol=1e-4)
    assert len(list(home.rglob("*.blob"))) == 1


def test_a_session_gives_the_same_film(kinema: Colorizer, home: Path) -> None:
    films = {}
    for engine in ("torch", "openvino"):
        session = Session(kinema, [scene(0)], height=72, width=96, options=SMALL, engine=engine)
        assert session.engine == engine
        luma = [session.geometry.downscale_codes(scene(time)[..., 1])[None] for time in range(3)]
        films[engine] = np.stack([session.predict_frames(x, CODING)[0].ab for x in luma])
    assert 0 < np.abs(films["torch"] - films["openvino"]).max() < 0.05


def test_a_run_goes_on_bit_for_bit_in_another_process(kinema: Colorizer, home: Path) -> None:
    """Another process reads what the first one compiled."""

    def colorize() -> list[bytes]:
        openvino._prepared.clear()
        session = Session(kinema, [scene(0)], height=72, width=96, options=SMALL, engine="openvino")
        return [session.colorize(scene(time))[0].tobytes() for time in range(2)]

    first = colorize()
    blobs = {path: path.stat().st_ino for path in home.rglob("*.blob")}
    assert len(blobs) == 3
    assert colorize() == first
    assert {path: path.stat().st_ino for path in home.rglob("*.blob")} == blobs


def test_changed_weights_are_compiled_anew(kinema: Colorizer) -> None:
    model = Kinema().eval()
    before, digest = compile_methods(model), hash_network(model)
    with torch.no_grad():
        model.fusion.answer.bias += 1
    assert compile_methods(model) is not before
    assert hash_network(model) != digest


def test_damaged_files_of_the_cache_are_as_if_they_were_not_there(home: Path) -> None:
    store_compiled("key", b"network")
    assert find_compiled("key") == b"network"
    (path,) = home.rglob("*.blob")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert find_compiled("key") is None
    for number in range(MOST_FILES + 3):
        store_compiled(number, b"network")
    assert len(list(home.rglob("*.blob"))) == MOST_FILES


def test_nothing_is_reported_to_its_maker() -> None:
    code = (
        "import sys; from kinemacolor.inference.engines.openvino import _import_openvino; _import_openvino();"
        "sys.exit(any(name.startswith('openvino_telemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_sessions_of_one_model_may_be_in_several_threads(kinema: Colorizer, home: Path) -> None:
    def paint(_: int) -> list[np.ndarray]:
        session = Session(kinema, [scene(0)], height=72, width=96, options=SMALL, engine="openvino")
        return [session.colorize(scene(at))[0] for at in range(3)]

    with ThreadPoolExecutor(3) as pool:
        first, *others = pool.map(paint, range(3))
    for other in others:
        assert all(np.array_equal(one, same) for one, same in zip(first, other, strict=True))
