"""A filter for VapourSynth: takes a clip and pictures, gives the clip with colours, at its depth and with its own luma.

`filter` has the function for scripts and knows VapourSynth; `client` asks for colours, `server` gives them and has the
network, in the same process or, by `worker_process`, in that of another Python; `messages` go between them.
"""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinemacolor.vapoursynth.filter import colorize as colorize

__all__ = ["colorize"]
_OLDEST_PYTHON = (3, 12)  # for which VapourSynth has wheels


def __getattr__(name: str) -> Any:
    """Load the filter when it is first used: the side with the network does without VapourSynth.

    Raises ModuleNotFoundError that says how VapourSynth gets here, where it is not installed.
    """
    if name != "colorize":
        raise AttributeError(f"module 'kinemacolor.vapoursynth' has no attribute {name!r}")
    try:
        from kinemacolor.vapoursynth.filter import colorize
    except ModuleNotFoundError as error:
        if error.name != "vapoursynth":
            raise
        raise ModuleNotFoundError(f"VapourSynth is not installed: {describe_install()}", name=error.name) from None
    return colorize


def describe_install() -> str:
    """Say what brings VapourSynth into this Python."""
    if sys.version_info < _OLDEST_PYTHON:
        wanted, here = (".".join(map(str, version[:2])) for version in (_OLDEST_PYTHON, sys.version_info))
        return f"it needs Python {wanted} or newer, this one is {here}"
    return "pip install 'kinemacolor[vapoursynth]'"
