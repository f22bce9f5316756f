# %% [markdown]
# # Lesson 7: how good is it? Bounds, KID, floors and errors
#
# **Goal.** You read a table of scores, know what each number cannot tell, and never quote one without its error.
#
# **Before.** Lessons 2 and 6. **Time.** 60 minutes; computing takes about two.

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
from keras_gen.evaluation.distances import kid
from keras_gen.evaluation.likelihood import elbo_terms, importance_weighted_bound
from keras_gen.lessons import check, grade, length

run = keras_gen.train_vae("mnist5k", epochs=length(30, 1), say=lambda line: None)
train, held_out = run.datasets()
random = np.random.default_rng(0)

# %% [markdown]
# ## Predict 1
# A VAE's loss is an upper bound of −log p(x) in [nats](../glossary.md#losses-and-training). The [importance-weighted
# bound](../glossary.md#losses-and-training) takes several samples an image and is tighter. As a value of −log p(x),
# is it "above" or "below" the loss?

# %%
prediction = ...

# %%
networks, some = (run.model("encoder"), run.model("decoder")), held_out.images[: length(300, 60)]
reconstruction, kl_term = elbo_terms(*networks, some)
losses = reconstruction + kl_term
tighter = -importance_weighted_bound(*networks, some, samples=length(200, 20))
check(prediction, "above" if tighter.mean() > losses.mean() else "below")

# %% [markdown]
# ## Predict 2
# Each score is a mean over images. With 100 values that have a standard deviation of 20, what is the [standard
# error](../glossary.md#scores) of their mean?

# %%
prediction = ...

# %%
check(prediction, 20 / np.sqrt(100), 0.01)

# %% [markdown]
# ## Predict 3
# KID is the squared distance between two sets of images, without bias. What does one expect for two sets of *real*
# images?

# %%
prediction = ...

# %%
check(prediction, 0, 0.01)

# %% [markdown]
# Look: KID between real images and real images that were spoiled by noise, with its standard error, for sets of
# several sizes. (Pixels at a quarter of the size stand for features here.) With few images the errors are larger than
# the effect.


# %%
def features(images):
    """Return 49 numbers an image: the means of blocks of 4 x 4 pixels, from 0 to 1."""
    return images.reshape(len(images), 7, 4, 7, 4).mean(axis=(2, 4)).reshape(len(images), 49) / 255


def two_sets(count, noise):
    """Return the KID of two sets of real images, of which the second is spoiled, and its standard error."""
    order = random.permutation(len(train))
    first, second = train.images[order[:count]], train.images[order[count : 2 * count]]
    spoiled = np.clip(second + random.normal(0, noise, second.shape), 0, 255)
    found = kid(features(first), features(spoiled))
    return found.value, found.standard_error


sizes = (50, 100, 200, 500, 1000)
for noise in (0, 60):
    values, errors = zip(*(two_sets(size, noise) for size in sizes), strict=True)
    plt.errorbar(sizes, values, errors, capsize=3, marker="o", label=f"noise {noise}")
plt.xscale("log")
plt.xlabel("images in each set")
plt.ylabel("KID")
plt.legend()
plt.show()

# %% [markdown]
# Each image has a loss of its own. `losses` and `tighter` above hold them: which images gain most from the tighter
# bound?
#
# ## Exercise 1
# Write the standard error of a mean: the standard deviation (with n − 1) over the root of n.


# %%
def standard_error(values):
    """Return the standard error of the mean of some values, shape (n,)."""
    return ...


# %%
values = random.normal(0, 3, 40)
grade(standard_error, [((values,), values.std(ddof=1) / np.sqrt(40)), ((np.array([1.0, 3.0]),), 1.0)])

# %% [markdown]
# ## Exercise 2
# Two models are measured on the *same* images. Then the error of their difference is not that of two independent
# means: the images that are hard for one are hard for the other. Return the mean of b − a, and its standard error.


# %%
def paired(a, b):
    """Return the mean difference, b - a, and the standard error of that mean."""
    return ..., ...


# %%
hard = random.normal(100, 30, 200)
a, b = hard + random.normal(0, 2, 200), hard + 1 + random.normal(0, 2, 200)
grade(paired, [((a, b), ((b - a).mean(), (b - a).std(ddof=1) / np.sqrt(200)))])
independent = np.sqrt((a.var() + b.var()) / 200)
print(f"error of the difference: paired {(b - a).std() / np.sqrt(200):.2f}, as if independent {independent:.2f}")

# %% [markdown]
# ## Exercise 3
# A table has KID 0.012 ± 0.004 for model A and 0.018 ± 0.004 for model B, from independent samples. Is B worse? Write
# how many standard errors of the difference lie between two scores; below 2 one should not say so.


# %%
def errors_apart(value_a, error_a, value_b, error_b):
    """Return the difference over its standard error, for independent scores."""
    return ...


# %%
grade(errors_apart, [((0.012, 0.004, 0.018, 0.004), 0.006 / np.hypot(0.004, 0.004)), ((1.0, 3.0, 6.0, 4.0), 1.0)])

# %% [markdown]
# ## What to read next
# [Metrics](../metrics.md): each score, and when not to trust it.
