"""Ends what nobody has used for a while."""

import threading
from collections.abc import Callable


class IdleTimer:
    """Calls ``end`` in a thread of its own when ``seconds`` have passed since `restart`, unless it is cancelled."""

    def __init__(self, seconds: float, end: Callable[[], None]) -> None:
        self._seconds, self._end = seconds, end
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def restart(self) -> None:
        """Count the seconds from now on."""
        timer = threading.Timer(self._seconds, self._end)
        timer.daemon = True
        timer.start()
        self._replace_by(timer)

    def cancel(self) -> None:
        """Count no more, until it is restarted."""
        self._replace_by(None)

    def _replace_by(self, timer: threading.Timer | None) -> None:
        with self._lock:
            previous, self._timer = self._timer, timer
        if previous:
            previous.cancel()
