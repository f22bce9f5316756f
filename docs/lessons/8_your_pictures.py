# %% [markdown]
# # Lesson 8: your own pictures
#
# **Goal.** You take a folder of pictures, look at what the program makes of it, train, and find out what went wrong.
#
# **Before.** Lesson 6. **Time.** 60 minutes; computing takes about three.

# %%
# Install keras_gen if it is missing. SOURCE is the one line to edit: a folder, or the address you got it from.
SOURCE = "../.."
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("keras_gen") is None:
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", SOURCE])
importlib.import_module("keras_gen.lessons")  # first of all: it imports Keras without TensorFlow's log lines

# %% [markdown]
# Put the path of your pictures here. Without one, the lesson draws 300 pictures of its own: discs and squares in
# colour, in two sub-folders. Sub-folders become labels.

# %%
PICTURES = None  # such as "/home/me/photos"

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw

import keras_gen
from keras_gen.lessons import check, grade, length

random = np.random.default_rng(0)


def draw_pictures(folder, count):
    """Write pictures of discs and squares in colour, 50 x 50 pixels, on a background that fades."""
    for number in range(count):
        kind = ("disc", "square")[number % 2]
        fade = np.linspace(0, 1, 50)[:, None, None] * random.uniform(60, 255, 3)
        picture = Image.fromarray(np.broadcast_to(fade, (50, 50, 3)).astype(np.uint8))
        left, top, size = random.integers(2, 20), random.integers(2, 20), random.integers(12, 28)
        box, colour = (left, top, left + size, top + size), tuple(map(int, random.integers(0, 256, 3)))
        pen = ImageDraw.Draw(picture)
        pen.ellipse(box, colour) if kind == "disc" else pen.rectangle(box, colour)
        (folder / kind).mkdir(exist_ok=True)
        picture.save(folder / kind / f"{number}.png")


folder = Path(PICTURES or tempfile.mkdtemp())
if PICTURES is None:
    draw_pictures(folder, length(300, 130))
elif not folder.exists():
    raise keras_gen.InputError(f"{folder} is not there; put the path of your pictures into PICTURES")

# %% [markdown]
# ## Predict 1
# The networks double a small map of 4 to 7 pixels a side, again and again. Which of these sizes can they reach: 50,
# 56 or 60?

# %%
prediction = ...


# %%
def reachable(size):
    """Return whether a size is 4 to 7 times a power of two."""
    while size > 7 and size % 2 == 0:
        size //= 2
    return 4 <= size <= 7


check(prediction, next(size for size in (50, 56, 60) if reachable(size)))

# %%
train, held_out = keras_gen.load_dataset(folder, image_size=32)
print(f"{len(train)} images to train on, {len(held_out)} held out, {train.image_shape}, classes {train.class_names}")
grid = train.images[:24].reshape(3, 8, *train.image_shape).swapaxes(1, 2).reshape(96, 256, -1)
plt.figure(figsize=(8, 3))
plt.imshow(grid.squeeze(), cmap="gray")
plt.axis("off")
plt.show()

# %% [markdown]
# ## Predict 2
# The held-out images are a tenth of all. What happens if one chooses the best epoch by them, and then reports the
# loss on them? The reported loss is "too good", "too bad" or "right"?

# %%
prediction = ...

# %%
check(prediction, "too good")

# %% [markdown]
# ## Train
# A convolutional VAE with 16 dimensions. Few pictures: a short training.

# %%
run = keras_gen.train_vae(
    train, held_out, epochs=length(30, 1), architecture="conv", latent_dim=16, say=lambda line: None
)
last = run.history[-1]
print({name: round(last[name], 1) for name in ("loss", "held_out_loss", "held_out_reconstruction", "held_out_kl")})
for finding in run.findings:
    print("doctor:", finding["text"])

# %% [markdown]
# ## Predict 3
# Suppose the [KL term](../glossary.md#losses-and-training) had come out near 0 nats. Then the codes would say
# "everything" or "nothing" about the images?

# %%
prediction = ...

# %%
check(prediction, "nothing")

# %% [markdown]
# Look: held-out pictures above, what comes back below.

# %%
some = held_out.images[:8]
back = run.decode(run.encode(some))
plt.figure(figsize=(8, 2))
plt.imshow(np.vstack([np.hstack(list(some)), np.hstack(list(back))]).squeeze(), cmap="gray")
plt.axis("off")
plt.show()

# %% [markdown]
# ## Exercise 1
# Crop a picture to the largest square in its middle. An image has the shape (height, width, channels); where an odd
# number of pixels is left over, cut off the smaller part first.


# %%
def crop(image):
    """Return the square in the middle of an image."""
    return ...


# %%
wide, high = np.arange(15).reshape(3, 5, 1), np.arange(14).reshape(7, 2, 1)
grade(crop, [((wide,), wide[:, 1:4]), ((high,), high[2:4]), ((wide[:, :3],), wide[:, :3])])

# %% [markdown]
# ## Exercise 2
# Return the largest size that is at most n and that the networks can reach: 4 to 7 times a power of two.


# %%
def nearest_size(n):
    """Return the largest reachable size that is not larger than n, which is at least 4."""
    return ...


# %%
grade(nearest_size, [((n,), max(size for size in range(4, n + 1) if reachable(size))) for n in (4, 9, 50, 64, 100)])

# %% [markdown]
# ## Exercise 3
# Split n images into training, validation and held-out images: a tenth each for the last two, rounded down. Return
# the three numbers. (Which of them may you look at while you choose settings?)


# %%
def split(n):
    """Return the numbers of training, validation and held-out images."""
    return ..., ..., ...


# %%
grade(split, [((100,), (80, 10, 10)), ((55,), (45, 5, 5)), ((9,), (9, 0, 0))])

# %% [markdown]
# ## What to read next
# [Data](../data.md): formats and splits. [The doctor](../metrics.md#the-doctor). On the command line, the same is
# `python train_vae.py --dataset photos`.
