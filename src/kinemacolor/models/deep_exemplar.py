"""Deep Exemplar-based Video Colorization (Zhang et al. 2019).

A correspondence net warps the ab of references to the frame, a colorization net combines it with
the last frame's colours. Equation and table numbers are the paper's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product, zip_longest
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.color import lab_to_rgb
from kinemacolor.models.base import Colorizer, ModelOutput, State
from kinemacolor.models.catalog import MODEL_CATALOG
from kinemacolor.nn.attention import center_and_normalize, gather_rows, match_keys
from kinemacolor.nn.backbones import VGG19, VGGVariant, instance_norm
from kinemacolor.nn.constants import get_constant
from kinemacolor.nn.layers import (
    NormedConv2d,
    ResidualBlock,
    UpBlock,
    flatten_grid,
    grid_coordinates,
    pad_to_multiple,
    padding_ratio,
    resize_bilinear,
    to_channels_last,
)
from kinemacolor.nn.partial import fill_unpainted, painted_cells
from kinemacolor.nn.precision import promote_to_float32
from kinemacolor.nn.principal_start import set_identities, set_pointwise, set_projections
from kinemacolor.nn.unary_start import start_as_copy

CELL_SIZE = 4  # px, a side of a cell of the matching


@dataclass(frozen=True)
class DeepExemplarOptions:
    """Options of the network.

    ``temperature`` is that of Eq. 4: 0.01 in the paper; None copies the best match, as the published code does.
    ``vgg`` is the variant of `VGG19` that the weights belong to; ``width`` scales all channels.
    """

    temperature: float | None = None
    vgg: VGGVariant = "caffe"
    width: float = 1


@dataclass(frozen=True)
class DeepExemplarState(State):
    """Cells of the references, and the last frame.

    Of the references unit descriptors B N C, ab B N 2 and coordinates B N 3 (see `grid_coordinates`); of the last
    frame (L - 50, ab), B 3 h w.
    """

    keys: Tensor
    colors: Tensor
    coordinates: Tensor
    last_frame: Tensor


class DeepExemplar(Colorizer):
    """The published network for frames of any size; the cells of all references are matched together."""

    spec = MODEL_CATALOG["deep-exemplar"].spec
    options_type = DeepExemplarOptions
    parts = MappingProxyType(
        {
            "vgg19": "vgg",
            "deep-exemplar-correspondence": "correspondence",
            "deep-exemplar-colorization": "colorization",
        }
    )

    def __init__(self, options: DeepExemplarOptions | None = None) -> None:
        super().__init__()
        self.options = options or DeepExemplarOptions()
        width = self.options.width
        self.vgg = VGG19(("relu2_2", "relu3_2", "relu4_2", "relu5_2"), variant=self.options.vgg, width=width)
        self.correspondence = CorrespondenceNet(width)
        self.colorization = ColorizationNet(7, width)

    def _build_initial_state(
        self, references: Tensor, paint_mask: Tensor | None, *, in_shot: bool
    ) -> DeepExemplarState:
        """Compute the state before the first frame.

        As in the original code the last frame is zeros (L 50, no ab), or the reference where it is one frame of the
        film. Unpainted pixels are gray for the networks, as a frame is; descriptors are centred on the mean of the
        cells that give colour.
        """
        batch, count = references.shape[:2]
        pictures = pad_to_multiple(references, 8).flatten(0, 1)
        paint_mask = paint_mask if paint_mask is None else pad_to_multiple(paint_mask, 8)
        phi = self.correspondence.phi(self._compute_descriptors(lab_to_rgb(pictures)))
        grid = phi.shape[-2:]
        cell_ab = F.avg_pool2d(fill_unpainted(pictures[:, 1:], paint_mask, grid), CELL_SIZE)
        cells = painted_cells(paint_mask, grid)
        keys, colors = (flatten_grid(x, batch)[:, cells] for x in (phi, cell_ab))
        coordinates = (
            grid_coordinates(count, grid, padding_ratio(pictures, references)).to(colors)[cells].expand(batch, -1, -1)
        )
        last_frame = references.new_zeros(batch, 3, 1, 1)
        if in_shot and count == 1:
            last_frame = pictures - get_constant((50.0, 0.0, 0.0), pictures)[:, None, None]
        return DeepExemplarState(center_and_normalize(keys), colors, coordinates, last_frame)

    def forward(self, lightness: Tensor, state: State, *, with_aux: bool = False) -> ModelOutput:
        assert isinstance(state, DeepExemplarState)
        height, width = lightness.shape[-2:]
        outputs = []
        frames = pad_to_multiple(lightness, 8)
        for frame, warped in zip(frames.unbind(1), self._warp_references(frames, state).unbind(1), strict=True):
            guide, origin = warped.tensor_split([3], 1)
            last_frame = resize_bilinear(state.last_frame, frame.shape[-2:])
            frame_ab = self.colorization(torch.cat([frame - 50, guide, last_frame], 1))
            state = replace(state, last_frame=torch.cat([frame - 50, frame_ab], 1))
            outputs.append(torch.cat([frame_ab, guide, origin], 1)[..., :height, :width])
        ab, warped, similarity, origin = torch.stack(outputs, 1).tensor_split([2, 4, 5], 2)
        aux = {"warped": warped, "similarity": similarity, "origin": origin}
        return ModelOutput(ab, similarity.clamp(0, 1), state, aux if with_aux else {})

    def _warp_references(self, frames: Tensor, state: DeepExemplarState) -> Tensor:
        """Warp reference ab to frames B T 1 h w: ab, similarity and origin, B T 6 h w (Eq. 3-5)."""
        flat = frames.flatten(0, 1)
        theta = self.correspondence.theta(self._compute_descriptors(flat.expand(-1, 3, -1, -1) / 100))
        query = center_and_normalize(flatten_grid(theta, len(flat))).reshape(len(frames), -1, theta.shape[1])
        colors, similarity, best = match_keys(query, state.keys, state.colors, temperature=self.options.temperature)
        found = torch.cat([colors, similarity[..., None], gather_rows(state.coordinates, best)], -1)
        maps = found.reshape(len(flat), *theta.shape[-2:], -1).permute(0, 3, 1, 2)
        enlarged = F.interpolate(maps, scale_factor=CELL_SIZE)
        return enlarged.reshape(*frames.shape[:2], *enlarged.shape[1:])

    def _compute_descriptors(self, rgb: Tensor) -> Tensor:
        """Descriptor map ``B C h/4 w/4`` of sRGB pictures, from VGG maps at length 1 along their channels."""
        descriptors: Tensor = self.correspondence(self.compute_matching_maps(rgb))
        return descriptors

    def compute_matching_maps(self, rgb: Tensor) -> list[Tensor]:
        """Compute the maps of sRGB pictures that the correspondence net takes."""
        return [F.normalize(promote_to_float32(x), dim=1) for x in self.vgg(rgb)]


class CorrespondenceNet(nn.Module):
    """Network from four VGG maps to one descriptor map on the 1/4 grid (Table 2; 3 residual blocks as in the code)."""

    def __init__(self, width: float = 1) -> None:
        super().__init__()
        full, half, inner, out = (int(size * width) for size in (512, 256, 128, 64))

        def make_upsample() -> nn.Module:
            return nn.Upsample(scale_factor=2)

        self.relu2 = nn.Sequential(NormedConv2d(inner, inner), NormedConv2d(inner, out, stride=2))
        self.relu3 = nn.Sequential(NormedConv2d(half, inner), NormedConv2d(inner, out))
        self.relu4 = nn.Sequential(NormedConv2d(full, half), NormedConv2d(half, out), make_upsample())
        self.relu5 = nn.Sequential(NormedConv2d(full, half), make_upsample(), NormedConv2d(half, out), make_upsample())
        self.residual = nn.Sequential(*(ResidualBlock(half) for _ in range(3)))
        self.theta = nn.Conv2d(half, half, 1)
        self.phi = nn.Conv2d(half, half, 1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Join relu2_2, relu3_2, relu4_2, relu5_2 of pictures whose sides are multiples of 8; gives B 256 h/4 w/4."""
        branches = [branch(x) for branch, x in zip((self.relu2, self.relu3, self.relu4, self.relu5), maps, strict=True)]
        (height, width), (deep_height, deep_width) = branches[0].shape[-2:], branches[-1].shape[-2:]
        # a side that is no multiple of 16 lost half a cell of relu5, two cells here: one on each side
        row, column = (height - deep_height) // 2, (width - deep_width) // 2
        branches[-1] = F.pad(branches[-1], (column, column, row, row), "replicate")
        descriptors: Tensor = self.residual(torch.cat(branches, 1))
        return descriptors

    def start_from_covariances(self, covariances: Sequence[Tensor], generator: torch.Generator) -> None:
        """Begin as projections on the principal components of the maps; see `nn.principal_start`."""
        branches = (self.relu2, self.relu3, self.relu4, self.relu5)
        for branch, covariance in zip(branches, covariances, strict=True):
            set_projections(branch, covariance, generator)
        set_identities(self.residual)
        for conv in (self.theta, self.phi):
            set_pointwise(conv, torch.eye(conv.in_channels))


