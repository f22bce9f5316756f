# %% [markdown]
# # Lesson 1: an autoencoder, and why its latent space has holes
#
# **Goal.** You see what an autoencoder learns, and why one cannot simply draw new images from it.
#
# **Before.** Python and NumPy. What a dense layer is. **Time.** Half an hour; computing takes about a minute.
#
# An *autoencoder* is two networks. The [encoder](../glossary.md#models) turns an image into a few numbers, its
# [code](../glossary.md#models). The [decoder](../glossary.md#models) turns the code back into an image. Both are
# trained together, so that the image comes back as it was.

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
import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

import keras_gen
from keras_gen.lessons import check, grade, length

keras.utils.set_random_seed(0)
train, held_out = keras_gen.load_dataset("mnist5k")
x_train, x_held_out = (part.images.reshape(len(part), -1).astype("float32") / 255 for part in (train, held_out))
print(x_train.shape, x_held_out.shape)

# %% [markdown]
# ## Predict 1
# An image has 28 × 28 pixels, and its code will have 2 numbers. How many times fewer numbers is that?

# %%
prediction = ...

# %%
check(prediction, x_train.shape[1] / 2)

# %% [markdown]
# ## Train

# %%
encoder = keras.Sequential([keras.Input((784,)), layers.Dense(256, "relu"), layers.Dense(2)], name="encoder")
decoder = keras.Sequential([keras.Input((2,)), layers.Dense(256, "relu"), layers.Dense(784, "sigmoid")], name="decoder")
autoencoder = keras.Sequential([encoder, decoder])
autoencoder.compile("adam", "binary_crossentropy")
autoencoder.fit(x_train, x_train, batch_size=100, epochs=length(60, 5), verbose=0)
codes = encoder.predict(x_held_out, verbose=0)

# %% [markdown]
# ## Predict 2
# To make new images, one would draw codes at random, say from N(0, 1) in each dimension, and decode them.
# Nothing in the loss says how large codes should be. Is the standard deviation of the codes "near 1", "far below 1"
# or "far above 1"?

# %%
prediction = ...

# %%
spread = float(codes.std())
check(prediction, "near 1" if 0.5 < spread < 2 else "far below 1" if spread < 1 else "far above 1")

# %% [markdown]
# Look: each dot is the code of a held-out digit, in the colour of its label. Where no dot is, the decoder has never
# been trained. The images on the right are decoded from such places.

# %%
low, high = codes.min(axis=0), codes.max(axis=0)
random = np.random.default_rng(0)
points = random.uniform(low, high, (400, 2)).astype("float32")
distances = np.linalg.norm(points[:, None] - codes[None], axis=-1).min(axis=1)
in_holes = points[np.argsort(distances)[-16:]]

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 5))
left.scatter(*codes.T, c=held_out.labels, cmap="tab10", s=6)
left.plot(*in_holes.T, "kx")
images = decoder.predict(in_holes, verbose=0).reshape(4, 4, 28, 28).swapaxes(1, 2).reshape(112, 112)
right.imshow(images, cmap="gray")
right.set_axis_off()
plt.show()

# %% [markdown]
# ## Predict 3
# Decode a point, and encode the picture again. Where is the new code further from the point, on average: at the code
# of a "digit", or at a point in a "hole"?

# %%
prediction = ...


# %%
def way_back(points):
    """Return how far the code of the decoded picture is from the point, on average."""
    again = encoder.predict(decoder.predict(points, verbose=0), verbose=0)
    return float(np.linalg.norm(again - points, axis=1).mean())


at_digits, at_holes = way_back(codes[:64]), way_back(points[np.argsort(distances)[-64:]])
check(prediction, "digit" if at_digits > at_holes else "hole")

# %% [markdown]
# ## Exercise 1
# Write the mean squared error of each image: images and reconstructions have the shape (n, 784), the result (n,).


# %%
def mean_squared_error(images, reconstructions):
    """Return the mean squared error of each image."""
    return ...


# %%
a, b = random.random((3, 784)), random.random((3, 784))
grade(mean_squared_error, [((a, b), ((a - b) ** 2).mean(axis=1)), ((a, a), np.zeros(3))])

# %% [markdown]
# ## Exercise 2
# Which share of some points is further than a radius from every code? Points have the shape (m, 2), codes (n, 2).


# %%
def share_in_holes(points, codes, radius):
    """Return the share of the points whose nearest code is further away than the radius."""
    return ...


# %%
square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
grade(
    share_in_holes,
    [((square, square[:1], 0.5), 0.75), ((square, square[:1], 1.2), 0.25), ((square, square, 0.1), 0.0)],
)

# %% [markdown]
# ## Exercise 3
# Walk in a straight line from one code to another, in some steps, both ends among them. The result has the shape
# (steps, 2). Then decode your walk between two digits: where does the picture stop being a digit?


# %%
def walk(start, end, steps):
    """Return points in a straight line."""
    return ...


# %%
grade(
    walk,
    [
        ((np.array([0.0, 0.0]), np.array([2.0, 4.0]), 3), [[0, 0], [1, 2], [2, 4]]),
        ((np.array([1.0, 1.0]), np.array([1.0, 5.0]), 5), [[1, 1], [1, 2], [1, 3], [1, 4], [1, 5]]),
    ],
)

# %% [markdown]
# ## What to read next
# Lesson 2 mends the holes: a [VAE](../glossary.md#models) is trained to put the codes where one will draw them. [The
# chapter's encoder and decoder](../chapter.md#the-variational-autoencoder).
