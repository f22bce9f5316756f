# %% [markdown]
# # Lesson 5: the DCGAN's step, and the freezing trap
#
# **Goal.** You write the step of a [DCGAN](../glossary.md#models), make it fail in the way in which much published
# Keras code fails, see that it fails, and repair it.
#
# **Before.** Lesson 4; convolutions and BatchNormalization by name. **Time.** 45 minutes; computing takes about four.
#
# The step has two halves. The discriminator learns from a real batch and a generated one. Then the generator learns
# *through* the discriminator, whose weights must not change in that half: they are
# [frozen](../glossary.md#losses-and-training).

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
import contextlib

import keras
import matplotlib.pyplot as plt
import numpy as np
from tqdm.auto import tqdm

import keras_gen
from keras_gen.lessons import check, grade, length
from keras_gen.models import build_discriminator, build_gan, build_generator

BATCH = 64
images, _ = keras_gen.load_dataset("mnist5k")
real_images = images.images.astype("float32") / 127.5 - 1  # from -1 to 1, as the generator's tanh


def make_networks():
    """Return a narrow generator and discriminator, and the two joined, compiled."""
    keras.utils.set_random_seed(0)
    generator = build_generator(images.image_shape, filters=16, base_filters=24)
    discriminator = build_discriminator(images.image_shape, filters=16)
    gan = build_gan(generator, discriminator)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    for network, trained in ((discriminator, discriminator), (gan, generator)):
        optimizer = keras.optimizers.Adam(2e-4 if network is gan else 1e-3, beta_1=0.5)
        optimizer.build(trained.trainable_variables)
        network.compile(optimizer, loss)
    return generator, discriminator, gan


# %% [markdown]
# ## The step
# `freeze` is how the discriminator is frozen. Everything else is the same in all that follows.


# %%
def discriminator_half(networks, real, random):
    """Train the discriminator on real and on generated images."""
    generator, discriminator, _ = networks
    fakes = generator.predict_on_batch(random.standard_normal((len(real), 100)).astype("float32"))
    on_real = discriminator.train_on_batch(real, np.full((len(real), 1), 0.9, "float32"))
    on_fakes = discriminator.train_on_batch(fakes, np.zeros((len(real), 1), "float32"))
    return on_real, on_fakes


def generator_half(networks, count, random, freeze):
    """Train the generator through the discriminator."""
    _, discriminator, gan = networks
    z = random.standard_normal((count, 100)).astype("float32")
    with freeze(discriminator):
        return gan.train_on_batch(z, np.ones((count, 1), "float32"))


# %% [markdown]
# ## Way 1: freeze the layer
# `layer.trainable = False` is what one finds in most code.


# %%
@contextlib.contextmanager
def layers_frozen(network):
    """Set `trainable` of the network, and so of its layers, to False, and back."""
    network.trainable = False
    yield
    network.trainable = True


# %% [markdown]
# ## Predict 1
# In the generator's half, with `layers_frozen`: which weights of the discriminator change? `trained` are those that
# gradients change, `statistics` the moving averages of BatchNormalization. Is it "none", "trained", "statistics" or
# "both"?

# %%
prediction = ...


# %%
def changed_in_generator_half(freeze):
    """Take one step, and say which weights of the discriminator the generator's half changed."""
    networks, random = make_networks(), np.random.default_rng(0)
    discriminator_half(networks, real_images[:BATCH], random)
    with keras_gen.weight_changes(discriminator=networks[1]) as changes:
        generator_half(networks, BATCH, random, freeze)
    seen = changes["discriminator"]
    trained, statistics = any(seen.trained.values()), any(seen.statistics.values())
    return {(0, 0): "none", (1, 0): "trained", (0, 1): "statistics", (1, 1): "both"}[trained, statistics]


check(prediction, changed_in_generator_half(layers_frozen))

# %% [markdown]
# ## Way 2: freeze the weights
# `keras_gen.frozen` sets `trainable = False` on each variable and leaves the layers as they are.
#
# ## Predict 2
# The same question for `keras_gen.frozen`.

# %%
prediction = ...

# %%
check(prediction, changed_in_generator_half(keras_gen.frozen))

# %% [markdown]
# ## Predict 3
# What does that matter? A frozen layer of BatchNormalization normalises by its moving averages, not by the batch. So
# in the generator's half the discriminator computes "the same function" as in its own half, or "another function"?

