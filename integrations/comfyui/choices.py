"""What users choose at the nodes that colorize, and what these give."""

from typing import TypedDict

from comfy_api.latest import io

import kinemacolor
from kinemacolor.models.catalog import list_models
from kinemacolor.options import DEFAULT_MODEL

CONTAINERS = ("mp4", "mov", "mkv")
CODECS = ("auto", "h264", "h265", "prores", "lossless")
DEVICES = ("auto", "cpu", "cuda", "mps")


class ResultChoices(TypedDict):
    """What the nodes that write a film ask of it."""

    prefix: str
    container: str
    codec: str
    confidence: bool
    report: bool
    keep_predictions: bool


def model_inputs() -> list[io.Input]:
    """List what decides the colours."""
    return [
        io.Combo.Input("model", options=list(list_models()), default=DEFAULT_MODEL),
        io.Float.Input("saturation", default=1.0, min=0.0, max=4.0, step=0.05, tooltip="A factor on the colours."),
        io.Boolean.Input("fill", default=False, tooltip="Guess typical colours where no reference shows any."),
    ]


def device_input() -> io.Input:
    """Give the choice of the machine that paints."""
    return io.Combo.Input("device", options=list(DEVICES), default="auto")


def result_inputs() -> list[io.Input]:
    """List what decides the files of a film; `ResultChoices` has the values."""
    return [
        io.String.Input("prefix", default="kinemacolor/film", tooltip="Of the name in ComfyUI's output folder."),
        io.Combo.Input("container", options=list(CONTAINERS), default="mp4", tooltip="mkv keeps most of a film."),
        io.Combo.Input("codec", options=list(CODECS), default="auto", tooltip="lossless: luma bit for bit, in mkv."),
        io.Boolean.Input("confidence", default=False, tooltip="Also a gray film of how sure the model is."),
        io.Boolean.Input("report", default=False, tooltip="Also a report: which shots want a look, and what helps."),
        io.Boolean.Input(
            "keep_predictions", default=False, tooltip="Of a changed plan only what changed is painted then."
        ),
    ]


def film_outputs() -> list[io.Output]:
    """List what a node that writes a film gives."""
    return [
        io.Video.Output(display_name="film"),
        io.Video.Output(display_name="confidence", tooltip="Bright: sure. Only where it is asked for."),
        io.String.Output(display_name="report"),
        io.String.Output(display_name="path", tooltip="Of the film."),
    ]


def make_options(saturation: float, *, fill: bool) -> kinemacolor.RenderOptions:
    """Make the options of a film; a factor of 1 leaves the colours to the model, whose recipe may have its own."""
    return kinemacolor.RenderOptions(saturation=None if saturation == 1 else saturation, fill=fill)


def make_encoding(codec: str) -> kinemacolor.EncodingOptions:
    """Make the options of the encoder from a choice of `CODECS`."""
    if codec == "lossless":
        return kinemacolor.EncodingOptions(lossless=True)
    return kinemacolor.EncodingOptions(vcodec=None if codec == "auto" else codec)
