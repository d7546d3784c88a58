"""`kinema`, our own: light features, one attention over all references, gated history, a small network that decides.

Matching takes learned descriptors on the 1/4 grid (`evidence`); `fusion` turns what was found into
colour, and says how sure it is.
"""

from dataclasses import dataclass, fields
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinemacolor.models.base import Colorizer, ModelSpec, State, Step
from kinemacolor.models.kinema.fusion import Fusion, spread
from kinemacolor.models.kinema.matching import EvidenceOptions, EvidenceState, gather, origin, remember
from kinemacolor.models.kinema.semantic import Kinds, LookByKind
from kinemacolor.nn.backbones import EfficientNetLite0, see_gray
from kinemacolor.nn.layers import fit

WIDTH = 64  # of a descriptor


@dataclass(frozen=True)
class KinemaState(EvidenceState):
    """Also the references as `LookByKind` sees them, the fields of `Kinds`."""

    kind_keys: Tensor
    kind_values: Tensor
    embedding: Tensor

    @property
    def kinds(self) -> Kinds:
        """As `LookByKind` takes them."""
        return Kinds(self.kind_keys, self.kind_values, self.embedding)


class Kinema(Colorizer):
    """Matches each gray frame to the gray references and to the frame before, and fuses what it finds.

    ``aux`` of a step has what its chroma was made of, ``B T 2 h w`` each: ``evidence``, the match, and ``kind``,
    beside ``origin`` and ``matched``.
    """

    spec = ModelSpec("kinema", short_side=216)
    parts = MappingProxyType({"kinema": ""})
    options_type = EvidenceOptions

    def __init__(self, options: EvidenceOptions | None = None) -> None:
        super().__init__()
        self.options = options or EvidenceOptions()
        self.features = EfficientNetLite0()
        self.describe = nn.Linear(sum(EfficientNetLite0.widths), WIDTH, bias=False)
        self.kind = LookByKind()
        self.fusion = Fusion()

    def _remember(self, references: Tensor, painted: Tensor | None, *, in_shot: bool) -> State:
        batch, pictures = len(references), references.flatten(0, 1)
        maps, keys = self.see(pictures[:, :1])
        memory = remember(keys.reshape(batch, -1, *keys.shape[1:]), references, self.options, painted)
        kinds = self.kind.remember(maps, pictures[:, 1:], batch, painted)
        known = {f.name: getattr(memory, f.name) for f in fields(memory)}
        return KinemaState(**known, kind_keys=kinds.keys, kind_values=kinds.values, embedding=kinds.embedding)

    def forward(self, luma: Tensor, state: State) -> Step:
        assert isinstance(state, KinemaState)
        chroma, confidence, found, likely, places, matched = [], [], [], [], [], []
        for frame in luma.unbind(1):
            maps, keys = self.see(frame)
            evidence, state = gather(keys, state, self.options)
            kind, size = self.kind(maps, state.kinds), frame.shape[-2:]
            fused = self.fusion(frame, maps, evidence, kind, state.embedding)
            chroma.append(spread(fused.colors, size))
            confidence.append(fit(torch.sigmoid(fused.confidence), size))
            found.append(spread(evidence.merged.colors.permute(0, 3, 1, 2), size))
            likely.append(fit(kind.colors, size))
            places.append(origin(evidence.merged, state))
            matched.append(fused.matched)
        aux = {"evidence": found, "kind": likely, "origin": places, "matched": matched}
        told = {name: torch.stack(frames, 1) for name, frames in aux.items()}
        return Step(torch.stack(chroma, 1), torch.stack(confidence, 1), state, MappingProxyType(told))

    def see(self, luma: Tensor) -> tuple[list[Tensor], Tensor]:
        """Standardised maps of gray pictures ``B 1 h w``, and their unit descriptors ``B h/4 w/4 C``."""
        maps, raw = see_gray(self.features, luma)
        return maps, F.normalize(self.describe(raw), dim=-1)
