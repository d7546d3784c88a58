"""Masks of partial references, and what is done with them before a model sees them (the laws are in test_models.py)."""

import torch
import torch.nn.functional as F

from kinemacolor.nn.partial import fill_unpainted, painted_cells, premultiply_references, unpainted_cells


def striped() -> torch.Tensor:
    """1 1 8 8: of the cells of 4 x 4 pixels one is wholly painted, one 3/4, one 1/4, and one is blank."""
    painted = torch.zeros(1, 1, 8, 8)
    painted[..., :4, :7] = 1
    painted[..., 4:, :1] = 1
    return painted


def test_a_cell_is_the_mean_of_what_is_painted_in_it() -> None:
    painted, chroma = striped(), torch.randn(2, 2, 8, 8)  # two rows of a batch, one reference
    filled = fill_unpainted(chroma * painted, painted, (2, 2))
    found = F.avg_pool2d(filled, 4)
    for row, column in ((0, 0), (0, 1), (1, 0)):
        part = (..., slice(4 * row, 4 * row + 4), slice(4 * column, 4 * column + 4))
        wanted = (chroma * painted)[part].sum((2, 3)) / painted[part].sum()
        torch.testing.assert_close(found[..., row, column], wanted, atol=1e-4, rtol=0)
    whole = (chroma * painted).sum((2, 3)) / painted.sum()
    torch.testing.assert_close(found[..., 1, 1], whole, atol=1e-4, rtol=0)
    shown = painted.bool().expand_as(chroma)
    assert torch.equal(filled[shown], chroma[shown])
    assert fill_unpainted(chroma, None, (2, 2)) is chroma


def test_cells_half_as_painted_as_the_best_speak() -> None:
    assert painted_cells(striped(), (2, 2)).tolist() == [True, True, False, False]  # type: ignore[union-attr]
    assert unpainted_cells(striped(), (2, 2)).tolist() == [False, False, False, True]
    thin = torch.zeros(1, 1, 8, 8)
    thin[..., 1, :] = 1
    both = torch.cat([striped(), thin])
    assert painted_cells(both, (2, 2)).tolist()[4:] == [True, True, False, False]  # type: ignore[union-attr]
    assert painted_cells(None, (2, 2)) == slice(None)


def test_references_lie_over_gray_and_those_without_paint_are_left_out() -> None:
    references = torch.randn(2, 3, 3, 8, 8)
    masks = torch.stack([striped()[0, 0], torch.zeros(8, 8), torch.ones(8, 8)])
    shown, painted = premultiply_references(references, masks)
    assert shown.shape == (2, 2, 3, 8, 8)
    assert torch.equal(shown[:, :, 0], references[:, ::2, 0])
    assert torch.equal(shown[:, 0, 1:], references[:, 0, 1:] * striped()[0, 0])
    assert painted is not None
    assert torch.equal(painted, masks[::2, None])
    assert premultiply_references(references, masks[[2, 2, 1]])[1] is None
