"""Kinemacolor: give a black-and-white film the colours of a picture you choose."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinemacolor.errors import KinemacolorError as KinemacolorError
    from kinemacolor.inference.session import Session as Session
    from kinemacolor.render.one_shot import colorize as colorize
    from kinemacolor.weights.registry import load_model as load_model

__all__ = ["KinemacolorError", "Session", "colorize", "load_model"]
from kinemacolor._version import __version__ as __version__

_HOMES = {
    "KinemacolorError": "errors",
    "Session": "inference.session",
    "colorize": "render.one_shot",
    "load_model": "weights.registry",
}


def __getattr__(name: str) -> Any:
    """Importing kinemacolor is quick: torch comes with the first thing that needs it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'kinemacolor' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"kinemacolor.{_HOMES[name]}"), name)
