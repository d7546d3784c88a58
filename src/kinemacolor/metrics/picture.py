"""Metrics of one picture, alone or compared with the true one.

RGB is sRGB 0..1, ``3 H W``; Lab is ``3 H W``; both in any float dtype and computed in float64.
"""

import math

import cv2
import numpy as np
import torch
from torch import Tensor

from kinemacolor.utils.arrays import Float64Array, UInt8Array

GRAY_THRESHOLD_AB = 2.0  # mean length of ab, in Lab units, below which a film or a picture counts as gray


def compute_psnr(result: Tensor, truth: Tensor) -> float:
    """Compute the peak signal-to-noise ratio, in dB, of RGB pictures of one shape; inf for identical ones."""
    error = (result.double() - truth.double()).square().mean()
    return float(-10 * torch.log10(error))


def compute_psnr_uint8_wraparound(result: UInt8Array, truth: UInt8Array) -> float:
    """Compute a FAULTY PSNR, in dB, only to compare with tables of ColorMNet's public script, which has the fault.

    ``result`` and ``truth`` are uint8 of one shape. Difference and square stay uint8 and wrap modulo
    256 before the mean is taken: from an error of 16 levels on the square is too small,
    at 16, 32, … it is 0, so the result is never below the true PSNR.
    """
    if result.dtype != np.uint8 or truth.dtype != np.uint8:
        raise ValueError(f"wanted uint8 twice, got {result.dtype} and {truth.dtype}")
    error = float(np.square(result - truth, dtype=np.uint8).mean())
    return 10 * math.log10(255**2 / error) if error else math.inf


def compute_ssim(result: Tensor, truth: Tensor) -> float:
    """Compute the structural similarity, at most 1, of RGB pictures (Wang et al. 2004, Eq. 13), the mean over channels.

    The window is a Gaussian of 11×11 px with a deviation of 1.5 px; K1 is 0.01, K2 0.03. Windows that reach
    over the border are left out. Raises ValueError where the picture is smaller than the window.
    """
    if min(result.shape[-2:]) < 11:
        raise ValueError(f"SSIM wants at least 11×11 px, got {result.shape[-1]}×{result.shape[-2]}")
    kernel = cv2.getGaussianKernel(11, 1.5, cv2.CV_64F)

    def blur_gaussian(x: Float64Array) -> Float64Array:
        return cv2.sepFilter2D(x, cv2.CV_64F, kernel, kernel)[5:-5, 5:-5].astype(np.float64, copy=False)

    x, y = (np.ascontiguousarray(z.double().cpu().permute(1, 2, 0).numpy()) for z in (result, truth))
    mean_x, mean_y = blur_gaussian(x), blur_gaussian(y)
    variance = blur_gaussian(x * x) - mean_x**2 + blur_gaussian(y * y) - mean_y**2
    covariance = blur_gaussian(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float((similarity / ((mean_x**2 + mean_y**2 + c1) * (variance + c2))).mean())


def compute_ab_error(result: Tensor, truth: Tensor) -> float:
    """Compute the mean Euclidean distance of ab, ``2 H W`` each, in Lab units."""
    return float(torch.linalg.vector_norm(result.double() - truth.double(), dim=0).mean())


def compute_mean_chroma(ab: Tensor) -> float:
    """Compute the mean length of ab ``2 H W``, in Lab units."""
    return float(torch.linalg.vector_norm(ab.double(), dim=0).mean())


def compute_faded_share(result: Tensor, truth: Tensor) -> float:
    """Compute the share of the area, 0..1, that is coloured in truth and gray in the result, ab ``2 H W`` each.

    Coloured is a chroma (length of ab) above 15, gray one below 5 Lab units.
    """
    result_chroma, true_chroma = (torch.linalg.vector_norm(ab.double(), dim=0) for ab in (result, truth))
    return float(((true_chroma > 15) & (result_chroma < 5)).double().mean())


def compute_ciede2000(result: Tensor, truth: Tensor) -> float:
    """Compute the mean CIEDE2000 difference of Lab (Sharma, Wu and Dalal 2005, Eq. 2-22; k_L = k_C = k_H = 1)."""
    # Eq. 2-7: chroma and hue after a' = (1 + G) a
    lightness_1, a_1, b_1 = result.double()
    lightness_2, a_2, b_2 = truth.double()
    g = (1 - _ciede_chroma_weight((torch.hypot(a_1, b_1) + torch.hypot(a_2, b_2)) / 2)) / 2
    a_1, a_2 = a_1 * (1 + g), a_2 * (1 + g)
    chroma_1, chroma_2 = torch.hypot(a_1, b_1), torch.hypot(a_2, b_2)
    hue_1, hue_2 = (torch.rad2deg(torch.atan2(b, a)) % 360 for a, b in ((a_1, b_1), (a_2, b_2)))
    # Eq. 10 and 14: difference and mean of hue the short way round; a gray has no hue, so the other's counts
    gray = chroma_1 * chroma_2 == 0
    hue_difference = torch.where(gray, 0, (hue_2 - hue_1 + 180) % 360 - 180)
    wraps = (hue_2 - hue_1).abs() > 180
    total = hue_1 + hue_2
    hue = torch.where(wraps & ~gray, torch.where(total < 360, total + 360, total - 360), total)
    hue = torch.where(gray, total, hue / 2)

    # Eq. 12-13 and 15-22
    lightness, chroma = (lightness_1 + lightness_2) / 2, (chroma_1 + chroma_2) / 2
    t = (
        1
        - 0.17 * _cos_degrees(hue - 30)
        + 0.24 * _cos_degrees(2 * hue)
        + 0.32 * _cos_degrees(3 * hue + 6)
        - 0.2 * _cos_degrees(4 * hue - 63)
    )
    squared_distance_to_50 = (lightness - 50).square()
    d_lightness = (lightness_2 - lightness_1) / (
        1 + 0.015 * squared_distance_to_50 / torch.sqrt(20 + squared_distance_to_50)
    )
    d_chroma = (chroma_2 - chroma_1) / (1 + 0.045 * chroma)
    d_hue = (
        2 * torch.sqrt(chroma_1 * chroma_2) * torch.sin(torch.deg2rad(hue_difference / 2)) / (1 + 0.015 * chroma * t)
    )
    twice_theta = torch.deg2rad(60 * torch.exp(-((hue - 275) / 25).square()))
    rotation = -2 * _ciede_chroma_weight(chroma) * torch.sin(twice_theta)
    square = d_lightness**2 + d_chroma**2 + d_hue**2 + rotation * d_chroma * d_hue
    return float(square.clamp_min(0).sqrt().mean())


def compute_colorfulness(rgb: Tensor) -> float:
    """Compute the colourfulness M of RGB (Hasler and Süsstrunk 2003, Eq. for M^(3), on the 0..255 scale)."""
    red, green, blue = rgb.double() * 255
    rg, yb = red - green, (red + green) / 2 - blue
    spread = torch.sqrt(rg.var(correction=0) + yb.var(correction=0))
    return float(spread + 0.3 * torch.sqrt(rg.mean() ** 2 + yb.mean() ** 2))


def _ciede_chroma_weight(chroma: Tensor) -> Tensor:
    """√(C⁷ / (C⁷ + 25⁷)) of chroma C, in Eq. 4 and 17 of Sharma et al.: about 0 near gray, 1 for strong colours."""
    return torch.sqrt(chroma**7 / (chroma**7 + 25.0**7))


def _cos_degrees(degrees: Tensor) -> Tensor:
    return torch.cos(torch.deg2rad(degrees))
