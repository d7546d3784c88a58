"""Networks as ONNX files: what OpenVINO computes of them, beside what torch does; and what is refused."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from kinemacolor.cli.main import run
from kinemacolor.models.base import Colorizer
from kinemacolor.weights import onnx_export
from kinemacolor.weights.manifest import weights_sha256

RUN_BY_OPENVINO = """
import sys
import numpy as np
from kinemacolor.inference.engines.openvino import _import_openvino, _make_config

path, given, made = sys.argv[1:]
compiled = _import_openvino().Core().compile_model(path, "CPU", _make_config())
with np.load(given) as inputs:
    np.savez(made, *compiled([inputs[name] for name in inputs.files]).values())
"""
EXPORT = ["models", "export", "kinema"]


@torch.no_grad()
def look_at_two_frames(model: Colorizer, height: int, width: int) -> dict[str, tuple[tuple[Tensor, ...], ...]]:
    """What each method took and gave of the second frame of a film, which has one before it."""
    seen = {}

    def call(method: str, *inputs: Tensor) -> tuple[Tensor, ...]:
        seen[method] = inputs, tuple(getattr(model, method)(*inputs))
        return seen[method][1]

    watched = model.with_methods(
        {method: lambda *inputs, method=method: call(method, *inputs) for method in model.tensor_methods}
    )
    lab = torch.rand(1, 1, 3, height, width) * torch.tensor([100.0, 80, 80])[:, None, None]
    state = watched.init_state(lab - torch.tensor([0.0, 40, 40])[:, None, None])
    for _ in range(2):
        state = watched(100 * torch.rand(1, 1, 1, height, width), state).state
    return seen


def run_by_openvino(path: Path, inputs: Sequence[Tensor]) -> list[Tensor]:
    """What OpenVINO makes of a file, in a process of its own: its reader and the package onnx each bring protobuf."""
    given, made = path.with_suffix(".given.npz"), path.with_suffix(".made.npz")
    np.savez(given, *(x.contiguous().numpy() for x in inputs))
    subprocess.run([sys.executable, "-P", "-c", RUN_BY_OPENVINO, path, given, made], check=True)
    with np.load(made) as found:
        return [torch.from_numpy(found[name]) for name in found.files]


@pytest.mark.parametrize("size", ["96x64", "100x70"])
def test_all_files_of_kinema_give_what_torch_gives(size: str, kinema: Colorizer, tmp_path: Path) -> None:
    """Of a film's own size, also one that is padded; written by the program itself, for which parts of torch wait."""
    onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    command = [sys.executable, "-P", "-m", "kinemacolor", *EXPORT, str(tmp_path), "--onnx", "--size", size]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "kinema: exporting\n"
    paths = [tmp_path / f"kinema-{method}-{size}.onnx" for method in ("encode", "attend", "fuse")]
    assert done.stdout.split() == [str(path) for path in paths]
    assert sorted(os.listdir(tmp_path)) == sorted(path.name for path in paths)
    width, height = map(int, size.split("x"))
    for path, (method, (inputs, wanted)) in zip(paths, look_at_two_frames(kinema, height, width).items(), strict=True):
        for found, x in zip(run_by_openvino(path, inputs), wanted, strict=True):
            torch.testing.assert_close(found, x, atol=1e-4, rtol=1e-5)
        written = onnx.load(path)
        names = kinema.tensor_methods[method]
        assert tuple(x.name for x in written.graph.input) == names.inputs
        assert tuple(x.name for x in written.graph.output) == names.outputs
        assert [(x.domain, x.version) for x in written.opset_import] == [("", onnx_export.OPSET)]
        about = {row.key: row.value for row in written.metadata_props}
        assert (about["model"], about["method"], about["size"]) == ("kinema", method, size)
        parts = json.loads(about["parts"])
        assert {part: row["sha256"] for part, row in parts.items()} == weights_sha256("kinema")
        assert "stays in torch" in about["note"]


def test_files_are_replaced_only_where_that_is_said(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the package onnx is not installed")
    words = [*EXPORT, str(tmp_path), "--onnx", "--size", "64x64"]
    (tmp_path / "kinema-fuse-64x64.onnx").write_text("mine")
    assert run(words) == 2
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"kinema-fuse-64x64.onnx": "mine"}
    assert run([*words, "--overwrite"]) == 0
    assert len(list(tmp_path.iterdir())) == 3
    (tmp_path / "file").touch()
    assert run([*EXPORT, str(tmp_path / "file" / "in"), "--onnx", "--size", "64x64"]) == 6


REFUSED = {
    "two kinds of files": [*EXPORT, "out", "--onnx", "--official"],
    "--size is for --onnx": [*EXPORT, "out", "--size", "384x216"],
    "deep-exemplar has no form in ONNX, only kinema has": ["models", "export", "deep-exemplar", "out", "--onnx"],
    "there is no model 'nonsense'": ["models", "export", "nonsense", "out", "--onnx"],
    "file is a file: name a folder": [*EXPORT, "file", "--onnx"],
    "--size 384: with --onnx say width and height": [*EXPORT, "out", "--onnx", "--size", "384"],
    "--size 384x32: with --onnx": [*EXPORT, "out", "--onnx", "--size", "384x32"],
    "--size 512x64: with --onnx": [*EXPORT, "out", "--onnx", "--size", "512x64"],
    "--size 1090x1090: with --onnx": [*EXPORT, "out", "--onnx", "--size", "1090x1090"],
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_is_refused_with_words(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(onnx_export, "find_spec", lambda name: True)
    (tmp_path / "file").touch()
    assert run(REFUSED[words]) == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_who_lacks_the_package_is_told_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(onnx_export, "find_spec", lambda name: None)
    assert run([*EXPORT, str(tmp_path), "--onnx"]) == 2
    assert "pip install 'kinemacolor[onnx]'" in capsys.readouterr().err
