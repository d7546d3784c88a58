"""The encoder of `kinema` as the `FrameEncoder` of the planner; the only file of the package that imports torch."""

import torch
import torch.nn.functional as F

from kinemacolor.color import lightness_from_luma
from kinemacolor.models.base import Colorizer, require_finite
from kinemacolor.models.kinema.model import Kinema
from kinemacolor.options import DEFAULT_MODEL
from kinemacolor.plan.similarity import FrameEmbedding
from kinemacolor.utils.arrays import UInt8Array
from kinemacolor.video.geometry import compute_working_size, resize
from kinemacolor.weights.registry import load_model

SHORT_SIDE = 112  # px, shorter side at which pictures are encoded
CELL_GRID = (14, 24)  # rows and columns of cells, whatever the shape of the picture


class KinemaFrameEncoder:
    """Encodes gray pictures as the descriptors that `kinema` matches with, on the CPU. A `FrameEncoder`."""

    def __init__(self, network: Kinema) -> None:
        self._network = network.cpu().eval()

    @torch.inference_mode()
    def encode_frame(self, gray: UInt8Array) -> FrameEmbedding:
        """Compute the embedding of a gray picture ``H W`` uint8, full range; 336 cells.

        Raises WeightsError where the network gives NaN or infinity.
        """
        small = resize(gray, compute_working_size(gray.shape[0], gray.shape[1], SHORT_SIDE))
        lightness = lightness_from_luma(torch.from_numpy(small).float()[None, None] / 255)
        keys = self._network.extract_features(lightness)[1].permute(0, 3, 1, 2)
        cells = F.normalize(F.adaptive_avg_pool2d(keys, CELL_GRID), dim=1)[0].flatten(1).T.contiguous()
        require_finite(self._network.spec.name, cells)
        return FrameEmbedding(cells, F.normalize(cells.mean(0), dim=0))


def make_frame_encoder(model: Colorizer | None = None) -> KinemaFrameEncoder:
    """Make the encoder from ``model`` if that is `kinema`, else from `kinema` with the weights of this machine.

    Raises WeightsError where those are missing or damaged.
    """
    network = model if isinstance(model, Kinema) else load_model(DEFAULT_MODEL)
    assert isinstance(network, Kinema)
    return KinemaFrameEncoder(network)
