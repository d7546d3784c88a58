"""Encodes quantised predictions as segments of a work folder, without loss."""

import io
from collections.abc import Sequence

import av
import numpy as np

from kinemacolor.errors import InputError, translate_foreign_errors
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.video.pixels import view_plane

CACHE_PIXEL_FORMAT, FILLED_PIXEL_FORMAT = "yuv444p10le", "yuva444p10le"  # without and with the filled part
_ENCODER_OPTIONS = {"level": "3", "slices": "4", "context": "0", "g": "1"}


def encode_codes(frames: Sequence[UIntArray]) -> bytes:
    """Encode codes of `quantize_prediction` as FFV1 in Matroska: confidence as Y, a as U, b as V, filled as alpha."""
    planes, height, width = frames[0].shape
    pixel_format = CACHE_PIXEL_FORMAT if planes == 3 else FILLED_PIXEL_FORMAT
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska", options={"fflags": "bitexact"}) as container:
        stream = container.add_stream("ffv1", rate=24, options=_ENCODER_OPTIONS)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.codec_context.thread_count = 1
        for number, codes in enumerate(frames):
            frame = av.VideoFrame(width, height, pixel_format)
            for index, plane in enumerate(codes):
                view_plane(frame, index)[:] = plane
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def decode_codes(data: bytes) -> list[UIntArray]:
    """Decode what `encode_codes` gave. Raises InputError for anything else."""
    with (
        translate_foreign_errors(lambda error: InputError(f"a stored segment cannot be decoded ({error})")),
        av.open(io.BytesIO(data), "r", format="matroska") as container,
    ):
        return [
            np.stack([view_plane(frame, index) for index in range(len(frame.planes))])
            for frame in container.decode(video=0)
        ]
