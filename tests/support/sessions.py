"""Gray frames and tiny models."""

import numpy as np
import torch

from kinemacolor.models.base import Colorizer
from kinemacolor.models.baselines import GrayBaseline, MatchBaseline
from kinemacolor.weights.registry import MODELS, load_imagenet_backbone, load_model


def gray_of(rgb: np.ndarray) -> np.ndarray:
    return np.rint(rgb @ np.array([0.2126, 0.7152, 0.0722])).astype(np.uint8)


def tiny(name: str) -> Colorizer:
    torch.manual_seed(0)
    if name in ("gray", "match"):
        return GrayBaseline() if name == "gray" else MatchBaseline(load_imagenet_backbone()).eval()
    kind = MODELS[name]
    return kind(kind.options_type(width=1 / 16)).eval() if name != "kinema" else load_model("kinema")
