"""Simulated ageing of film.

`degrade_film` acts on the lightness that a model is given, L* 0..100 ``T h w`` float32, and the result is clipped to
that range; `move_and_cover` on the frames themselves, so that the true colours move with them. What is constant over
the frames of a real film (grain size, scratches, faded contrast) is constant here too. Numbers are drawn from a NumPy
generator, noise from a torch generator on the device of the film, where all pixels are computed.
"""

from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kinemacolor.data.film_marks import make_dirt, make_hairs, make_scratches
from kinemacolor.data.warping import Window, to_tensor
from kinemacolor.nn.constants import get_constant

JPEG_TABLE = (  # ITU-T T.81, table K.1: steps of luminance at quality 50
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
OCCURRENCE = 0.35  # how often each kind occurs


@dataclass(frozen=True)
class FilmDegradation:
    """Strength of each kind of degradation, 0..1; `degrade_film` and `move_and_cover` say what 1 means."""

    grain: float = 0.0
    scratches: float = 0.0
    dirt: float = 0.0
    hairs: float = 0.0
    flicker: float = 0.0
    blur: float = 0.0
    focus: float = 0.0
    fade: float = 0.0
    blown: float = 0.0
    vignette: float = 0.0
    compression: float = 0.0
    weave: float = 0.0
    pillars: float = 0.0

    @classmethod
    def draw_random(cls, generator: np.random.Generator) -> "FilmDegradation":
        """Draw random strengths: each kind occurs at a share of `OCCURRENCE`, weak more often than strong."""
        count = len(fields(cls))
        return cls(*(generator.random(count) ** 1.5 * (generator.random(count) < OCCURRENCE)).tolist())


def degrade_film(
    lightness: Tensor, degradation: FilmDegradation, generator: np.random.Generator, noise: torch.Generator
) -> Tensor:
    """Degrade L* 0..100 ``T h w`` to what an old copy of the film would show.

    At strength 1: blur of sigma 1.8 px; in and out of focus by sigma 2.5 px; contrast faded to at most L* 25..75, or
    blown to twice its slope; corners 45 L* darker; exposure off by 10 % (sigma) in each frame; 8 spots of dirt and
    1.5 hairs a frame; grain of 7 L* (sigma, in middle grays); 6 scratches; JPEG of a quality of about 12. Numbers of
    dirt, hairs and scratches are means.
    """
    x, wants, device = lightness, degradation, lightness.device
    shape = (x.shape[0], x.shape[1], x.shape[2])
    if wants.blur:
        x = blur_frames(x, 0.3 + 1.5 * wants.blur)
    if wants.focus:
        x = lose_focus(x, wants.focus, generator)
    if wants.fade:
        x = fade_contrast(x, wants.fade, generator)
    if wants.blown:
        x = blow_contrast(x, wants.blown, generator)
    if wants.vignette:
        x = x * make_vignette(shape, wants.vignette, generator, device)
    if wants.flicker:
        x = x * to_tensor(np.exp(generator.normal(0, 0.1 * wants.flicker, (len(x), 1, 1))), device)
    if wants.dirt:
        x = x + make_dirt(shape, wants.dirt, generator, device)
    if wants.hairs:
        x = x + make_hairs(shape, wants.hairs, generator, device)
    if wants.grain:
        x = x + make_grain(x, wants.grain, generator, noise)
    if wants.scratches:
        x = x + make_scratches(shape, wants.scratches, generator, device)
    if wants.compression:
        x = compress_frames(x, wants.compression)
    return x.clamp(0, 100)


def move_and_cover(
    frames: Tensor, flow: Tensor, visibility: Tensor, degradation: FilmDegradation, generator: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Weave in the gate and black pillars, for frames ``T 3 h w`` 0..255, their flow and visibility (`Clip`).

    At strength 1 each frame is off by 1.5 px (sigma) in both directions, and pillars cover an eighth at either side.
    """
    if degradation.weave:
        offsets = to_tensor(generator.normal(0, 1.5 * degradation.weave, (len(frames), 2)), frames.device)
        frames = _shift_pictures(frames, offsets)
        if len(flow):
            # The pixel p shows what was at p - offset, and came from where the frame before has moved to.
            change = (offsets[:-1] - offsets[1:])[:, :, None, None]
            flow = _shift_pictures(flow, offsets[1:]) + change
            visibility = (_shift_pictures(visibility, offsets[1:]) > 0.99).float()
            window = Window(0, 0, (frames.shape[2], frames.shape[3]))
            there = window.make_grid(flow.device) + flow.permute(0, 2, 3, 1)
            visibility = visibility * window.contains(there)[:, None]
    if degradation.pillars:
        width = max(1, round(frames.shape[3] * 0.125 * degradation.pillars))
        shade = float(generator.uniform(0, 20))
        cover = torch.ones(frames.shape[3], device=frames.device)
        cover[:width] = cover[-width:] = 0
        frames, visibility = torch.where(cover > 0, frames, shade), visibility * cover
    return frames, flow, visibility


def _shift_pictures(pictures: Tensor, offsets: Tensor) -> Tensor:
    """Move pictures ``T C h w`` by offsets ``T 2`` px (x, y), bilinear; the edge is repeated."""
    height, width = pictures.shape[-2:]
    grid = Window(0, 0, (height, width)).make_grid(pictures.device) - offsets[:, None, None]
    scale = get_constant((2 / max(width - 1, 1), 2 / max(height - 1, 1)), grid)
    return F.grid_sample(pictures, grid * scale - 1, padding_mode="border", align_corners=True)


def fade_contrast(lightness: Tensor, strength: float, generator: np.random.Generator) -> Tensor:
    """Fade the contrast of all frames alike: blacks up and whites down by up to 25 L*, and a random gamma."""
    low, high = (25 * strength * generator.random(2)).tolist()
    gamma = float(np.exp(strength * generator.uniform(-0.4, 0.4)))
    faded: Tensor = low + (100 - high - low) * (lightness.clamp(0, 100) / 100).pow(gamma)
    return faded


def blow_contrast(lightness: Tensor, strength: float, generator: np.random.Generator) -> Tensor:
    """Raise the contrast about a random gray until lights and shades lose their detail: a copy of many copies."""
    middle = float(generator.uniform(35, 65))
    return ((lightness - middle) * (1 + strength) + middle).clamp(0, 100)


def lose_focus(lightness: Tensor, strength: float, generator: np.random.Generator) -> Tensor:
    """Drift in and out of focus within the clip."""
    phase, speed = generator.uniform(0, 6.3), generator.uniform(0.1, 0.8)
    shares = 0.5 + 0.5 * np.sin(phase + speed * np.arange(len(lightness)))
    return torch.lerp(
        lightness, blur_frames(lightness, 0.5 + 2 * strength), to_tensor(shares, lightness.device)[:, None, None]
    )


def make_vignette(
    shape: tuple[int, int, int], strength: float, generator: np.random.Generator, device: torch.device
) -> Tensor:
    """Make the factor ``h w`` of a picture that is darker towards its corners, by up to 45 % at strength 1."""
    centre = generator.uniform(0.4, 0.6, 2)
    y = torch.linspace(0, 1, shape[1], device=device)[:, None] - float(centre[0])
    x = torch.linspace(0, 1, shape[2], device=device) - float(centre[1])
    return 1 - 0.9 * strength * (x.square() + y.square())


def make_grain(lightness: Tensor, strength: float, generator: np.random.Generator, noise: torch.Generator) -> Tensor:
    """Make grain in L*: one size for the whole film, new noise in each frame, strongest in middle grays."""
    field = blur_frames(draw_noise(lightness, noise), float(generator.uniform(0.4, 1.0)))
    tone = lightness.clamp(0, 100) / 100
    return field * (7 * strength / field.std()) * (0.3 + 2.8 * tone * (1 - tone))


def draw_noise(like: Tensor, noise: torch.Generator) -> Tensor:
    """Draw standard normal noise of the shape and on the device of ``like``."""
    return torch.randn(like.shape, generator=noise, device=like.device)


def compress_frames(lightness: Tensor, strength: float) -> Tensor:
    """Code L* ``T h w`` as JPEG does, frame by frame, at quality 50 (strength 0) to 12 (1): blocks and ringing."""
    height, width = lightness.shape[-2:]
    padded = F.pad(lightness[:, None], (0, -width % 8, 0, -height % 8), mode="replicate")[:, 0] * 2.55 - 128
    blocks = padded.unfold(1, 8, 8).unfold(2, 8, 8)
    number = torch.arange(8, device=lightness.device, dtype=torch.float32)
    basis = torch.cos((2 * number + 1) * number[:, None] * torch.pi / 16) / 2
    basis[0] /= 2**0.5
    steps = get_constant(JPEG_TABLE, lightness) * (1 + 3 * strength)
    coded = (basis @ blocks @ basis.T / steps).round() * steps
    decoded = (basis.T @ coded @ basis).permute(0, 1, 3, 2, 4).reshape(padded.shape)
    return (decoded[:, :height, :width] + 128) / 2.55


def blur_frames(frames: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of frames ``T h w``; ``sigma`` in px."""
    radius = max(1, round(3.5 * sigma))
    offsets = torch.arange(-radius, radius + 1, device=frames.device, dtype=torch.float32)
    kernel = torch.exp(-(offsets / sigma).square() / 2)
    kernel = kernel / kernel.sum()
    x = F.pad(frames[:, None], (radius, radius, radius, radius), mode="reflect")
    return F.conv2d(F.conv2d(x, kernel[None, None, :, None]), kernel[None, None, None])[:, 0]
