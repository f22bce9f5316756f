"""Three GANs in NumPy alone, each a file to read from top to bottom."""
