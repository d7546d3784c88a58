"""What a pass paints: luma codes at the working size, frame by frame in the order of painting."""

from collections.abc import Iterator

from kinemacolor.rendering.cache import SEGMENT_FRAMES
from kinemacolor.rendering.passes import InferencePass
from kinemacolor.utils.arrays import UIntArray
from kinemacolor.video.geometry import Geometry
from kinemacolor.video.info import VideoInfo
from kinemacolor.video.random_access import RangeReader


def downscale_luma(luma_codes: UIntArray, info: VideoInfo, geometry: Geometry) -> UIntArray:
    """Scale stored luma codes ``H W`` to what a model sees: upright ``h w``; of an interlaced frame its first field.

    A field shows one moment, and pulldown repeats it whole, so that `is_repeated_frame` finds it.
    """
    seen = luma_codes[1 - info.is_top_field_first :: 2] if info.is_interlaced else luma_codes
    return geometry.downscale_codes(seen)


def iter_pass_luma(
    inference_pass: InferencePass, reader: RangeReader, geometry: Geometry, first_segment: int
) -> Iterator[UIntArray]:
    """Read the frames of a pass from a segment on, in the order of painting."""
    for start in range(first_segment * SEGMENT_FRAMES, len(inference_pass), SEGMENT_FRAMES):
        count = min(SEGMENT_FRAMES, len(inference_pass) - start)
        first = inference_pass.end - start - count if inference_pass.is_backward else inference_pass.first + start
        blocks = reader.iter_blocks(first, first + count, 1)
        frames = (downscale_luma(block.luma_codes[0], reader.info, geometry) for block in blocks)
        yield from reversed(list(frames)) if inference_pass.is_backward else frames
