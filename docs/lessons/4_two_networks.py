# %% [markdown]
# # Lesson 4: two networks: the losses of a GAN, their optimum and their derivatives
#
# **Goal.** You can say what each network of a [GAN](../glossary.md#models) wants, in a formula and in a picture.
#
# **Before.** Logarithms and derivatives. **Time.** 45 minutes; computing takes seconds.
#
# The *discriminator* D says how probable it is that an image is real. The *generator* G makes images from random
# numbers, and wants D to take them for real. The GAN of this lesson has faces of four pixels and 17 weights in all.
# Its code is NumPy alone: `keras_gen/minimal/faces.py`, which [three minimal GANs](../minimal.md) explains.

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

from keras_gen.lessons import check, grade
from keras_gen.minimal import faces

# %% [markdown]
# ## Predict 1
# The discriminator's loss is −log D(real) − log(1 − D(generated)). What is it for a discriminator that always says ½?
# (`np.log` is the natural logarithm.)

# %%
prediction = ...

# %%
check(prediction, -2 * np.log(0.5), 0.005)

# %% [markdown]
# ## Predict 2
# At some place, images are real three times as often as generated: 0.6 against 0.2. The best discriminator there
# makes its loss as small as it can be. What does it say?

# %%
prediction = ...

# %%
outputs = np.linspace(0.001, 0.999, 999)
loss = -0.6 * np.log(outputs) - 0.2 * np.log(1 - outputs)
check(prediction, outputs[loss.argmin()], 0.002)
plt.figure(figsize=(5, 3))
plt.plot(outputs, loss)
plt.xlabel("what D says")
plt.ylabel("loss, in nats")
plt.show()

# %% [markdown]
# ## Predict 3
# D = σ(a) with the sigmoid σ. The first face of the dataset has D = 0.8564 before training, and its label is 1. What
# is the derivative of −log D by a? (It is shorter than one expects: see [three
# formulas](../minimal.md#three-formulas).)

# %%
prediction = ...

# %%
gan = faces.start(np.random.RandomState(42))
error = gan.discriminate(faces.FACES[0]) - 1
check(prediction, error, 0.001)

# %% [markdown]
# ## Train
# 1,000 passes over five faces. Left: the losses. Right: what is generated before and after.

# %%
random = np.random.RandomState(42)
gan = faces.start(random)
before = gan.generate(np.array([[0.5]]))
losses = np.array(list(faces.train(gan, random)))
after = gan.generate(np.array([[0.5]]))
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(10, 3))
left.plot(losses, label=["discriminator", "generator"])
left.legend()
left.set_xlabel("epoch")
for axes, image, title in ((middle, before, "before"), (right, after, "after")):
    axes.imshow(1 - image.reshape(2, 2), cmap="gray", vmin=0, vmax=1)
    axes.set_title(title)
    axes.set_axis_off()
plt.show()

# %% [markdown]
# ## Exercise 1
# Write the discriminator's loss for arrays of its outputs on real and on generated images: the mean of each part,
# added.


# %%
def discriminator_loss(on_real, on_generated):
    """Return the loss, a number in nats."""
    return ...


# %%
half = np.full(3, 0.5)
grade(
    discriminator_loss,
    [
        ((half, half), 2 * np.log(2)),
        ((np.array([0.9, 0.8]), np.array([0.1])), -np.log([0.9, 0.8]).mean() - np.log(0.9)),
    ],
)

# %% [markdown]
# ## Exercise 2
# The generator has two possible losses: log(1 − D), and −log D. Write the derivative of each by a, where D = σ(a).
# While the discriminator wins, D is near 0: which of the two still has a slope there?


# %%
def generator_slopes(d):
    """Return the derivative of log(1 - D) by a, and that of -log D, for D = d."""
    return ..., ...


# %%
grade(generator_slopes, [((d,), (-d, d - 1)) for d in (0.5, 0.01, 0.9)])

# %% [markdown]
# ## Exercise 3
# Write the gradients of −log D(G(z)) by the generator's four weights: by the chain rule from D through the
# discriminator's weights v and the slopes of the pixels, x (1 − x), to the weights that multiplied z.


# %%
def generator_gradients(d, v, x, z):
    """Return the derivative by each of the generator's weights; v and x have the shape (4,)."""
    return ...


# %%
cases = []
for z in (0.1, 0.7):
    x = gan.generate(z)
    arguments = (gan.discriminate(x), gan.discriminator_weights, x, z)
    cases.append((arguments, gan.generator_gradients(z)[0]))
grade(generator_gradients, cases)

# %% [markdown]
# ## What to read next
# [Three minimal GANs](../minimal.md), then lesson 5: the same two steps with convolutions, and a trap.
