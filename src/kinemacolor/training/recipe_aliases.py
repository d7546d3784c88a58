"""Old names of recipe keys, which are still read in recipes and in checkpoints of earlier versions."""

from collections.abc import Mapping
from typing import Any

from kinemacolor.errors import UsageError

# Section (in the names of today) and old key: the key of today.
RENAMED_KEYS = {
    "solver": "optimizer",
    "optimizer.rate": "lr",
    "optimizer.rates": "lr_by_module",
    "schedule": "lr_schedule",
    "lr_schedule.at": "milestones",
    "lr_schedule.until": "end_step",
    "losses.evidence": "match_colors",
    "losses.by_kind": "semantic_colors",
    "losses.adversarial.after": "start_step",
    "losses.adversarial.rate": "lr",
    "batch": "batch_size",
    "accumulate": "gradient_accumulation",
    "recompute": "gradient_checkpointing",
    "ema": "ema_decay",
    "keep": "keep_checkpoints",
}


def rename_old_keys(content: Mapping[str, Any], section: str = "") -> dict[str, Any]:
    """Give the keys of a recipe, or of a section of one, their names of today; ``section`` is its path with a last dot.

    Raises UsageError where a key is given under both names.
    """
    renamed: dict[str, Any] = {}
    for key, value in content.items():
        name = RENAMED_KEYS.get(section + key, key)
        if name != key and name in content:
            raise UsageError(f"{section}{name} is given twice: {key} is its old name, leave that out")
        renamed[name] = rename_old_keys(value, f"{section}{name}.") if isinstance(value, Mapping) else value
    return renamed
