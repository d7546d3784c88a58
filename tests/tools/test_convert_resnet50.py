"""Caffe's ResNet-50 comes out of its npm package as the network wants it."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from convert_resnet50 import CONVS, STAGES, convert, read_package

from kinemacolor.nn.backbones import ResNet50

WIDTH = 1 / 16


def draw_package() -> dict[str, np.ndarray]:
    """Tensors under Keras' names, of a network with few channels."""
    generator, tensors = np.random.default_rng(0), {}

    def add(conv: str, norm: str, width_in: int, width: int, kernel: int) -> None:
        scale = np.float32(1 / np.sqrt(width_in * kernel**2))
        tensors[f"{conv}/kernel"] = scale * generator.standard_normal((kernel, kernel, width_in, width), np.float32)
        tensors[f"{conv}/bias"] = generator.standard_normal(width, np.float32)
        for name in ("gamma", "beta", "moving_mean"):
            tensors[f"{norm}/{name}"] = generator.standard_normal(width, np.float32)
        tensors[f"{norm}/moving_variance"] = generator.random(width, np.float32) / 100  # small: epsilon counts

    add("conv1", "bn_conv1", 3, 4, 7)
    width_in = 4
    for (stage, count), inner in zip(STAGES.items(), (4, 8, 16), strict=True):
        for index in range(count):
            block = f"{stage}{'abcdef'[index]}_branch"
            if index == 0:
                add(f"res{block}1", f"bn{block}1", width_in, 4 * inner, 1)
            sizes = zip(CONVS, ((width_in, inner, 1), (inner, inner, 3), (inner, 4 * inner, 1)), strict=True)
            for name, size in sizes:
                add(f"res{block}{name}", f"bn{block}{name}", *size)
            width_in = 4 * inner
    tensors["fc1000/kernel"] = np.ones((2, 2), np.float32)
    return tensors


def test_the_package_is_read_and_converted(tmp_path: Path) -> None:
    tensors = draw_package()
    content = b"".join(x.astype("<f4").tobytes() for x in tensors.values())
    rows = [{"name": name, "shape": list(x.shape), "dtype": "float32"} for name, x in tensors.items()]
    model = {"weightsManifest": [{"paths": ["a.bin", "b.bin"], "weights": rows}]}
    members = {"model.json": json.dumps(model).encode(), "a.bin": content[:1001], "b.bin": content[1001:]}
    with tarfile.open(tmp_path / "package.tgz", "w:gz") as archive:
        for name, body in members.items():
            entry = tarfile.TarInfo(f"package/ResNet50/{name}")
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    keras = read_package(tmp_path / "package.tgz")
    assert all(np.array_equal(keras[name].numpy(), x) for name, x in tensors.items())
    network = ResNet50(width=WIDTH)
    network.load_state_dict(convert(keras))
    x = torch.rand(1, 3, 16, 16)
    kernel, bias = (keras[f"conv1/{name}"] for name in ("kernel", "bias"))
    plain = F.conv2d(x, kernel.permute(3, 2, 0, 1), bias, 2, 3)
    mean, variance, gamma, beta = (
        keras[f"bn_conv1/{name}"] for name in ("moving_mean", "moving_variance", "gamma", "beta")
    )
    wanted = F.batch_norm(plain, mean, variance, gamma, beta, eps=1e-3)
    torch.testing.assert_close(network.bn1(network.conv1(x)), wanted, atol=1e-4, rtol=1e-4)
