"""Simulated ageing of film, applied to the lightness that a model is given.

Everything acts on L* 0..100, ``T h w`` float32, and the result is clipped to that range. What is constant over the
frames of a real film (grain size, scratches, faded contrast) is constant here too.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from kinemacolor.utils.arrays import Float32Array

Generator = np.random.Generator


@dataclass(frozen=True)
class FilmDegradation:
    """Strength of each kind of degradation, 0..1; `degrade_film` says what 1 means."""

    grain: float = 0.0
    scratches: float = 0.0
    dirt: float = 0.0
    flicker: float = 0.0
    blur: float = 0.0
    fade: float = 0.0

    @classmethod
    def draw_random(cls, generator: Generator) -> "FilmDegradation":
        """Draw random strengths: each kind occurs half of the time, weak more often than strong."""
        return cls(*(generator.random(6) ** 1.5 * (generator.random(6) < 0.5)))


def degrade_film(lightness: Float32Array, degradation: FilmDegradation, generator: Generator) -> Float32Array:
    """Degrade L* 0..100 ``T h w`` to what an old copy of the film would show.

    At strength 1: blur of sigma 1.8 px; contrast faded to at most L* 25..75; exposure off by 10 % (sigma) in each
    frame; 8 spots of dirt per frame; grain of 7 L* (sigma, in middle grays); 6 scratches. Dirt and scratches are means.
    """
    degraded = lightness
    if degradation.blur:
        degraded = _map_frames(degraded, lambda frame: _blur_frame(frame, 0.3 + 1.5 * degradation.blur))
    if degradation.fade:
        degraded = fade_contrast(degraded, degradation.fade, generator)
    if degradation.flicker:
        degraded = degraded * np.exp(generator.normal(0, 0.1 * degradation.flicker, (len(degraded), 1, 1))).astype(
            np.float32
        )
    if degradation.dirt:
        degraded = degraded + make_dirt(degraded.shape, degradation.dirt, generator)
    if degradation.grain:
        degraded = degraded + make_grain(degraded, degradation.grain, generator)
    if degradation.scratches:
        degraded = degraded + make_scratches(degraded.shape, degradation.scratches, generator)
    return degraded.clip(0, 100)


def fade_contrast(lightness: Float32Array, strength: float, generator: Generator) -> Float32Array:
    """Fade the contrast of all frames alike: blacks up and whites down by up to 25 L*, and a random gamma."""
    low, high = 25 * strength * generator.random(2)
    gamma = np.exp(strength * generator.uniform(-0.4, 0.4))
    result: Float32Array = low + (100 - high - low) * (lightness.clip(0, 100) / 100) ** np.float32(gamma)
    return result.astype(np.float32)


def make_grain(lightness: Float32Array, strength: float, generator: Generator) -> Float32Array:
    """Make grain in L*: one size for the whole film, new noise in each frame, strongest in middle grays."""
    size = generator.uniform(0.4, 1.0)
    noise = _map_frames(generator.standard_normal(lightness.shape, np.float32), lambda frame: _blur_frame(frame, size))
    tone = lightness.clip(0, 100) / 100
    result: Float32Array = noise * (7 * strength / noise.std()) * (0.3 + 2.8 * tone * (1 - tone))
    return result.astype(np.float32)


def make_dirt(shape: tuple[int, ...], strength: float, generator: Generator) -> Float32Array:
    """Make spots of dirt in L*, dark or bright, each on a single frame."""
    result = np.zeros(shape, np.float32)
    for frame in result:
        for _ in range(generator.poisson(8 * strength)):
            centre = (int(generator.integers(shape[2])), int(generator.integers(shape[1])))
            axes = 1 + generator.gamma(1.5, shape[1] / 250, 2)
            axes_px = (int(axes[0]), int(axes[1]))
            depth = float(generator.uniform(15, 60) * generator.choice([-1, 1]))
            cv2.ellipse(frame, centre, axes_px, float(generator.uniform(0, 180)), 0, 360, depth, -1)
    return _map_frames(result, lambda frame: _blur_frame(frame, 0.6))


def make_scratches(shape: tuple[int, ...], strength: float, generator: Generator) -> Float32Array:
    """Make scratches in L*: thin vertical lines that last for frames, drift, and vary along their length."""
    result = np.zeros(shape, np.float32)
    count, height, width = shape
    columns = np.arange(width, dtype=np.float32)
    for _ in range(1 + generator.poisson(5 * strength)):
        begin, life = int(generator.integers(-count, count)), int(generator.integers(count // 2, 3 * count + 1))
        x, speed, thickness = generator.uniform(0, width), generator.normal(0, 0.3), generator.uniform(0.4, 1.1)
        depth = generator.uniform(8, 30) * generator.choice([-1, 1])
        top, bottom = (0, height) if generator.random() < 0.6 else np.sort(generator.integers(0, height + 1, 2))
        for number in range(max(begin, 0), min(begin + life, count)):
            centre = x + speed * number + generator.normal(0, 0.2)
            line = np.exp(-np.square((columns - centre) / thickness) / 2)
            along = cv2.resize(generator.uniform(0.4, 1, (8, 1)), (1, height), interpolation=cv2.INTER_LINEAR)
            result[number, top:bottom] += (depth * along.reshape(height, 1) * line)[top:bottom].astype(np.float32)
    return result


def _blur_frame(frame: Float32Array, sigma: float) -> Float32Array:
    """Gaussian blur; ``sigma`` in px."""
    return cv2.GaussianBlur(frame, (0, 0), sigma).astype(np.float32, copy=False)


def _map_frames(frames: Float32Array, change: Callable[[Float32Array], Float32Array]) -> Float32Array:
    return np.stack([change(frame) for frame in frames])
