"""What passes between ComfyUI and files: films, pictures, results, the job's progress."""

import hashlib
import io as bytes_io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import folder_paths
import numpy as np
import torch
from comfy.model_management import throw_exception_if_processing_interrupted
from comfy_api.latest import ComfyAPISync, Input, InputImpl, io, ui
from PIL import Image

from kinemacolor.rendering.progress import Progress
from kinemacolor.video.reader import probe_film

_LONGEST_PREFIX_BYTES = 200  # a disk takes 255; digits, endings and what is added while files are written take the rest


@dataclass(frozen=True)
class Film:
    """A film on disk, and the part of it that ComfyUI trimmed it to; ``end_seconds`` None: to its end.

    ``frames`` is about how many it has, None where nothing tells.
    """

    path: Path
    start_seconds: float = 0
    end_seconds: float | None = None
    frames: int | None = None


def find_film(video: Input.Video) -> Film:
    """Find the file behind a VIDEO: its frames never become an IMAGE batch. A film in memory is written to a file.

    Raises ValueError for a film that ComfyUI crops, because the file is the whole picture.
    """
    source = video.get_stream_source()
    path = _write_film(video, source) if isinstance(source, bytes_io.BytesIO) else Path(source)
    info = probe_film(path)
    if tuple(video.get_dimensions()) != (info.width, info.height):
        raise ValueError("this film is cropped: colorize the whole picture, and crop the result")
    trim = getattr(video, "get_active_trim_window", None)  # ComfyUI of before 2026 does not trim
    start, length = trim() if trim else (0.0, 0.0)
    end = start + length if length else None
    return Film(path, start, end, info.estimate_frames(start, end))


def _write_film(video: Input.Video, source: bytes_io.BytesIO) -> Path:
    content = source.getbuffer()
    suffix = ".mp4" if "mp4" in video.get_container_format() else ".mkv"
    path = _make_folder(folder_paths.get_temp_directory()) / f"{hashlib.sha256(content).hexdigest()[:16]}{suffix}"
    if not path.exists():
        partial = path.with_name(f"{path.name}.new")
        partial.write_bytes(content)
        partial.replace(path)
    return path


def write_pictures(images: torch.Tensor, masks: torch.Tensor | None) -> list[Path]:
    """Write each picture of an IMAGE batch ``B H W C``, 0..1, as a PNG named by its content; one channel is gray.

    ``masks`` ``B h w`` (or one for all) is 1 where a picture is painted: the rest becomes transparent.
    Raises ValueError where there are neither one nor as many masks as pictures, or 2 or more than 4 channels.
    """
    if masks is not None and len(masks) not in (1, len(images)):
        raise ValueError(f"{len(masks)} masks do not fit {len(images)} pictures: give one, or one for each")
    return [
        _write_picture(picture, None if masks is None else masks[number if len(masks) > 1 else 0])
        for number, picture in enumerate(images)
    ]


def _write_picture(picture: torch.Tensor, mask: torch.Tensor | None) -> Path:
    codes = to_codes(picture)
    if codes.shape[2] not in (1, 3, 4):
        raise ValueError(f"an image of {codes.shape[2]} channels is no picture: give one of 3")
    if codes.shape[2] == 1:
        codes = np.repeat(codes, 3, 2)
    if mask is not None:
        shape = (1, 1, *mask.shape)
        alpha = torch.nn.functional.interpolate(mask.reshape(shape).float(), codes.shape[:2], mode="nearest")[0, 0]
        codes = np.dstack([codes[..., :3], to_codes(alpha)])
    name = f"{hashlib.sha256(repr(codes.shape).encode() + codes.tobytes()).hexdigest()[:16]}.png"
    path = make_folder("references") / name
    if not path.exists():
        partial = path.with_suffix(".new")
        Image.fromarray(codes).save(partial, "PNG")
        partial.replace(path)
    return path


def read_pictures(paths: list[Path]) -> torch.Tensor:
    """Read pictures of one size as an IMAGE batch ``B H W 3``, 0..1."""
    pictures = [np.asarray(Image.open(path).convert("RGB"), np.float32) / 255 for path in paths]
    return torch.from_numpy(np.stack(pictures))


def to_codes(values: torch.Tensor) -> np.ndarray:
    """Round values 0..1 to codes 0..255."""
    return (values.detach().cpu().float().clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def open_temporary_folder() -> TemporaryDirectory[str]:
    """Return a folder among ComfyUI's temporary files, for a `with` that removes it."""
    return TemporaryDirectory(dir=_make_folder(folder_paths.get_temp_directory()))


def make_folder(name: str) -> Path:
    """Return a folder of this pack in ComfyUI's output."""
    folder = _make_folder(folder_paths.get_output_directory()) / name
    folder.mkdir(exist_ok=True)
    return folder


def make_result_base(prefix: str, film: Path) -> Path:
    """Return what the names of a result begin with, by ComfyUI's rules of ``prefix``, but without its number.

    Raises ValueError for a prefix that names no file in the output, or is too long.
    """
    info = probe_film(film)
    folder, name, *_ = folder_paths.get_save_image_path(
        prefix if os.path.basename(prefix) else f"{prefix}film",
        folder_paths.get_output_directory(),
        info.width,
        info.height,
    )
    if name in ("", ".", ".."):  # what follows the name would land beside the folder
        raise ValueError(f"the prefix {prefix!r} names no file in the output: write one, such as kinemacolor/film")
    if len(os.fsencode(name)) > _LONGEST_PREFIX_BYTES:
        raise ValueError(
            f"the prefix {prefix!r} is too long: its last part has {len(os.fsencode(name))} bytes, "
            f"and may have {_LONGEST_PREFIX_BYTES}"
        )
    return Path(folder) / name


def open_result(path: Path) -> Input.Video:
    """Return a result as VIDEO."""
    return InputImpl.VideoFromFile(str(path))


def make_video_preview(path: Path) -> ui.PreviewVideo:
    """Have the page show a result under its node."""
    subfolder = os.path.relpath(path.parent, folder_paths.get_output_directory())
    return ui.PreviewVideo([ui.SavedResult(path.name, "" if subfolder == "." else subfolder, io.FolderType.output)])


def make_progress(node_id: str | None) -> Callable[[Progress], None]:
    """Return what tells ComfyUI how far a render is, and stops it where the user pressed Cancel."""
    tell = _make_teller(node_id)
    return lambda progress: tell(progress.frames, progress.expected)


def make_frame_progress(node_id: str | None, expected: int | None) -> Callable[[int], None]:
    """Return what tells ComfyUI how many frames were read, and stops where the user pressed Cancel."""
    tell = _make_teller(node_id)
    return lambda done: tell(done, expected or done)


def _make_teller(node_id: str | None) -> Callable[[int, int], None]:
    api = ComfyAPISync()

    def tell(done: int, expected: int) -> None:
        throw_exception_if_processing_interrupted()
        if node_id is not None:
            api.execution.set_progress(min(done, expected), expected, node_id=node_id)

    return tell


def _make_folder(parent: str) -> Path:
    folder = Path(parent) / "kinemacolor"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
