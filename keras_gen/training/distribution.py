"""More than one device: the strategies of `tf.distribute`, and what they ask of everyone else."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from keras_gen.errors import InputError

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


@functools.cache
def strategy(name: str) -> tf.distribute.Strategy:
    """Return the strategy that a setting names; each is made once, for its devices stay in its hands.

    `mirrored` stands for all devices of this process, `multiworker` for several processes. The latter must be made
    before TensorFlow has computed anything.
    """
    import tensorflow as tf

    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    if name == "multiworker":
        _cluster()
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except RuntimeError as error:
            raise InputError(
                f"the other workers cannot be joined ({error}); make the strategy before TensorFlow computes anything"
            ) from None
    return tf.distribute.get_strategy()


def _cluster() -> dict:
    """Return what TF_CONFIG says: who the workers are, and which of them this one is; or raise InputError."""
    example = (
        """TF_CONFIG='{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'"""
    )
    try:
        config = json.loads(os.environ["TF_CONFIG"])
        config["cluster"][config["task"]["type"]][int(config["task"]["index"])]
        return config
    except KeyError as error:
        problem = "is not set" if error.args == ("TF_CONFIG",) else f"has no {error}"
    except (ValueError, TypeError, IndexError) as error:
        problem = f"cannot be used ({error})"
    raise InputError(f'`distribute="multiworker"`: TF_CONFIG {problem}; write, for each worker, {example}')


def is_chief(name: str) -> bool:
    """Return whether this process is the one that writes: the chief of several workers, or the only one."""
    if name != "multiworker":
        return True
    config = _cluster()
    first = "chief" if "chief" in config["cluster"] else "worker"
    return config["task"]["type"] == first and int(config["task"]["index"]) == 0


def workers() -> str:
    """Say which of the workers this one is, such as `worker 1 of 2`."""
    config = _cluster()
    count = sum(map(len, config["cluster"].values()))
    return f"{config['task']['type']} {config['task']['index']} of {count}"


@contextmanager
def one_batch(models: Iterable[keras.Model]) -> Iterator[None]:
    """Let BatchNormalization take its statistics over all devices' parts of a batch while a step is traced.

    They are then those of one device with the whole batch. What is saved knows nothing of it, and loads anywhere.
    """
    import keras

    layers = [layer for model in models for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in layers:
        layer.synchronized = True
    try:
        yield
    finally:
        for layer in layers:
            layer.synchronized = False
