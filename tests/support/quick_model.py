"""A model that costs nothing, whose colours depend on all frames before: a state that is lost or damaged shows."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kinemacolor.models.base import Colorizer, ModelOutput, State
from kinemacolor.models.catalog import ModelSpec
from kinemacolor.plan.similarity import FrameEmbedding
from kinemacolor.utils.arrays import UInt8Array


@dataclass(frozen=True)
class QuickState(State):
    """The mean ab of the references ``B 2``, and a number ``B 1`` that every frame changes."""

    color: Tensor
    past: Tensor


class QuickColorizer(Colorizer):
    """Gives each frame one colour: that of the references, turned by what was seen so far."""

    spec = ModelSpec("kinema", short_side=64)
    parts = {}  # noqa: RUF012
    options = None

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(()), requires_grad=False)

    def _build_initial_state(self, references: Tensor, paint_mask: Tensor | None, *, in_shot: bool) -> State:
        return QuickState(references[:, :, 1:].mean((1, 3, 4)), torch.zeros(references.shape[0], 1))

    def forward(self, lightness: Tensor, state: State, *, with_aux: bool = False) -> ModelOutput:
        assert isinstance(state, QuickState)
        past, colors, sure = state.past, [], []
        for frame in lightness.unbind(1):
            past = (0.9 * past + 0.1 * frame.mean((1, 2, 3))[:, None] + 0.37).fmod(100)
            colors.append((state.color + 20 * torch.sin(past / 5))[..., None, None].expand(-1, -1, *frame.shape[-2:]))
            sure.append((past / 100).clamp(0, 1)[..., None, None].expand(-1, -1, *frame.shape[-2:]))
        return ModelOutput(torch.stack(colors, 1), torch.stack(sure, 1), QuickState(state.color, past))


class QuickEncoder:
    """Pictures as their small selves, where `kinema` would encode them."""

    def encode_frame(self, gray: UInt8Array) -> FrameEmbedding:
        rows, columns = (
            np.linspace(0, size - 1, count).astype(int) for size, count in zip(gray.shape, (14, 24), strict=True)
        )
        cells = torch.from_numpy(gray[np.ix_(rows, columns)].astype(np.float32)).flatten()[:, None] / 255 + 0.01
        cells = torch.cat([cells, 1 - cells], 1)
        cells = nn.functional.normalize(cells, dim=1)
        return FrameEmbedding(cells, nn.functional.normalize(cells.mean(0), dim=0))


def _everywhere(name: str) -> Iterator[ModuleType]:
    """All modules of ours that know a name."""
    yield from [
        module for key, module in list(sys.modules.items()) if key.startswith("kinemacolor") and name in vars(module)
    ]


@contextmanager
def quick_model(patch: Any, *, segment_frames: int | None = None) -> Iterator[QuickColorizer]:
    """Let every job of this process paint with a `QuickColorizer`; ``patch`` is a MonkeyPatch.

    ``segment_frames``: so many frames are stored together, so that a short film has several segments.
    """
    for name in ("cli.main", "plan.frame_encoder", "rendering.renderer", "weights.registry"):
        import_module(f"kinemacolor.{name}")  # or it would take the real ones when it is loaded later
    model = QuickColorizer().eval()
    for module in _everywhere("load_model"):
        patch.setattr(module, "load_model", lambda name="kinema", **options: model)
    for module in _everywhere("make_frame_encoder"):
        patch.setattr(module, "make_frame_encoder", lambda model=None: QuickEncoder())
    for module in _everywhere("SEGMENT_FRAMES") if segment_frames else ():
        patch.setattr(module, "SEGMENT_FRAMES", segment_frames)
    yield model
