"""Losses by hand, or against their equations written a second time, plainly."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from golden import recipe
from golden.fill import answers, fill
from kinemacolor.color import lab_to_rgb
from kinemacolor.losses.adversarial import SelfAttention, VideoDiscriminator, discriminator_loss, generator_loss
from kinemacolor.losses.color_classes import bin_weights, color_classes_loss
from kinemacolor.losses.confidence import (
    confidence_correlation_loss,
    confidence_loss,
    hard_correctness,
    soft_correctness,
)
from kinemacolor.losses.deep_features import deep_features_loss, extract_backbone_maps
from kinemacolor.losses.detail import detail_loss
from kinemacolor.losses.numerics import Penalty, box_mean, weighted_mean
from kinemacolor.losses.perceptual import (
    ALL_LAYERS,
    CONTEXTUAL_LAYERS,
    FeatureLayer,
    contextual_loss,
    extract_vgg_features,
    perceptual_loss,
)
from kinemacolor.losses.pixel import l1_loss, psnr_loss, smooth_l1_loss, smoothness_loss
from kinemacolor.losses.temporal import temporal_loss, warp_tensor_by_flow
from kinemacolor.losses.vividness import vividness_loss
from kinemacolor.metrics import motion
from kinemacolor.metrics.confidence import compute_confidence_correlation
from kinemacolor.models.deep_exemplar import (
    DeepExemplar,
    DeepExemplarOptions,
    official_colorization_names,
    official_correspondence_names,
)
from kinemacolor.nn.ab_bins import BIN_CENTRES, bin_centres, bin_frequencies
from kinemacolor.nn.backbones import VGG19
from kinemacolor.weights.registry import load_imagenet_backbone

NAMES = (
    "l1",
    "smooth_l1",
    "psnr",
    "smoothness",
    "detail",
    "vividness",
    "color_classes",
    "deep_features",
    "perceptual",
    "contextual",
    "generator",
    "discriminator",
    "scores",
    "temporal",
    "confidence",
    "confidence of regions",
)
TAPS = ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2")


@pytest.fixture(autouse=True)
def seed() -> Iterator[None]:
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def chroma(batch: int = 2, size: tuple[int, int] = (5, 6)) -> Tensor:
    return (30 * torch.randn(batch, 2, *size)).requires_grad_()


def picture(batch: int = 2, size: tuple[int, int] = (48, 64)) -> Tensor:
    luma = 100 * torch.rand(batch, 1, *size)
    return torch.cat([luma, 25 * torch.randn(batch, 2, *size)], 1)


def vgg(**options: object) -> VGG19:
    return VGG19(TAPS, width=1 / 16, **options).eval().requires_grad_(False)  # type: ignore[arg-type]


# Pixels


def test_weighted_mean_by_hand() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 8.0]], requires_grad=True)
    assert weighted_mean(x) == 3.5
    assert weighted_mean(x, torch.tensor([[1.0], [0.5]])).item() == pytest.approx((1 + 2 + 1.5 + 4) / 3)
    assert weighted_mean(x, torch.tensor([[True, False], [True, False]])) == 2
    nothing = weighted_mean(x, torch.zeros(1, 1))
    nothing.backward()
    assert nothing == 0
    assert (x.grad == 0).all()
    assert weighted_mean(x, torch.full((1, 1), 1e-30)).item() == pytest.approx(3.5)


def test_l1_by_hand() -> None:
    truth = torch.zeros(2, 2, 1, 2, requires_grad=True)
    result = torch.tensor([3.0, -4, 0, 1, 5, 5, 5, 5]).reshape(2, 2, 1, 2).requires_grad_()
    loss = l1_loss(result, truth)
    assert loss == (3 + 4 + 0 + 1 + 20) / 8
    loss.backward()
    assert truth.grad is None
    assert result.grad is not None
    torch.testing.assert_close(result.grad, result.detach().sign() / 8)
    flags = torch.tensor([1.0, 0.0])[:, None, None, None]  # only the first picture's reference is itself
    assert l1_loss(result, truth, flags) == 2
    assert l1_loss(result, truth, torch.tensor([[[[0.0, 1.0]]], [[[0.0, 0.0]]]])) == 2.5
    assert l1_loss(truth, truth) == 0
    with pytest.raises(ValueError, match=r"\(2, 2, 1, 2\) and \(2, 1, 1, 2\)"):
        l1_loss(result, truth[:, :1])


def test_psnr_by_hand() -> None:
    """Pictures count alike, whatever their error: halving a large one is worth what halving a small one is."""
    truth = torch.zeros(2, 2, 3, 4)
    result = torch.stack([torch.full((2, 3, 4), 3.0), torch.full((2, 3, 4), 30.0)]).requires_grad_()
    assert psnr_loss(result, truth).item() == pytest.approx(5 * (np.log10(10) + np.log10(901)))
    assert psnr_loss(truth, truth) == 0
    first = torch.tensor([1.0, 0.0])[:, None, None, None]
    assert psnr_loss(result, truth, first).item() == pytest.approx(10)
    assert psnr_loss(result, truth, noise=3).item() == pytest.approx(5 * (np.log10(18) + np.log10(909)))
    psnr_loss(result, truth).backward()
    assert result.grad is not None
    shares = (result.grad * result).sum((1, 2, 3))  # the dB for each share by which an error grows
    torch.testing.assert_close(shares, torch.tensor([9 / 10, 900 / 901]) * 10 / np.log(10))
    with pytest.raises(ValueError, match="at least 1"):
        psnr_loss(result, truth, noise=0.5)


def test_smooth_l1_by_hand() -> None:
    truth = torch.zeros(1, 2, 1, 1, requires_grad=True)
    result = torch.tensor([0.5, -3.0]).reshape(1, 2, 1, 1).requires_grad_()
    smooth_l1_loss(result, truth).backward()
    assert result.grad is not None
    assert result.grad.flatten().tolist() == [0.25, -0.5]
    assert truth.grad is None
    assert smooth_l1_loss(result, truth).item() == pytest.approx((0.5 * 0.25 + 2.5) / 2)
    assert smooth_l1_loss(result, truth, beta=2).item() == pytest.approx((0.25 / 4 + 2) / 2)
    assert smooth_l1_loss(result, truth, torch.zeros(1, 1, 1, 1)) == 0
    wide = 30 * torch.randn(1, 2, 4, 4)
    quadratic = ((wide / 110).square() / 2).mean()
    assert wide.abs().max() < 110
    torch.testing.assert_close(smooth_l1_loss(wide / 110, torch.zeros_like(wide)), quadratic)


@torch.no_grad()
def smoothness_by_hand(result: Tensor, truth: Tensor, alpha: float, centre: bool, penalty: Penalty) -> float:
    batch, _, height, width = result.shape
    total = 0.0
    for b in range(batch):
        for i in range(height):
            for j in range(width):
                around = [
                    (y, x)
                    for y in range(max(i - 1, 0), min(i + 2, height))
                    for x in range(max(j - 1, 0), min(j + 2, width))
                    if centre or (y, x) != (i, j)
                ]
                squares = [float((truth[b, :, i, j] - truth[b, :, y, x]).square().sum()) for y, x in around]
                weights = [math.exp(-square / alpha) for square in squares]
                for c in range(2):
                    mean = sum(w * float(result[b, c, y, x]) for w, (y, x) in zip(weights, around, strict=True))
                    apart = abs(float(result[b, c, i, j]) - mean / sum(weights))
                    total += apart if penalty == "l1" else apart**2
    return total / result.numel()


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_smoothness_is_its_equation(centre: bool, penalty: Penalty) -> None:
    result = chroma().double().detach().requires_grad_()
    truth = (6 * torch.randn(2, 3, 5, 6)).double().requires_grad_()
    loss = smoothness_loss(result, truth, alpha=40, centre=centre, penalty=penalty)
    assert loss.item() == pytest.approx(smoothness_by_hand(result, truth, 40, centre, penalty))
    loss.backward()
    assert truth.grad is None
    assert torch.autograd.gradcheck(lambda x: smoothness_loss(x, truth, centre=centre, penalty=penalty), result)


@pytest.mark.parametrize("centre", [True, False])
def test_smoothness_lets_edges_be_where_the_truth_has_them(centre: bool) -> None:
    truth = torch.full((1, 3, 6, 8), 50.0)
    truth[..., 4:] = -20
    follows, bleeds = torch.zeros(1, 2, 6, 8), torch.zeros(1, 2, 6, 8)
    follows[..., 4:], bleeds[..., 5:] = 40, 40
    assert smoothness_loss(follows, truth, centre=centre) < 1e-5
    assert smoothness_loss(bleeds, truth, centre=centre) > 1
    assert smoothness_loss(torch.full_like(follows, 17.0), truth, centre=centre) < 1e-5
    dark = torch.zeros(1, 3, 6, 8)  # what lies outside the picture must not count as black
    assert smoothness_loss(torch.full_like(follows, 17.0), dark, centre=centre) < 1e-5


# Detail


def test_the_mean_of_a_square_ends_at_the_border() -> None:
    x = torch.randn(2, 3, 7, 9).double()
    found = box_mean(x, 5)
    torch.testing.assert_close(found[:, :, 3, 4], x[:, :, 1:6, 2:7].mean((2, 3)))
    torch.testing.assert_close(found[:, :, 0, 8], x[:, :, :3, 6:].mean((2, 3)))
    torch.testing.assert_close(box_mean(x, 25), x.mean((2, 3), keepdim=True).expand_as(x))
    with pytest.raises(ValueError, match="odd side, got 4 px"):
        box_mean(x, 4)


def test_detail_by_hand() -> None:
    truth = torch.zeros(2, 2, 51, 51)
    result = truth.clone()
    result[0, 0, 25, 25] = 625.0  # its means are 625 / side² on squares around it
    bands = [
        (81 * (625 / 81 - 1) + (625 - 81)) / 2601 / 4,
        (9 * (625 / 9 - 625 / 81) + 72 * 625 / 81) / 2601 / 4,
        (625 - 625 / 9 + 8 * 625 / 9) / 2601 / 4,
    ]
    assert detail_loss(result, truth).item() == pytest.approx(sum(bands), rel=1e-5)
    for number, wanted in enumerate(bands):
        weights = (float(number == 0), float(number == 1), float(number == 2))
        assert detail_loss(result, truth, band_weights=weights).item() == pytest.approx(wanted, rel=1e-5)
    rows = torch.tensor([1.0, 0.0])[:, None, None, None]
    assert detail_loss(result, truth, rows).item() == pytest.approx(2 * sum(bands), rel=1e-5)
    assert detail_loss(result, truth, 1 - rows) == 0


def test_detail_asks_for_detail_and_not_for_colour() -> None:
    truth = box_mean(60 * torch.randn(1, 2, 54, 96), 3)
    assert detail_loss(truth + 40, truth) < 1e-4
    losses = [detail_loss(box_mean(truth, side), truth).item() for side in (1, 3, 9)]
    assert losses[0] == 0
    assert 0 < 1.5 * losses[1] < losses[2]
    fine = detail_loss(box_mean(truth, 5), truth, band_weights=(0, 0, 1))
    assert fine > detail_loss(box_mean(truth, 5), truth, band_weights=(1, 0, 0))
    result, truth = (chroma().detach().double().requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(lambda x: detail_loss(x, truth), result)
    detail_loss(result, truth).backward()
    assert truth.grad is None


# How much colour, and which


def test_vividness_by_hand() -> None:
    truth, result = torch.zeros(2, 2, 4, 5), torch.zeros(2, 2, 4, 5)
    truth[0, 0], truth[1, 1] = 10.0, 20.0
    result[0, :, :, :2] = torch.tensor([-3.0, 4.0])[:, None, None]  # a chroma of 5 in the left cells, 0 in the others
    result[1, 0] = 30.0  # more vivid than the truth
    result.requires_grad_()
    truth.requires_grad_()
    loss = vividness_loss(result, truth, cell=2)
    assert loss.item() == pytest.approx((2 * 5 + 4 * 10) / 12)
    loss.backward()
    assert truth.grad is None
    assert result.grad is not None
    assert result.grad[0, 0, 0, 0] > 0 > result.grad[0, 1, 0, 0]  # away from gray
    assert (result.grad[1] == 0).all()
    assert torch.isfinite(result.grad).all()
    first = torch.tensor([1.0, 0.0])[:, None, None, None]
    assert vividness_loss(result, truth, first, cell=2).item() == pytest.approx(50 / 6)
    assert vividness_loss(-truth, truth) == 0  # whatever the hue
    with pytest.raises(ValueError, match="one shape"):
        vividness_loss(result, truth[:1])


def test_color_classes_by_hand() -> None:
    weights, shares = bin_weights(torch.zeros(1)), bin_frequencies(torch.zeros(1))
    assert (weights * shares).sum().item() == pytest.approx(1)
    gray, red = BIN_CENTRES.index((0, 0)), BIN_CENTRES.index((60, 20))
    wanted = (shares[gray] + 1 / 129) / (shares[red] + 1 / 129)
    torch.testing.assert_close(weights[red] / weights[gray], wanted)
    truth = torch.zeros(1, 2, 4, 8)
    truth[0, :, :, 4:6] = torch.tensor([70.0, 30.0])[:, None, None]
    truth[0, :, :, 6:] = torch.tensor([50.0, 10.0])[:, None, None]  # a cell of the mean (60, 20)
    logits = torch.zeros(1, 129, 1, 2)
    logits[0, gray] = 3.0
    logits.requires_grad_()
    truth.requires_grad_()
    loss = color_classes_loss(logits, truth)
    total = math.log(math.exp(3) + 128)
    expected = (float(weights[gray]) * (total - 3) + float(weights[red]) * total) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert truth.grad is None
    assert logits.grad is not None
    assert logits.grad[0, gray, 0, 0] < 0 < logits.grad[0, gray, 0, 1]
    assert color_classes_loss(logits, truth, torch.zeros(1, 1, 1, 1)) == 0
    with pytest.raises(ValueError, match="129 bins, got"):
        color_classes_loss(logits[:, 1:], truth)


def test_equal_chances_for_all_bins_cost_the_logarithm_of_their_number() -> None:
    drawn = torch.multinomial(bin_frequencies(torch.zeros(1)), 40_000, replacement=True)
    truth = bin_centres(torch.zeros(1))[drawn].T.reshape(1, 2, 200, 200)
    assert color_classes_loss(torch.zeros(1, 129, 200, 200), truth).item() == pytest.approx(math.log(129), rel=0.02)


# The ImageNet backbone


def test_deep_features_are_their_equation() -> None:
    result = {0: torch.randn(2, 16, 4, 6), 7: torch.randn(2, 80, 2, 3)}
    truth = {0: torch.randn(2, 16, 4, 6), 7: torch.randn(2, 80, 2, 3)}
    cosines = [F.cosine_similarity(result[block], truth[block]) for block in (0, 7)]
    wanted = sum(float((2 - 2 * cosine).mean()) for cosine in cosines) / 2
    assert deep_features_loss(result, truth, blocks=(0, 7)).item() == pytest.approx(wanted, rel=1e-5)
    first = torch.tensor([1.0, 0.0])[:, None, None, None]
    masked = deep_features_loss(result, truth, first, blocks=(7,))
    torch.testing.assert_close(masked, (2 - 2 * cosines[1][0]).mean())
    assert deep_features_loss({0: torch.zeros(1, 4, 2, 2)}, {0: torch.ones(1, 4, 2, 2)}, blocks=(0,)) == 1


def test_deep_features_see_wrong_pale_and_blurred_colours() -> None:
    backbone = load_imagenet_backbone()
    truth = torch.cat([box_mean(100 * torch.rand(1, 1, 96, 128), 5), box_mean(120 * torch.randn(1, 2, 96, 128), 7)], 1)
    ab = truth[:, 1:].clone().requires_grad_()
    maps = extract_backbone_maps(backbone, truth)
    assert [*maps] == [0, 2, 4, 7, 10]

    def loss(changed: Tensor) -> Tensor:
        return deep_features_loss(extract_backbone_maps(backbone, torch.cat([truth[:, :1], changed], 1)), maps)

    assert loss(ab) == 0
    for small, large in ((0.7 * ab, 0 * ab), (box_mean(ab, 3), box_mean(ab, 9)), (0.8 * ab, -ab)):
        assert 0 < 1.5 * loss(small) < loss(large)
    (gradient,) = torch.autograd.grad(loss(0.5 * ab), ab)
    assert torch.isfinite(gradient).all()
    assert (gradient * ab).sum() < 0  # colours should grow
    with pytest.raises(ValueError, match="frozen EfficientNetLite0"):
        extract_backbone_maps(backbone.train(), truth)


# VGG19


def test_features_are_named_in_network_order_and_frozen() -> None:
    shuffled = VGG19(("relu2_2", "relu1_2", "relu5_2"), width=1 / 16).eval().requires_grad_(False)
    maps = extract_vgg_features(shuffled, picture())
    assert [(name, tuple(x.shape[1:])) for name, x in maps.items()] == [
        ("relu1_2", (4, 48, 64)),
        ("relu2_2", (8, 24, 32)),
        ("relu5_2", (32, 3, 4)),
    ]
    for careless in (vgg().train(), vgg().requires_grad_()):
        with pytest.raises(ValueError, match="frozen"):
            extract_vgg_features(careless, picture())
    with pytest.raises(ValueError, match="wants relu3_2, this VGG19 gives relu1_2, relu2_2, relu5_2"):
        perceptual_loss(maps, maps, layers=ALL_LAYERS)


def test_perceptual_is_its_equation() -> None:
    network, lab, other = vgg(variant="torchvision"), picture(), picture()
    with torch.no_grad():
        maps = [network(lab_to_rgb(x)) for x in (lab, other)]
    result, truth = extract_vgg_features(network, lab), extract_vgg_features(network, other)
    square = float((maps[0][4] - maps[1][4]).square().sum()) / maps[0][4].numel()
    assert perceptual_loss(result, truth).item() == pytest.approx(square)
    sizes = [float((x - y).abs().sum()) / x.numel() for x, y in zip(*maps, strict=True)]
    published = sizes[0] / 32 + sizes[1] / 16 + sizes[2] / 8 + sizes[3] / 4 + sizes[4]
    assert perceptual_loss(result, truth, layers=ALL_LAYERS, penalty="l1").item() == pytest.approx(published)
    assert perceptual_loss(truth, truth, layers=ALL_LAYERS) == 0


@pytest.mark.parametrize("loss", [perceptual_loss, contextual_loss])
def test_gradients_through_features_reach_the_result_only(loss: Callable[..., Tensor]) -> None:
    network, frame = vgg(), picture()
    ab, other = frame[:, 1:].clone().requires_grad_(), picture().requires_grad_()
    with torch.no_grad():
        ab[..., :8], frame[..., :8, :] = 150, 0  # no colours of sRGB, and black
        ab[:1, :, :8], frame[:, :1, 40:] = 0, 100
    loss(
        extract_vgg_features(network, torch.cat([frame[:, :1], ab], 1)), extract_vgg_features(network, other)
    ).backward()
    assert other.grad is None
    assert all(parameter.grad is None for parameter in network.parameters())
    assert ab.grad is not None
    assert torch.isfinite(ab.grad).all()
    assert (ab.grad[..., 16:32, 16:].abs() > 0).float().mean() > 0.5


def contextual_by_hand(result: Tensor, reference: Tensor, bandwidth: float) -> float:
    total = 0.0
    for x, y in zip(result.double().flatten(2), reference.double().flatten(2), strict=True):
        mean = y.mean(1)
        best = []
        for i in range(x.shape[1]):
            a = x[:, i] - mean
            distances = []
            for j in range(y.shape[1]):
                b = y[:, j] - mean
                distances.append(1 - float(a @ b / (a.norm() * b.norm())))
            affinity = [math.exp((1 - d / (min(distances) + 1e-5)) / bandwidth) for d in distances]
            best.append(max(affinity) / sum(affinity))
        total -= math.log(sum(best) / len(best))
    return total / len(result)


def test_contextual_is_its_equation() -> None:
    result = {"relu3_2": torch.rand(2, 8, 4, 6), "relu4_2": torch.rand(2, 5, 3, 2), "relu5_2": torch.rand(2, 5, 2, 2)}
    reference = {
        "relu3_2": torch.rand(2, 8, 6, 4),
        "relu4_2": torch.rand(2, 5, 4, 1),
        "relu5_2": torch.rand(2, 5, 1, 3),
    }
    pooled = [F.avg_pool2d(x["relu3_2"], 2) for x in (result, reference)]
    top, middle = ([x[name] for x in (result, reference)] for name in ("relu5_2", "relu4_2"))
    wanted = 8 * contextual_by_hand(*top, 0.1) + 4 * contextual_by_hand(*middle, 0.1)
    wanted += 2 * contextual_by_hand(*pooled, 0.1)
    assert contextual_loss(result, reference).item() == pytest.approx(wanted, rel=1e-4)
    layers = (FeatureLayer("relu4_2"),)
    wide = contextual_loss(result, reference, layers=layers, bandwidth=0.5)
    assert wide.item() == pytest.approx(contextual_by_hand(*middle, 0.5), rel=1e-4)
    assert torch.autograd.gradcheck(
        lambda x: contextual_loss({"relu4_2": x}, {"relu4_2": middle[1].double()}, layers=layers, bandwidth=0.5),
        middle[0].double().requires_grad_(),
    )


def test_contextual_asks_what_is_there_and_not_where() -> None:
    layers = (FeatureLayer("top"),)

    def loss(result: Tensor, reference: Tensor) -> float:
        return contextual_loss({"top": result}, {"top": reference}, layers=layers).item()

    reference = torch.rand(1, 32, 4, 5)
    moved = reference.flatten(2)[..., torch.randperm(20)].reshape(1, 32, 5, 4)
    assert loss(reference, reference) < 1e-3
    assert loss(moved, reference) < 1e-3
    assert loss(reference[..., :2], reference) < 1e-3  # forward: what the result does not show costs nothing
    assert loss(torch.rand(1, 32, 4, 5), reference) > 0.3
    assert loss(torch.rand(1, 32, 4, 5), torch.ones(1, 32, 4, 5)) == pytest.approx(math.log(20), rel=1e-3)


def test_contextual_is_finite_where_all_places_are_alike() -> None:
    x = torch.ones(1, 4, 3, 3, requires_grad=True)
    for reference in (torch.ones(1, 4, 3, 3), torch.zeros(1, 4, 3, 3), torch.rand(1, 4, 3, 3)):
        loss = contextual_loss({"top": x}, {"top": reference}, layers=(FeatureLayer("top"),))
        (gradient,) = torch.autograd.grad(loss, x)
        assert 0 <= loss <= math.log(9) + 1e-5
        assert torch.isfinite(gradient).all()


@pytest.mark.slow
def test_the_official_losses() -> None:
    """Recorded (tests/golden/README.md) with the chroma of frame 1 put on frame 0's luma."""
    golden, reference, frame = answers("deep_exemplar"), recipe.picture(1, 216, 384), recipe.picture(2, 216, 384)
    model, network = DeepExemplar(DeepExemplarOptions(temperature=None)).eval(), VGG19(TAPS)
    for part, names in (
        (model.vgg, {name: name for name, _ in model.vgg.named_children()}),
        (model.correspondence, official_correspondence_names()),
        (model.colorization, official_colorization_names()),
        (network, {name: name for name, _ in network.named_children()}),
    ):
        fill(part, names)
    network.eval().requires_grad_(False)
    with torch.inference_mode():
        luma = torch.stack([frame[:, :1], frame[:, :1].roll((3, 5), (2, 3))], 1)
        ab = model(luma, model.init_state(reference[:, None])).ab[:, 1]
        result, truth, other = (
            extract_vgg_features(network, x) for x in (torch.cat([frame[:, :1], ab], 1), frame, reference)
        )
        contextual = [
            contextual_loss(result, other, layers=(FeatureLayer(x.tap, 1, x.pool),)) for x in CONTEXTUAL_LAYERS
        ]
        for name, found in (
            ("contextual_r32pool_r42_r52", torch.stack(contextual)),
            ("perceptual_r52", perceptual_loss(result, truth)[None]),
            ("smooth_l1", smoothness_loss(ab, frame)[None]),
        ):
            torch.testing.assert_close(found, golden[name].to(found), rtol=1e-3, atol=0, msg=name)


