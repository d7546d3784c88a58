"""The small form of the Long-term network: a whole ResNet-50, half the channels behind it."""

import torch

from kinemacolor.models.long_term.small import LongTermSmall
from kinemacolor.nn.backbones import ResNet50, ResNet101, standardize_for_caffe


def test_channels_are_halved_and_those_of_the_backbone_are_not() -> None:
    with torch.device("meta"):
        model = LongTermSmall()
    assert isinstance(model.backbone, ResNet50)
    assert model.spec.name == "long-term-small"
    assert model.backbone.conv1.out_channels == 64
    assert model.correspondence.to_maps.weight.shape[:2] == (256, 2048)
    assert model.linkage.dim == 192
    assert model.colorization.ab.in_channels == 64
    assert model.colorization.enter[0].out_channels == 256


def test_resnet50_is_cut_where_resnet101_is() -> None:
    rgb = torch.rand(1, 3, 32, 48)
    small, large = (network(width=1 / 16).eval()(rgb) for network in (ResNet50, ResNet101))
    assert [x.shape for x in small] == [x.shape for x in large]


def test_its_blocks_halve_at_once_and_see_what_caffe_sees() -> None:
    torch.manual_seed(0)
    network = ResNet50(width=1 / 16)
    first = network.layer2[0]
    assert (first.conv1.stride, first.conv2.stride) == ((2, 2), (1, 1))
    rgb = torch.rand(1, 3, 32, 32)
    seen = standardize_for_caffe(rgb)
    torch.testing.assert_close(seen[:, 0], 255 * rgb[:, 2] - 103.939, atol=2e-4, rtol=0)
    torch.testing.assert_close(seen[:, 2], 255 * rgb[:, 0] - 123.68, atol=2e-4, rtol=0)
