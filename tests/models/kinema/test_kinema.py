"""Evidence for colours, and the network that weighs it."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.base import Colorizer
from kinemacolor.models.kinema.fusion import CERTAINTY_SLOPE, MAX_CORRECTION, FeatureModulation, Fusion, cells_to_ab
from kinemacolor.models.kinema.matching import (
    COLOR_CHANNELS,
    QUARTERS,
    MatchingOptions,
    encode_references,
    match_frame,
    pool_cell_quarters,
)
from kinemacolor.models.kinema.semantic import SemanticAttention
from kinemacolor.nn.backbones import EfficientNetLite0, build_descriptors, standardize_maps

OPTIONS = MatchingOptions()
STEPS = 2, 4, 8, 16, 16  # px between places of the maps


def unit(*shape: int, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def lab_of(height: int, width: int) -> Tensor:
    """Each quarter of a cell has a luma and a colour of its own: 1 1 3 2h 2w."""
    return 40 * unit(1, 1, 3, 2 * height, 2 * width, seed=9)


def maps_of(height: int, width: int, batch: int = 1) -> list[Tensor]:
    """As a backbone would give them for a picture of ``height`` x ``width``."""
    return [
        torch.randn(batch, size, -(-height // step), -(-width // step))
        for size, step in zip(EfficientNetLite0.widths, STEPS, strict=True)
    ]


def test_a_picture_finds_itself() -> None:
    keys, lab = unit(1, 5, 6, 64), lab_of(5, 6)
    evidence, _ = match_frame(keys, encode_references(keys[:, None], lab, OPTIONS), OPTIONS)
    assert not evidence.history_similarity.any()
    torch.testing.assert_close(
        cells_to_ab(evidence.merged.colors.permute(0, 3, 1, 2), (10, 12)), lab[0, :, 1:], atol=0.2, rtol=0
    )
    torch.testing.assert_close(
        evidence.merged.lightness_quarters, pool_cell_quarters(lab[0, :, :1], (5, 6)), atol=0.2, rtol=0
    )
    torch.testing.assert_close(evidence.merged.similarity, torch.ones(1, 5, 6, 1))
    rows = evidence.merged.coordinates[0, :, 0, 0]
    torch.testing.assert_close(rows, torch.arange(5.0) * 54 / 5)


def test_history_speaks_where_the_reference_is_silent_and_only_there() -> None:
    """The second frame looks like the first, but no more like the reference."""
    first, lab = unit(1, 5, 6, 64), lab_of(5, 6)
    second = F.normalize(first + 1.2 * unit(1, 5, 6, 64, seed=2), dim=-1)
    third = F.normalize(second + 1.2 * unit(1, 5, 6, 64, seed=3), dim=-1)
    found, state = match_frame(first, encode_references(first[:, None], lab, OPTIONS), OPTIONS)
    for keys in (second, third):
        evidence, state = match_frame(keys, state, OPTIONS)
    alone, _ = match_frame(third, encode_references(first[:, None], lab, OPTIONS), OPTIONS)
    truth = found.merged.colors
    assert (evidence.merged.colors - truth).abs().mean() < 0.8 * (alone.merged.colors - truth).abs().mean()
    assert (evidence.history_similarity <= 1 - OPTIONS.decay).all()
    assert evidence.history_similarity.any()
    assert (evidence.merged.similarity >= evidence.reference.similarity).all()


def test_the_typical_cosine_tells_another_scene() -> None:
    keys = unit(1, 5, 6, 64)
    state = encode_references(keys[:, None], lab_of(5, 6), OPTIONS)
    same, other = (match_frame(x, state, OPTIONS)[0].median_similarity for x in (keys, unit(1, 5, 6, 64, seed=4)))
    assert same.shape == (1, 1, 1, 1)
    assert float(same) > 0.99 > 0.6 > float(other)
    sure, doubt = (match_frame(x, state, OPTIONS)[0].certainty for x in (keys, unit(1, 5, 6, 64, seed=4)))
    assert sure.min() > 4
    assert doubt.max() < 0


def test_the_spread_is_the_deviation_of_what_was_averaged() -> None:
    """Two cells look the same; one is of ab (10, 0), the other of (-10, 0), and each of its quarters alike."""
    keys = unit(1, 1, 1, 64).expand(1, 1, 2, 64)
    lab = torch.zeros(1, 1, 3, 2, 4)
    lab[0, 0, 1] = torch.tensor([10.0, 10.0, -10.0, -10.0])
    state = encode_references(keys[:, None], lab, OPTIONS)
    found = match_frame(keys, state, OPTIONS)[0].merged
    torch.testing.assert_close(found.colors, torch.zeros(1, 1, 2, COLOR_CHANNELS))
    torch.testing.assert_close(found.color_std, torch.full((1, 1, 2, 1), 10.0))
    lab[0, 0, 1] = 10
    assert match_frame(keys, encode_references(keys[:, None], lab, OPTIONS), OPTIONS)[0].merged.color_std.max() < 0.1


def test_a_reference_is_silent_about_what_it_shows_without_paint() -> None:
    """The left half is painted: sure there and not elsewhere, and still sure that this is the scene."""
    keys, lab, painted = unit(1, 6, 8, 64), lab_of(6, 8), torch.zeros(1, 1, 12, 16)
    keys = F.normalize(keys + 0.5 * keys[:, :1, :1], dim=-1)  # all are somewhat alike
    painted[..., :8] = 1
    state = encode_references(
        keys[:, None], lab * torch.cat([torch.ones_like(painted)] + [painted] * 2, 1), OPTIONS, painted
    )
    assert state.keys.shape[1] == state.unpainted_keys.shape[1] == 24
    found, after = match_frame(keys, state, OPTIONS)
    assert found.merged.similarity[:, :, :4].min() > 0.99
    assert found.merged.similarity[:, :, 4:].max() < 0.1
    assert float(found.median_similarity) > 0.99
    torch.testing.assert_close(
        found.merged.colors[:, :, :4], pool_cell_quarters(lab[0, :, 1:], (6, 8))[:, :, :4], atol=0.2, rtol=0
    )
    again, _ = match_frame(keys, after, OPTIONS)
    assert again.merged.similarity[:, :, 4:].max() < 0.1


def test_a_silent_reference_does_not_silence_another() -> None:
    """The whole one shows the right half a little otherwise; the partial one shows it exactly, without paint."""
    keys, lab, painted = unit(1, 6, 8, 64), lab_of(6, 8)[:, 0], torch.ones(2, 1, 12, 16)
    other = F.normalize(keys + 0.5 * unit(1, 6, 8, 64, seed=7), dim=-1)
    painted[1, ..., 8:] = 0
    labs = torch.stack([lab, torch.cat([lab[:, :1], 0 * lab[:, 1:]], 1)], 1)
    found, _ = match_frame(keys, encode_references(torch.stack([other, keys], 1), labs, OPTIONS, painted), OPTIONS)
    assert found.merged.similarity[:, :, 4:].min() > 0.8
    torch.testing.assert_close(
        found.merged.colors[:, :, 4:], pool_cell_quarters(lab[:, 1:], (6, 8))[:, :, 4:], atol=0.2, rtol=0
    )


def test_paint_is_taken_up_where_the_film_comes_to_it() -> None:
    """A whole reference of the first frame, and paint on the third."""
    first, lab = unit(1, 6, 8, 64), lab_of(6, 8)[:, 0]
    third = F.normalize(first + 0.5 * unit(1, 6, 8, 64, seed=3), dim=-1)
    painted, paint = torch.ones(2, 1, 12, 16), -lab
    painted[1, ..., 8:] = 0
    state = encode_references(
        torch.stack([first, third], 1), torch.stack([lab, paint * painted[1]], 1), OPTIONS, painted
    )
    for keys in (first, F.normalize(first + third, dim=-1), third):
        found, state = match_frame(keys, state, OPTIONS)
    wanted = pool_cell_quarters(paint[:, 1:], (6, 8))[:, :, :4]
    error = (found.merged.colors[:, :, :4] - wanted).abs().mean()
    assert error < 0.4 * wanted.abs().mean()


@pytest.mark.parametrize(("height", "width"), [(64, 64), (66, 91), (217, 70)])
def test_descriptors_and_kinds_cover_any_picture(height: int, width: int) -> None:
    with torch.inference_mode():
        maps = standardize_maps(EfficientNetLite0().eval()(torch.rand(2, 3, height, width)))
        found = build_descriptors(maps, (-(-height // 4), -(-width // 4)))
        look = SemanticAttention()
        kinds = look.encode_references(maps, torch.full((2, 2, height, width), 25.0), 2)
        seen = look(maps, kinds)
    assert found.shape == (2, -(-height // 4), -(-width // 4), sum(EfficientNetLite0.widths))
    torch.testing.assert_close(found.norm(dim=-1), torch.ones(found.shape[:3]))
    assert seen.colors.shape == (2, 2, -(-height // 8), -(-width // 8))
    assert kinds.embedding.shape == (2, SemanticAttention.embedding_width)
    torch.testing.assert_close(seen.colors, torch.full_like(seen.colors, 25))
    assert seen.color_std.max() < 0.2


@torch.inference_mode()
def test_untrained_fusion_trusts_the_match_as_far_as_it_is_certain() -> None:
    keys, lab, maps, look = unit(1, 16, 20, 64), lab_of(16, 20), maps_of(64, 80), SemanticAttention()
    evidence, _ = match_frame(unit(1, 16, 20, 64, seed=5), encode_references(keys[:, None], lab, OPTIONS), OPTIONS)
    kinds = look.encode_references(maps_of(64, 80), lab[0, :, 1:], 1)
    kind = look(maps, kinds)
    fused = Fusion()(torch.rand(1, 1, 64, 80) * 100, maps, evidence, kind, kinds.embedding)
    share = torch.sigmoid(CERTAINTY_SLOPE * evidence.certainty).permute(0, 3, 1, 2)
    likely = F.interpolate(kind.colors, size=(16, 20), mode="bilinear").repeat_interleave(QUARTERS, 1)
    expected = torch.lerp(likely, evidence.merged.colors.permute(0, 3, 1, 2), share)
    torch.testing.assert_close(fused.colors, expected)
    assert fused.colors.shape == (1, COLOR_CHANNELS, 16, 20)
    torch.testing.assert_close(fused.confidence_logit, evidence.certainty.permute(0, 3, 1, 2))


@torch.inference_mode()
def test_a_correction_stays_in_reach() -> None:
    keys, lab, maps, look, fusion = unit(1, 16, 20, 64), lab_of(16, 20), maps_of(64, 80), SemanticAttention(), Fusion()
    evidence, _ = match_frame(keys, encode_references(keys[:, None], lab, OPTIONS), OPTIONS)
    kinds = look.encode_references(maps, lab[0, :, 1:], 1)
    seen = torch.rand(1, 1, 64, 80) * 100, maps, evidence, look(maps, kinds), kinds.embedding
    alone = fusion(*seen).colors
    for size, least, most in ((0.01, 0.19, 0.2), (1000.0, 49.9, MAX_CORRECTION)):
        fusion.answer.bias[:COLOR_CHANNELS] = size
        moved = fusion(*seen).colors - alone
        assert least < moved.min() <= moved.max() <= most + 1e-3


@torch.inference_mode()
def test_looking_by_kind_finds_the_colour_of_a_kind_wherever_it_is() -> None:
    """One half is of one kind, the other of another; the frame shows them exchanged."""
    look, maps = SemanticAttention(), []
    look.sharpness.fill_(4)
    for kind in maps_of(64, 64):
        one = kind[..., :1, :1].expand_as(kind)
        maps.append(torch.cat([one, -one], -1))
    chroma = torch.zeros(1, 2, 64, 128)
    chroma[..., :64], chroma[..., 64:] = 30, -30
    kinds = look.encode_references(maps, chroma, 1)
    seen = look([x.flip(-1) for x in maps], kinds)
    torch.testing.assert_close(seen.colors[..., :8], torch.full((1, 2, 8, 8), -30.0), atol=0.5, rtol=0)
    torch.testing.assert_close(seen.colors[..., 8:], torch.full((1, 2, 8, 8), 30.0), atol=0.5, rtol=0)


@torch.inference_mode()
def test_embedding_scales_and_shifts_channels() -> None:
    embed, x = FeatureModulation(16), torch.randn(2, 16, 3, 4)
    embedding = torch.randn(2, SemanticAttention.embedding_width)
    assert torch.equal(embed(x, embedding), x)
    torch.nn.init.normal_(embed.embed.weight, std=0.1)
    scale, shift = (embedding @ embed.embed.weight.T).chunk(2, 1)
    torch.testing.assert_close(embed(x, embedding), x * (1 + scale[..., None, None]) + shift[..., None, None])


@torch.inference_mode()
def test_evidence_is_told_to_losses(kinema: Colorizer) -> None:
    lab = torch.randn(1, 2, 3, 64, 80) * 20 + 50
    step = kinema(lab[:, :, :1], kinema.init_state(lab[:, :1]))
    for name in ("evidence", "kind"):
        assert step.aux[name].shape == step.ab.shape
        assert not torch.equal(step.aux[name], step.ab)
