"""Who paints which pass, and when: each by one worker at a time, again where a worker is lost. No Ray here."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Literal, NamedTuple, Protocol, Self

from kinemacolor.errors import ResourceError
from kinemacolor.render.cache import PassFolder, WorkFolder
from kinemacolor.render.passes import Pass
from kinemacolor.render.renderer import Render

ATTEMPTS = 3  # workers that one pass may take with it
SHARE_OF_LONG = 1 / 10  # of what each worker would paint of all, evenly shared
_PATIENCE_SECONDS = 0.5


def in_turn(lengths: Sequence[int], workers: int) -> list[int]:
    """Indices of passes in the order to paint them, given their frames in the order of the film.

    Long ones first, the longest before all: one that is begun late is what everybody waits for (Graham 1969). The rest
    as they come in the film, so that it can be put together meanwhile: docs/scaling.md has both measured.
    """
    long = sum(lengths) / workers * SHARE_OF_LONG
    return sorted(range(len(lengths)), key=lambda index: (-lengths[index] if lengths[index] > long else 0, index))


class News(NamedTuple):
    """What a worker tells: it is ``idle``, it has painted a ``segment``, or it is ``lost``.

    ``files``: what it painted, where it does not see the work folder; see `PassFolder.files`. ``why`` it was lost.
    """

    worker: int
    kind: Literal["idle", "segment", "lost"]
    files: Mapping[str, bytes] = {}
    why: str = ""


class Crew(Protocol):
    """Workers, by number. One that is lost is replaced by the crew, under a new number.

    ``size``: how many there are.
    """

    size: int

    def news(self, seconds: float) -> list[News]:
        """What happened, waiting at most so long. Raises what a worker raised."""

    def paint(self, worker: int, one: Pass, folder: PassFolder) -> None:
        """Have what is missing of a pass painted by a worker that is idle."""


class Board:
    """What the thread that hands out the work and the one that assembles the film tell each other.

    ``work``: as the assembling one sees it. As a context: an error inside ends both.
    """

    def __init__(self, work: WorkFolder) -> None:
        self._work = work
        self._changed = threading.Condition()
        self._fresh = 0
        self._error: BaseException | None = None
        self._wanted = self.is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error:
            self.close(error)

    def ensure(self, one: Pass, segment: int, on_frames: Callable[[int], None]) -> None:
        """Wait until others have painted a segment of a pass. Raises what stopped them."""
        folder = self._work.of(one.digest, len(one))
        while True:
            on_frames(self._asked())
            if folder.segments <= segment:
                folder.refresh()
            if folder.segments > segment:
                return
            with self._changed:
                self._changed.wait_for(lambda: self._fresh or self._error, 2 * _PATIENCE_SECONDS)

    def tell(self, frames: int) -> None:
        """So many more frames are painted."""
        with self._changed:
            self._fresh += frames
            self._changed.notify_all()

    def close(self, error: BaseException | None = None) -> None:
        """No more is wanted; ``error``: why the film cannot be."""
        with self._changed:
            self._error, self.is_closed = self._error or error, True
            self._changed.notify_all()

    def wait_until_wanted(self) -> bool:
        """The first question means that the render has its lock. False where it ended before that."""
        with self._changed:
            return self._changed.wait_for(lambda: self._wanted or self.is_closed) and not self.is_closed

    def _asked(self) -> int:
        with self._changed:
            if self._error:
                raise self._error
            fresh, self._fresh = self._fresh, 0
            self._wanted = True
            self._changed.notify_all()
            return fresh


class Foreman:
    """Has the passes of a job painted by a crew."""

    def __init__(self, job: Render, crew: Crew, board: Board) -> None:
        self._job, self._crew, self._board = job, crew, board
        self._work = WorkFolder(job.work.folder)
        missing = [one for one in job.passes if not self._folder(one).is_whole]
        turns = in_turn([len(one) - self._folder(one).painted for one in missing], crew.size)
        self._todo = [missing[index] for index in reversed(turns)]
        self._doing: dict[int, Pass] = {}
        self._idle: set[int] = set()
        self._losses: Counter[str] = Counter()

    def run(self) -> None:
        """Return when all is painted or nobody wants more.

        Raises ResourceError where a pass takes worker after worker with it, and what a worker raised.
        """
        while (self._todo or self._doing) and not self._board.is_closed:
            while self._todo and self._idle:
                worker, one = self._idle.pop(), self._todo.pop()
                self._doing[worker] = one
                self._crew.paint(worker, one, self._folder(one))
            for news in self._crew.news(_PATIENCE_SECONDS):
                self._hear(news)

    def _hear(self, news: News) -> None:
        one = self._doing.get(news.worker)
        if one:
            self._keep(self._folder(one), news.files)
        if news.kind != "segment":
            self._doing.pop(news.worker, None)
        if news.kind == "idle":
            self._idle.add(news.worker)
        if news.kind == "lost":
            self._lost(one, news.why)

    def _keep(self, folder: PassFolder, files: Mapping[str, bytes]) -> None:
        before = folder.painted
        folder.take(files)
        self._board.tell(folder.painted - before)

    def _lost(self, one: Pass | None, why: str) -> None:
        """A pass whose worker died goes on where it was; without one, a worker died before it had any."""
        name = one.digest if one else ""
        self._losses[name] += 1
        if self._losses[name] == ATTEMPTS:
            what = self._describe(one) if one else "starting"
            raise ResourceError(
                f"{what} ended {ATTEMPTS} workers, one after the other ({why or 'memory may be short'}); "
                f"what was painted is kept, and the same command goes on from there"
            )
        if one and not self._folder(one).is_whole:
            self._todo.append(one)

    def _describe(self, one: Pass) -> str:
        numbers = (
            number
            for number, stretch in enumerate(self._job.stretches, 1)
            if any(share.source.digest == one.digest for share in stretch.shares)
        )
        return f"shot {next(numbers)} (frames {one.first} to {one.end - 1})"

    def _folder(self, one: Pass) -> PassFolder:
        return self._work.of(one.digest, len(one))
