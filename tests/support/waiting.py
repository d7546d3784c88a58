"""Waiting for what happens elsewhere: in a browser, a server, another process."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 300  # s, for what needs a process of its own on a busy machine


def until(ask: Callable[[], Any], what: str = "it", seconds: float = PATIENCE) -> Any:
    """The first answer that is true."""
    end = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)
    return answer
