"""Training runs small enough for a test: two films of four frames, and a recipe for kinema."""

from pathlib import Path

import cv2
import numpy as np

RECIPE = """
base = "kinema"
steps = {steps}
batch_size = 2
gradient_accumulation = 1
log_every = 1
checkpoint_every = {checkpoint_every}
[model]
start_from = {{}}
[data]
films = ["films"]
cache = "cache"
workers = {workers}
[clips]
size = [64, 64]
crop = [64, 64]
frames = 2
strides = [1]
kinds = {{ near = 1 }}
photographs = 0
[optimizer]
frozen = []
[validation]
every = 0
share = 0
"""


def write_tiny_recipe(folder: Path, *, steps: int, checkpoint_every: int = 1_000_000, workers: int = 0) -> Path:
    """Write the films and the file of the recipe, which is given."""
    for seed in (1, 2):
        film = folder / "films" / f"film{seed}"
        film.mkdir(parents=True)
        knots = np.random.default_rng(seed).uniform(0, 255, (5, 8, 3)).astype(np.float32)
        wide = cv2.resize(knots, (136, 64), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
        for number in range(4):
            cv2.imwrite(str(film / f"{number}.png"), wide[:, 2 * number : 2 * number + 128])
    path = folder / "recipe.toml"
    path.write_text(RECIPE.format(steps=steps, checkpoint_every=checkpoint_every, workers=workers))
    return path