# %%
prediction = ...

# %%
_, discriminator, _ = make_networks()
batch = real_images[:BATCH]
in_its_own_half = np.asarray(discriminator(batch, training=True))
discriminator.trainable = False
in_the_other = np.asarray(discriminator(batch, training=True))
discriminator.trainable = True
check(prediction, "the same function" if np.allclose(in_its_own_half, in_the_other, atol=1e-4) else "another function")

# %% [markdown]
# ## See it fail, and see it repaired
# Both runs are equal but for `freeze`. Look at the pictures, and at the losses: which of the two has the lower ones?


# %%
EPOCHS, STEPS = length(8, 1), length(62, 1)


def train(freeze):
    """Train for some epochs, and return pictures and the losses of the last epoch."""
    networks, random = make_networks(), np.random.default_rng(0)
    for _ in tqdm(range(EPOCHS)):
        losses = []
        for batch in random.permutation(len(real_images))[: STEPS * BATCH].reshape(STEPS, BATCH):
            on_real, on_fakes = discriminator_half(networks, real_images[batch], random)
            losses.append((on_real, on_fakes, generator_half(networks, BATCH, random, freeze)))
    z = np.random.default_rng(1).standard_normal((16, 100)).astype("float32")
    return networks[0].predict_on_batch(z), np.mean(losses, axis=0)


figure, columns = plt.subplots(1, 2, figsize=(11, 5.5))
ways = {"layers frozen": layers_frozen, "weights frozen": keras_gen.frozen}
for axes, (title, freeze) in zip(columns, ways.items(), strict=True):
    pictures, losses = train(freeze)
    axes.imshow(pictures.reshape(4, 4, 28, 28).swapaxes(1, 2).reshape(112, 112), cmap="gray")
    axes.set_title("{}\nreal {:.2f}, generated {:.2f}, generator {:.2f}".format(title, *losses))
    axes.set_axis_off()
plt.show()

# %% [markdown]
# ## Exercise 1
# Write the labels for the discriminator: real images get 1 − smoothing, generated ones 0. Both have the shape (n, 1).


# %%
def labels(count, smoothing):
    """Return the labels of real images, and those of generated ones."""
    return ..., ...


# %%
grade(labels, [((2, 0.1), ([[0.9], [0.9]], [[0.0], [0.0]])), ((3, 0.0), (np.ones((3, 1)), np.zeros((3, 1))))])

# %% [markdown]
# ## Exercise 2
# Write your own `freeze`: a context manager that freezes the *variables* of a network, and thaws them at the end,
# also after an error. Why must the list be made before the first one is frozen?


# %%
@contextlib.contextmanager
def my_frozen(network):
    """Keep the weights of a network from training inside the `with`."""
    ...
    yield


# %%
def behaviour(freeze):
    """Return how many weights can be trained inside and after the `with`, and whether the layers can."""
    network = build_discriminator((16, 16, 1), filters=4)
    try:
        with freeze(network):
            inside = len(network.trainable_variables), network.trainable
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    return *inside, len(network.trainable_variables)


grade(lambda: behaviour(my_frozen), [((), behaviour(keras_gen.frozen))])

# %% [markdown]
# ## Exercise 3
# A colleague shows you what changed in each half of three loops. Return "right", or the network that is "untrained"
# or "not frozen". The arguments are True or False: whether the trained weights of the discriminator changed in its
# own half (`d_in_d`), those of the generator in the generator's half (`g_in_g`), and those of the discriminator in
# the generator's half (`d_in_g`). As numbers: 0 is right, 1 untrained, 2 not frozen.


# %%
def verdict(d_in_d, g_in_g, d_in_g):
    """Return 0 if the loop is right, 1 if a network is not trained, 2 if the discriminator is not frozen."""
    return ...


# %%
grade(
    verdict, [((True, True, False), 0), ((False, True, False), 1), ((True, True, True), 2), ((True, False, False), 1)]
)

# %% [markdown]
# ## What to read next
# [Two traps of Keras 3](../differences.md#two-traps-of-keras-3-and-what-we-do-instead): there is a second one.
# `keras_gen/training/dcgan.py` has the step of the real runs, in `train_step`.
