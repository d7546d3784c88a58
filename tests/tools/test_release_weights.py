"""The weights of a run become a small file that says what it is."""

import json
from pathlib import Path

import pytest
import release_weights
import torch
from release_weights import release
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from kinemacolor.utils.files import compute_file_sha256
from kinemacolor.weights.int8_form import unpack_int8


def write_run(path: Path) -> Path:
    """Weights as a run of color2embed writes them."""
    row = {"licence": "its makers' choice", "trained_on": "8 films, 3 steps", "non_commercial": False, "options": {}}
    rows = {
        "color2embed-encoder": row | {"provenance": "kinemacolor train, seed 0, begun with vgg19"},
        "color2embed-unet": row | {"provenance": "kinemacolor train, seed 0", "options": {"short_side": 128}},
    }
    save_file({"unet.weight": torch.randn(64, 64)}, path, {"parts": json.dumps(rows)})
    return path


def test_a_released_file_has_its_licence_and_a_row(tmp_path: Path) -> None:
    run = write_run(tmp_path / "color2embed.safetensors")
    row = release(run, "docs/card.md", tmp_path / "weights")
    file = tmp_path / "weights/color2embed.safetensors"
    assert json.loads((tmp_path / "weights/manifest.json").read_text()) == {"color2embed": row}
    assert (row["bytes"], row["sha256"]) == (file.stat().st_size, compute_file_sha256(file))
    assert row["licence"] == "Apache-2.0; begun with VGG19 (University of Oxford, CC BY 4.0); Apache-2.0"
    with safe_open(file, "pt") as opened:
        told = json.loads(opened.metadata()["parts"])
    assert told["color2embed-unet"]["provenance"].startswith("trained by this project, docs/card.md: kinemacolor train")
    assert told["color2embed-unet"]["options"] == {"short_side": 128}
    kernel = unpack_int8("file", load_file(file))["unet.weight"]
    assert (kernel - load_file(run)["unet.weight"]).abs().max() < 0.03


def test_a_file_too_large_for_the_repository_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_weights, "MAX_BYTES", 1000)
    with pytest.raises(SystemExit, match="1,000 are allowed"):
        release(write_run(tmp_path / "run.safetensors"), "docs/card.md", tmp_path / "weights")
    assert not list((tmp_path / "weights").iterdir())
