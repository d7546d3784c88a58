"""Exemplar-based Video Colorization with Long-term Spatiotemporal Dependency (Chen et al. 2023).

Frames are coloured in blocks; a memory of tokens links each block to those before it. There is no
official release: where the paper is silent the choices are ours, and docs/models.md lists them.
Equation and figure numbers are the paper's.
"""

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.color import lab_to_rgb
from kinemacolor.models.base import Colorizer, ModelOutput, State
from kinemacolor.models.catalog import MODEL_CATALOG
from kinemacolor.models.long_term.cnn_transformer import sine_position_encoding, split_tokens, tokens_to_maps
from kinemacolor.models.long_term.subnets import (
    ColorizationSubnet,
    CorrespondenceSubnet,
    LayerSizes,
    LinkageSubnet,
    LongTermOptions,
)
from kinemacolor.nn.attention import center_and_normalize, gather_rows, match_keys
from kinemacolor.nn.backbones import ResNet101
from kinemacolor.nn.layers import flatten_grid, grid_coordinates, pad_to_multiple, padding_ratio
from kinemacolor.nn.partial import fill_unpainted, painted_cells

CELL_SIZE = 4  # px, a side of a cell of the matching


@dataclass(frozen=True)
class LongTermState(State):
    """Encoded references, R of them, which stay the same, and the memory of the linkage subnet.

    ``high`` B R 512 h/8 w/8, ``tokens`` B N 384 and ``low`` B R 256 h/4 w/4 enter the correspondence
    subnet. ``cell_indices`` B M are the indices of the cells that give colour, ``colors`` B M 2 their ab,
    ``coordinates`` B M 3 where they lie (`grid_coordinates`). ``encoded_references`` B R 512 h/8 w/8 enters
    the colorization subnet. ``memory`` B S 384 is i of Eq. 7, with S = 0 before the first block: as many tokens as the
    first block has; it never grows.
    """

    high: Tensor
    tokens: Tensor
    low: Tensor
    colors: Tensor
    cell_indices: Tensor
    coordinates: Tensor
    encoded_references: Tensor
    memory: Tensor


