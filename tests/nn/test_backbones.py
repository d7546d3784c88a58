import pytest
import torch
import torch.nn.functional as F

from kinemacolor.nn.backbones import (
    VGG19,
    EfficientNetLite0,
    ResNet101,
    SameConv2d,
    to_torchvision_input,
    vgg19_layer_indices,
)


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (216, 384), (70, 113)])
def test_pyramid_has_the_sizes_of_same_padding(size: tuple[int, int]) -> None:
    maps = EfficientNetLite0().eval()(torch.rand(1, 3, *size))
    assert [m.shape[1] for m in maps] == list(EfficientNetLite0.widths)
    for m, stride in zip(maps, (2, 4, 8, 16, 16), strict=True):
        assert m.shape[2:] == tuple(-(-side // stride) for side in size)


@pytest.mark.parametrize(("size", "kernel", "stride"), [(8, 3, 2), (9, 3, 2), (8, 5, 2), (11, 5, 1)])
def test_same_convolution_pads_the_end_first(size: int, kernel: int, stride: int) -> None:
    """TensorFlow: total padding max((ceil(n / s) - 1) s + k - n, 0), the smaller half in front."""
    layer = SameConv2d(1, 1, kernel, stride, bias=False)
    x = torch.randn(1, 1, size, size)
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    padded = torch.zeros(1, 1, size + total, size + total)
    padded[..., total // 2 : total // 2 + size, total // 2 : total // 2 + size] = x
    torch.testing.assert_close(layer(x), F.conv2d(padded, layer.weight, stride=stride))


def test_shipped_weights_see_structure(kinema: torch.nn.Module) -> None:
    """A picture is more like itself with noise than like another one, at every depth."""
    backbone = kinema.features
    steps = torch.linspace(0, 1, 96)
    one = (torch.sin(steps * 40)[None] * torch.cos(steps * 25)[:, None] * 0.5 + 0.5).expand(1, 3, 96, 96)
    other = one.flip(-1).roll(17, -2)
    noisy = (one + 0.02 * torch.randn_like(one)).clamp(0, 1)
    with torch.no_grad():
        for a, b, c in zip(backbone(one), backbone(noisy), backbone(other), strict=True):
            a, b, c = (F.instance_norm(m) for m in (a, b, c))
            assert F.cosine_similarity(a, b).mean() > F.cosine_similarity(a, c).mean() + 0.1


def test_vgg19_stops_at_its_last_tap_and_gives_its_taps_in_order() -> None:
    vgg = VGG19(("relu1_2", "relu3_1"), width=1 / 16)
    assert [name for name, _ in vgg.named_children()] == ["conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"]
    first, second = vgg(torch.rand(2, 3, 32, 48))
    assert first.shape == (2, 4, 32, 48)
    assert second.shape == (2, 16, 8, 12)


def test_vgg19_places_are_torchvisions() -> None:
    places = vgg19_layer_indices()
    assert [places[name] for name in ("conv1_1", "conv1_2", "conv2_1", "conv3_1", "conv4_4", "conv5_4")] == [
        0, 2, 5, 10, 25, 34,
    ]  # fmt: skip


@torch.inference_mode()
def test_variants_of_vgg19_want_their_own_colours() -> None:
    rgb = torch.rand(1, 3, 16, 16)
    inputs = {}
    for variant in ("caffe", "torchvision", "normalised"):
        vgg = VGG19(("relu1_1",), variant=variant)
        vgg.conv1_1.weight.zero_()
        vgg.conv1_1.bias.zero_()
        for channel in range(3):  # copies the standardised picture, once as it is and once negated
            vgg.conv1_1.weight[channel, channel, 1, 1] = 1
            vgg.conv1_1.weight[channel + 3, channel, 1, 1] = -1
        (seen,) = vgg(rgb)
        inputs[variant] = seen[:, :3] - seen[:, 3:6]
    caffe = torch.stack([rgb[:, 2] * 255 - 103.939, rgb[:, 1] * 255 - 116.779, rgb[:, 0] * 255 - 123.68], 1)
    torch.testing.assert_close(inputs["caffe"], caffe, atol=1e-2, rtol=0)
    torch.testing.assert_close(inputs["normalised"], caffe, atol=1e-2, rtol=0)
    torch.testing.assert_close(inputs["torchvision"][:, 0], (rgb[:, 0] - 0.485) / 0.229)


@torch.inference_mode()
def test_weights_for_the_input_of_caffe_take_that_of_torchvision() -> None:
    torch.manual_seed(0)
    caffe = VGG19(("relu2_2",), variant="caffe", width=1 / 16)
    torchvision = VGG19(("relu2_2",), variant="torchvision", width=1 / 16)
    torchvision.load_state_dict(to_torchvision_input(caffe.state_dict()))
    rgb = torch.rand(1, 3, 32, 32)
    (one,), (other,) = caffe(rgb), torchvision(rgb)
    inner = (..., slice(3, -3), slice(3, -3))  # borders of zeros are other colours
    torch.testing.assert_close(other[inner], one[inner], atol=1e-3, rtol=1e-4)


def test_resnet101_gives_the_maps_of_the_long_term_paper() -> None:
    maps = ResNet101(width=1 / 16).eval()(torch.rand(1, 3, 64, 96))
    assert [tuple(x.shape[1:]) for x in maps] == [(16, 32, 48), (32, 16, 24), (64, 8, 12), (64, 8, 12)]


def test_resnet101_has_torchvisions_names_and_size() -> None:
    network = ResNet101()
    keys = set(network.state_dict())
    assert {"conv1.weight", "layer1.0.downsample.1.running_var", "layer3.18.bn3.bias"} <= keys
    assert not any(key.startswith(("layer3.19", "layer4", "fc")) for key in keys)
    assert sum(parameter.numel() for parameter in network.parameters()) == 22_996_160


@torch.inference_mode()
def test_frozen_statistics_stay_while_training() -> None:
    network = ResNet101(width=1 / 16).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network(torch.rand(2, 3, 32, 32))
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    norm, x = network.bn1, torch.randn(1, 4, 5, 5)
    norm.running_mean.copy_(torch.randn(4))
    norm.running_var.copy_(torch.rand(4) + 0.5)
    wanted = torch.nn.functional.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)
    torch.testing.assert_close(norm(x), wanted)
