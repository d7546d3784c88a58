"""Colours as classes."""

import torch

from kinemacolor.nn.ab_bins import (
    BIN_CENTRES,
    BIN_COUNT,
    bin_centres,
    bin_frequencies,
    merge_rare_bins,
    nearest_bin,
)


def test_bins_are_the_grid_around_gray() -> None:
    centres = bin_centres(torch.zeros(1))
    assert centres.shape == (BIN_COUNT, 2) == (129, 2)
    assert len({*BIN_CENTRES}) == 129
    assert (centres % 10 == 0).all()
    assert centres.square().sum(1).max() == 4000
    assert {(-20.0, -60.0), (0.0, 0.0), (60.0, 20.0)} < {*BIN_CENTRES}
    assert bin_centres(torch.zeros(1).double()).dtype == torch.float64


def test_the_nearest_bin_is_nearest() -> None:
    torch.manual_seed(0)
    ab = 200 * torch.rand(2, 2, 7, 9) - 100
    wanted = torch.cdist(ab.permute(0, 2, 3, 1).reshape(2, -1, 2).double(), bin_centres(ab.double())).argmin(2)
    assert torch.equal(nearest_bin(ab).flatten(1), wanted)
    own = bin_centres(ab).T.reshape(1, 2, 1, 129)
    assert torch.equal(nearest_bin(own + 4.9)[0, 0], torch.arange(129))
    assert torch.equal(nearest_bin(own.half() - 4.5)[0, 0], torch.arange(129))


def test_colours_beyond_all_bins_take_the_outermost() -> None:
    far = torch.tensor([[127.0, 0], [0, -110], [-90, 90]]).T.reshape(1, 2, 1, 3)
    assert [BIN_CENTRES[number] for number in nearest_bin(far).flatten()] == [(60, 0), (0, -60), (-40, 40)]


def test_rare_bins_become_the_nearest_of_the_frequent_ones() -> None:
    gray, warm, warmer, blue = (BIN_CENTRES.index(centre) for centre in ((0, 0), (20, 20), (20, 30), (0, -50)))
    numbers = torch.tensor([[gray] * 3 + [blue] * 2 + [warm], [warm] * 3 + [gray] * 2 + [warmer]])
    kept, places = merge_rare_bins(numbers, 2)
    assert kept.tolist() == [[gray, blue], [warm, gray]]
    assert kept.gather(1, places).tolist() == [[gray] * 3 + [blue] * 2 + [gray], [warm] * 3 + [gray] * 2 + [warm]]
    kept, places = merge_rare_bins(numbers, 48)
    assert torch.equal(kept.gather(1, places), numbers)


def test_photographs_are_mostly_gray_and_more_orange_and_blue_than_green_and_purple() -> None:
    shares = bin_frequencies(torch.zeros(1).double())
    assert shares.shape == (BIN_COUNT,)
    assert shares.min() > 0
    torch.testing.assert_close(shares.sum().item(), 1.0)
    share = dict(zip(BIN_CENTRES, shares.tolist(), strict=True))
    assert max(share, key=lambda centre: share[centre]) == (0, 0)
    assert min(share[20, 30], share[10, -40]) > 3 * max(share[-40, 30], share[40, -30])
