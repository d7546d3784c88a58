"""Products with a matrix, such as convolutions with kernels of one point, by the quickest library."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MIN_ROWS = 1024  # of a picture: for fewer it does not pay that oneDNN lays out the matrix first


class PointwiseConv2d(nn.Conv2d):
    """1×1 convolution, see `multiply_rows`."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__(width_in, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.permute(0, 2, 3, 1)
        if not _suits_onednn(rows):
            return super().forward(x)
        return multiply_rows(rows, self.weight[:, :, 0, 0], self.bias).permute(0, 3, 1, 2)


def multiply_rows(x: Tensor, matrix: Tensor, bias: Tensor | None = None) -> Tensor:
    """Do what `F.linear` does: multiply each row ``... C`` with those of a matrix ``N C``; gives ``... N``.

    On a CPU it is a convolution, by oneDNN, which takes half the time of MKL on processors of AMD. With one thread
    torch leaves kernels of one point to MKL, unless they are dilated, which is the same for a point.
    """
    if not _suits_onednn(x):
        return F.linear(x, matrix, bias)
    pixels = x.reshape(1, -1, 1, x.shape[-1]).permute(0, 3, 1, 2)  # in memory the channels are last
    y = F.conv2d(pixels, matrix[:, :, None, None], bias, dilation=2)
    return y.permute(0, 2, 3, 1).reshape(*x.shape[:-1], len(matrix))


def _suits_onednn(x: Tensor) -> bool:
    """Whether `multiply_rows` is a convolution; not for another engine, which has ways of its own."""
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and x.shape[-3:-1].numel() >= MIN_ROWS
        and torch.backends.mkldnn.is_available()
        and not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    )
