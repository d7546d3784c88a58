"""Evidence for colours, and the network that weighs it."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.features import EfficientNetLite0, descriptors, standardised
from kinemacolor.models.base import Colorizer
from kinemacolor.models.evidence import COLORS, EvidenceOptions, gather, remember
from kinemacolor.models.fusion import STEEP, TOKEN, Fusion, LookByKind, spread, tokens_of

OPTIONS = EvidenceOptions()


def unit(*shape: int, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def chroma_of(height: int, width: int) -> Tensor:
    """Each quarter of a cell has a colour of its own: 1 1 2 2h 2w."""
    return 40 * unit(1, 1, 2, 2 * height, 2 * width, seed=9)


def test_a_picture_finds_itself() -> None:
    keys, chroma = unit(1, 5, 6, 64), chroma_of(5, 6)
    evidence, _ = gather(keys, remember(keys[:, None], chroma, OPTIONS), OPTIONS)
    assert evidence.history is None
    torch.testing.assert_close(
        spread(evidence.merged.colors.permute(0, 3, 1, 2), (10, 12)), chroma[0], atol=0.2, rtol=0
    )
    torch.testing.assert_close(evidence.merged.similarity, torch.ones(1, 5, 6, 1))
    rows = evidence.merged.places[0, :, 0, 0]
    torch.testing.assert_close(rows, torch.arange(5.0) * 54 / 5)


def test_history_speaks_where_the_reference_is_silent_and_only_there() -> None:
    """The second frame looks like the first, but no more like the reference."""
    first, chroma = unit(1, 5, 6, 64), chroma_of(5, 6)
    second = F.normalize(first + 1.2 * unit(1, 5, 6, 64, seed=2), dim=-1)
    third = F.normalize(second + 1.2 * unit(1, 5, 6, 64, seed=3), dim=-1)
    found, state = gather(first, remember(first[:, None], chroma, OPTIONS), OPTIONS)
    for keys in (second, third):
        evidence, state = gather(keys, state, OPTIONS)
    alone, _ = gather(third, remember(first[:, None], chroma, OPTIONS), OPTIONS)
    truth = found.merged.colors
    assert (evidence.merged.colors - truth).abs().mean() < 0.8 * (alone.merged.colors - truth).abs().mean()
    assert evidence.history is not None
    assert (evidence.history.similarity <= 1 - OPTIONS.decay).all()
    assert (evidence.merged.similarity >= evidence.reference.similarity).all()


def test_the_typical_cosine_tells_another_scene() -> None:
    keys = unit(1, 5, 6, 64)
    state = remember(keys[:, None], chroma_of(5, 6), OPTIONS)
    same, other = (gather(x, state, OPTIONS)[0].typical for x in (keys, unit(1, 5, 6, 64, seed=4)))
    assert same.shape == (1, 1, 1, 1)
    assert float(same) > 0.99 > 0.6 > float(other)
    sure, doubt = (gather(x, state, OPTIONS)[0].certainty for x in (keys, unit(1, 5, 6, 64, seed=4)))
    assert sure.min() > 4
    assert doubt.max() < 0


@pytest.mark.parametrize(("height", "width"), [(64, 64), (66, 91), (217, 70)])
def test_descriptors_and_tokens_cover_any_picture(height: int, width: int) -> None:
    with torch.inference_mode():
        maps = standardised(EfficientNetLite0().eval()(torch.rand(2, 3, height, width)))
        found = descriptors(maps, (-(-height // 4), -(-width // 4)))
        tokens = tokens_of(maps, torch.full((2, 2, height, width), 25.0))
    assert found.shape == (2, -(-height // 4), -(-width // 4), sum(EfficientNetLite0.widths))
    torch.testing.assert_close(found.norm(dim=-1), torch.ones(found.shape[:3]))
    assert tokens.shape == (2, -(-height // 16) * -(-width // 16), TOKEN)
    torch.testing.assert_close(tokens[..., -2:], torch.full_like(tokens[..., -2:], 0.5))


@torch.inference_mode()
def test_untrained_fusion_trusts_the_match_as_far_as_it_is_certain() -> None:
    keys, chroma = unit(1, 16, 20, 64), chroma_of(16, 20)
    evidence, _ = gather(unit(1, 16, 20, 64, seed=5), remember(keys[:, None], chroma, OPTIONS), OPTIONS)
    maps = [torch.randn(1, c, h, w) for c, h, w in ((16, 32, 40), (24, 16, 20), (40, 8, 10), (80, 4, 5), (112, 4, 5))]
    fused = Fusion()(torch.rand(1, 1, 64, 80) * 100, maps, evidence, torch.randn(1, 20, TOKEN))
    share = torch.sigmoid(STEEP * evidence.certainty)
    expected = torch.lerp(evidence.fallback, evidence.merged.colors, share).permute(0, 3, 1, 2)
    torch.testing.assert_close(fused.colors, expected)
    assert fused.colors.shape == (1, COLORS, 16, 20)
    torch.testing.assert_close(fused.confidence, evidence.certainty.permute(0, 3, 1, 2))


@torch.inference_mode()
def test_looking_by_kind_sees_colours_and_no_order() -> None:
    look = LookByKind(16)
    torch.nn.init.normal_(look.embed.weight, std=0.1)
    x, tokens = torch.randn(2, 16, 3, 4), torch.randn(2, 30, TOKEN)
    seen = look(x, tokens)
    torch.testing.assert_close(look(x, tokens[:, torch.randperm(30)]), seen)
    other = tokens.clone()
    other[0, :, -1] += 1
    changed = (look(x, other) - seen).flatten(1).abs().amax(1)
    assert changed[0] > 0.01
    assert changed[1] == 0


@torch.inference_mode()
def test_evidence_is_told_to_losses(kinema: Colorizer) -> None:
    lab = torch.randn(1, 2, 3, 64, 80) * 20 + 50
    step = kinema(lab[:, :, :1], kinema.init_state(lab[:, :1]))
    assert step.aux["evidence"].shape == step.chroma.shape
    assert not torch.equal(step.aux["evidence"], step.chroma)
