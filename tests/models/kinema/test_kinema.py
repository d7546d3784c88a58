"""Evidence for colours, and the network that weighs it."""

import copy
import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.models.base import Colorizer
from kinemacolor.models.kinema import keys as references
from kinemacolor.models.kinema.descriptors import Descriptors
from kinemacolor.models.kinema.fine import FINE_WIDTH, FineMatching, keep_coarse
from kinemacolor.models.kinema.fusion import CERTAINTY_SLOPE, MAX_CORRECTION, Fusion, FusionInput, cells_to_ab
from kinemacolor.models.kinema.keys import COLOR_CHANNELS, QUARTERS, MatchingState, pool_cell_quarters
from kinemacolor.models.kinema.matching import (
    MatchEvidence,
    MatchingOptions,
    make_evidence,
    match_frame,
    weigh_history,
)
from kinemacolor.models.kinema.semantic import SemanticAttention, SemanticColors, lookup_plausibility
from kinemacolor.nn.ab_bins import BIN_COUNT, nearest_bin
from kinemacolor.nn.backbones import EfficientNetLite0, build_descriptors, standardize_maps

OPTIONS = MatchingOptions()
STEPS = 2, 4, 8, 16, 16  # px between places of the maps


def unit(*shape: int, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def lab_of(height: int, width: int) -> Tensor:
    """Each quarter of a cell has a luma and a colour of its own: 1 1 3 2h 2w."""
    return 40 * unit(1, 1, 3, 2 * height, 2 * width, seed=9)


def encode(keys: Tensor, lab: Tensor, paint_mask: Tensor | None = None) -> MatchingState:
    """The state of references B R h w C, whose fine descriptors are empty."""
    return references.encode_references(keys, keys[..., :0], lab, OPTIONS.apart, paint_mask)


def match(keys: Tensor, state: MatchingState) -> tuple[MatchEvidence, MatchingState]:
    """Match a frame and mix history and reference by similarity alone, as an untrained fine stage does."""
    coarse = match_frame(keys, state, OPTIONS)
    evidence = make_evidence(coarse, *keep_coarse(coarse, OPTIONS), OPTIONS)
    merged = evidence.merged
    after = dataclasses.replace(
        state,
        past_keys=keys,
        past_values=merged.values,
        past_similarity=merged.similarity,
        past_coordinates=merged.coordinates,
        past_semantic=torch.zeros(*keys.shape[:3], 2),
    )
    return evidence, after


def maps_of(height: int, width: int, batch: int = 1) -> list[Tensor]:
    """As a backbone would give them for a picture of ``height`` x ``width``."""
    return [
        torch.randn(batch, size, -(-height // step), -(-width // step))
        for size, step in zip(EfficientNetLite0.widths, STEPS, strict=True)
    ]


def test_a_picture_finds_itself() -> None:
    keys, lab = unit(1, 6, 6, 64), lab_of(6, 6)
    evidence, _ = match(keys, encode(keys[:, None], lab))
    assert not evidence.history_similarity.any()
    torch.testing.assert_close(evidence.merged.colors, pool_cell_quarters(lab[0, :, 1:], (6, 6)), atol=0.2, rtol=0)
    assert cells_to_ab(evidence.merged.colors.permute(0, 3, 1, 2), (21, 24)).shape == (1, 2, 21, 24)
    torch.testing.assert_close(
        evidence.merged.lightness_quarters, pool_cell_quarters(lab[0, :, :1], (6, 6)), atol=0.2, rtol=0
    )
    torch.testing.assert_close(evidence.merged.similarity, torch.ones(1, 6, 6, 1))
    rows = evidence.merged.coordinates[0, :, 0, 0]
    torch.testing.assert_close(rows, torch.arange(6.0) * 54 / 6)


def test_history_speaks_where_the_reference_is_silent_and_only_there() -> None:
    """The second frame looks like the first, but no more like the reference."""
    first, lab = unit(1, 6, 6, 64), lab_of(6, 6)
    second = F.normalize(first + 1.2 * unit(1, 6, 6, 64, seed=2), dim=-1)
    third = F.normalize(second + 1.2 * unit(1, 6, 6, 64, seed=3), dim=-1)
    found, state = match(first, encode(first[:, None], lab))
    for keys in (second, third):
        evidence, state = match(keys, state)
    alone, _ = match(third, encode(first[:, None], lab))
    truth = found.merged.colors
    assert (evidence.merged.colors - truth).abs().mean() < 0.8 * (alone.merged.colors - truth).abs().mean()
    assert (evidence.history_similarity <= 1 - OPTIONS.decay).all()
    assert evidence.history_similarity.any()
    assert (evidence.merged.similarity >= evidence.reference.similarity).all()


def test_the_typical_cosine_tells_another_scene() -> None:
    keys = unit(1, 6, 6, 64)
    state = encode(keys[:, None], lab_of(6, 6))
    same, other = (match(x, state)[0].median_similarity for x in (keys, unit(1, 6, 6, 64, seed=4)))
    assert same.shape == (1, 1, 1, 1)
    assert float(same) > 0.99 > 0.6 > float(other)
    sure, doubt = (match(x, state)[0].certainty for x in (keys, unit(1, 6, 6, 64, seed=4)))
    assert sure.min() > 4
    assert doubt.max() < 0


def test_the_spread_is_the_deviation_of_what_was_averaged() -> None:
    """Two cells look the same; one is of ab (10, 0), the other of (-10, 0), and each of its quarters alike."""
    keys = unit(1, 1, 1, 64).expand(1, 2, 2, 64)
    lab = torch.zeros(1, 1, 3, 4, 4)
    lab[0, 0, 1] = torch.tensor([10.0, 10.0, -10.0, -10.0])
    state = encode(keys[:, None], lab)
    found = match(keys, state)[0].merged
    torch.testing.assert_close(found.colors, torch.zeros(1, 2, 2, COLOR_CHANNELS))
    torch.testing.assert_close(found.color_std, torch.full((1, 2, 2, 1), 10.0))
    lab[0, 0, 1] = 10
    assert match(keys, encode(keys[:, None], lab))[0].merged.color_std.max() < 0.1


def test_a_reference_is_silent_about_what_it_shows_without_paint() -> None:
    """The left half is painted: sure there and not elsewhere, and still sure that this is the scene."""
    keys, lab, painted = unit(1, 6, 8, 64), lab_of(6, 8), torch.zeros(1, 1, 12, 16)
    keys = F.normalize(keys + 0.5 * keys[:, :1, :1], dim=-1)  # all are somewhat alike
    painted[..., :8] = 1
    state = encode(keys[:, None], lab * torch.cat([torch.ones_like(painted)] + [painted] * 2, 1), painted)
    assert state.keys.shape[1] == state.unpainted_keys.shape[1] == 24
    found, after = match(keys, state)
    assert found.merged.similarity[:, :, :4].min() > 0.99
    assert found.merged.similarity[:, :, 4:].max() < 0.1
    assert float(found.median_similarity) > 0.99
    torch.testing.assert_close(
        found.merged.colors[:, :, :4], pool_cell_quarters(lab[0, :, 1:], (6, 8))[:, :, :4], atol=0.2, rtol=0
    )
    again, _ = match(keys, after)
    assert again.merged.similarity[:, :, 4:].max() < 0.1


def test_a_silent_reference_does_not_silence_another() -> None:
    """The whole one shows the right half a little otherwise; the partial one shows it exactly, without paint."""
    keys, lab, painted = unit(1, 6, 8, 64), lab_of(6, 8)[:, 0], torch.ones(2, 1, 12, 16)
    other = F.normalize(keys + 0.5 * unit(1, 6, 8, 64, seed=7), dim=-1)
    painted[1, ..., 8:] = 0
    labs = torch.stack([lab, torch.cat([lab[:, :1], 0 * lab[:, 1:]], 1)], 1)
    found, _ = match(keys, encode(torch.stack([other, keys], 1), labs, painted))
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
    state = encode(torch.stack([first, third], 1), torch.stack([lab, paint * painted[1]], 1), painted)
    for keys in (first, F.normalize(first + third, dim=-1), third):
        found, state = match(keys, state)
    wanted = pool_cell_quarters(paint[:, 1:], (6, 8))[:, :, :4]
    error = (found.merged.colors[:, :, :4] - wanted).abs().mean()
    assert error < 0.4 * wanted.abs().mean()


@pytest.mark.parametrize(("height", "width"), [(64, 64), (66, 91), (217, 70)])
@torch.inference_mode()
def test_descriptors_cover_any_picture(height: int, width: int) -> None:
    maps = standardize_maps(EfficientNetLite0().eval()(torch.rand(2, 3, height, width)))
    grid = -(-height // 4), -(-width // 4)
    raw, describe = build_descriptors(maps, grid), Descriptors()
    found = describe(maps, grid)
    assert raw.shape == (2, *grid, sum(EfficientNetLite0.widths))
    for x in (raw, found):
        torch.testing.assert_close(x.norm(dim=-1), torch.ones(x.shape[:3]))
    torch.testing.assert_close(found, F.normalize(describe.project(raw), dim=-1))  # untrained, context adds nothing


def fine_case(height: int = 6, width: int = 8) -> tuple[FineMatching, Tensor, Tensor, Tensor]:
    """A fine stage, descriptors of cells and of quarters, and Lab whose quarters differ."""
    fine_keys = unit(1, height, width, QUARTERS, FINE_WIDTH, seed=6).flatten(3)
    return FineMatching(64), unit(1, height, width, 64), fine_keys, lab_of(height, width)


@torch.inference_mode()
def test_quarters_find_themselves_where_cells_look_alike() -> None:
    """All cells have one descriptor: the match gives the mean colour, fine descriptors tell the quarters apart."""
    fine, keys, fine_keys, lab = fine_case()
    options = MatchingOptions(places=48)  # all cells
    keys = keys[:, :1, :1].expand_as(keys)
    fine.sharpness.fill_(4)
    fine.gate[2].bias.copy_(torch.tensor([-30.0, 30, -30, -30]))  # the fine stage alone
    state = references.encode_references(keys[:, None], fine_keys[:, None], lab, OPTIONS.apart)
    coarse = match_frame(keys, state, options)
    found = fine(fine_keys, lab[:, 0, :1].repeat_interleave(2, 2).repeat_interleave(2, 3), coarse, state, options)
    truth = pool_cell_quarters(lab[:, 0], (6, 8))
    torch.testing.assert_close(found.values[..., :-1], truth, atol=0.5, rtol=0)
    assert (coarse.reference.values[..., :-1] - truth).abs().max() > 5
    assert found.history_weight is None


@torch.inference_mode()
def test_quarters_find_themselves_in_the_frame_before() -> None:
    """It lies two cells to the left; its colours differ from those of the reference."""
    fine, keys, fine_keys, lab = fine_case(8, 12)
    fine.sharpness.fill_(4)
    fine.gate[2].bias.copy_(torch.tensor([-30.0, -30, -30, 30]))
    state = references.encode_references(keys[:, None], fine_keys[:, None], lab, OPTIONS.apart)
    past = pool_cell_quarters(-lab[:, 0], (8, 12))
    square = past[..., QUARTERS:].square().sum(-1, keepdim=True) / QUARTERS
    state = dataclasses.replace(
        state,
        past_keys=keys.roll(-2, 2),
        past_fine_keys=fine_keys.roll(-2, 2),
        past_values=torch.cat([past, square], -1).roll(-2, 2),
        past_similarity=torch.ones(1, 8, 12, 1),
        past_coordinates=torch.zeros(1, 8, 12, 3),
        past_semantic=torch.zeros(1, 8, 12, 2),
    )
    coarse = match_frame(keys, state, OPTIONS)
    found = fine(fine_keys, torch.full((1, 1, 32, 48), 50.0), coarse, state, OPTIONS)
    inner = (slice(None), slice(None), slice(2, None))
    torch.testing.assert_close(found.values[..., :-1][inner], past[inner], atol=0.7, rtol=0)
    assert found.history_weight is not None
    assert found.history_weight.min() > 0.99


@torch.inference_mode()
def test_an_untrained_gate_weighs_history_by_similarity() -> None:
    fine, keys, fine_keys, lab = fine_case()
    state = references.encode_references(keys[:, None], fine_keys[:, None], lab, OPTIONS.apart)
    _, after = match(keys, state)
    after = dataclasses.replace(after, past_fine_keys=fine_keys)
    other = F.normalize(keys + unit(1, 6, 8, 64, seed=2), dim=-1)
    coarse = match_frame(other, after, OPTIONS)
    found = fine(fine_keys, torch.full((1, 1, 24, 32), 50.0), coarse, after, OPTIONS)
    torch.testing.assert_close(found.history_weight, torch.sigmoid(weigh_history(coarse, OPTIONS)))


@torch.inference_mode()
def test_fine_descriptors_are_unit_vectors_of_quarters() -> None:
    keys = FineMatching(64).compute_keys(torch.rand(2, 1, 64, 80) * 100, maps_of(64, 80, 2), unit(2, 16, 20, 64))
    assert keys.shape == (2, 16, 20, QUARTERS * FINE_WIDTH)
    quarters = keys.reshape(2, 16, 20, QUARTERS, FINE_WIDTH)
    torch.testing.assert_close(quarters.norm(dim=-1), torch.ones(2, 16, 20, QUARTERS))


def semantic_case(seed: int = 0, height: int = 64, width: int = 80) -> tuple[SemanticAttention, Tensor]:
    """Semantic attention, and L 1 1 H W of soft shapes."""
    torch.manual_seed(seed)
    look = SemanticAttention().eval()
    return look, F.interpolate(torch.rand(1, 1, 5, 6), (height, width), mode="bicubic").clamp(0, 1) * 100


@torch.inference_mode()
def test_only_colours_of_the_reference_come_out_of_semantic_attention() -> None:
    look, light = semantic_case()
    memory = look.encode_references(light.flip(-1), torch.full((1, 2, 64, 80), 25.0), 1)
    seen = look(light, memory)
    torch.testing.assert_close(seen.colors, torch.full((1, 2, 16, 20), 25.0))
    assert seen.color_std.shape == (1, 1, 8, 10)
    assert seen.color_std.max() < 0.2


@torch.inference_mode()
def test_things_of_a_kind_take_the_colour_that_is_plausible_for_them() -> None:
    """The reference has two colours in cells that look alike; the prior says which of them this can be."""
    look, light = semantic_case()
    light[:] = 50
    ab = torch.zeros(1, 2, 64, 80)
    ab[..., :40], ab[..., 40:] = torch.tensor([30.0, 20.0])[:, None, None], torch.tensor([-40.0, 10.0])[:, None, None]
    memory = look.encode_references(light, ab, 1)
    look.classify[3].weight.zero_()
    for wanted in ((30.0, 20.0), (-40.0, 10.0)):
        number = nearest_bin(torch.tensor(wanted)[None, :, None, None])
        look.classify[3].bias.zero_()[number] = 12.0
        seen = look(light, memory)
        error = (seen.colors - torch.tensor(wanted)[:, None, None]).abs().max()
        assert error < 1
        torch.testing.assert_close(seen.prior.colors, torch.tensor(wanted)[None, :, None, None].expand(1, 2, 8, 10))
        assert lookup_plausibility(seen.prior.plausibility, F.avg_pool2d(seen.colors, 2)).min() > 4


@torch.inference_mode()
def test_its_backbone_never_trains() -> None:
    look, _ = semantic_case()
    look.train()
    assert not any(x.requires_grad for x in look.backbone.parameters())
    assert not any(x.training for x in look.backbone.modules())


def fusion_case() -> tuple[Fusion, FusionInput, MatchEvidence, SemanticColors]:
    keys, lab, (look, light) = unit(1, 16, 20, 64), lab_of(16, 20), semantic_case()
    evidence, _ = match(unit(1, 16, 20, 64, seed=5), encode(keys[:, None], lab))
    memory = look.encode_references(light.flip(-1), 40 * torch.randn(1, 2, 64, 80), 1)
    semantic, (_, quarter, eighth, *deep) = look(light, memory), maps_of(64, 80)
    maps = quarter, eighth, torch.cat(deep, 1)
    return Fusion(), FusionInput.collect(light, maps, evidence, semantic), evidence, semantic


@torch.inference_mode()
def test_untrained_fusion_trusts_the_match_as_far_as_it_is_certain() -> None:
    fusion, seen, evidence, semantic = fusion_case()
    fused = fusion(seen).mix(fill=False)
    share = torch.sigmoid(CERTAINTY_SLOPE * evidence.certainty).permute(0, 3, 1, 2)
    likely = semantic.colors.repeat_interleave(QUARTERS, 1)
    expected = torch.lerp(likely, evidence.merged.colors.permute(0, 3, 1, 2), share)
    torch.testing.assert_close(fused.colors, expected)
    torch.testing.assert_close(fused.match_weight, share)
    assert not fused.fill_weight.any()
    assert fused.colors.shape == (1, COLOR_CHANNELS, 16, 20)
    certainty = evidence.certainty.permute(0, 3, 1, 2)
    torch.testing.assert_close(fused.confidence_logit, certainty.expand(-1, QUARTERS, -1, -1))


@torch.inference_mode()
def test_filling_takes_typical_colours_where_it_says_so() -> None:
    fusion, seen, _, semantic = fusion_case()
    typical = F.interpolate(semantic.prior.colors, (16, 20), mode="bilinear").repeat_interleave(QUARTERS, 1)
    fusion.answer.bias[-1] = 60.0
    fused = fusion(seen).mix(fill=True)
    assert fused.fill_weight.min() > 0.99
    torch.testing.assert_close(fused.colors, typical, atol=0.1, rtol=0)
    assert not fusion(seen).mix(fill=False).fill_weight.any()


@torch.inference_mode()
def test_a_correction_stays_in_reach() -> None:
    fusion, seen, *_ = fusion_case()
    alone = fusion(seen).mix(fill=False).colors
    for size, least, most in ((0.01, 0.19, 0.2), (1000.0, 11.9, MAX_CORRECTION)):
        fusion.answer.bias[:COLOR_CHANNELS] = size
        moved = fusion(seen).mix(fill=False).colors - alone
        assert least < moved.min() <= moved.max() <= most + 1e-3


def test_what_losses_look_at_is_given_in_training(kinema: Colorizer) -> None:
    lab = torch.randn(1, 2, 3, 64, 80) * 20 + 50
    network = copy.deepcopy(kinema).train()
    step = network(lab[:, :, :1], network.init_state(lab[:, :1]), with_aux=True)
    for name in ("evidence", "semantic", "full"):
        assert step.aux[name].shape == step.ab.shape
        assert not torch.equal(step.aux[name], step.ab)
    assert step.aux["prior"].shape == (1, 2, BIN_COUNT, 8, 10)


@torch.inference_mode()
def test_filled_parts_are_told(kinema: Colorizer) -> None:
    lab = torch.randn(1, 2, 3, 64, 80) * 20 + 50
    network = copy.deepcopy(kinema)
    assert "filled" not in network(lab[:, :, :1], network.init_state(lab[:, :1]), with_aux=True).aux
    network.options = dataclasses.replace(network.options, fill=True)  # type: ignore[assignment, arg-type]
    filled = network(lab[:, :, :1], network.init_state(lab[:, :1]), with_aux=True).aux["filled"]
    assert filled.shape == (1, 2, 1, 16, 20)
    assert 0 < filled.min() <= filled.max() < 1


@torch.inference_mode()
def test_semantic_colours_are_steady_where_the_picture_is(kinema: Colorizer) -> None:
    """Noise on a still film moves them less from frame to frame than it moves those of single frames."""
    torch.manual_seed(1)
    still = F.interpolate(torch.rand(1, 3, 9, 9), (96, 128), mode="bicubic").clamp(0, 1) * 100
    reference = torch.cat([still[:, :1], still[:, 1:] - 50], 1)[:, None].flip(-1)
    film = (still[:, None, :1] + 2 * torch.randn(1, 6, 1, 96, 128)).clamp(0, 100)
    network = copy.deepcopy(kinema)
    state, steady, alone = network.init_state(reference), [], []
    for frame in film.split(1, 1):
        alone.append(network(frame, network.init_state(reference)).state.named_tensors()["past_semantic"])
        state = network(frame, state).state
        steady.append(state.named_tensors()["past_semantic"])
    moves = [torch.stack(found)[2:].diff(dim=0).abs().mean() for found in (steady, alone)]
    assert moves[0] < 0.6 * moves[1]
