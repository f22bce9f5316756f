import keras
import numpy as np
import pytest

from keras_gen import frozen, weight_changes
from keras_gen.errors import RunError
from keras_gen.models import build_discriminator, build_gan, build_generator
from keras_gen.training.freezing import check_changes
from tests.conftest import values_of

LATENTS = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
IMAGES = np.random.default_rng(1).uniform(-1, 1, (8, 8, 8, 1)).astype(np.float32)
ONES = np.ones((8, 1), np.float32)


@pytest.fixture
def nets():
    generator = build_generator((8, 8, 1), latent_dim=4, filters=4, base_filters=4, init_stddev=0.3)
    discriminator = build_discriminator((8, 8, 1), filters=4, extra_layers=1, dropout=0, init_stddev=0.3)
    gan = build_gan(generator, discriminator)
    for model in (discriminator, gan):
        model.compile(keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy(from_logits=True))
    return generator, discriminator, gan


def changes_of(nets, step):
    with weight_changes(generator=nets[0], discriminator=nets[1]) as changes:
        step()
    return changes


def check_generator_step(changes):
    return check_changes("generator", changes, {"generator": "everything", "discriminator": "statistics"})


def test_frozen_weights_stay_while_batch_normalization_goes_on(nets, eagerly):
    _, discriminator, gan = nets

    def step():
        with frozen(discriminator):
            gan.train_on_batch(LATENTS, ONES)

    changes = changes_of(nets, step)
    assert not any(changes["discriminator"].trained.values())
    assert all(changes["discriminator"].statistics.values())
    assert all(changed for path, changed in changes["generator"].trained.items() if path.endswith("/kernel"))
    assert "and BatchNormalization's averages in the discriminator, nothing else" in check_generator_step(changes)


def test_freezing_is_undone_and_both_steps_work_in_turns_and_for_new_batch_sizes(nets):
    _, discriminator, gan = nets
    for count in (8, 5):
        changes = changes_of(nets, lambda count=count: discriminator.train_on_batch(IMAGES[:count], ONES[:count]))
        check_changes("discriminator", changes, {"discriminator": "everything", "generator": "nothing"})

        def step(count=count):
            with frozen(discriminator):
                gan.train_on_batch(LATENTS[:count], ONES[:count])

        check_generator_step(changes_of(nets, step))
    assert all(variable.trainable for variable in discriminator.trainable_variables)


def test_freezing_is_undone_after_an_exception(nets):
    with pytest.raises(ZeroDivisionError), frozen(nets[1]):
        raise ZeroDivisionError
    assert len(nets[1].trainable_variables) == 8


def test_the_generator_trains_through_the_discriminator_in_training_mode(nets, eagerly):
    """In one step from equal weights, the gradient is that of the discriminator with batch statistics."""
    generator, discriminator, gan = nets
    fakes = generator(LATENTS, training=True)
    as_trained = keras.losses.binary_crossentropy(ONES, discriminator(fakes, training=True), from_logits=True)
    as_inferred = keras.losses.binary_crossentropy(ONES, discriminator(fakes, training=False), from_logits=True)
    with frozen(discriminator):
        loss = gan.train_on_batch(LATENTS, ONES)
    assert loss == pytest.approx(float(keras.ops.mean(as_trained)), rel=1e-4)
    assert loss != pytest.approx(float(keras.ops.mean(as_inferred)), rel=1e-4)


def test_the_weight_check_catches_frozen_layers(nets, eagerly):
    """The chapter's way: on Keras 3 it puts BatchNormalization into inference mode."""
    _, discriminator, gan = nets
    for layer in discriminator.layers:
        layer.trainable = False
    changes = changes_of(nets, lambda: gan.train_on_batch(LATENTS, ONES))
    with pytest.raises(RunError, match="BatchNormalization of the discriminator in inference mode"):
        check_generator_step(changes)


def test_layers_that_are_frozen_inside_are_watched_as_they_were_before(nets, eagerly):
    """The toggle of most published code; what it leaves frozen is in another list of the model afterwards."""
    _, discriminator, gan = nets

    def step():
        discriminator.trainable = False
        gan.train_on_batch(LATENTS, ONES)

    changes = changes_of(nets, step)
    assert len(changes["discriminator"].trained) == len(discriminator.weights) - len(
        changes["discriminator"].statistics
    )
    assert not any(changes["discriminator"].trained.values())


def test_the_weight_check_catches_a_discriminator_that_was_never_frozen(nets, eagerly):
    changes = changes_of(nets, lambda: nets[2].train_on_batch(LATENTS, ONES))
    with pytest.raises(RunError, match=r"generator step changed \d+ of 8 weights of the discriminator"):
        check_generator_step(changes)


def test_the_weight_check_catches_a_discriminator_left_frozen(nets):
    """The classic pattern of Keras 2: compile, freeze for good, train."""
    nets[1].trainable = False
    variables = nets[1].weights
    with pytest.warns(UserWarning, match="does not have any trainable weights"):
        nets[1].train_on_batch(IMAGES, ONES)
    nets[1].trainable = True
    before = values_of(variables)
    changes = changes_of(nets, lambda: nets[1].train_on_batch(IMAGES, ONES))
    assert all(np.array_equal(old, new) for old, new in zip(before, values_of(variables), strict=True))
    with pytest.raises(RunError, match="discriminator step did not change 5 of 8 weights of the discriminator"):
        check_changes("discriminator", changes, {"discriminator": "everything", "generator": "nothing"})


def test_the_weight_check_catches_a_step_that_touches_the_other_net(nets):
    changes = changes_of(nets, lambda: nets[0](LATENTS, training=True))
    with pytest.raises(RunError, match="changed the BatchNormalization averages of the generator"):
        check_changes("discriminator", changes, {"generator": "nothing"})


def test_freezing_needs_weights_that_exist():
    """A subclass or a Sequential model without an input has none before its first call."""
    unbuilt = keras.Sequential([keras.layers.Dense(2)], name="unbuilt")
    with (
        pytest.raises(ValueError, match=r"needs a model whose weights exist.* Received: unbuilt, unbuilt"),
        frozen(unbuilt),
    ):
        pass
    unbuilt.build((None, 3))
    with frozen(unbuilt):
        assert not unbuilt.trainable_variables


def test_weights_that_share_a_path_are_reported_one_by_one():
    first, second = (
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="dense")], name=name)
        for name in ("first", "second")
    )
    z = keras.Input((2,))
    both = keras.Model(z, [first(z), second(z)])
    with weight_changes(both=both) as changes:
        second.layers[0].kernel.assign_add([[1.0], [1.0]])
    trained = changes["both"].trained
    assert len(trained) == 4
    assert list(trained.values()) == [False, False, True, False]
