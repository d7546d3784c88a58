"""Learned measures, with made-up weights: what they compute does not depend on what was learned."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.metrics.backbones import VGG16, AlexNet, InceptionV3
from kinemacolor.metrics.perceptual import (
    LPIPS,
    ClassifierAgreement,
    FeatureStatistics,
    InceptionFeatures,
    compute_fid,
    compute_frechet_distance,
)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def alexnet_by_hand(net: AlexNet, rgb: Tensor) -> list[Tensor]:
    x = (2 * rgb - 1 - torch.tensor([-0.030, -0.088, -0.188])[:, None, None]) / torch.tensor([0.458, 0.448, 0.450])[
        :, None, None
    ]
    one = F.relu(F.conv2d(x, net.conv1.weight, net.conv1.bias, stride=4, padding=2))
    two = F.relu(F.conv2d(F.max_pool2d(one, 3, 2), net.conv2.weight, net.conv2.bias, padding=2))
    three = F.relu(F.conv2d(F.max_pool2d(two, 3, 2), net.conv3.weight, net.conv3.bias, padding=1))
    four = F.relu(F.conv2d(three, net.conv4.weight, net.conv4.bias, padding=1))
    return [one, two, three, four, F.relu(F.conv2d(four, net.conv5.weight, net.conv5.bias, padding=1))]


def vgg16_by_hand(net: VGG16, rgb: Tensor) -> list[Tensor]:
    x = (rgb - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    convolutions, maps = iter(net.children()), []
    for stage, count in enumerate((2, 2, 3, 3, 3)):
        x = F.max_pool2d(x, 2) if stage else x
        for _ in range(count):
            x = F.relu(next(convolutions)(x))
        maps.append(x)
    return maps


@pytest.mark.parametrize("name", ["alex", "vgg"])
@torch.no_grad()
def test_lpips_is_its_equation(name: str) -> None:
    measure = LPIPS("alex" if name == "alex" else "vgg")
    for layer in measure.linear:
        layer.weight.uniform_(0, 1)
    one, other = torch.rand(2, 2, 3, 64, 80)
    by_hand = alexnet_by_hand if name == "alex" else vgg16_by_hand
    maps, other_maps = by_hand(measure.backbone, one), by_hand(measure.backbone, other)
    wanted = torch.zeros(2)
    for layer, a, b in zip(measure.linear, maps, other_maps, strict=True):
        for row in range(2):
            total = 0.0
            for y in range(a.shape[2]):
                for x in range(a.shape[3]):
                    u, v = a[row, :, y, x], b[row, :, y, x]
                    change = (u / u.norm() - v / v.norm()) ** 2
                    total += float((layer.weight.flatten() * change).sum())
            wanted[row] += total / (a.shape[2] * a.shape[3])
    found = measure(one, other)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found, measure(other, one))
    assert (measure(one, one) == 0).all()


def test_inception_has_the_shapes_of_its_paper() -> None:
    with torch.device("meta"):
        network = InceptionV3()
        maps = [torch.empty(1, 3, 299, 299)]
        for block in (network.stem, *network.blocks):
            maps.append(block(maps[-1]))
        assert network(maps[0]).shape == (1, 2048)
    assert [tuple(x.shape[1:3]) for x in maps[1:]] == (
        [(192, 35), (256, 35), (288, 35), (288, 35), (768, 17)] + 4 * [(768, 17)] + [(1280, 8), (2048, 8), (2048, 8)]
    )
    assert sum(x.numel() for x in network.state_dict().values()) == 21_802_784  # as Keras counts it, without its top


@torch.no_grad()
def test_inception_features_stretch_and_normalise_as_pytorch_fid_does() -> None:
    measure = InceptionFeatures().eval()
    picture = torch.rand(1, 3, 64, 96)
    seen = []
    measure.network.stem.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    features = measure(picture)
    assert features.shape == (1, 2048)
    assert torch.isfinite(features).all()
    assert seen[0].shape == (1, 3, 299, 299)
    # sample 149 lies in the middle of both sides, between the middle four pixels
    middle = 2 * picture[0, :, 31:33, 47:49].mean((1, 2)) - 1
    torch.testing.assert_close(seen[0][0, :, 149, 149], middle)


def test_frechet_distance_in_closed_form() -> None:
    generator = np.random.default_rng(0)
    basis = np.linalg.qr(generator.normal(size=(6, 6)))[0]
    one, other = generator.uniform(0.1, 3, 6), generator.uniform(0.1, 3, 6)
    one[0] = other[1] = 0  # no full rank
    shift = generator.normal(size=6)
    # covariances with the same axes commute: |m1 - m2|² + Σ(√λ1 - √λ2)²
    wanted = shift @ shift + ((np.sqrt(one) - np.sqrt(other)) ** 2).sum()
    c1, c2 = (basis * one) @ basis.T, (basis * other) @ basis.T
    assert compute_frechet_distance(shift, c1, np.zeros(6), c2) == pytest.approx(wanted, abs=1e-6)
    assert compute_frechet_distance(shift, c1, shift, c1) == pytest.approx(0, abs=1e-6)
    # those that do not: in two dimensions tr √(C1 C2) = √(tr C1 C2 + 2 √(det C1 C2))
    a, b = generator.normal(size=(2, 2, 5))
    c1, c2 = a @ a.T, b @ b.T
    root = np.sqrt(np.trace(c1 @ c2) + 2 * np.sqrt(np.linalg.det(c1 @ c2)))
    found = compute_frechet_distance(np.zeros(2), c1, np.zeros(2), c2)
    assert found == pytest.approx(np.trace(c1) + np.trace(c2) - 2 * root)


def test_fid_of_samples_comes_to_that_of_their_distributions() -> None:
    generator = np.random.default_rng(0)
    one = torch.from_numpy(generator.normal(0, 1, (40_000, 4)))
    other = torch.from_numpy(generator.normal(2, 3, (40_000, 4)))
    found = compute_fid(FeatureStatistics.from_features(one), FeatureStatistics.from_features(other))
    assert found == pytest.approx(4 * (2**2 + (3 - 1) ** 2), rel=0.02)


def test_statistics_of_pieces_add_up() -> None:
    features = torch.randn(50, 5) * 3 + 1e4  # far from zero, where sums of squares lose digits
    pieces = [FeatureStatistics.from_features(piece) for piece in features.split([1, 20, 29])]
    whole = pieces[0] + pieces[1] + pieces[2]
    assert whole.count == 50
    np.testing.assert_allclose(whole.mean, features.double().mean(0), rtol=1e-12)
    np.testing.assert_allclose(whole.covariance, np.cov(features.double().numpy().T), rtol=1e-9)
    with pytest.raises(ValueError, match="two vectors"):
        _ = pieces[0].covariance


@torch.no_grad()
def test_the_classifier_compares_first_and_first_five_choices() -> None:
    class Brightness(nn.Module):
        """Six classes: the first of red, the others in the order of green."""

        def predict_logits(self, rgb: Tensor) -> Tensor:
            assert min(rgb.shape[-2:]) == 224
            red, green = rgb[:, :1].mean((2, 3)), rgb[:, 1:2].mean((2, 3))
            return torch.cat([red, green * torch.tensor([[1.0, 0.9, 0.8, 0.7, 0.6]])], 1)

    measure = ClassifierAgreement()
    measure.network = Brightness()
    red = torch.tensor([1.0, 0.1, 0])[:, None, None].expand(3, 100, 150)
    second = torch.tensor([0.95, 1.0, 0])[:, None, None].expand_as(red)
    last = torch.tensor([0.0, 1.0, 0])[:, None, None].expand_as(red)
    answers = measure(torch.stack([red, second, last]), torch.stack([red, red, red]))
    assert answers.tolist() == [[1, 1], [0, 1], [0, 0]]
