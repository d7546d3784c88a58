"""The network `kinema`: a light backbone, matching to all references and to the frame before, meaning, and fusion.

`matching` finds places with learned descriptors on the 1/4 grid, `fine` chooses colours there on the 1/2 grid,
`semantic` adds colours of similar things, `fusion` combines all to ab and a confidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from kinemacolor.models.base import Colorizer, ModelOutput, State, TensorNames
from kinemacolor.models.catalog import MODEL_CATALOG
from kinemacolor.models.kinema.descriptors import DESCRIPTOR_WIDTH, Descriptors
from kinemacolor.models.kinema.fine import FineChoice, FineMatching, keep_coarse
from kinemacolor.models.kinema.fusion import Fusion, FusionAnswer, FusionInput, cells_to_ab, cells_to_confidence
from kinemacolor.models.kinema.keys import CELL_SIZE, MatchingState, encode_references
from kinemacolor.models.kinema.matching import (
    CoarseMatch,
    MatchEvidence,
    MatchingOptions,
    locate_in_references,
    make_evidence,
    match_frame,
    stack_evidence,
)
from kinemacolor.models.kinema.semantic import (
    Prior,
    SemanticAttention,
    SemanticColors,
    SemanticDescription,
    SemanticMemory,
    make_flat_prior,
)
from kinemacolor.nn.backbones import EfficientNetLite0, extract_gray_maps
from kinemacolor.nn.layers import pad_to_multiple, resize_bilinear

PADDING = 8  # px: pictures are padded to multiples, so that all grids fit, and that of cells is even
STEADY_LINK = 0.75  # cosine with the frame before at which half of STEADINESS is used
STEADINESS = 0.8  # weight of the frame before in semantic colours, where it shows the same


@dataclass(frozen=True)
class KinemaState(MatchingState):
    """State of the matching, and the references for `SemanticAttention`: the fields of `SemanticMemory`."""

    semantic_keys: Tensor
    semantic_values: Tensor
    semantic_classes: Tensor

    @property
    def semantic_memory(self) -> SemanticMemory:
        """The references in the form that `SemanticAttention` takes."""
        return SemanticMemory(self.semantic_keys, self.semantic_values, self.semantic_classes)


class Encoding(NamedTuple):
    """What a picture shows, whatever the references are.

    Its standardised features at 1/4, 1/8 and 1/16; descriptors of cells, B h w C, and of their quarters, B h w 4·F;
    and on the 1/8 grid the fields of `SemanticDescription` and `Prior`.
    """

    quarter: Tensor
    eighth: Tensor
    sixteenth: Tensor
    keys: Tensor
    fine_keys: Tensor
    semantic_keys: Tensor
    relative_lightness: Tensor
    logits: Tensor
    plausibility: Tensor
    typical: Tensor
    entropy: Tensor

    @property
    def semantic(self) -> SemanticDescription:
        """What `SemanticAttention` looks at."""
        prior = Prior(self.logits, self.plausibility, self.typical, self.entropy)
        return SemanticDescription(self.semantic_keys, self.relative_lightness, prior)


class Kinema(Colorizer):
    """Model that matches each gray frame to the gray references and to the frame before, and fuses the results.

    `encode` and `fuse` hold nearly all its weights; what is between them looks at the state, of which `attend` takes
    the part that no frame changes.

    ``aux`` of its output has ``origin`` and ``matched`` of `ModelOutput`, and with ``fill`` ``filled``, ``B T 1 h'
    w'``: the part 0..1 of the ab that no reference shows. In training also what losses look at: ab ``B T 2 h w`` of
    ``evidence``, from matching, of ``semantic`` attention, and ``full``, the result with ``fill``; and
    ``prior``, ``B T K h/8 w/8``, the logits of `Prior`.
    """

    spec = MODEL_CATALOG["kinema"].spec
    parts = MappingProxyType({"kinema": ""})
    options_type = MatchingOptions
    tensor_methods = MappingProxyType(
        {
            "encode": TensorNames(("lightness",), Encoding._fields),
            "attend": TensorNames(
                (
                    "semantic_keys",
                    "relative_lightness",
                    "plausibility",
                    *(f"reference_{x}" for x in SemanticMemory._fields),
                ),
                ("semantic", "semantic_std"),
            ),
            "fuse": TensorNames(FusionInput._fields, FusionAnswer._fields),
        }
    )

    def __init__(self, options: MatchingOptions | None = None) -> None:
        super().__init__()
        self.options = options or MatchingOptions()
        self.features = EfficientNetLite0()
        self.describe = Descriptors()
        self.fine = FineMatching(DESCRIPTOR_WIDTH)
        self.semantic = SemanticAttention()
        self.fusion = Fusion()

    def _build_initial_state(self, references: Tensor, paint_mask: Tensor | None, *, in_shot: bool) -> State:
        batch, (height, width) = len(references), references.shape[-2:]
        references = pad_to_multiple(references, PADDING)
        if paint_mask is not None:
            paint_mask = pad_to_multiple(paint_mask, PADDING)
        pictures = references.flatten(0, 1)
        _, keys, fine_keys = self._extract_all(pictures[:, :1])
        matching_state = encode_references(
            keys.reshape(batch, -1, *keys.shape[1:]),
            fine_keys.reshape(batch, -1, *fine_keys.shape[1:]),
            references,
            self.options.apart,
            paint_mask,
            grid=(height / CELL_SIZE, width / CELL_SIZE),
        )
        memory = self.semantic.encode_references(pictures[:, :1], pictures[:, 1:], batch, paint_mask)
        matching_fields = {f.name: getattr(matching_state, f.name) for f in fields(matching_state)}
        semantic_fields = {f"semantic_{name}": x for name, x in memory._asdict().items()}
        return KinemaState(**matching_fields, **semantic_fields)

    def forward(self, lightness: Tensor, state: State, *, with_aux: bool = False) -> ModelOutput:
        return self.forward_encoded(lightness, self.encode_frames(lightness), state, with_aux=with_aux)

    def encode_frames(self, lightness: Tensor) -> tuple[Tensor, ...]:
        """Compute the fields of `Encoding` of all frames, in rows: those of a clip one after the other."""
        return self.encode(_to_rows(lightness))

    def forward_encoded(
        self, lightness: Tensor, encoding: tuple[Tensor, ...], state: State, *, with_aux: bool = False
    ) -> ModelOutput:
        assert isinstance(state, KinemaState)
        clips, size = lightness.shape[:2], lightness.shape[-2:]
        frames, encoded = _to_rows(lightness), Encoding(*encoding)
        semantic = self._look_by_meaning(encoded.semantic, state.semantic_memory)
        evidence, semantic, state = self._match_in_order(clips, frames, encoded, semantic, state)
        answer = FusionAnswer(*self.fuse(*FusionInput.collect(frames, encoded[:3], evidence, semantic)))
        fused = answer.mix(fill=self.options.fill)
        output = {
            "ab": cells_to_ab(fused.colors, size),
            "confidence": cells_to_confidence(fused.confidence_logit, size),
        }
        if with_aux:
            cells = [-(-side // CELL_SIZE) for side in size]
            maps = {"origin": locate_in_references(evidence.merged, state), "matched": fused.match_weight}
            maps |= {"filled": fused.fill_weight} if self.options.fill else {}
            output |= {name: x[..., : cells[0], : cells[1]] for name, x in maps.items()}
        if with_aux and self.training:
            output |= {
                "evidence": cells_to_ab(evidence.merged.colors.permute(0, 3, 1, 2), size),
                "semantic": resize_bilinear(semantic.colors, frames.shape[-2:])[..., : size[0], : size[1]],
                "full": cells_to_ab(answer.mix(fill=True).colors, size),
                "prior": semantic.prior.logits,
            }
        aux = {name: x.reshape(*clips, *x.shape[1:]) for name, x in output.items()}
        return ModelOutput(aux.pop("ab"), aux.pop("confidence"), state, MappingProxyType(aux))

    def encode(self, lightness: Tensor) -> tuple[Tensor, ...]:
        """Compute the fields of `Encoding` for pictures by their L, ``B 1 8h 8w``."""
        maps, keys, fine_keys = self._extract_all(lightness)
        described = self.semantic.describe(lightness)
        prior = make_flat_prior(described.prior) if "prior" in self.options.without else described.prior
        deep = torch.cat(maps[3:], 1)
        return Encoding(maps[1], maps[2], deep, keys, fine_keys, described.descriptors, described.lightness, *prior)

    def attend(self, *seen: Tensor) -> tuple[Tensor, ...]:
        """Compute colours and deviation of `SemanticColors`.

        It takes descriptors, lightness and plausibility of a `SemanticDescription`, and the fields of `SemanticMemory`.
        """
        descriptors, lightness, plausibility, *memory = seen
        return self.semantic.attend(descriptors, lightness, plausibility, SemanticMemory(*memory))

    def fuse(self, *seen: Tensor) -> tuple[Tensor, ...]:
        """Compute the fields of `FusionAnswer` from those of `FusionInput`."""
        answer: FusionAnswer = self.fusion(FusionInput(*seen))
        return answer

    def extract_features(self, lightness: Tensor) -> tuple[list[Tensor], Tensor]:
        """Compute standardised maps of gray pictures ``B 1 h w`` and their unit descriptors ``B h/4 w/4 C``."""
        maps = extract_gray_maps(self.features, lightness)
        grid = (-(-lightness.shape[-2] // CELL_SIZE), -(-lightness.shape[-1] // CELL_SIZE))
        return maps, self.describe(maps, grid, with_context="context" not in self.options.without)

    def _extract_all(self, lightness: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """Compute what `extract_features` does, and the fine descriptors, of pictures of multiples of `PADDING`."""
        maps, keys = self.extract_features(lightness)
        return maps, keys, self.fine.compute_keys(lightness, maps, keys)

    def _look_by_meaning(self, described: SemanticDescription, memory: SemanticMemory) -> SemanticColors:
        """Find semantic colours for the frames of clips, one after the other, of which each has its references."""
        frames = len(described.lightness) // len(memory.keys)  # of a clip
        repeated = (x[:, None].expand(-1, frames, *x.shape[1:]).flatten(0, 1) for x in memory)
        prior = described.prior
        colors, color_std = self.attend(described.descriptors, described.lightness, prior.plausibility, *repeated)
        return SemanticColors(colors, color_std, prior)

    def _match_in_order(
        self,
        clips: Sequence[int],
        frames: Tensor,
        encoding: Encoding,
        semantic: SemanticColors,
        state: KinemaState,
    ) -> tuple[MatchEvidence, SemanticColors, KinemaState]:
        """Match the frames of clips one after the other, as each looks at the one before."""
        found, steady = [], []
        by_time = (
            x.unflatten(0, clips).unbind(1) for x in (frames, encoding.keys, encoding.fine_keys, semantic.colors)
        )
        for frame, frame_keys, frame_fine_keys, colors in zip(*by_time, strict=True):
            coarse = match_frame(frame_keys, state, self.options)
            choice = self._choose_values(frame_fine_keys, frame, coarse, state)
            evidence = make_evidence(coarse, choice.values, choice.history_weight, self.options)
            colors = colors.permute(0, 2, 3, 1)
            if coarse.history is not None:
                weight = STEADINESS * torch.sigmoid(20 * (coarse.history.link - STEADY_LINK))
                colors = torch.lerp(colors, coarse.history.semantic, weight)
            state = replace(
                state,
                past_keys=frame_keys,
                past_fine_keys=frame_fine_keys,
                past_values=evidence.merged.values,
                past_similarity=evidence.merged.similarity,
                past_coordinates=evidence.merged.coordinates,
                past_semantic=colors,
            )
            found.append(evidence)
            steady.append(colors)
        colors = torch.stack(steady, 1).flatten(0, 1).permute(0, 3, 1, 2)
        return stack_evidence(found), semantic._replace(colors=colors), state

    def _choose_values(self, keys: Tensor, frame: Tensor, coarse: CoarseMatch, state: KinemaState) -> FineChoice:
        """Choose the values of a frame's cells by the fine stage, unless it is left out."""
        if "fine" in self.options.without:
            return keep_coarse(coarse, self.options)
        choice: FineChoice = self.fine(keys, frame, coarse, state, self.options)
        return choice


def _to_rows(lightness: Tensor) -> Tensor:
    """The frames of clips, ``B T 1 h w``, as rows of a size that all grids fit, ``B·T 1 8h' 8w'``."""
    return pad_to_multiple(lightness, PADDING).flatten(0, 1)
