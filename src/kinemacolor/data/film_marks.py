"""Marks on a film that cover places of single frames or run through many: dirt, hairs, scratches.

Each is a field in units of L*, ``T h w``, to be added. Shapes are drawn from a NumPy generator, pixels are
computed on the ``device``.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.data.warping import Matrix, to_tensor

Shape = tuple[int, int, int]


def make_dirt(shape: Shape, strength: float, generator: np.random.Generator, device: torch.device) -> Tensor:
    """Make spots of dirt in L*, dark or bright, each on a single frame: 8 a frame (mean) at strength 1."""
    count = generator.poisson(8 * strength, shape[0])
    frames = np.repeat(np.arange(shape[0]), count)
    size = 1 + generator.gamma(1.5, shape[1] / 250, (len(frames), 2))
    x, y = _draw_local_grid(shape, len(frames), generator, device)
    sizes = to_tensor(size, device)[:, :, None, None]
    distance = torch.hypot(x / sizes[:, 0], y / sizes[:, 1])
    opacity = torch.sigmoid((1 - distance) * sizes.amin(1) / 0.5)
    return _add_to_frames(shape, frames, opacity * _draw_depths(len(frames), (15, 60), generator, device))


def make_hairs(shape: Shape, strength: float, generator: np.random.Generator, device: torch.device) -> Tensor:
    """Make hairs in L*: thin bent lines, most on a single frame, some stuck in the gate for the whole clip."""
    passing, stuck = generator.poisson(1.5 * strength, shape[0]), generator.poisson(0.7 * strength)
    frames = np.concatenate([np.repeat(np.arange(shape[0]), passing), np.full(stuck, -1)]).astype(int)
    x, y = _draw_local_grid(shape, len(frames), generator, device)
    half = to_tensor(generator.uniform(0.04, 0.25, len(frames)) * shape[1], device)[:, None, None]
    bend = to_tensor(generator.normal(0, 0.5, len(frames)), device)[:, None, None] / half
    width = to_tensor(generator.uniform(0.4, 1.0, len(frames)), device)[:, None, None]
    line = torch.exp(-((y - bend * x.square()) / width).square() / 2) * torch.sigmoid(half - x.abs())
    return _add_to_frames(shape, frames, line * _draw_depths(len(frames), (10, 50), generator, device))


def make_scratches(shape: Shape, strength: float, generator: np.random.Generator, device: torch.device) -> Tensor:
    """Make scratches in L*: thin vertical lines that last for frames, drift, and vary along their length."""
    frames, height, width = shape
    count = 1 + generator.poisson(5 * strength)
    begin, life = generator.integers(-frames, frames, count), generator.integers(frames // 2, 3 * frames + 1, count)
    times = np.arange(frames)
    is_there = (times >= begin[:, None]) & (times < (begin + life)[:, None])
    centre = generator.uniform(0, width, count)[:, None] + generator.normal(0, 0.3, count)[:, None] * times
    centre = centre + generator.normal(0, 0.2, (count, frames))
    thickness, depth = generator.uniform(0.4, 1.1, count), generator.uniform(8, 30, count)
    depth = depth * generator.choice([-1, 1], count)
    along = generator.uniform(0.4, 1, (count * frames, 1, 8))
    ends = np.sort(generator.integers(0, height + 1, (count, 2)))
    ends[generator.random(count) < 0.6] = 0, height
    columns = torch.arange(width, device=device, dtype=torch.float32)
    away = (columns - to_tensor(centre, device)[..., None]) / to_tensor(thickness, device)[:, None, None]
    line = torch.exp(-away.square() / 2) * to_tensor(is_there * depth[:, None], device)[..., None]
    rows = F.interpolate(to_tensor(along, device), height, mode="linear").reshape(count, frames, height)
    row = torch.arange(height, device=device)
    inside = (row >= to_tensor(ends[:, :1], device)) & (row < to_tensor(ends[:, 1:], device))
    return torch.einsum("nth,ntw->thw", rows * inside[:, None], line)


def _draw_local_grid(
    shape: Shape, count: int, generator: np.random.Generator, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Coordinates x and y, ``count h w`` px, of all pixels about random centres, turned by random angles."""
    centres: Matrix = generator.random((count, 2)) * np.array([shape[2], shape[1]])
    angles = generator.uniform(0, np.pi, count)
    x = torch.arange(shape[2], device=device) - to_tensor(centres[:, 0], device)[:, None, None]
    y = torch.arange(shape[1], device=device)[:, None] - to_tensor(centres[:, 1], device)[:, None, None]
    cosines, sines = (to_tensor(part, device)[:, None, None] for part in (np.cos(angles), np.sin(angles)))
    return cosines * x + sines * y, cosines * y - sines * x


def _draw_depths(
    count: int, bounds: tuple[float, float], generator: np.random.Generator, device: torch.device
) -> Tensor:
    """Depths in L* between ``bounds``, dark or bright, ``count 1 1``."""
    return to_tensor(generator.uniform(*bounds, count) * generator.choice([-1, 1], count), device)[:, None, None]


def _add_to_frames(shape: Shape, frames: np.ndarray, marks: Tensor) -> Tensor:
    """Sum marks ``N h w`` into the frames of their numbers (-1: into all), ``T h w``."""
    result = torch.zeros(shape, device=marks.device)
    numbers = torch.from_numpy(frames).to(marks.device, non_blocking=True)
    on_one = frames >= 0
    result.index_add_(0, numbers[: on_one.sum()], marks[: on_one.sum()])
    return result + marks[int(on_one.sum()) :].sum(0)
