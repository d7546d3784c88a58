"""Streams the frames of one shot through a model: gray frames in, colours out at the film's own size.

Only this module knows inference mode, autocast and devices. Half precision is a choice, never the
default: on a CPU bfloat16 is four to seven times slower.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple
from weakref import finalize

import numpy as np
import torch
from torch import Tensor

from kinemacolor.color import YCbCr, compress_to_gamut, lab_to_rgb, lightness_from_luma, rgb_to_lab
from kinemacolor.errors import UsageError
from kinemacolor.inference.attribution import Attribution, FrameTrace, origin_from_output, part_from_output
from kinemacolor.inference.batches import RunModel, SharedBatch
from kinemacolor.inference.cbcr_converter import make_rgb
from kinemacolor.inference.engines.choice import choose_engine
from kinemacolor.inference.engines.cuda_graphs import give_back_runner, lend_runner
from kinemacolor.inference.engines.openvino import compile_methods
from kinemacolor.inference.postprocess import ChromaPostprocessor, ColorPrediction
from kinemacolor.inference.quantization import is_repeated_frame, prediction_from_codes, quantize_prediction
from kinemacolor.models.base import Colorizer, ModelOutput, require_finite
from kinemacolor.options import RenderOptions
from kinemacolor.utils.arrays import Float32Array, UInt8Array, UIntArray
from kinemacolor.utils.device import choose_device
from kinemacolor.video.geometry import Geometry, compute_crop_fraction, compute_working_size, resize
from kinemacolor.video.images import MIN_PAINTED_SHARE, OPAQUE_ALPHA, compute_painted_share
from kinemacolor.video.orientation import UPRIGHT, Orientation
from kinemacolor.video.pixels import compute_chroma_shape, rgb_to_luma_codes

BT709_FULL_RANGE = YCbCr(0.2126, 0.0722, 8, full_range=True)
_LAST_LUMA_KEY, _LAST_PREDICTION_KEY = "last.luma", "last.prediction"  # in a snapshot, of the frame before


class FrameFeatures(NamedTuple):
    """Frames on their way through a model: L ``1 T 1 h w``, and what `Colorizer.encode_frames` gives of it."""

    lightness: Tensor
    encoding: tuple[Tensor, ...]


class Session:
    """Colorizes consecutive frames of one shot.

    ``references`` are sRGB pictures ``H W 3`` uint8 of any size, or ``H W 4``: partial references, of which only
    painted pixels (alpha of at least 128, not premultiplied) give colour. The gray of the whole picture is used, also
    where alpha is 0, because it shows the models what the paint belongs to. Where that is not the gray of the film, as
    in a layer that a painting program saved over black, lay the frame under it with `complete_reference`.

    ``height`` and ``width`` are the stored size of the film; ``pixel_aspect`` and ``orientation``
    say how stored frames are shown. ``in_shot`` is that of `Colorizer.init_state`.
    Whether the model fills is said by ``options`` alone, however it was loaded.
    ``engine`` is that of `choose_engine`, and decides the last digits of what is predicted. Its
    frames are rows of ``shared_batch``, where one is given; then predict in threads that take part in that.

    Raises ValueError without references, and for one with less than a two-thousandth of its pixels painted;
    UsageError where a model is to fill that cannot, and as `choose_engine`. All that predicts raises WeightsError for a
    model that gives NaN or infinity.

    >>> session = Session(load_model("kinema"), [picture], height=1080, width=1920)  # doctest: +SKIP
    >>> rgb, confidence = session.colorize(frame)  # doctest: +SKIP
    """

    def __init__(
        self,
        model: Colorizer,
        references: Sequence[UInt8Array],
        *,
        height: int,
        width: int,
        options: RenderOptions | None = None,
        pixel_aspect: Fraction | None = None,
        orientation: Orientation = UPRIGHT,
        in_shot: bool = False,
        device: str = "auto",
        engine: str = "auto",
        shared_batch: SharedBatch | None = None,
    ) -> None:
        if not references:
            raise ValueError("a session needs at least one reference")
        self.options = options or RenderOptions()
        self.device = choose_device(device)
        self.engine = choose_engine(engine, str(self.device), model.spec, self.options.precision)
        self.model, run = self._start_engine(model.to(self.device).eval())
        if shared_batch is not None:
            run = shared_batch.share(run, (self.options.fill, self.options.precision))
        self._run = run
        short_side = self.options.short_side or model.spec.short_side
        self.geometry = Geometry.from_frame_size(
            height, width, short_side, pixel_aspect=pixel_aspect, orientation=orientation, crop=self.options.crop
        )
        self.postprocessor = ChromaPostprocessor.from_options(self.geometry, model.spec, self.options, self.device)
        self._reference_crop_fractions = [
            compute_crop_fraction(*picture.shape[:2]) if self.options.crop else (1.0, 1.0) for picture in references
        ]
        with self._inference_mode():
            batch = make_reference_batch(references, short_side, crop=self.options.crop)
            pictures, painted = (tensor.to(self.device) for tensor in batch)
            self._state = self.model.init_state(pictures, paint_mask=painted, in_shot=in_shot).contiguous()
        self._last: tuple[UIntArray, UIntArray] | None = (
            None  # the frame before: luma codes at the working size, and its prediction's codes
        )

    def encode_frames(self, luma_codes: UIntArray, coding: YCbCr) -> FrameFeatures | None:
        """Do for frames that come later what `predict_frames` need not do then; arguments and errors as there.

        It does not depend on what was predicted, and may be called in another thread while that runs. None where
        nothing would be gained: on a GPU, and in a shared batch.
        """
        if self.device.type != "cpu" or self._run is not self.model:
            return None
        with self._inference_mode():
            lightness = self._compute_lightness(luma_codes, coding)
            return FrameFeatures(lightness, self.model.encode_frames(lightness))

    def predict_frames(
        self, luma_codes: UIntArray, coding: YCbCr, features: FrameFeatures | None = None
    ) -> list[ColorPrediction]:
        """Predict the next frames from luma codes ``T h w`` in ``coding``, at the working size.

        `Geometry.downscale_codes` scales stored frames to that size. ``features`` is what `encode_frames` gave for
        them, and changes no result. Raises ValueError for another size.
        """
        output = self._predict_output(luma_codes, coding, features, with_aux=self.options.fill)
        return _predictions_from_output(output)

    def snapshot_state(self) -> dict[str, Tensor]:
        """Copy the state after the frames so far, references included, to the CPU: tensors by name.

        safetensors can store them; some are empty before the first frame.
        """
        state = {name: tensor.to("cpu", copy=True) for name, tensor in self._state.named_tensors().items()}
        last = zip((_LAST_LUMA_KEY, _LAST_PREDICTION_KEY), self._last or (), strict=False)
        return state | {name: torch.from_numpy(codes.copy()) for name, codes in last}

    def restore_state(self, snapshot: Mapping[str, Tensor]) -> None:
        """Continue from a state of `snapshot_state`, bit for bit if model, size, options and device are the same.

        Raises ValueError for a snapshot of another model.
        """
        tensors = dict(snapshot)
        last = [tensors.pop(key, None) for key in (_LAST_LUMA_KEY, _LAST_PREDICTION_KEY)]
        expected, received = sorted(self._state.named_tensors()), sorted(tensors)
        if received != expected:
            raise ValueError(f"a snapshot of {self.model.spec.name} holds {expected}; this one holds {received}")
        copies = {name: tensor.to(self.device, copy=True).contiguous() for name, tensor in tensors.items()}
        self._state = replace(self._state, **copies)
        luma, prediction = (None if one is None else one.numpy().copy() for one in last)
        self._last = None if luma is None or prediction is None else (luma, prediction)

    def chroma(self, luma_codes: UIntArray, coding: YCbCr, subsampling: str = "420") -> tuple[UIntArray, Float32Array]:
        """Compute the Cb and Cr codes of the next frame, ``2 h w``, and its confidence ``H W``, 0..1.

        ``luma_codes`` is the frame's luma plane ``H W`` as it is stored, uint8 or, for more than 8 bits, uint16.
        ``coding`` is its depth, range and matrix, and that of the result. ``subsampling`` is "420", "422", "444",
        "440", "411" or "410", and decides ``h w``; samples lie in the middle of the pixels that they are for.

        They are the very codes that `kinemacolor.colorize` writes for a film of one shot, where references, options,
        engine, threads and pixel format are the same and the model takes one frame at a time (all but `long-term`): a
        copy of the frame before takes its colours, and predictions are quantised to a quarter of a Lab unit.

        Raises ValueError for a plane of another size, type or subsampling.
        """
        size = self.geometry.height, self.geometry.width
        dtype = np.uint8 if coding.depth == 8 else np.uint16
        if luma_codes.shape != size or luma_codes.dtype != dtype:
            came = f"{luma_codes.dtype} {luma_codes.shape}"
            raise ValueError(f"a luma plane of {np.dtype(dtype)} {size} is wanted at {coding.depth} bits, not {came}")
        compute_chroma_shape(*size, subsampling)  # raises for one that there is not, before anything is predicted
        seen = self.geometry.downscale_codes(luma_codes)
        if self._last is None or not is_repeated_frame(self._last[0], seen, coding.depth):
            (prediction,) = self.predict_frames(seen[None], coding)
            self._last = seen, quantize_prediction(prediction)
        return self._postprocess_last(luma_codes, coding, subsampling)

    def colorize(self, frame: UInt8Array) -> tuple[UInt8Array, Float32Array]:
        """Colorize the next frame, gray ``H W`` or sRGB ``H W 3`` uint8, of which only the luma is used.

        Gives sRGB ``H W 3`` uint8 and confidence ``H W``, 0..1: `chroma` at full size, as a picture.
        """
        luma_codes = _to_luma_codes(frame)
        cbcr_codes, confidence = self.chroma(luma_codes, BT709_FULL_RANGE, "444")
        return make_rgb(luma_codes, cbcr_codes, BT709_FULL_RANGE), confidence

    def attribute_frame(self, frame: UInt8Array) -> Attribution:
        """Colorize the next frame, given as to `colorize`; gives also where its colours come from.

        The model looks at a copy of the frame before, too.
        """
        luma_codes = _to_luma_codes(frame)
        trace = self.trace_frame(luma_codes)
        cbcr_codes, confidence = self._postprocess_last(luma_codes, BT709_FULL_RANGE, "444")
        rgb = make_rgb(luma_codes, cbcr_codes, BT709_FULL_RANGE)
        return Attribution(self.geometry.rotate_upright(rgb), self.geometry.rotate_upright(confidence), trace)

    def trace_frame(self, frame: UInt8Array) -> FrameTrace:
        """Predict the next frame, given as to `colorize`, without post-processing; otherwise as `attribute_frame`."""
        seen = self.geometry.downscale_codes(_to_luma_codes(frame))
        output = self._predict_output(seen[None], BT709_FULL_RANGE, with_aux=True)
        self._last = seen, quantize_prediction(_predictions_from_output(output)[0])
        return FrameTrace(
            prediction_from_codes(self._last[1]),
            origin_from_output(output, self._reference_crop_fractions),
            part_from_output(output, "matched"),
            part_from_output(output, "filled"),
            self.geometry.upright_crop_fraction,
        )

    def _start_engine(self, model: Colorizer) -> tuple[Colorizer, RunModel]:
        """Return the model that is run, and how it is called."""
        precision = self.options.precision
        if self.engine == "openvino":
            model = compile_methods(model)
        model = model.with_fill(self.options.fill)
        if self.engine != "cuda-graphs":
            return model, model
        runner = lend_runner(model, torch.float16 if precision == "float32" else getattr(torch, precision))
        finalize(self, give_back_runner, model, runner)
        return model, runner

    def _predict_output(
        self, luma_codes: UIntArray, coding: YCbCr, features: FrameFeatures | None = None, *, with_aux: bool
    ) -> ModelOutput:
        """Run the model on the next frames, given as to `predict_frames`, and advance the state."""
        with self._inference_mode():
            if features:
                output = self.model.forward_encoded(*features, self._state, with_aux=with_aux)
            else:
                output = self._run(self._compute_lightness(luma_codes, coding), self._state, with_aux=with_aux)
            require_finite(self.model.spec.name, output.ab, output.confidence)
            self._state = output.state.contiguous()
        return output

    def _compute_lightness(self, luma_codes: UIntArray, coding: YCbCr) -> Tensor:
        """Compute L ``1 T 1 h w`` on the device. Raises ValueError for another size than the working size."""
        if luma_codes.shape[1:] != self.geometry.working_size:
            raise ValueError(f"frames of {self.geometry.working_size} px are wanted, these have {luma_codes.shape[1:]}")
        return lightness_from_luma(coding.to_luma(torch.from_numpy(luma_codes).to(self.device)))[None, :, None]

    def _postprocess_last(
        self, luma_codes: UIntArray, coding: YCbCr, subsampling: str
    ) -> tuple[UIntArray, Float32Array]:
        """Bring the last prediction to its frame, whose luma codes these are: codes and confidence as `chroma`."""
        assert self._last is not None
        prediction = self.postprocessor.with_saturation(prediction_from_codes(self._last[1]))
        size = luma_codes.shape[0], luma_codes.shape[1]
        shape = compute_chroma_shape(*size, subsampling)
        codes = self.postprocessor.compute_cbcr_codes(luma_codes, prediction, shape, coding, coding)
        return codes, self.geometry.upscale_field(prediction.confidence, size)

    @contextmanager
    def _inference_mode(self) -> Iterator[None]:
        """Run the block without gradients, and networks at the chosen precision."""
        device_type, precision = self.device.type, self.options.precision
        with (
            torch.inference_mode(),
            torch.autocast(device_type, getattr(torch, precision), enabled=precision != "float32"),
        ):
            yield


def make_reference_batch(
    references: Sequence[UInt8Array], short_side: int, *, crop: bool = False
) -> tuple[Tensor, Tensor]:
    """Convert sRGB pictures ``H W 3`` or ``H W 4`` to Lab ``1 R 3 h w`` and a paint mask ``R h w``, 0..1.

    With ``crop`` only their middle 16:9 is used. A single picture keeps its aspect; several get the geometric mean of
    their aspects. Raises ValueError for one with less than a two-thousandth of its pixels painted, UsageError for one
    with that little paint in its middle 16:9.
    """
    if crop:
        references = [_crop_to_middle(picture) for picture in references]
        if any(compute_painted_share(picture) < MIN_PAINTED_SHARE for picture in references):
            raise UsageError("a reference has nothing painted in its middle 16:9, which is all that --crop looks at")
    aspects = [picture.shape[1] / picture.shape[0] for picture in references]
    aspect = float(np.exp(np.mean(np.log(aspects))))
    size = compute_working_size(1, aspect, short_side)
    pictures, masks = zip(*(_resize_reference(picture, size) for picture in references), strict=True)
    return torch.stack(pictures)[None], torch.stack(masks)


def complete_reference(picture: UInt8Array, gray: UInt8Array) -> UInt8Array:
    """Lay a partial reference ``H W 4`` over its frame of the film, gray of any size; gives ``H W 4``.

    Painted pixels keep their ab (less of it where sRGB cannot show it) and take the L of the frame; the other pixels
    become those of the frame. Alpha stays.
    """
    frame = resize(gray, (picture.shape[0], picture.shape[1]))
    result, painted = np.dstack([frame, frame, frame, picture[..., 3]]), picture[..., 3] >= OPAQUE_ALPHA
    lab = _to_lab(picture[painted, None, :3])
    lab[0] = lightness_from_luma(torch.from_numpy(frame[painted, None]).float() / 255)
    rgb = lab_to_rgb(compress_to_gamut(lab)).permute(1, 2, 0)[:, 0]
    result[painted, :3] = (rgb * 255).round().to(torch.uint8).numpy()
    return result


def _predictions_from_output(output: ModelOutput) -> list[ColorPrediction]:
    """Split the output of a model into one prediction a frame, in float32 on the CPU."""
    ab_frames = output.ab[0].permute(0, 2, 3, 1).float().cpu().numpy()
    confidences = output.confidence[0, :, 0].float().cpu().numpy()
    filled = output.aux.get("filled")
    parts = [None] * len(ab_frames) if filled is None else filled[0, :, 0].float().cpu().numpy()
    return [
        ColorPrediction(np.ascontiguousarray(ab), one, None if part is None else resize(part, one.shape))
        for ab, one, part in zip(ab_frames, confidences, parts, strict=True)
    ]


def _to_luma_codes(frame: UInt8Array) -> UIntArray:
    """Convert gray ``H W`` or sRGB ``H W 3`` to luma codes in `BT709_FULL_RANGE`."""
    luma_weights = BT709_FULL_RANGE.red_weight, BT709_FULL_RANGE.blue_weight
    return np.require(rgb_to_luma_codes(frame, luma_weights) if frame.ndim == 3 else frame, requirements=["C", "W"])


def _resize_reference(picture: UInt8Array, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Scale a reference to ``size``: Lab ``3 h w`` and paint mask ``h w``, 0..1.

    L is the mean over all of the area that becomes a pixel, a and b only over its painted part.
    """
    rgb = np.ascontiguousarray(picture[..., :3])
    lab = _to_lab(resize(rgb, size))
    painted = picture[..., 3] >= OPAQUE_ALPHA if picture.shape[2] == 4 else np.array(True)
    if painted.all():
        return lab, torch.ones(size)
    if painted.mean() < MIN_PAINTED_SHARE:
        raise ValueError(f"{painted.mean():.2%} of a reference is painted, wanted at least {MIN_PAINTED_SHARE:.2%}")
    # Colours are averaged premultiplied by the paint, then divided by it, so that unpainted pixels do not bleed in.
    # One channel at a time: floats of all four are sixteen bytes a pixel.
    paint = painted.astype(np.float32)
    small = np.dstack([resize(rgb[..., index] * paint, size) for index in range(3)] + [resize(255 * paint, size)])
    lab[1:] = _to_lab(255 * small[..., :3] / small[..., 3:].clip(1e-3))[1:]
    return lab, torch.from_numpy(small[..., 3] / 255)


def _to_lab(rgb: UInt8Array | Float32Array) -> Tensor:
    """Convert sRGB ``H W 3``, 0..255, to Lab ``3 H W``."""
    return rgb_to_lab(torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1).float() / 255)


def _crop_to_middle(picture: UInt8Array) -> UInt8Array:
    """Cut out the middle 16:9 of a picture."""
    geometry = Geometry.from_frame_size(picture.shape[0], picture.shape[1], 64, crop=True)
    return picture[geometry.get_crop_window(picture.shape[0], picture.shape[1])]
