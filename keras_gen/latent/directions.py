"""Directions of a generator's latent space along which its first layer changes most."""

import keras
import numpy as np


def sefa_directions(generator: keras.Model, count: int = 8) -> np.ndarray:
    """Return the directions that a generator's first Dense layer amplifies most, largest first.

    They are the eigenvectors of W W^T, where W, (latent_dim, units), is the layer's kernel: Y. Shen and B. Zhou,
    "Closed-Form Factorization of Latent Semantics in GANs" (2021). For latent points drawn from N(0, I) they are also
    the principal components of the layer's output, as in E. Härkönen et al., "GANSpace" (2020). The largest number of
    each is positive, so that the sign does not depend on the linear algebra library.

    Args:
        generator: From `build_generator` or `build_decoder`; of a conditional one the rows of the labels are left out.
        count: How many; there are at most latent_dim.

    Returns:
        float32 of shape (count, latent_dim), of length 1 each and orthogonal to each other.
    """
    kernel = next(layer for layer in generator.layers if isinstance(layer, keras.layers.Dense)).kernel
    weights = keras.ops.convert_to_numpy(kernel).astype(np.float64)[: generator.inputs[0].shape[-1]]
    _, vectors = np.linalg.eigh(weights @ weights.T)  # rising
    directions = vectors.T[::-1][:count]
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    return (directions * signs[:, np.newaxis]).astype(np.float32)
