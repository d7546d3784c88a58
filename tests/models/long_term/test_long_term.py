"""The equations of the Long-term paper, each written a second time, plainly, on small tensors."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.color import lab_to_rgb
from kinemacolor.models.base import ModelOutput
from kinemacolor.models.long_term.cnn_transformer import CNNTransformer, MultiHeadAttention, sine_position_encoding
from kinemacolor.models.long_term.model import LongTerm, LongTermState
from kinemacolor.models.long_term.subnets import LongTermOptions

TINY = LongTermOptions(width=1 / 16)


@pytest.fixture
def model() -> LongTerm:
    return LongTerm(TINY).eval()


def lab(*shape: int) -> Tensor:
    """Random smooth pictures, ``*shape`` ends in 3 h w."""
    coarse = torch.rand(math.prod(shape[:-3]), 3, 6, 6) * torch.tensor([100.0, 80, 80])[:, None, None]
    coarse[:, 1:] -= 40
    return F.interpolate(coarse, shape[-2:], mode="bicubic").reshape(shape)


def nonlocal_naively(frames: Tensor, reference: Tensor, colors: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Eq. 1-3 position by position: descriptors N C and M C, colours M 2; gives W N 2 and S N."""
    frames, reference, colors = frames.double(), reference.double(), colors.double()  # exp(1 / 0.01) is no float32
    mean_frames, mean_reference = frames.mean(0), reference.mean(0)
    warped, similarity = torch.zeros(len(frames), 2), torch.zeros(len(frames))
    for i, here in enumerate(frames - mean_frames):
        row = torch.zeros(len(reference), dtype=torch.float64)
        for j, there in enumerate(reference - mean_reference):
            row[j] = torch.dot(here, there) / (here.norm() * there.norm())
        weights = (row / temperature).exp() / (row / temperature).exp().sum()
        warped[i] = sum(weight * color for weight, color in zip(weights, colors, strict=True))
        similarity[i] = row.max()
    return warped, similarity


