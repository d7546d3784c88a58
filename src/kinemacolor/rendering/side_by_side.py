"""Renders a plan with several workers: they paint its passes, while this process writes the film."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial

from kinemacolor.rendering.batch_workers import open_batch_workers
from kinemacolor.rendering.job_count import choose_jobs
from kinemacolor.rendering.local_workers import open_local_workers
from kinemacolor.rendering.output import OutputSetup
from kinemacolor.rendering.progress import Progress, RenderReport
from kinemacolor.rendering.renderer import RenderPlan, execute_render_plan
from kinemacolor.rendering.scheduler import Coordinator, Scheduler, WorkerPool
from kinemacolor.utils.stages import Stages

OpenWorkerPool = Callable[[RenderPlan], AbstractContextManager[WorkerPool]]


def render_in_jobs(
    render_plan: RenderPlan,
    output_setup: OutputSetup,
    on_progress: Callable[[Progress], None] | None = None,
    jobs: int | None = None,
    stages: Stages | None = None,
) -> RenderReport:
    """Render a plan on this machine, so many passes at a time; None: as `choose_jobs` finds good.

    On a CPU processes paint, and the film and what is kept have the bytes that one makes. On a GPU passes are the rows
    of one batch, whose last digits depend on how many rows there are. ``stages`` as in `execute_render_plan`: those of
    this process. Raises as `execute_render_plan`, also for errors in another process; ResourceError where one pass ends
    several of them.
    """
    count = choose_jobs(render_plan, jobs, in_parts=output_setup.output_spec.encoding.parts)
    is_batch = render_plan.work.runtime.device != "cpu"
    render_plan.rows = count if is_batch else 1
    if count == 1:
        return execute_render_plan(render_plan, output_setup, on_progress, stages=stages)
    open_workers: OpenWorkerPool = open_batch_workers if is_batch else partial(open_local_workers, count)
    return render_with_workers(open_workers, render_plan, output_setup, on_progress, stages)


def render_with_workers(
    open_worker_pool: OpenWorkerPool,
    render_plan: RenderPlan,
    output_setup: OutputSetup,
    on_progress: Callable[[Progress], None] | None = None,
    stages: Stages | None = None,
) -> RenderReport:
    """Render a plan with the workers of a pool, which is opened once the render holds its locks.

    Raises as `execute_render_plan`, and what opening the pool or a worker raises. Finished segments stay in any case.
    """
    coordinator = Coordinator(render_plan.work)
    with ThreadPoolExecutor(1) as scheduling:  # the film is written in this thread, which receives signals
        try:  # around all that comes after the start: a signal may come at any time
            scheduling.submit(_run_scheduler, open_worker_pool, render_plan, coordinator)
            return execute_render_plan(render_plan, output_setup, on_progress, coordinator, stages)
        finally:
            coordinator.request_stop()


def _run_scheduler(open_worker_pool: OpenWorkerPool, render_plan: RenderPlan, coordinator: Coordinator) -> None:
    """Start workers once the renderer waits for a segment, and run the scheduler to its end."""
    with coordinator:
        if coordinator.wait_until_requested():
            with open_worker_pool(render_plan) as worker_pool:
                Scheduler(render_plan, worker_pool, coordinator).run()
