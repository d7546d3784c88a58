"""A plan painted by many workers while this process puts the film together."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from kinemacolor.cluster.ray_backend import Cluster, import_ray, open_crew
from kinemacolor.cluster.scheduler import Board, Foreman
from kinemacolor.render.output import Prepared
from kinemacolor.render.progress import Progress, Report
from kinemacolor.render.renderer import Render, render


def render_on(
    cluster: Cluster, job: Render, prepared: Prepared, on_progress: Callable[[Progress], None] | None = None
) -> Report:
    """`render`, painted by a cluster: the same bytes, where its machines compute alike.

    Raises as `render`, also what a worker meets; UsageError without Ray, or where it has no room for a worker;
    ResourceError where a shot takes worker after worker with it. What was painted is kept in any case.
    """
    if job.frames_painted == job.frames_to_paint:
        return render(job, prepared, on_progress)
    import_ray(cluster.address)
    board = Board(job.work)
    with ThreadPoolExecutor(2) as pool, board:  # no Ray in this thread: signals must find it waiting in Python
        film = pool.submit(render, job, prepared, on_progress, board.ensure)
        film.add_done_callback(lambda _: board.close())
        pool.submit(_paint, cluster, job, board)
        return film.result()


def _paint(cluster: Cluster, job: Render, board: Board) -> None:
    with board:
        if board.wait_until_wanted():
            with open_crew(cluster, job) as crew:
                Foreman(job, crew, board).run()
