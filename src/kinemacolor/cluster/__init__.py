"""Spreads the inference passes of one render plan over worker processes, on one machine or many.

Takes a `RenderPlan`; gives the film that `execute_render_plan` also writes in one process. `rendering/scheduler.py`
decides which worker runs which pass and knows nothing of Ray; `ray_backend` starts workers with Ray. The package knows
nothing of how a model works, nor of how predictions become a film.
"""
