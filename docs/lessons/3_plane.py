# %% [markdown]
# # Lesson 3: the plane: scatter, manifold, concept vectors
#
# **Goal.** You read the two pictures of a VAE with two [latent dimensions](../glossary.md#models), and move an image
# along a direction that means something.
#
# **Before.** Lesson 2. **Time.** 45 minutes; computing takes about a minute.

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
from scipy.stats import norm

import keras_gen
from keras_gen.lessons import check, grade, length

run = keras_gen.train_vae("mnist5k", epochs=length(30, 3), say=lambda line: None)
train, held_out = run.datasets()
codes = run.encode(held_out.images)

# %% [markdown]
# ## Predict 1
# The plane is drawn for points from N(0, 1) in each dimension. Which share of such numbers lies between −1 and 1?

# %%
prediction = ...

# %%
check(prediction, norm.cdf(1) - norm.cdf(-1), 0.04)

# %% [markdown]
# ## Predict 2
# Digits with the same label should lie together. For each held-out image take the nearest code of *another* held-out
# image. By chance one in ten would have the same label. Is it "one in ten", "at least three in ten" or "all"?

# %%
prediction = ...

# %%
distances = np.linalg.norm(codes[:, None] - codes[None], axis=-1)
np.fill_diagonal(distances, np.inf)
share = float((held_out.labels[distances.argmin(axis=1)] == held_out.labels).mean())
check(prediction, "all" if share > 0.98 else "at least three in ten" if share >= 0.3 else "one in ten")

# %% [markdown]
# Look at the scatter: which digits lie side by side? To the network they look alike.

# %%
run.view("scatter")

# %% [markdown]
# The manifold is the reverse: points of the plane at even [quantiles](../glossary.md#models) of the prior, decoded.
# Find a place where one digit turns into another.

# %%
run.view("manifold")

# %% [markdown]
# ## Predict 3
# The manifold has 15 × 15 points, at the quantiles 1/16 to 15/16. Which coordinate does the outermost have: the
# number that 15/16 of all draws from N(0, 1) lie below?

# %%
prediction = ...

# %%
check(prediction, norm.ppf(15 / 16), 0.05)

# %% [markdown]
# ## Exercise 1
# A concept vector points from the mean code of one class to that of another. Write it.


# %%
def concept_vector(codes, labels, start, end):
    """Return the vector from the mean code of the class `start` to the mean code of the class `end`."""
    return ...


# %%
small = np.array([[0.0, 0.0], [2.0, 0.0], [5.0, 5.0], [7.0, 9.0]])
kinds = np.array([0, 0, 1, 1])
grade(concept_vector, [((small, kinds, 0, 1), [5.0, 7.0]), ((small, kinds, 1, 0), [-5.0, -7.0])])

# %% [markdown]
# What it does: the first held-out image of a class, moved along the vector, and decoded.

# %%
start, end = 1, 7
vector = codes[held_out.labels == end].mean(axis=0) - codes[held_out.labels == start].mean(axis=0)
first = codes[held_out.labels == start][0]
images = run.decode(np.stack([first + step * vector for step in np.linspace(0, 1, 9)]))
plt.figure(figsize=(9, 1.2))
plt.imshow(np.hstack(list(images[..., 0])), cmap="gray")
plt.axis("off")
plt.show()

# %% [markdown]
# ## Exercise 2
# Write the coordinates of a manifold of n points a side: the quantiles 1/(n + 1) to n/(n + 1) of N(0, 1).


# %%
def quantiles(n):
    """Return n numbers, rising; `norm.ppf(p)` is the number that a share p of all draws lies below."""
    return ...


# %%
grade(quantiles, [((1,), [0.0]), ((3,), [-0.67449, 0.0, 0.67449]), ((15,), norm.ppf(np.arange(1, 16) / 16))], 1e-4)

# %% [markdown]
# ## Exercise 3
# Classify an image by its code: the label of the nearest mean code. `means` has a row for each label.


# %%
def classify(codes, means):
    """Return the label of the nearest mean for each code."""
    return ...


# %%
grade(
    classify,
    [
        ((np.array([[0.1, 0.0], [4.0, 4.5]]), np.array([[0.0, 0.0], [5.0, 5.0]])), [0, 1]),
        ((np.array([[2.0, 2.0]]), np.array([[9.0, 9.0], [0.0, 0.0], [2.0, 3.0]])), [2]),
    ],
)

# %% [markdown]
# ## What to read next
# [The cookbook](../cookbook.md): the same views from the command line. With a folder, `run.explore()` writes a page
# on which you move through the plane yourself.
