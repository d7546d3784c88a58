"""The losses of the steps since the last line of the log."""

import time

from torch import Tensor

from kinemacolor.training.train_state import read_losses


class LossWindow:
    """Means of values over the steps since the last line of the log; values lie on the device until they are read."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self._unread: list[dict[str, Tensor]] = []
        self.started_at = time.monotonic()

    def add_row(self, row: dict[str, Tensor]) -> None:
        """Add the values of one step."""
        self._unread.append(row)

    def read_rows(self) -> None:
        """Read all values. Raises NonFiniteLossError."""
        unread, self._unread = self._unread, []
        self.rows += read_losses(unread)

    def skip_time(self, seconds: float) -> None:
        """Leave out of ``step_seconds`` what was done beside the steps, which is not their pace."""
        self.started_at += seconds

    def take_means(self) -> dict[str, float]:
        """Return the mean of every value, and ``step_seconds``; then the window is empty."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        columns = {name: [row[name] for row in self.rows if name in row] for name in names}
        means = {name: sum(column) / len(column) for name, column in columns.items()}
        now = time.monotonic()
        means["step_seconds"] = (now - self.started_at) / len(self.rows)
        self.rows, self.started_at = [], now
        return means
