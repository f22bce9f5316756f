"""Ways from one latent point to another."""

import numpy as np

METHODS = ("linear", "spherical")


def interpolate(start: np.ndarray, end: np.ndarray, steps: int = 9, method: str = "linear") -> np.ndarray:
    """Walk from one latent point, (latent_dim,), to another in equal steps, both ends among them.

    A straight line between two draws of a Gaussian in many dimensions passes nearer to the origin than any draw would
    be, where a generator has never been trained. `spherical` turns at an even pace around the origin and, between ends
    that are about equally long, keeps their length: T. White, "Sampling Generative Networks" (2016). An encoder's codes
    fill the space between them, and `linear` is right there.

    Returns:
        float32, shape (steps, latent_dim).
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}. Received: {method}")
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    share = np.linspace(0, 1, steps)[:, np.newaxis]
    weights = 1 - share, share
    lengths = np.linalg.norm(start) * np.linalg.norm(end)
    if method == "spherical" and lengths > 0:
        angle = np.arccos(np.clip(start @ end / lengths, -1, 1))
        if np.sin(angle) > 1e-6:  # else the ends lie on one line through the origin, and so does the way
            weights = np.sin((1 - share) * angle) / np.sin(angle), np.sin(share * angle) / np.sin(angle)
    return (weights[0] * start + weights[1] * end).astype(np.float32)