# Adversarial


def test_adversarial_losses_by_hand() -> None:
    real = torch.tensor([2.0, 4.0], requires_grad=True)
    fake = torch.tensor([1.0, -1.0], requires_grad=True)
    # means 3 and 0: D's side ((2 - 1)² + (4 - 1)²) / 2 + ((1 - 2)² + (-1 - 2)²) / 2
    loss = discriminator_loss(real, fake)
    assert loss == 10
    loss.backward()
    assert real.grad is not None
    real.grad = fake.grad = None
    # G's side ((1 - 3 - 1)² + (-1 - 3 - 1)²) / 2 + ((2 + 1)² + (4 + 1)²) / 2
    loss = generator_loss(real, fake)
    assert loss == 34
    loss.backward()
    assert real.grad is None
    assert (fake.grad < 0).all()  # type: ignore[operator]
    ones = torch.ones(3)
    assert discriminator_loss(ones + 1, ones) == 0
    assert generator_loss(ones, ones + 1) == 0
    assert discriminator_loss(ones, ones) == generator_loss(ones, ones) == 2


def attention_by_hand(layer: SelfAttention, x: Tensor) -> Tensor:
    query, key, value = (conv(x).flatten(2) for conv in (layer.query, layer.key, layer.value))
    result = x.clone().flatten(2)
    for b in range(len(x)):
        for i in range(query.shape[2]):
            weights = (key[b] * query[b, :, i : i + 1]).sum(0).exp()
            result[b, :, i] += layer.gamma[0] * (value[b] * weights).sum(1) / weights.sum()
    return result.reshape(x.shape)


