"""How much projects take on the disk, measured beside what is answered: a large folder takes a while."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kinemacolor.web.storage import measure_folder


class SizeMeter:
    """Measures folders one at a time, and knows what they measured last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: ThreadPoolExecutor | None = None
        self._sizes: dict[Path, tuple[str, int]] = {}
        self._asked: set[tuple[Path, str]] = set()

    def find_size(self, folder: Path, revision: str) -> int | None:
        """Return what a folder took when it was measured last, in bytes; None before, or measure it again."""
        with self._lock:
            known = self._sizes.get(folder)
            if (known is None or known[0] != revision) and (folder, revision) not in self._asked:
                self._asked.add((folder, revision))
                self._worker = self._worker or ThreadPoolExecutor(1, "sizes")
                self._worker.submit(self._measure, folder, revision)
            return known and known[1]

    def close(self) -> None:
        """Measure nothing any more."""
        with self._lock:
            worker, self._worker = self._worker, None
            self._asked.clear()
        if worker:
            worker.shutdown(cancel_futures=True)

    def _measure(self, folder: Path, revision: str) -> None:
        size = measure_folder(folder)
        with self._lock:
            self._sizes[folder] = revision, size
            self._asked.discard((folder, revision))
