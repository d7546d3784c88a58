"""Kinemacolor: give a black-and-white film the colours of a picture you choose."""

from typing import TYPE_CHECKING, Any

from kinemacolor._version import __version__ as __version__

if TYPE_CHECKING:
    from kinemacolor.color import YCbCr as YCbCr
    from kinemacolor.errors import InputError as InputError
    from kinemacolor.errors import Interrupted as Interrupted
    from kinemacolor.errors import KinemacolorError as KinemacolorError
    from kinemacolor.errors import PartialError as PartialError
    from kinemacolor.errors import ResourceError as ResourceError
    from kinemacolor.errors import UsageError as UsageError
    from kinemacolor.errors import WeightsError as WeightsError
    from kinemacolor.inference.session import Session as Session
    from kinemacolor.models.catalog import list_models as list_models
    from kinemacolor.options import DeliveryOptions as DeliveryOptions
    from kinemacolor.options import EncodingOptions as EncodingOptions
    from kinemacolor.options import RenderOptions as RenderOptions
    from kinemacolor.options import ShotRenderOptions as ShotRenderOptions
    from kinemacolor.plan.document import Plan as Plan
    from kinemacolor.rendering.api import colorize as colorize
    from kinemacolor.rendering.api import extract_frames as extract_frames
    from kinemacolor.rendering.api import make_again as make_again
    from kinemacolor.rendering.api import make_plan as make_plan
    from kinemacolor.rendering.api import preview as preview
    from kinemacolor.rendering.api import render as render
    from kinemacolor.rendering.api import suggest_frames as suggest_frames
    from kinemacolor.rendering.api import verify as verify
    from kinemacolor.rendering.progress import RenderReport as Report
    from kinemacolor.weights.registry import load_model as load_model

__all__ = [
    "DeliveryOptions",
    "EncodingOptions",
    "InputError",
    "Interrupted",
    "KinemacolorError",
    "PartialError",
    "Plan",
    "RenderOptions",
    "Report",
    "ResourceError",
    "Session",
    "ShotRenderOptions",
    "UsageError",
    "WeightsError",
    "YCbCr",
    "colorize",
    "extract_frames",
    "list_models",
    "load_model",
    "make_again",
    "make_plan",
    "preview",
    "render",
    "suggest_frames",
    "verify",
]

_HOMES = {
    "Plan": "plan.document",
    "Report": "rendering.progress:RenderReport",
    "Session": "inference.session",
    "YCbCr": "color",
    "list_models": "models.catalog",
    "load_model": "weights.registry",
    **dict.fromkeys(("DeliveryOptions", "EncodingOptions", "RenderOptions", "ShotRenderOptions"), "options"),
    **dict.fromkeys(
        ("colorize", "extract_frames", "make_again", "make_plan", "preview", "render", "suggest_frames", "verify"),
        "rendering.api",
    ),
    **dict.fromkeys(
        (
            *("InputError", "Interrupted", "KinemacolorError", "PartialError", "ResourceError"),
            *("UsageError", "WeightsError"),
        ),
        "errors",
    ),
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: importing kinemacolor is quick, torch comes with what needs it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'kinemacolor' has no attribute {name!r}")
    from importlib import import_module

    module, _, own_name = _HOMES[name].partition(":")
    return getattr(import_module(f"kinemacolor.{module}"), own_name or name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