@torch.no_grad()
def test_self_attention_is_its_equation() -> None:
    layer, x = SelfAttention(6).eval(), torch.randn(2, 6, 3, 4)
    torch.testing.assert_close(layer(x), x)
    layer.gamma.fill_(0.7)
    torch.testing.assert_close(layer(x), attention_by_hand(layer, x))
    assert (layer(x) - x).abs().max() > 0.1


@torch.no_grad()
def test_discriminator_is_its_table() -> None:
    judge = VideoDiscriminator(width=1 / 16).eval()
    judge.attention.gamma.fill_(0.5)
    frames = torch.stack([picture(2, (70, 130)), picture(2, (70, 130))], 1)
    x = torch.cat([frames[:, 0], frames[:, 1]], 1)
    for number, conv in enumerate(judge.convs, 1):
        x = F.conv2d(x, conv.weight, conv.bias, stride=2, padding=1)  # type: ignore[arg-type]
        if number > 1:
            x = (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
        x = torch.where(x > 0, x, 0.2 * x)
        if number == 2:
            x = attention_by_hand(judge.attention, x)
    wanted = F.conv2d(x, judge.last.weight, judge.last.bias, padding=1).flatten(1).mean(1)
    torch.testing.assert_close(judge(frames), wanted, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(judge(frames[1:]), wanted[1:], atol=1e-5, rtol=1e-4)  # rows are independent
    assert (judge(frames.flip(1)) - wanted).abs().max() > 1e-3  # the order in time counts


@torch.no_grad()
def test_discriminator_sizes() -> None:
    full = VideoDiscriminator()
    pairs = ((6, 64), (64, 64), (64, 128), (128, 256), (256, 512), (512, 1024))
    wanted = sum(16 * before * after + after for before, after in pairs) + 3 * (64 * 64 + 64) + 1 + 9 * 1024 + 1
    assert sum(parameter.numel() for parameter in full.parameters()) == wanted
    judge, sizes = VideoDiscriminator(width=1 / 16).eval(), []
    for conv in judge.convs:
        conv.register_forward_hook(lambda _, __, x: sizes.append(tuple(x.shape[1:])))
    assert judge(torch.zeros(1, 2, 3, 216, 384)).shape == (1,)
    assert sizes == [(4, 108, 192), (4, 54, 96), (8, 27, 48), (16, 13, 24), (32, 6, 12), (64, 3, 6)]
    assert judge(torch.rand(3, 2, 3, 128, 64)).shape == (3,)
    for height, width in ((127, 127), (63, 640)):
        with pytest.raises(ValueError, match=f"got {height}×{width}"):
            judge(torch.rand(1, 2, 3, height, width))


def normed(judge: VideoDiscriminator) -> list[nn.Module]:
    return [*judge.convs, judge.attention.query, judge.attention.key, judge.attention.value, judge.last]


@torch.no_grad()
def test_spectral_norm_bounds_every_kernel() -> None:
    judge = VideoDiscriminator(width=1 / 8)
    for conv in normed(judge):
        conv.parametrizations.weight.original.mul_(50)  # type: ignore[union-attr, operator]
    for _ in range(40):
        judge(torch.rand(1, 2, 3, 64, 128))
    judge.eval()
    state = {name: x.clone() for name, x in judge.state_dict().items()}
    for conv in normed(judge):
        largest = torch.linalg.svdvals(conv.weight.flatten(1))[0]  # type: ignore[operator, union-attr]
        assert 0.99 < largest < 1.01
    judge(torch.rand(1, 2, 3, 64, 128))
    assert all(torch.equal(x, state[name]) for name, x in judge.state_dict().items())


def test_discriminator_learns_and_teaches() -> None:
    judge = VideoDiscriminator(width=1 / 16)
    real = picture(4, (64, 128)).reshape(2, 2, 3, 64, 128)
    ab = (0.1 * real[:, :, 1:]).requires_grad_()

    def fake() -> Tensor:
        return torch.cat([real[:, :, :1], ab], 2)

    optimizer = torch.optim.Adam(judge.parameters(), 2e-3)
    before = discriminator_loss(judge(real), judge(fake())).item()
    for _ in range(15):
        optimizer.zero_grad()
        discriminator_loss(judge(real), judge(fake().detach())).backward()
        optimizer.step()
    judge.eval().requires_grad_(False)
    after = discriminator_loss(judge(real), judge(fake())).item()
    assert after < before / 2
    scores = judge(fake())
    generator_loss(judge(real), scores).backward()
    assert all(torch.isfinite(x.grad).all() for x in (ab, *judge.parameters()) if x.grad is not None)
    with torch.no_grad():
        ab -= 0.3 * ab.grad / ab.grad.abs().max()  # type: ignore[operator, union-attr]
    assert (judge(fake()) > scores).all()


# Time


def test_warp_is_that_of_the_measures() -> None:
    generator = np.random.default_rng(0)
    image = generator.random((9, 14, 2)).astype(np.float32)
    flow = (generator.integers(-320, 320, (9, 14, 2)) / 32).astype(np.float32)  # OpenCV knows 32nds of a pixel
    found = warp_tensor_by_flow(*(torch.from_numpy(x).permute(2, 0, 1)[None] for x in (image, flow)))
    np.testing.assert_allclose(found[0].permute(1, 2, 0), motion.warp_array_by_flow(image, flow), atol=1e-5)


def test_warp_is_differentiable() -> None:
    image, flow = torch.rand(1, 2, 4, 5).double(), (2 * torch.rand(1, 2, 4, 5) - 1).double() * 0.9
    assert torch.autograd.gradcheck(warp_tensor_by_flow, (image.requires_grad_(), (flow + 0.003).requires_grad_()))
    thin = torch.rand(1, 2, 3, 1)
    torch.testing.assert_close(warp_tensor_by_flow(thin, torch.zeros(1, 2, 3, 1)), thin)


def test_temporal_loss_by_hand() -> None:
    first, second = chroma(1, (3, 6)), chroma(1, (3, 6))
    with torch.no_grad():
        second[..., 1:] = first[..., :-1]  # all moves to the right by 1 px
        second[0, 0, 1, 3] += 2
        second[0, 1, 2, 5] -= 6
    backward = torch.zeros(1, 2, 3, 6)
    backward[:, 0] = -1
    seen = torch.ones(1, 1, 3, 6)
    seen[..., 0] = 0
    assert temporal_loss(first, second, backward, seen).item() == pytest.approx(8 / 30, rel=1e-4)
    assert temporal_loss(first, second, backward, seen.bool(), penalty="l2").item() == pytest.approx(40 / 30, rel=1e-4)
    seen[0, 0, 2, 5] = 0
    loss = temporal_loss(first, second, backward, seen)
    assert loss.item() == pytest.approx(2 / 28, rel=1e-4)
    gradients = torch.autograd.grad(loss, (first, second))
    assert gradients[0][0, 0, 1, 2].item() == pytest.approx(-1 / 28, rel=1e-3)
    assert gradients[1][0, 0, 1, 3].item() == pytest.approx(1 / 28, rel=1e-3)
    assert gradients[1][0, :, 2, 5].abs().max() == 0
    with pytest.raises(ValueError, match="one shape"):
        temporal_loss(first, second[:, :1], backward, seen)
    still = torch.zeros_like(backward)
    assert temporal_loss(first, first, still, torch.ones(1, 1, 3, 6)) < 1e-4
    assert temporal_loss(first, second, still, seen) > 1
    blind = temporal_loss(first, second, backward, torch.zeros_like(seen))
    assert blind == 0
    assert all((gradient == 0).all() for gradient in torch.autograd.grad(blind, (first, second)))


# Confidence


def test_hard_correctness_is_the_share_of_a_place_that_is_right() -> None:
    truth = torch.zeros(1, 2, 3, 3)
    result = truth.clone()
    result[0, :, 1, 1] = torch.tensor([6.0, 8.0])  # an error of 10
    assert hard_correctness(result, truth).all()
    wrong = 1 - hard_correctness(result, truth, tolerance=9.9)
    assert wrong.sum() == wrong[0, 0, 1, 1] == 1
    share = hard_correctness(result, truth, tolerance=9.9, region=3)
    torch.testing.assert_close(share[0, 0, 1, 1], torch.tensor(8 / 9))
    assert confidence_loss(share, result, truth, tolerance=9.9, region=3, form="hard").abs() < 1e-6


def test_confidence_that_falls_with_the_error_costs_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    truth, result = torch.zeros(2, 2, 8, 9), 10 * torch.randn(2, 2, 8, 9, generator=generator)
    error = result.norm(dim=1, keepdim=True)
    assert confidence_correlation_loss(1 - error / 100, result, truth).abs() < 1e-5
    assert (confidence_correlation_loss(error / 100, result, truth) - 2).abs() < 1e-5
    confidence = torch.rand(2, 1, 8, 9, generator=generator).requires_grad_()
    loss = confidence_correlation_loss(confidence, result.requires_grad_(), truth)
    measured = [
        compute_confidence_correlation(c.numpy(), e.numpy()) for c, e in zip(confidence.detach(), error, strict=True)
    ]
    torch.testing.assert_close(loss.item(), 1 - sum(measured) / 2, atol=1e-5, rtol=0)
    loss.backward()
    assert confidence.grad is not None
    assert result.grad is None
    assert confidence_correlation_loss(confidence, truth, truth) == 1


def test_soft_correctness_by_hand() -> None:
    truth = torch.zeros(1, 2, 1, 3)
    result = torch.tensor([[0.0, 3, 30], [0, 4, 40]]).reshape(1, 2, 1, 3)
    found = soft_correctness(result, truth, tolerance=5).flatten().tolist()
    assert found == pytest.approx([1, math.exp(-1), math.exp(-10)])
    result.requires_grad_()
    assert not soft_correctness(result, truth).requires_grad


def test_a_region_is_as_right_as_its_mean_error() -> None:
    truth, result = torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 3, 4)
    result[0, 0, 1, 1] = -9.0
    found = soft_correctness(result, truth, tolerance=2, region=3)[0, 0]
    mean = [[9 / 4, 9 / 6, 9 / 6, 0], [9 / 6, 1, 1, 0], [9 / 4, 9 / 6, 9 / 6, 0]]  # less lies around a border
    torch.testing.assert_close(found, (-torch.tensor(mean) / 2).exp())
    assert torch.equal(*(soft_correctness(result, truth, region=region) for region in (0, 1)))
    confidence = torch.rand(1, 1, 3, 4)
    loss = confidence_loss(confidence, result, truth, region=3)
    assert loss != confidence_loss(confidence, result, truth)
    assert confidence_loss(soft_correctness(result, truth, region=3), result, truth, region=3).abs() < 1e-6


def test_confidence_loss_is_a_cross_entropy_less_its_least() -> None:
    result, truth = chroma(), chroma()
    confidence = torch.rand(2, 1, 5, 6).requires_grad_()
    q, c = (0.999 * x + 0.0005 for x in (soft_correctness(result, truth, tolerance=40), confidence))
    wanted = F.binary_cross_entropy(c, q) - F.binary_cross_entropy(q, q)
    loss = confidence_loss(confidence, result, truth, tolerance=40)
    torch.testing.assert_close(loss, wanted)
    loss.backward()
    assert result.grad is None
    assert truth.grad is None
    assert confidence.grad is not None
    assert (confidence.grad.sign() == (c - q).sign()).all()
    perfect = soft_correctness(result, truth)
    assert confidence_loss(perfect, result, truth).abs() < 1e-6
    assert confidence_loss(1 - perfect, result, truth) > 0.1
    with pytest.raises(ValueError, match=r"\(2, 1, 5, 6\), got \(2, 5, 6\)"):
        confidence_loss(perfect[:, 0], result, truth)
    half = torch.ones(2, 1, 5, 6)
    half[..., 3:], perfect[..., 3:] = 0, 0.5
    assert confidence_loss(perfect, result, truth, half).abs() < 1e-6


def test_confidence_becomes_the_mean_chance() -> None:
    truth = torch.zeros(1, 2, 1, 4, dtype=torch.float64)
    result = torch.tensor([[0.0, 5, 12, 60]]).expand(2, 4)[None, :, None].double()
    wanted = float(soft_correctness(result, truth).mean())
    guesses = torch.linspace(0, 1, 2001, dtype=torch.float64)
    losses = [float(confidence_loss(guess.expand(1, 1, 1, 4), result, truth)) for guess in guesses]
    assert float(guesses[int(np.argmin(losses))]) == pytest.approx(wanted, abs=6e-4)


def test_a_confidence_that_is_certain_and_wrong_can_learn() -> None:
    truth = torch.zeros(1, 2, 1, 2)
    result = torch.tensor([0.0, 1000.0]).expand(1, 2, 1, 2)
    confidence = torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2).requires_grad_()
    loss = confidence_loss(confidence, result, truth)
    loss.backward()
    assert 7 < loss < 8
    assert confidence.grad is not None
    assert confidence.grad[..., 0] < 0 < confidence.grad[..., 1]
    assert confidence.grad.abs().max() < 2000 / 2  # of two pixels


