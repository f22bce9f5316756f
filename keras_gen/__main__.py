"""python -m keras_gen COMMAND."""

from keras_gen.cli.main import entry

entry()
