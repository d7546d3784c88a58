"""Options that several verbs take, each once."""

from pathlib import Path
from typing import Annotated

import typer

from kinemacolor.options import EdgeFilter, EncodingOptions, Precision

JsonOption = Annotated[bool, typer.Option("--json", help="Write a report as JSON to standard output.")]
FilmArgument = Annotated[
    Path, typer.Argument(metavar="FILM", help="A film, a picture, or a folder of numbered pictures.")
]
PlanArgument = Annotated[Path, typer.Argument(metavar="PLAN", help="A plan made by `kinemacolor plan`.")]
ReferenceOption = Annotated[
    list[str],
    typer.Option(
        "--reference",
        "-r",
        help="A colour picture (PICTURE@FRAME or @TIME lies there), a folder of them, a colour film; may repeat.",
    ),
]
ModelOption = Annotated[str, typer.Option("--model", help="Which model; see `kinemacolor models list`.")]
SizeOption = Annotated[int | None, typer.Option("--size", min=64, max=1080, help="Working size: short side in px.")]
SaturationOption = Annotated[float | None, typer.Option("--saturation", min=0, max=4, help="Gain on the chroma.")]
EdgeFilterOption = Annotated[
    EdgeFilter | None, typer.Option("--edge-filter", help="Align chroma with the film's edges.")
]
CropOption = Annotated[bool, typer.Option("--crop", help="See the middle 16:9 only, as the published script does.")]
PrecisionOption = Annotated[Precision, typer.Option("--precision", help="Of the networks; float16 is for GPUs.")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
StartOption = Annotated[str, typer.Option("--start", help="Begin here: seconds, or H:MM:SS.")]
EndOption = Annotated[str | None, typer.Option("--end", help="Stop before here: seconds, or H:MM:SS.")]
CodecOption = Annotated[
    str | None, typer.Option("--vcodec", help="h264, h265, prores, vp9, av1, ffv1, ...; of a folder png, tiff, exr.")
]
PixelFormatOption = Annotated[str | None, typer.Option("--pix-fmt", help="FFmpeg's pixel format, such as yuv444p10le.")]
QualityOption = Annotated[
    float | None, typer.Option("--crf", min=0, max=63, help="Constant quality; smaller is better.")
]
LosslessOption = Annotated[bool, typer.Option("--lossless", help="Store without loss (FFV1 in .mkv).")]
PresetOption = Annotated[str, typer.Option("--preset", help="Speed of x264 and x265.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace an existing result.")]
DEFAULT_PRESET = EncodingOptions.preset
