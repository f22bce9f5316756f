"""Concept vectors: directions in the latent space that change one thing about an image."""

import numpy as np


def concept_vector(codes_from: np.ndarray, codes_to: np.ndarray) -> np.ndarray:
    """Return the direction from one group of codes, (n, latent_dim), to another: the difference of their means.

    Added to a code of the first group, it makes the decoded image more like the second.
    """
    return (np.mean(codes_to, axis=0) - np.mean(codes_from, axis=0)).astype(np.float32)


def apply_concept(codes: np.ndarray, vector: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """Add a concept, or a sum of concepts, to codes, (n, latent_dim), at every strength; 1 adds all of it.

    Returns:
        float32, shape (n * strengths, latent_dim): all strengths of the first code, then of the next.
    """
    changed = codes[:, np.newaxis] + np.multiply.outer(strengths, vector)[np.newaxis]
    return changed.reshape(-1, codes.shape[1]).astype(np.float32)
