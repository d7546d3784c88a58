"""Renders a plan with many workers: they run the inference passes, and this process writes the film meanwhile."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from kinemacolor.cluster.ray_backend import ClusterOptions, import_ray, open_worker_pool
from kinemacolor.cluster.scheduler import Coordinator, Scheduler
from kinemacolor.rendering.output import OutputSetup
from kinemacolor.rendering.progress import Progress, RenderReport
from kinemacolor.rendering.renderer import RenderPlan, execute_render_plan


def render_on_cluster(
    cluster_options: ClusterOptions,
    render_plan: RenderPlan,
    output_setup: OutputSetup,
    on_progress: Callable[[Progress], None] | None = None,
) -> RenderReport:
    """Render a plan on a cluster; the film has the same bytes as `execute_render_plan` gives on machines of one kind.

    Raises as `execute_render_plan`, also for errors in a worker; UsageError without Ray, or where it has no resources
    for a worker; ResourceError where one pass ends several workers. Finished segments stay in the work folder.
    """
    if render_plan.frames_painted == render_plan.frames_to_paint:
        return execute_render_plan(render_plan, output_setup, on_progress)
    import_ray(cluster_options.address)
    coordinator = Coordinator(render_plan.work)
    with ThreadPoolExecutor(2) as pool, coordinator:  # no Ray in this thread: signals must find it waiting in Python
        film = pool.submit(execute_render_plan, render_plan, output_setup, on_progress, coordinator.wait_for_segment)
        film.add_done_callback(lambda _: coordinator.close())
        pool.submit(_run_scheduler, cluster_options, render_plan, coordinator)
        return film.result()


def _run_scheduler(cluster_options: ClusterOptions, render_plan: RenderPlan, coordinator: Coordinator) -> None:
    """Start workers once the renderer waits for a segment, and run the scheduler to its end."""
    with coordinator:
        if coordinator.wait_until_requested():
            with open_worker_pool(cluster_options, render_plan) as worker_pool:
                Scheduler(render_plan, worker_pool, coordinator).run()
