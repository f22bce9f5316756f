# %% [markdown]
# # Lesson 2: the sampling layer and ε; the KL term by hand
#
# **Goal.** You know why a VAE adds noise in its middle, how gradients pass it, and can compute its [KL
# term](../glossary.md#losses-and-training) on paper.
#
# **Before.** Lesson 1; derivatives. **Time.** 45 minutes; computing takes about a minute.
#
# A [VAE](../glossary.md#models) maps an image to a Gaussian: its mean and the logarithm of its variance. The decoder
# gets a point that is drawn from it, z = mean + exp(log_var / 2) · ε with ε from N(0, 1). The KL term pulls every
# Gaussian towards N(0, 1), from which new images are drawn later.

# %%
# Install keras_gen if it is missing. SOURCE is the one line to edit: a folder, or the address you got it from.
SOURCE = "../.."
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("keras_gen") is None:
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", SOURCE])
importlib.import_module("keras_gen.lessons")  # first of all: it imports Keras without TensorFlow's log lines

# %%
import matplotlib.pyplot as plt
import numpy as np

import keras_gen
from keras_gen.lessons import check, grade, length
from keras_gen.models import kl_divergence

# %% [markdown]
# ## Predict 1
# The KL divergence is measured in [nats](../glossary.md#losses-and-training). For a Gaussian with the mean m and the
# logarithm of the variance v it is (m² + exp(v) − 1 − v) / 2 in each dimension. How many nats is it for N(0, 1)
# itself?

# %%
prediction = ...

# %%
check(prediction, 0, 1e-6)

# %% [markdown]
# ## Predict 2
# And for a Gaussian with the mean 2 and the variance 1, in one dimension?

# %%
prediction = ...

# %%
mean, log_var = np.array([[2.0]], "float32"), np.array([[0.0]], "float32")
check(prediction, float(np.ravel(kl_divergence(mean, log_var))[0]), 1e-6)

# %% [markdown]
# ## Train a VAE with two latent dimensions

# %%
run = keras_gen.train_vae("mnist5k", epochs=length(30, 2), say=lambda line: None)
_, held_out = run.datasets()
print(f"held-out loss {run.history[-1]['held_out_loss']:.1f} nats, KL {run.history[-1]['held_out_kl']:.2f}")

# %% [markdown]
# ## Predict 3
# The encoder now gives each held-out image a mean and a log variance. The posterior of one image should be narrow, so
# that the decoder knows which image it was. Is the mean of its standard deviations "below 1", "equal to 1" or "above
# 1"?

# %%
prediction = ...

# %%
z_mean, z_log_var = run.encode_distribution(held_out.images)
deviation = float(np.exp(z_log_var / 2).mean())
check(prediction, "equal to 1" if abs(deviation - 1) < 0.02 else "below 1" if deviation < 1 else "above 1")

# %% [markdown]
# Look: on the left is one image, then what is decoded from eight draws of z for this image. The draws differ, and so
# do the pictures. Where the posterior is narrow, they hardly differ.

# %%
random = np.random.default_rng(0)
figure, rows = plt.subplots(4, 9, figsize=(9, 4))
for row, index in zip(rows, (0, 1, 2, 3), strict=True):
    epsilon = random.standard_normal((8, z_mean.shape[1])).astype("float32")
    z = z_mean[index] + np.exp(z_log_var[index] / 2) * epsilon
    for axes, image in zip(row, [held_out.images[index], *run.decode(z)], strict=True):
        axes.imshow(image[..., 0], cmap="gray")
        axes.set_axis_off()
plt.show()

# %% [markdown]
# ## Exercise 1
# Write the KL term. Both arguments have the shape (n, latent_dim), the result (n,): the sum over the dimensions.


# %%
def kl(mean, log_var):
    """Return the KL divergence of each Gaussian from N(0, 1), in nats."""
    return ...


# %%
grade(kl, [((z_mean[:5], z_log_var[:5]), kl_divergence(z_mean[:5], z_log_var[:5])), ((mean, log_var), [2.0])], 1e-4)

# %% [markdown]
# ## Exercise 2
# Write the sampling layer. The chapter prints exp(log_var); the right standard deviation is another function of it.


# %%
def sample(mean, log_var, epsilon):
    """Return a latent point for each Gaussian, from noise of the same shape."""
    return ...


# %%
ones = np.ones((1, 1))
grade(sample, [((mean, log_var, ones), [[3.0]]), ((0 * ones, np.log(4) * ones, ones), [[2.0]])])

# %% [markdown]
# ## Exercise 3
# Write the derivatives of the KL term of one dimension by its mean and by its log variance. The cell compares them
# with differences, (KL(x + h) − KL(x − h)) / 2h, which is how you can test any derivative.


# %%
def kl_derivatives(mean, log_var):
    """Return the derivative by the mean, and the one by the log variance."""
    return ..., ...


# %%
def differences(m, v, h=1e-3):
    """Return both derivatives by finite differences."""

    def one(m, v):
        return (m**2 + np.exp(v) - 1 - v) / 2

    return (one(m + h, v) - one(m - h, v)) / (2 * h), (one(m, v + h) - one(m, v - h)) / (2 * h)


grade(kl_derivatives, [((m, v), differences(m, v)) for m, v in ((0.5, 0.0), (-1.0, 0.7), (0.0, -2.0))], 1e-3)

# %% [markdown]
# ## What to read next
# [The VAE of the chapter](../chapter.md#the-variational-autoencoder), and `keras_gen/models/layers.py`: the sampling
# function and the KL layer, as the runs use them. Lesson 3 looks at the plane of latent points.
