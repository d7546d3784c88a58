"""The learning rate schedule."""

import math

from kinemacolor.training.recipe import LrScheduleConfig


def lr_factor(schedule: LrScheduleConfig, step: int) -> float:
    """Return the factor on all learning rates at ``step``, from 0 on."""
    if step < schedule.warmup:
        return (step + 1) / schedule.warmup
    if schedule.kind == "steps":
        return float(schedule.factor ** sum(step >= place for place in schedule.milestones))
    if schedule.kind == "cosine":
        progress = min(1.0, (step - schedule.warmup) / (schedule.end_step - schedule.warmup))
        return schedule.floor + (1 - schedule.floor) * (1 + math.cos(math.pi * progress)) / 2
    return 1.0