# Numbers


def each_loss() -> dict[str, tuple[Callable[..., Tensor], list[Tensor]]]:
    judge, network, seen = VideoDiscriminator(width=1 / 16).eval(), vgg(), torch.ones(2, 1, 48, 64)
    judge.attention.gamma.data.fill_(1)
    ab, other, lab = picture()[:, 1:], picture()[:, 1:], picture()
    backbone = load_imagenet_backbone()

    def through(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda x, y: loss(extract_vgg_features(network, x), extract_vgg_features(network, y))

    return {
        "l1": (l1_loss, [ab, other]),
        "smooth_l1": (smooth_l1_loss, [ab, other]),
        "psnr": (psnr_loss, [ab, other]),
        "smoothness": (smoothness_loss, [ab, lab]),
        "detail": (detail_loss, [ab, other]),
        "vividness": (vividness_loss, [ab, other]),
        "color_classes": (color_classes_loss, [torch.randn(2, 129, 6, 8), ab]),
        "deep_features": (
            lambda x, y: deep_features_loss(extract_backbone_maps(backbone, x), extract_backbone_maps(backbone, y)),
            [lab, picture()],
        ),
        "perceptual": (through(perceptual_loss), [lab, picture()]),
        "contextual": (through(contextual_loss), [lab, picture()]),
        "generator": (generator_loss, [torch.randn(4), torch.randn(4)]),
        "discriminator": (discriminator_loss, [torch.randn(4), torch.randn(4)]),
        "scores": (lambda x: judge(x).sum(), [picture(2, (64, 128))[None]]),
        "temporal": (temporal_loss, [ab, other, torch.randn(2, 2, 48, 64), seen]),
        "confidence": (confidence_loss, [torch.rand(2, 1, 48, 64), ab, other]),
        "confidence of regions": (
            lambda *tensors: confidence_loss(*tensors, region=9),
            [torch.rand(2, 1, 48, 64), ab, other],
        ),
    }


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_float32_whatever_comes(name: str) -> None:
    loss, tensors = each_loss()[name]
    halves = [x.bfloat16() for x in tensors]
    wanted = loss(*(x.float() for x in halves))
    assert wanted.dtype == torch.float32
    torch.testing.assert_close(loss(*halves), wanted, rtol=1e-5, atol=1e-6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(loss(*(x.float() for x in halves)), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_finite_for_perfect_answers(name: str) -> None:
    loss, tensors = each_loss()[name]
    first = tensors[0]
    perfect = [(first if x.shape == first.shape else x).clone().requires_grad_() for x in tensors]
    gradients = torch.autograd.grad(loss(*perfect), perfect, allow_unused=True)
    found = [gradient for gradient in gradients if gradient is not None]
    assert found
    assert all(torch.isfinite(gradient).all() for gradient in found)
