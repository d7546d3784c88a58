"""Renders a plan with many workers: they run the inference passes, and this process writes the film meanwhile."""

from collections.abc import Callable
from functools import partial

from kinemacolor.cluster.ray_backend import ClusterOptions, import_ray, open_worker_pool
from kinemacolor.rendering.output import OutputSetup
from kinemacolor.rendering.progress import Progress, RenderReport
from kinemacolor.rendering.renderer import RenderPlan, execute_render_plan
from kinemacolor.rendering.side_by_side import render_with_workers


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
    is_painted = render_plan.frames_painted == render_plan.frames_to_paint
    if is_painted and not output_setup.output_spec.encoding.parts:
        return execute_render_plan(render_plan, output_setup, on_progress)
    import_ray(cluster_options.address)
    return render_with_workers(partial(open_worker_pool, cluster_options), render_plan, output_setup, on_progress)