class ColorizationNet(nn.Module):
    """Encoder and decoder with skip connections (Table 3): B 7 h w gives ab, B 2 h w; sides are multiples of 8.

    The input is L - 50, warped ab, similarity, and the last frame's (L - 50, ab).
    """

    widths = ((32, 64, 64), (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3, (512,) * 3, (512,) * 3)
    dilations = (1, 1, 1, 1, 2, 2, 1)

    def __init__(self, width_in: int, width: float = 1) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        for widths, dilation in zip(self.widths, self.dilations, strict=True):
            block = nn.Sequential()
            for full in widths:
                block.append(nn.Conv2d(width_in, int(full * width), 3, padding=dilation, dilation=dilation))
                block.append(nn.ReLU(inplace=True))
                width_in = int(full * width)
            self.blocks.append(block)
        small, middle, large, full = (int(size * width) for size in (64, 128, 256, 512))
        self.halve = nn.ModuleList(nn.Conv2d(c, c, 1, 2, groups=c, bias=False) for c in (small, middle, large))
        self.rise = nn.ModuleList(
            [
                UpBlock(full, large, large, [nn.ReLU(inplace=True), nn.ReLU(inplace=True)]),
                UpBlock(large, middle, middle, [nn.ReLU(inplace=True)]),
                UpBlock(middle, small, middle, [nn.LeakyReLU(0.2, inplace=True)]),
            ]
        )
        self.ab = nn.Conv2d(middle, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips, x = [], to_channels_last(x)
        for block, halve in zip_longest(self.blocks, self.halve):
            x = instance_norm(block(x))
            if halve is not None:
                skips.append(x)
                x = halve(x)
        quarter, half, whole = self.rise
        x = instance_norm(quarter(x, skips[2]))
        x = instance_norm(half(x, skips[1]))
        return torch.tanh(self.ab(whole(x, skips[0]))) * 128

    def start_as_copy(self) -> None:
        """Begin by handing on the warped ab; see `nn.unary_start`."""
        encoder, decoder = self.blocks[0], self.rise[2]
        assert isinstance(encoder, nn.Sequential)
        assert isinstance(decoder, UpBlock)
        start_as_copy(encoder, decoder, self.ab, channels=(1, 2))


def official_correspondence_names() -> dict[str, str]:
    """Map modules of `CorrespondenceNet` to their names in the published ``nonlocal_net``."""
    names = {"theta": "theta", "phi": "phi"}
    for stage in (2, 3, 4, 5):
        second = (2, 6) if stage == 5 else (1, 5)  # layer5 has an enlargement between its two
        for index, position in ((0, 1), second):
            names[f"relu{stage}.{index}.conv"] = f"layer{stage}_1.{position}"
            names[f"relu{stage}.{index}.prelu"] = f"layer{stage}_1.{position + 2}"
    for block, part in product(range(3), ("conv1", "conv2", "prelu")):
        names[f"residual.{block}.{part}"] = f"layer.{block}.{part}"
    return names


def official_colorization_names() -> dict[str, str]:
    """Map modules of `ColorizationNet` to their names in the published ``colornet``."""
    names = {"ab": "conv10_ab", "blocks.0.0": "conv1_1.0", "blocks.0.2": "conv1_1.2", "blocks.0.4": "conv1_2"}
    for block, widths in list(enumerate(ColorizationNet.widths))[1:]:
        for index in range(len(widths)):
            names[f"blocks.{block}.{2 * index}"] = f"conv{block + 1}_{index + 1}"
    for index, skip in enumerate(("1_2", "2_2", "3_3")):
        names[f"halve.{index}"] = f"conv{skip}norm_ss"
        names[f"rise.{2 - index}.short"] = f"conv{skip}_short"
    for index, convs in enumerate((2, 1, 1)):
        names[f"rise.{index}.up"] = f"conv{index + 8}_1.1"
        for layer in range(convs):
            names[f"rise.{index}.convs.{2 * layer}"] = f"conv{index + 8}_{layer + 2}"
    return names
