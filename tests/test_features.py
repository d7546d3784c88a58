import pytest
import torch
import torch.nn.functional as F

from kinemacolor.features import EfficientNetLite0, SameConv2d


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
