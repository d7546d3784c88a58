"""Nodes that give references: from pictures, from files; and the frames of a film that are worth colouring."""

from comfy_api.latest import Input, io

import kinemacolor
from kinemacolor.references.spec import ReferenceSpec

from . import comfy_files as files

CATEGORY = "Kinemacolor"
References = io.Custom("KINEMACOLOR_REFERENCES")  # a tuple of what -r takes: "still.png@123"


class ReferencesFromImages(io.ComfyNode):
    """IMAGE batch to references."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="KinemacolorReferences",
            display_name="References",
            category=CATEGORY,
            description="Colour pictures for a film to take its colours from.",
            inputs=[
                io.Image.Input("images", tooltip="Colour pictures; any size."),
                io.Mask.Input("masks", optional=True, tooltip="1 where painted: Load Image's mask, inverted."),
                io.String.Input(
                    "frames",
                    default="",
                    tooltip="Which frame of the film each picture is of, from 0, such as 12, 340; empty: of none.",
                ),
                References.Input("others", optional=True, tooltip="References to put these with."),
            ],
            outputs=[References.Output(display_name="references")],
        )

    @classmethod
    def execute(
        cls,
        images: Input.Image,
        masks: Input.Mask | None = None,
        frames: str = "",
        others: tuple[str, ...] = (),
    ) -> io.NodeOutput:
        """Write the pictures into ComfyUI's output, and name them."""
        places = parse_frames(frames)
        if places and len(places) != len(images):
            raise ValueError(f"{len(places)} frames are given for {len(images)} pictures: one for each, or none")
        names = [str(path) for path in files.write_pictures(images, masks)]
        if places:
            names = [f"{name}@{frame}" for name, frame in zip(names, places, strict=True)]
        return io.NodeOutput((*others, *names))


class ReferencesFromFiles(io.ComfyNode):
    """Paths to references."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="KinemacolorReferenceFiles",
            display_name="References from Files",
            category=CATEGORY,
            description="Pictures, folders of them (ref_000123.png is of frame 123) or colour films.",
            inputs=[
                io.String.Input("paths", multiline=True, tooltip="One a line; still.png@123 is of frame 123."),
                References.Input("others", optional=True, tooltip="References to put these with."),
            ],
            outputs=[References.Output(display_name="references")],
        )

    @classmethod
    def execute(cls, paths: str, others: tuple[str, ...] = ()) -> io.NodeOutput:
        """Name what the lines name."""
        names = _list_lines(paths)
        for name in names:
            if not ReferenceSpec.parse(name).path.exists():
                raise ValueError(f"{name} does not exist: check the path")
        return io.NodeOutput((*others, *names))

    @classmethod
    def fingerprint_inputs(cls, paths: str | None, others: object = None) -> list[tuple[str, float]]:
        """Have the node run again where a file changed; ComfyUI gives None for what is linked."""
        found = [ReferenceSpec.parse(name).path for name in _list_lines(paths or "")]
        inside = [sorted(path.iterdir()) if path.is_dir() else [path] for path in found if path.exists()]
        return [(str(one), one.stat().st_mtime) for files_of_one in inside for one in files_of_one]


class FramesToColour(io.ComfyNode):
    """Film to the frames that are worth colouring."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="KinemacolorFramesToColour",
            display_name="Frames to Colour",
            category=CATEGORY,
            description="The frames of a film that are worth colouring, the best first: for an image model, then back "
            "as references of these frames.",
            inputs=[
                io.Video.Input("film"),
                io.Int.Input("budget", default=4, min=1, max=1000, tooltip="So many frames at most."),
                References.Input("have", optional=True, tooltip="References that there are already."),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="Gray still."),
                io.String.Output(display_name="frames", tooltip="Their numbers, for References."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, film: Input.Video, budget: int, have: tuple[str, ...] = ()) -> io.NodeOutput:
        """Choose the frames and read them."""
        found = files.find_film(film)
        numbers = [
            one.frame
            for one in kinemacolor.suggest_frames(
                found.path,
                budget,
                references=have,
                start_seconds=found.start_seconds,
                end_seconds=found.end_seconds,
                on_frame=files.make_frame_progress(cls.hidden.unique_id, found.frames),
            )
        ]
        with files.open_temporary_folder() as folder:
            stills = kinemacolor.extract_frames(found.path, numbers, folder, start_seconds=found.start_seconds)
            pictures = files.read_pictures(stills)
        return io.NodeOutput(pictures, ", ".join(map(str, numbers)))


def parse_frames(text: str) -> list[int]:
    """Parse numbers of frames, such as ``12, 340``. Raises ValueError for what is no list of them."""
    numbers = text.replace(",", " ").split()
    if not all(one.isdecimal() for one in numbers):
        raise ValueError(f"{text!r} is no list of frames: write 12, 340")
    return [int(one) for one in numbers]


def _list_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


NODES = (ReferencesFromImages, ReferencesFromFiles, FramesToColour)
