"""Options that several verbs take, each once."""

from pathlib import Path
from typing import Annotated

import typer

from kinemacolor.options import EdgeFilter, EncodingOptions, Precision

Json = Annotated[bool, typer.Option("--json", help="Write a report as JSON to standard output.")]
Source = Annotated[Path, typer.Argument(metavar="FILM", help="A film, a picture, or a folder of numbered pictures.")]
PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="A plan made by `kinemacolor plan`.")]
References = Annotated[
    list[str],
    typer.Option(
        "--reference",
        "-r",
        help="A colour picture (PICTURE@FRAME or @TIME lies there), a folder of them, a colour film; may repeat.",
    ),
]
ModelName = Annotated[str, typer.Option("--model", help="Which model; see `kinemacolor models list`.")]
Size = Annotated[int | None, typer.Option("--size", min=64, max=1080, help="Working size: short side in px.")]
Saturation = Annotated[float | None, typer.Option("--saturation", min=0, max=4, help="Gain on the chroma.")]
Edge = Annotated[EdgeFilter | None, typer.Option("--edge-filter", help="Align chroma with the film's edges.")]
Crop = Annotated[bool, typer.Option("--crop", help="See the middle 16:9 only, as the published script does.")]
Accuracy = Annotated[Precision, typer.Option("--precision", help="Of the networks; float16 is for GPUs.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
Start = Annotated[str, typer.Option("--start", help="Begin here: seconds, or H:MM:SS.")]
End = Annotated[str | None, typer.Option("--end", help="Stop before here: seconds, or H:MM:SS.")]
Codec = Annotated[
    str | None, typer.Option("--vcodec", help="h264, h265, prores, vp9, av1, ffv1, ...; of a folder png, tiff, exr.")
]
PixelFormat = Annotated[str | None, typer.Option("--pix-fmt", help="FFmpeg's pixel format, such as yuv444p10le.")]
Quality = Annotated[float | None, typer.Option("--crf", min=0, max=63, help="Constant quality; smaller is better.")]
Lossless = Annotated[bool, typer.Option("--lossless", help="Store without loss (FFV1 in .mkv).")]
Preset = Annotated[str, typer.Option("--preset", help="Speed of x264 and x265.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing result.")]
PRESET = EncodingOptions.preset