class LongTerm(Colorizer):
    """The published network for frames of any size; each of several references is a picture of the block.

    ``backbone_type`` is the network whose maps it matches; its width, and that of maps at full size, is ``outer_width``
    times the others'.
    """

    name: ClassVar[str] = "long-term"
    options_type = LongTermOptions
    backbone_type: ClassVar[type[ResNet101]] = ResNet101
    outer_width: ClassVar[float] = 1
    parts = MappingProxyType(
        {
            "resnet101": "backbone",
            "long-term-correspondence": "correspondence",
            "long-term-linkage": "linkage",
            "long-term-colorization": "colorization",
        }
    )

    def __init__(self, options: LongTermOptions | None = None) -> None:
        super().__init__()
        self.options = options or self.options_type()
        self.spec = replace(MODEL_CATALOG[self.name].spec, block_size=self.options.block)
        outer_width = self.outer_width * self.options.width
        self.backbone = self.backbone_type(width=outer_width)
        sizes = LayerSizes.from_width(self.options.width, outer_width)
        self.correspondence = CorrespondenceSubnet(self.options, sizes)
        self.linkage = LinkageSubnet(sizes.dim, self.options.other_heads)
        self.colorization = ColorizationSubnet(self.options, sizes)

    def _build_initial_state(self, references: Tensor, paint_mask: Tensor | None, *, in_shot: bool) -> LongTermState:
        """Encode references: unpainted pixels are gray and unknown, descriptors centred on cells that give colour."""
        batch, count = references.shape[:2]
        pictures = pad_to_multiple(references, 8).flatten(0, 1)
        paint_mask = paint_mask if paint_mask is None else pad_to_multiple(paint_mask, 8)
        high, tokens, low = self.correspondence.encode_pictures(self.backbone(lab_to_rgb(pictures)), batch)
        known = torch.ones_like(pictures[:, :1]) if paint_mask is None else paint_mask.repeat(batch, 1, 1, 1)
        guide = torch.cat([pictures[:, 1:], known, pictures[:, 1:], known, pictures[:, :1] - 50], 1)
        encoded = self.colorization.encode_guides(guide)[-1]
        high, low, encoded = (x.reshape(batch, count, *x.shape[1:]) for x in (high, low, encoded))
        grid = low.shape[-2:]
        colors = flatten_grid(F.avg_pool2d(fill_unpainted(pictures[:, 1:], paint_mask, grid), CELL_SIZE), batch)
        cell_indices = torch.arange(colors.shape[1], device=colors.device)[painted_cells(paint_mask, grid)]
        coordinates = (
            grid_coordinates(count, grid, padding_ratio(pictures, references))
            .to(colors)[cell_indices]
            .expand(batch, -1, -1)
        )
        cell_indices, colors = cell_indices.expand(batch, -1), colors[:, cell_indices]
        return LongTermState(high, tokens, low, colors, cell_indices, coordinates, encoded, tokens[:, :0])

    def compute_matching_maps(self, rgb: Tensor) -> list[Tensor]:
        """Compute the maps of sRGB pictures that the correspondence subnet takes."""
        half, quarter, *high = self.backbone(rgb)
        return [half, quarter, torch.cat(high, 1)]

    def forward(self, lightness: Tensor, state: State, *, with_aux: bool = False) -> ModelOutput:
        assert isinstance(state, LongTermState)
        height, width = lightness.shape[-2:]
        outputs = []
        for block in torch.split(pad_to_multiple(lightness, 8), self.spec.block_size, 1):
            output, state = self._colorize_block(block, state)
            outputs.append(output[..., :height, :width])
        parts = torch.cat(outputs, 1).tensor_split([2, 4, 5, 7, 8], 2)
        ab, warped, similarity, augmented, augmented_similarity, origin = parts
        confidence = torch.maximum(similarity, augmented_similarity).clamp(0, 1)
        aux = {
            "warped": warped,
            "similarity": similarity,
            "augmented": augmented,
            "augmented_similarity": augmented_similarity,
        }
        aux["origin"] = origin
        return ModelOutput(ab, confidence, state, aux if with_aux else {})

    def _colorize_block(self, lightness: Tensor, state: LongTermState) -> tuple[Tensor, LongTermState]:
        """Colour a block of frames B n 1 h w: ab, guides of both heads, origin of the surer, B n 11 h w (Eq. 4-7)."""
        batch, frames = lightness.shape[:2]
        flat_lightness = lightness.flatten(0, 1)
        high, tokens, low = self.correspondence.encode_pictures(
            self.backbone(flat_lightness.expand(-1, 3, -1, -1) / 100), batch
        )
        maps = [state.high.flatten(0, 1), high]
        hidden = self.linkage.read_memory(torch.cat([state.tokens, tokens], 1), state.memory)
        position_encoding = self._encode_positions(maps, batch)
        descriptors, hidden = self.correspondence(maps, hidden, position_encoding, [state.low.flatten(0, 1), low])
        vanilla, augmented = (self._warp_references(keys, query, state) for keys, query in descriptors)
        guides = torch.cat([vanilla[:, :3], augmented[:, :3]], 1)
        origin = torch.where(vanilla[:, 2:3] >= augmented[:, 2:3], vanilla[:, 3:], augmented[:, 3:])
        ab = self._predict_ab(torch.cat([guides, flat_lightness - 50], 1), hidden, position_encoding, maps, state)
        output = torch.cat([ab, guides, origin], 1)
        state = replace(state, memory=self.linkage.update_memory(state.memory, hidden))
        return output.reshape(batch, frames, *output.shape[1:]), state

    def _warp_references(self, references: Tensor, frames: Tensor, state: LongTermState) -> Tensor:
        """Warp references with one head of the non-local operation: ab, similarity, origin, B·n 6 h w (Eq. 1-3)."""
        batch = state.colors.shape[0]
        reference_descriptors = flatten_grid(references, batch)[:, state.cell_indices[0]]
        query, keys = center_and_normalize(flatten_grid(frames, batch)), center_and_normalize(reference_descriptors)
        colors, similarity, best = match_keys(query, keys, state.colors, temperature=self.options.temperature)
        found = tokens_to_maps(
            torch.cat([colors, similarity[..., None], gather_rows(state.coordinates, best)], -1), frames
        )
        return F.interpolate(found, scale_factor=CELL_SIZE)

    def _predict_ab(
        self, guides: Tensor, hidden: Tensor, position_encoding: Tensor, maps: list[Tensor], state: LongTermState
    ) -> Tensor:
        """Predict ab B·n 2 h w from guides of both heads, tokens, and the encoded references (Eq. 5)."""
        *skips, encoded = self.colorization.encode_guides(guides)
        inputs = [state.encoded_references.flatten(0, 1), encoded]
        if not self.options.reference_in_colorization:
            _, hidden = split_tokens(hidden, maps)
            position_encoding, inputs = position_encoding[-hidden.shape[1] :], [encoded]
        ab: Tensor = self.colorization(inputs, hidden, position_encoding, skips)
        return ab

    def _encode_positions(self, maps: list[Tensor], batch: int) -> Tensor:
        """Encode the positions of the block's tokens: references come first, all at the same time."""
        references, frames = (group.shape[0] // batch for group in maps)
        times = (torch.arange(frames, device=maps[0].device) + 2) / (self.spec.block_size + 1)
        reference_times = times.new_full((references,), 1 / (self.spec.block_size + 1))
        dim = self.linkage.dim
        return torch.cat(
            [
                sine_position_encoding(t, m.shape[-2], m.shape[-1], dim)
                for t, m in zip((reference_times, times), maps, strict=True)
            ]
        )
