"""Metrics of confidence: how well it agrees with the error of a model.

``confidence`` and ``error`` are arrays of one shape, of a frame or of all pixels of a film; the error
is in any unit, such as the ab distance in Lab units, and no less than 0.
"""

import numpy as np

from kinemacolor.utils.arrays import Float32Array


def compute_confidence_correlation(confidence: Float32Array, error: Float32Array) -> float:
    """Pearson's correlation, -1..1, of confidence with *minus* the error: 1 is best. nan where either is constant."""
    c, e = (np.asarray(x, np.float64).ravel() for x in (confidence, error))
    c, e = c - c.mean(), e - e.mean()
    scale = np.linalg.norm(c) * np.linalg.norm(e)
    return float(-(c @ e) / scale) if scale > 0 else float("nan")


def compute_ause(confidence: Float32Array, error: Float32Array, *, steps: int = 100) -> float:
    """Area under the sparsification error curve (AUSE, Ilg et al. 2018), in units of the mean error: 0 is best.

    Pixels are removed in ``steps`` equal portions, the least confident first; the mean error of those that
    remain, less the mean error if the worst had been removed first, is integrated over the portion removed,
    0..1 - 1/steps, and divided by the mean error of all. Pixels of equal confidence count as
    their mean. nan where there is no error.
    """
    c, e = (np.asarray(x, np.float64).ravel() for x in (confidence, error))
    if not e.any():
        return float("nan")
    _, group = np.unique(c, return_inverse=True)
    expected = (np.bincount(group, e) / np.bincount(group))[group]
    remaining = len(e) - np.arange(steps) * len(e) // steps
    by_confidence = np.cumsum(expected[np.argsort(-c, kind="stable")])[remaining - 1] / remaining
    by_error = np.cumsum(np.sort(e))[remaining - 1] / remaining
    return float(np.trapezoid(by_confidence - by_error, dx=1 / steps) / e.mean())
