"""A filter for VapourSynth: takes a clip and pictures, gives the clip with colours, at its depth and with its own luma.

`filter` has the function for scripts and knows VapourSynth; `client` asks for colours, `server` gives them and has the
network, in the same process or, by `worker_process`, in that of another Python; `messages` go between them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinemacolor.vapoursynth.filter import colorize as colorize

__all__ = ["colorize"]


def __getattr__(name: str) -> Any:
    """Load the filter when it is first used: the side with the network does without VapourSynth."""
    if name != "colorize":
        raise AttributeError(f"module 'kinemacolor.vapoursynth' has no attribute {name!r}")
    from kinemacolor.vapoursynth.filter import colorize

    return colorize
