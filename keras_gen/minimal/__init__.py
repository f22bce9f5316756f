"""Three GANs in NumPy alone, each a file to read from top to bottom."""

# Epochs, the generator's learning rate, the discriminator's.
DEFAULTS = {"trend": (50_000, 0.001, 0.001), "faces": (1000, 0.01, 0.01), "sine": (50_000, 0.01, 0.1)}
BATCH_SIZE = 128  # signals of the sine GAN
