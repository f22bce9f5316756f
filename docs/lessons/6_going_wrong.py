# %% [markdown]
# # Lesson 6: when training goes wrong: collapse, a discriminator that wins, memorising
#
# **Goal.** You recognise three failures of a generative model by numbers, not by luck with a picture.
#
# **Before.** Lessons 4 and 5. **Time.** 45 minutes; computing takes about a minute.
#
# Here the failures are caused on purpose, with real digits, so you know the truth. The
# [doctor](../metrics.md#the-doctor) looks for the same in each run.

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
from keras_gen.lessons import check, grade

train, held_out = keras_gen.load_dataset("mnist5k")
random = np.random.default_rng(0)


def rows(images):
    """Return images as rows of numbers from 0 to 1."""
    return images.reshape(len(images), -1).astype("float64") / 255


def distances(a, b):
    """Return the distance of each row of a from each row of b, shape (len(a), len(b))."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    return np.sqrt(np.maximum(squares, 0))


# %% [markdown]
# ## Collapse
# A generator that has [collapsed](../glossary.md#what-can-go-wrong) makes a few images again and again. Measure: for
# each of 64 images the distance to its nearest neighbour among the others, on average, over the same for 64 real
# images.
#
# ## Predict 1
# What is this ratio for a healthy generator, which makes images like the real ones?

# %%
prediction = ...


# %%
def neighbour_distance(images):
    """Return the mean distance of each image to the nearest other one."""
    table = distances(rows(images), rows(images))
    np.fill_diagonal(table, np.inf)
    return table.min(axis=1).mean()


real = neighbour_distance(train.images[random.permutation(len(train))[:64]])
healthy = held_out.images[random.permutation(len(held_out))[:64]]
three = train.images[random.choice(len(train), 3, replace=False)]
collapsed = np.clip(three[random.integers(0, 3, 64)] + random.normal(0, 8, (64, 28, 28, 1)), 0, 255).astype(np.uint8)
check(prediction, 1, 0.15)

# %% [markdown]
# Look: which of the two has collapsed? The ratio is in the title.

# %%
figure, columns = plt.subplots(1, 2, figsize=(8, 4))
for axes, pictures in zip(columns, (healthy, collapsed), strict=True):
    axes.imshow(pictures[..., 0].reshape(8, 8, 28, 28).swapaxes(1, 2).reshape(224, 224), cmap="gray")
    axes.set_title(f"ratio {neighbour_distance(pictures) / real:.2f}")
    axes.set_axis_off()
plt.show()

# %% [markdown]
# ## A discriminator that wins
# Let D = σ(a) be 0.01 on generated images: the discriminator wins. The generator could have the loss log(1 − D), with
# the slope −D, or −log D, with the slope D − 1.
#
# ## Predict 2
# By which factor is the second slope the larger one (in size)?

# %%
prediction = ...

# %%
check(prediction, (1 - 0.01) / 0.01, 1)

# %% [markdown]
# ## Memorising
# Does a generator copy its training images? Take as many training images as held-out images, and look for the image
# that is nearest to each generated one.
#
# ## Predict 3
# The generator is honest: its images are new. In which share of the cases is the nearest image a training image, on
# average?

# %%
prediction = ...

# %%
check(prediction, 0.5, 0.05)


# %%
def nearest_is_training(generated, training, others):
    """Return for each generated image whether its nearest image is a training image."""
    to_training = distances(rows(generated), rows(training)).min(axis=1)
    return to_training < distances(rows(generated), rows(others)).min(axis=1)


# The honest set are real images that nobody trained on; in the other, a tenth are training images with a little noise.
order = random.permutation(len(held_out))
honest, others = held_out.images[order[:200]], held_out.images[order[200:500]]
training = train.images[random.permutation(len(train))[:300]]
copies = np.clip(training[:20] + random.normal(0, 5, (20, 28, 28, 1)), 0, 255).astype(np.uint8)
copying = np.concatenate([honest[20:], copies])
for name, generated in (("honest", honest), ("copying", copying)):
    nearest = nearest_is_training(generated, training, others)
    closest = np.argsort(distances(rows(generated), rows(training)).min(axis=1))[:10]
    print(f"{name}: {nearest.mean():.2f} of all, {nearest[closest].mean():.2f} of the ten that are nearest to training")

# %% [markdown]
# A share over all images hardly moves. Among the ten nearest images it does: that is why [the test for
# copies](../metrics.md) looks at small quantiles.

# %% [markdown]
# ## Exercise 1
# How probable is it that all of the ten nearest are training images, if each is one with the probability ½? Write it
# for k of k images.


# %%
def by_chance(k):
    """Return the probability that k of k images are nearest to a training image."""
    return ...


# %%
grade(by_chance, [((1,), 0.5), ((10,), 0.5**10), ((20,), 0.5**20)], 1e-9)

# %% [markdown]
# ## Exercise 2
# Precision is the share of generated images that look real, recall the share of real images that the generator can
# make. Two generators: one makes only sevens, all perfect; one makes every digit, and noise in half of the cases.
# Return (precision, recall) of both as numbers from 0 to 1, for ten digits that are equally frequent.


# %%
def precision_and_recall():
    """Return the precision and recall of the first, and then of the second generator."""
    return ..., ..., ..., ...


# %%
grade(precision_and_recall, [((), (1.0, 0.1, 0.5, 1.0))])

# %% [markdown]
# ## Exercise 3
# Write a doctor for the ratio of predict 1: 0 is healthy, 1 collapsed. Healthy runs have ratios from 0.9 to 1.1; a
# run on one digit alone, which is healthy, has 0.46; a run that has collapsed to a few images has less than 0.35.


# %%
def doctor(ratio):
    """Return 1 if a generator with this ratio has collapsed, and else 0."""
    return ...


# %%
grade(doctor, [((0.95,), 0), ((0.46,), 0), ((0.2,), 1), ((0.05,), 1)])

# %% [markdown]
# ## What to read next
# [What the doctor finds, and what to do](../metrics.md#the-doctor). Lesson 7: scores, and their errors.