@torch.inference_mode()
def test_equations_1_to_3_the_non_local_operation(model: LongTerm) -> None:
    frames, reference, colors = torch.randn(2, 6, 3, 4), torch.randn(1, 6, 2, 5), torch.randn(1, 10, 2) * 30
    empty, cells, where = torch.empty(1, 0, 0), torch.arange(10)[None], torch.rand(1, 10, 3)
    found = model._warp_references(
        reference, frames, LongTermState(empty, empty, empty, colors, cells, where, empty, empty)
    )
    flat = frames.permute(0, 2, 3, 1).reshape(24, 6), reference.permute(0, 2, 3, 1).reshape(10, 6)
    warped, similarity = nonlocal_naively(*flat, colors[0], model.options.temperature)
    cells = found[:, :, ::4, ::4].permute(0, 2, 3, 1).reshape(24, 6)
    torch.testing.assert_close(cells[:, :2], warped, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(cells[:, 2], similarity, atol=1e-5, rtol=1e-5)
    best = torch.nn.functional.normalize(flat[0] - flat[0].mean(0)) @ (flat[1] - flat[1].mean(0)).T
    best = (best / (flat[1] - flat[1].mean(0)).norm(dim=1)).argmax(1)
    assert torch.equal(cells[:, 3:], where[0, best])


def plain_block(model: LongTerm, luma: Tensor, reference: Tensor, store: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Eq. 4-7 for a block 1 N 1 h w and one reference 1 3 h w of the same size, which is simply its first picture."""
    count = luma.shape[1] + 1
    rgb = torch.cat([lab_to_rgb(reference), luma[0].expand(-1, 3, -1, -1) / 100])
    net = model.correspondence
    high, tokens, low = net.encode_pictures(model.backbone(rgb), 1)
    hi = model.linkage.read_memory(tokens, store)
    times = (torch.arange(count).double() + 1) / (model.spec.block_size + 1)
    code = sine_position_encoding(times, high.shape[2], high.shape[3], model.linkage.dim)
    (head1, head2), ho = net([high], hi, code, [low])
    colors = F.avg_pool2d(reference[:, 1:], 4)[0].flatten(1).T
    guides = []
    for (described,) in (head1, head2):
        flat = described.permute(0, 2, 3, 1)
        found = nonlocal_naively(flat[1:].flatten(0, 2), flat[0].flatten(0, 1), colors, model.options.temperature)
        maps = torch.cat([found[0], found[1][:, None]], 1).reshape(count - 1, *described.shape[2:], 3)
        of_frames = F.interpolate(maps.permute(0, 3, 1, 2), scale_factor=4)
        guides.append(torch.cat([torch.cat([reference[:, 1:], torch.ones_like(reference[:, :1])], 1), of_frames]))
    all_luma = torch.cat([reference[:, :1], luma[0]]) - 50
    *skips, encoded = model.colorization.encode_guides(torch.cat([*guides, all_luma], 1))
    chroma = model.colorization([encoded], ho, code, skips)[1:]
    answers = {"chroma": chroma, "warped": guides[0][1:, :2], "augmented": guides[1][1:, :2]}
    return answers, model.linkage.update_memory(store, ho)


@torch.inference_mode()
def test_equations_4_to_7_two_blocks_with_everything_computed_anew() -> None:
    model = LongTerm(replace(TINY, temperature=0.1)).double().eval()  # an untrained network magnifies rounding
    luma, reference = lab(1, 6, 3, 32, 32)[:, :, :1].double(), lab(1, 3, 32, 32).double()
    step = model(luma, model.init_state(reference[:, None]), with_aux=True)
    store = torch.zeros(1, 0, model.linkage.dim).double()
    for block in range(2):
        part = slice(3 * block, 3 * block + 3)
        plain, store = plain_block(model, luma[:, part], reference, store)
        for name in ("warped", "augmented"):
            torch.testing.assert_close(step.aux[name][0, part].double(), plain[name].double(), atol=0.01, rtol=1e-3)
        torch.testing.assert_close(step.ab[0, part].double(), plain["chroma"], atol=0.02, rtol=1e-3)
    torch.testing.assert_close(step.state.memory, store, atol=1e-3, rtol=1e-3)  # type: ignore[attr-defined]


def attention_naively(layer: MultiHeadAttention, query: Tensor, source: Tensor) -> Tensor:
    """softmax(Q Kᵀ / √d) V for N C and M C, head by head and row by row."""
    q, k, v = layer.query(query), layer.key(source), layer.value(source)
    size = q.shape[1] // layer.heads
    rows = []
    for i in range(len(q)):
        heads = []
        for head in range(layer.heads):
            part = slice(head * size, (head + 1) * size)
            weights = torch.softmax(torch.stack([q[i, part] @ row for row in k[:, part]]) / math.sqrt(size), 0)
            heads.append(sum(w * row for w, row in zip(weights, v[:, part], strict=True)))
        rows.append(torch.cat(heads))  # type: ignore[arg-type]
    return layer.out(torch.stack(rows))


@torch.inference_mode()
def test_equation_6_what_the_store_answers(model: LongTerm) -> None:
    linkage = model.linkage
    high, store = torch.randn(1, 5, linkage.dim), torch.randn(1, 7, linkage.dim)
    asked, stored = linkage.norms["asked"](high[0]), linkage.norms["stored"](store[0])
    found = high[0] + attention_naively(linkage.reading, asked, stored)
    torch.testing.assert_close(linkage.read_memory(high, store)[0], found + linkage.dense(found))
    torch.testing.assert_close(linkage.read_memory(high, store[:, :0]), high)  # t = 0


@torch.inference_mode()
def test_equation_7_what_the_store_keeps(model: LongTerm) -> None:
    linkage = model.linkage
    store, hidden = torch.randn(1, 7, linkage.dim), torch.randn(1, 5, linkage.dim)
    kept, new = linkage.norms["kept"](store[0]), linkage.norms["new"](hidden[0])
    torch.testing.assert_close(
        linkage.update_memory(store, hidden)[0], store[0] + attention_naively(linkage.writing, kept, new)
    )
    torch.testing.assert_close(linkage.update_memory(store[:, :0], hidden), hidden)  # t = 0


@torch.inference_mode()
def test_the_store_never_grows_and_never_takes_over(model: LongTerm) -> None:
    luma = lab(1, 3, 3, 64, 64)[:, :, :1]
    state = model.init_state(lab(1, 1, 3, 64, 64))
    sizes, answers = set(), []
    for _ in range(40):
        step = model(luma, state)
        state = step.state
        sizes.add(state.memory.shape)
        answers.append(step.ab)
    assert len(sizes) == 1
    assert sizes.pop()[1] == 4 * 8 * 8  # a reference and three frames on the 1/8 grid
    assert all(torch.isfinite(answer).all() for answer in answers)
    assert (answers[-1] - answers[-2]).abs().max() < (answers[1] - answers[0]).abs().max() + 1e-3


@torch.inference_mode()
def test_a_shorter_last_block(model: LongTerm) -> None:
    luma, state = lab(1, 4, 3, 64, 72)[:, :, :1], model.init_state(lab(1, 1, 3, 72, 64))
    assert model(luma, state).ab.shape == (1, 4, 2, 64, 72)
    first = model(luma[:, :1], state)
    assert model(luma[:, 1:], first.state).ab.shape == (1, 3, 2, 64, 72)


@torch.inference_mode()
def test_earlier_blocks_matter(model: LongTerm) -> None:
    luma, state = lab(1, 6, 3, 64, 64)[:, :, :1], model.init_state(lab(1, 1, 3, 64, 64))
    linked = model(luma, state).ab[:, 3:]
    alone = model(luma[:, 3:], state).ab
    assert (linked - alone).abs().max() > 1e-4


@torch.inference_mode()
@pytest.mark.parametrize(
    "options",
    [
        replace(TINY, block=1),
        replace(TINY, block=6),
        replace(TINY, reference_in_colorization=False),
        replace(TINY, layers=2, heads=4),
    ],
)
def test_the_choices(options: LongTermOptions) -> None:
    torch.manual_seed(0)
    model = LongTerm(options).eval()
    assert model.spec.block_size == options.block
    step: ModelOutput = model(lab(1, 7, 3, 64, 64)[:, :, :1], model.init_state(lab(1, 1, 3, 64, 64)))
    assert torch.isfinite(step.ab).all()
    assert step.ab.std() > 0.1


@torch.inference_mode()
def test_a_group_of_maps_does_not_see_the_layout_of_another() -> None:
    """Two groups of the same size are one: the order of positions is kept."""
    net, code = CNNTransformer(8, 12, 16, 2, 2), sine_position_encoding(torch.tensor([0.5, 1.0]), 3, 4, 12)
    maps, tokens = torch.randn(2, 8, 3, 4), torch.randn(1, 24, 12)
    (whole,), tokens1 = net([maps], tokens, code)
    parts, tokens2 = net([maps[:1], maps[1:]], tokens, code)
    torch.testing.assert_close(torch.cat(parts), whole)
    torch.testing.assert_close(tokens1, tokens2)


def test_position_code_by_hand() -> None:
    code = sine_position_encoding(torch.tensor([0.25]), 2, 5, 12).reshape(2, 5, 12)
    time, row, column = 2 * math.pi * 0.25, 2 * math.pi * 1 / 2, 2 * math.pi * 4 / 5
    wanted = []
    for angle in (time, row, column):
        for wavelength in (1, 10000**0.5):
            wanted += [math.sin(angle / wavelength), math.cos(angle / wavelength)]
    torch.testing.assert_close(code[0, 3], torch.tensor(wanted))


@torch.inference_mode()
def test_the_store_sums_in_full_precision(model: LongTerm) -> None:
    state, luma = model.init_state(lab(1, 1, 3, 64, 64)), lab(1, 6, 3, 64, 64)[:, :, :1]
    with torch.autocast("cpu", torch.bfloat16):
        assert model(luma, state).state.memory.dtype == torch.float32  # type: ignore[attr-defined]


def test_every_parameter_learns(model: LongTerm) -> None:
    """From the third block on: what is written after the first is asked by the second, but as its own tokens."""
    step = model.train()(lab(1, 9, 3, 64, 64)[:, :, :1], model.init_state(lab(1, 1, 3, 64, 64)))
    step.ab.square().mean().backward()
    assert not [name for name, parameter in model.named_parameters() if parameter.grad is None]
