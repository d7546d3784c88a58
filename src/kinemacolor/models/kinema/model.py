"""The network `kinema`: a light backbone, attention over all references, gated history, and fusion.

`matching` finds colours with learned descriptors on the 1/4 grid, `semantic` adds colours of similar things, `fusion`
combines both to ab and a confidence.
"""

from dataclasses import dataclass, fields
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.base import Colorizer, ModelOutput, State
from kinemacolor.models.catalog import MODEL_CATALOG
from kinemacolor.models.kinema.fusion import Fusion, cells_to_ab
from kinemacolor.models.kinema.matching import (
    MatchingOptions,
    MatchingState,
    encode_references,
    locate_in_references,
    match_frame,
    stack_evidence,
)
from kinemacolor.models.kinema.semantic import SemanticAttention, SemanticMemory
from kinemacolor.nn.backbones import EfficientNetLite0, extract_gray_features
from kinemacolor.nn.layers import resize_bilinear

DESCRIPTOR_WIDTH = 64  # channels
TRAINING_BLOCKS = (
    32  # of a reference, at which a block of a frame looks while the model is trained: a third of the time
)


@dataclass(frozen=True)
class KinemaState(MatchingState):
    """State of the matching, and the references for `SemanticAttention`: the fields of `SemanticMemory`."""

    semantic_keys: Tensor
    semantic_values: Tensor
    color_embedding: Tensor

    @property
    def semantic_memory(self) -> SemanticMemory:
        """The references in the form that `SemanticAttention` takes."""
        return SemanticMemory(self.semantic_keys, self.semantic_values, self.color_embedding)


class Kinema(Colorizer):
    """Model that matches each gray frame to the gray references and to the frame before, and fuses the results.

    ``aux`` of its output has the ab that went into fusion, ``B T 2 h w`` each: ``evidence``, from matching, and
    ``kind``, from semantic attention; also ``origin`` and ``matched`` of `ModelOutput`.
    """

    spec = MODEL_CATALOG["kinema"].spec
    parts = MappingProxyType({"kinema": ""})
    options_type = MatchingOptions

    def __init__(self, options: MatchingOptions | None = None) -> None:
        super().__init__()
        self.options = options or MatchingOptions()
        self.features = EfficientNetLite0()
        self.describe = nn.Linear(sum(EfficientNetLite0.widths), DESCRIPTOR_WIDTH, bias=False)
        self.kind = SemanticAttention()
        self.fusion = Fusion()

    def _build_initial_state(self, references: Tensor, paint_mask: Tensor | None, *, in_shot: bool) -> State:
        batch, pictures = len(references), references.flatten(0, 1)
        maps, keys = self.extract_features(pictures[:, :1])
        matching_state = encode_references(
            keys.reshape(batch, -1, *keys.shape[1:]), references, self.options, paint_mask, in_blocks=self.training
        )
        semantic_memory = self.kind.encode_references(maps, pictures[:, 1:], batch, paint_mask)
        matching_fields = {f.name: getattr(matching_state, f.name) for f in fields(matching_state)}
        return KinemaState(
            **matching_fields,
            semantic_keys=semantic_memory.keys,
            semantic_values=semantic_memory.values,
            color_embedding=semantic_memory.embedding,
        )

    def forward(self, lightness: Tensor, state: State) -> ModelOutput:
        assert isinstance(state, KinemaState)
        clips, size = lightness.shape[:2], lightness.shape[-2:]
        frames = lightness.flatten(0, 1)
        maps, keys = self.extract_features(frames)
        found, blocks = [], TRAINING_BLOCKS if self.training and not len(state.unpainted_keys[0]) else 0
        for frame_keys in keys.reshape(*clips, *keys.shape[1:]).unbind(1):  # the match alone needs the frame before
            evidence, state = match_frame(frame_keys, state, self.options, blocks=blocks)
            found.append(evidence)
        evidence = stack_evidence(found)
        semantic = self.kind(maps, state.semantic_memory)
        embedding = state.color_embedding.repeat_interleave(clips[1], 0)
        fused = self.fusion(frames, maps, evidence, semantic, embedding)
        output = {
            "ab": cells_to_ab(fused.colors, size),
            "confidence": resize_bilinear(torch.sigmoid(fused.confidence_logit), size),
            "evidence": cells_to_ab(evidence.merged.colors.permute(0, 3, 1, 2), size),
            "kind": resize_bilinear(semantic.colors, size),
            "origin": locate_in_references(evidence.merged, state),
            "matched": fused.match_weight,
        }
        aux = {name: x.reshape(*clips, *x.shape[1:]) for name, x in output.items()}
        return ModelOutput(aux.pop("ab"), aux.pop("confidence"), state, MappingProxyType(aux))

    def extract_features(self, lightness: Tensor) -> tuple[list[Tensor], Tensor]:
        """Compute standardised maps of gray pictures ``B 1 h w`` and their unit descriptors ``B h/4 w/4 C``."""
        maps, raw = extract_gray_features(self.features, lightness)
        return maps, F.normalize(self.describe(raw), dim=-1)
