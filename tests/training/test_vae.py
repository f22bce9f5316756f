import keras
import numpy as np
import pytest

from keras_gen import train_vae
from keras_gen.data import epoch_batches
from keras_gen.errors import InputError, RunError
from keras_gen.models.losses import LIKELIHOODS
from keras_gen.training import VAETrainer
from keras_gen.training.lines import last_losses
from keras_gen.training.planning import make_plan
from keras_gen.training.start import prepare
from tests.conftest import values_of
from tests.small import quiet, small_settings, train_small, weights_of


def settings(**overrides):
    return small_settings("vae", **overrides)


def test_it_learns_the_embedded_digits():
    """Seven epochs of the chapter's recipe; an untrained net is at about 560 nats, the mean image at about 206."""
    run = train_vae("mnist5k", recipe="chapter", epochs=7, jit="off", say=quiet)
    last = run.history[-1]
    assert last["held_out_loss"] < 185
    assert last["held_out_kl"] > 2
    assert last["loss"] == pytest.approx(last["reconstruction"] + last["kl"])
    assert last["held_out_loss"] == pytest.approx(last["held_out_reconstruction"] + last["held_out_kl"])
    assert abs(last["loss"] - last["held_out_loss"]) < 6


def test_the_same_seed_gives_the_same_run_and_another_seed_another(image_sets, undisturbed):
    runs = [train_small("vae", *image_sets(), seed=5) for _ in range(2)]
    assert runs[0].history == runs[1].history != undisturbed(2).history
    for one, two in zip(weights_of(runs[0]), weights_of(runs[1]), strict=True):
        np.testing.assert_array_equal(one, two)


def test_losses_are_means_over_the_epoch_s_images_also_with_a_smaller_last_batch(image_sets):
    train, _ = image_sets(train=40)
    trainer = VAETrainer(train.image_shape, settings(beta=0.5))
    losses, original = [], trainer.vae.train_on_batch
    trainer.vae.train_on_batch = lambda x, y: losses.append((len(x), original(x, y))) or losses[-1][1]
    for epoch in (1, 2):
        losses.clear()
        trainer.start_epoch(epoch)
        trainer.train_steps(train.images, epoch_batches(40, 16, 0, epoch, drop_last=False), 1)
    assert [count for count, _ in losses] == [16, 16, 8]
    mean = sum(count * loss for count, loss in losses) / 40
    means = trainer.losses()
    assert means["loss"] == pytest.approx(mean)
    assert means["loss"] == pytest.approx(means["reconstruction"] + 0.5 * means["kl"])
    assert means["kl"] > 0


def test_the_kl_term_is_warmed_up_evenly_and_the_losses_are_told_with_all_of_it(image_sets, eagerly):
    train, _ = image_sets(train=32)
    one = VAETrainer(train.image_shape, settings(beta=2.0, kl_warmup=4, epochs=8))
    two = VAETrainer(train.image_shape, settings(beta=0.5))  # as much as a quarter of 2
    for trainer in (one, two):
        trainer.train_steps(train.images, [np.arange(16)], 1)
    assert one.sums == two.sums
    warm, plain = one.losses(), two.losses()
    assert warm["reconstruction"] == pytest.approx(plain["reconstruction"])
    assert warm["loss"] == pytest.approx(warm["reconstruction"] + 2 * warm["kl"])
    weights = []
    for epoch in (1, 2, 3, 4, 5, 9):
        one.start_epoch(epoch)
        weights.append(float(one.vae.get_layer("kl").kl_weight.numpy()))
    assert weights == [0.25, 0.5, 0.75, 1, 1, 1]


def test_a_gradient_that_is_too_large_is_scaled_down(image_sets, eagerly):
    """RMSprop's first squares are a tenth of the gradients'."""
    train, _ = image_sets(train=16)
    norms = {}
    for clip_norm in (None, 1000.0, 0.5):
        trainer = VAETrainer(train.image_shape, settings(clip_norm=clip_norm))
        trainer.train_step(train.images)
        squares = [np.sum(values) for values in values_of(trainer.variables["optimizer"][2:])]
        norms[clip_norm] = np.sqrt(10 * sum(squares))
    assert norms[None] == pytest.approx(norms[1000.0])
    assert norms[None] > 2
    assert norms[0.5] == pytest.approx(0.5, rel=1e-3)


def test_cosine_lowers_the_learning_rate_nearly_to_zero():
    trainer = VAETrainer((8, 8, 1), settings(epochs=10, learning_rate=0.01, learning_rate_schedule="cosine"))
    rates = []
    for epoch in range(1, 11):
        trainer.start_epoch(epoch)
        rates.append(float(trainer.vae.optimizer.learning_rate))
    assert rates[0] == pytest.approx(0.01)
    assert rates[5] == pytest.approx(0.005)
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[-1] < 0.0003
    constant = VAETrainer((8, 8, 1), settings(epochs=10, learning_rate=0.01))
    constant.start_epoch(10)
    assert float(constant.vae.optimizer.learning_rate) == pytest.approx(0.01)


def test_the_stages_of_the_stepped_rate_are_three_times_as_long_each():
    """0.001 * 10^(-i/7) for 3^i epochs, i = 0 to 7: Burda et al. (2016)."""
    trainer = VAETrainer((8, 8, 1), settings(learning_rate=0.001, learning_rate_schedule="stepped"))
    ends = np.cumsum([3**stage for stage in range(8)])
    rates = []
    for epoch in (1, *np.repeat(ends, 2)[:-1] + np.tile([0, 1], 8)[:-1]):  # the first and the last epoch of each stage
        trainer.start_epoch(int(epoch))
        rates.append(float(trainer.vae.optimizer.learning_rate))
    assert ends[-1] == 3280
    np.testing.assert_allclose(rates, np.repeat([0.001 * 10 ** (-stage / 7) for stage in range(8)], 2), rtol=1e-6)


def test_the_step_is_traced_once_for_each_batch_size(image_sets):
    trainer = VAETrainer((8, 8, 1), settings())
    traces, original = [], trainer.vae.compute_loss
    trainer.vae.compute_loss = lambda *args, **kwargs: traces.append(1) or original(*args, **kwargs)
    for count in (16, 16, 16, 8, 16, 8, 16):
        trainer.train_step(image_sets(train=count)[0].images)
    assert 2 <= len(traces) <= 3  # one to build the loss, one for each size


def test_held_out_losses_are_repeatable_and_leave_the_run_alone(image_sets):
    train, held_out = image_sets()
    trainer = VAETrainer(train.image_shape, settings())
    before = values_of(trainer.vae.variables)
    first, second = (trainer.held_out_losses(held_out.images) for _ in range(2))
    assert first == second
    for one, two in zip(before, values_of(trainer.vae.variables), strict=True):
        np.testing.assert_array_equal(one, two)


def test_held_out_losses_cover_every_image_whatever_the_batch(image_sets, monkeypatch):
    _, held_out = image_sets(held_out=30)
    trainer = VAETrainer(held_out.image_shape, settings())
    whole = trainer.held_out_losses(held_out.images)
    monkeypatch.setattr("keras_gen.training.vae.HELD_OUT_PIXELS", 7 * 64)
    parts = trainer.held_out_losses(held_out.images)
    assert parts == pytest.approx(whole, rel=1e-5)


def test_held_out_losses_of_fewer_images_compile_nothing_anew(image_sets, monkeypatch):
    _, held_out = image_sets(held_out=30)
    trainer = VAETrainer(held_out.image_shape, settings())
    few = trainer.held_out_losses(held_out.images[:5])
    trainer.held_out_losses(held_out.images)
    rows, predict = [], trainer.terms_model.predict_on_batch
    monkeypatch.setattr(
        trainer.terms_model, "predict_on_batch", lambda inputs: rows.append(len(inputs[0])) or predict(inputs)
    )
    assert trainer.held_out_losses(held_out.images[:5]) == pytest.approx(few, rel=1e-5)
    assert rows == [30]


@pytest.mark.parametrize(
    "overrides",
    [
        {"architecture": "conv", "filters": 4},
        pytest.param({"optimizer": "adam", "latent_dim": 1, "beta": 0.0}, marks=pytest.mark.slow),
        {"intermediate_dim": 0, "activation": "tanh"},
        pytest.param({"latent_dim": 20}, marks=pytest.mark.slow),
    ],
)
def test_every_setting_trains(image_sets, overrides):
    run = train_small("vae", *image_sets(), epochs=3, **overrides)
    assert run.history[-1]["held_out_loss"] < run.history[0]["held_out_loss"]


def test_bfloat16_gives_nearly_the_losses_of_float32(image_sets):
    """A sigmoid head in half precision would saturate: see docs/differences.md."""
    precisions = ("float32", "mixed_bfloat16")
    runs = [train_small("vae", *image_sets(), epochs=5, precision=precision) for precision in precisions]
    float32, bfloat16 = (run.history[-1]["held_out_loss"] for run in runs)
    assert bfloat16 == pytest.approx(float32, rel=0.03)
    assert all(weight.dtype == np.float32 for weight in weights_of(runs[1]))


def test_too_few_images_for_a_batch_are_refused(image_sets):
    with pytest.raises(InputError, match=r"64 training images \(16 of 80 held out\) cannot fill one step of 100; use"):
        train_small("vae", *image_sets(), batch_size=100)


def test_a_loss_that_is_not_finite_stops_the_run_and_is_named(image_sets):
    trainer = VAETrainer((8, 8, 1), settings())
    trainer.models["decoder"].get_layer("hidden").bias.assign(np.full(16, np.nan))
    with pytest.raises(RunError, match="the loss became nan at step 3 of epoch 2; try a lower learning rate"):
        trainer.epoch = 2
        trainer.train_steps(image_sets(train=16)[0].images, [np.arange(16)], 3)


def test_the_start_says_what_a_recipe_chose_for_the_data():
    said, colour = [], np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8)
    prepare(make_plan("vae", colour, batch_size=4, filters=2, intermediate_dim=4, say=said.append), said.append)
    lines = [line for line in said if line.startswith(("Recipe", "Chosen"))]
    assert lines[0] == "Recipe  tuned: the default for other images than the chapter's"
    assert lines[1].startswith(
        "Chosen  for colour images: architecture conv, latent_dim 64, likelihood discretized_log"
    )


def test_the_weight_check_is_said_in_a_line(image_sets):
    said = []
    train_small("vae", *image_sets(), epochs=1, say=said.append)
    (line,) = (line for line in said if line.startswith("Weights"))
    assert line.endswith("changed the encoder (6 of 6 weights) and the decoder (4 of 4 weights), nothing else")


@pytest.mark.parametrize(
    "likelihood",
    [
        name if name in ("binarized", "discretized_logistic") else pytest.param(name, marks=pytest.mark.slow)
        for name in LIKELIHOODS
    ],
)
def test_every_likelihood_trains_and_is_measured_as_evaluate_measures_it(image_sets, likelihood):
    from keras_gen.evaluation import elbo_terms
    from keras_gen.evaluation.likelihood import bits_per_dimension

    train, held_out = image_sets(train=128)
    run = train_small("vae", train, held_out, epochs=6, intermediate_dim=32, likelihood=likelihood)
    first, last = run.history[0], run.history[-1]
    assert last["loss"] < first["loss"]
    networks = run.models["encoder"], run.models["decoder"]
    reconstruction, kl = elbo_terms(*networks, held_out.images, likelihood, samples=1, seed=run.settings.training.seed)
    assert last["held_out_reconstruction"] == pytest.approx(reconstruction.mean(), rel=1e-5)
    assert last["held_out_kl"] == pytest.approx(kl.mean(), rel=1e-5)
    assert (run.held_out_bits is not None) == (likelihood == "discretized_logistic")
    if run.held_out_bits:
        bits = bits_per_dimension(-(reconstruction + kl), 64, likelihood)
        assert run.held_out_bits == pytest.approx(bits.value, rel=1e-5)
        scale = run.models["decoder"].get_layer("noise_scale").weight
        assert keras.ops.convert_to_numpy(scale) != 0  # it has learned
        assert last_losses(run).endswith(f" nats; {bits.value:.3f} bits per dimension.")


def test_binarized_images_are_drawn_anew_in_every_step_and_the_same_when_the_step_is_repeated(image_sets, monkeypatch):
    train, _ = image_sets()
    trainer = VAETrainer((8, 8, 1), settings(likelihood="binarized"))
    seen = []
    monkeypatch.setattr(trainer.vae, "train_on_batch", lambda x, _: seen.append(x) or 0.0)
    for step in (1, 2, 1):
        trainer.step = step
        trainer.train_step(train.images[:8])
    assert set(np.unique(seen)) == {0.0, 1.0}
    np.testing.assert_array_equal(seen[0], seen[2])
    assert not np.array_equal(seen[0], seen[1])


@pytest.mark.parametrize("samples", [1, 3])
def test_with_binarized_inputs_the_encoder_sees_draws_and_the_decoder_rebuilds_what_was_given(image_sets, samples):
    """A decoder that answers with one grey: its loss tells the images that it is compared with."""
    train, held_out = image_sets()
    noisy, plain = (
        VAETrainer((8, 8, 1), settings(binarize_inputs=share, importance_samples=samples)) for share in (1, 0)
    )
    assert noisy.held_out_losses(held_out.images) == plain.held_out_losses(held_out.images)
    losses = []
    for trainer in (noisy, plain):
        pixels = trainer.models["decoder"].get_layer("pixels")
        pixels.kernel.assign(np.zeros((16, 64)))
        pixels.bias.assign(np.full(64, 2.0))
        trained_on = float(trainer.train_step(train.images[:8])["loss"])
        terms = trainer.mean_terms()
        losses.append({"reconstruction": trained_on - terms["kl"]} | terms)
    assert losses[0]["reconstruction"] == pytest.approx(losses[1]["reconstruction"], rel=1e-5)
    assert losses[0]["kl"] != pytest.approx(losses[1]["kl"], rel=1e-3)


def test_binarized_inputs_are_drawn_by_another_seed_than_latent_points_and_not_for_binarized_images():
    trainer = VAETrainer((8, 8, 1), settings(binarize_inputs=1))
    seeds = [trainer.vae.get_layer("binarization").seed, trainer.models["encoder"].get_layer("epsilon").seed]
    assert len(set(seeds)) == 2
    trainer = VAETrainer((8, 8, 1), settings(binarize_inputs=1, likelihood="binarized"))
    assert "binarization" not in [layer.name for layer in trainer.vae.layers]


def test_several_importance_samples_train_the_bound_that_evaluate_measures(image_sets):
    from keras_gen.evaluation import importance_weighted_bound

    train, held_out = image_sets()
    options = {"likelihood": "binarized", "optimizer": "adam", "adam_epsilon": 1e-4, "evaluate_every": 3}
    run = train_small("vae", train, held_out, epochs=3, importance_samples=5, **options)
    last, seed = run.history[-1], run.settings.training.seed
    networks = run.models["encoder"], run.models["decoder"]
    bound = importance_weighted_bound(*networks, held_out.images, "binarized", samples=5, seed=seed)
    assert last["held_out_loss"] == pytest.approx(-bound.mean(), rel=1e-5)
    for start in ("", "held_out_", "validation_"):
        losses = last if start != "validation_" else run.metrics[-1]
        assert losses[f"{start}loss"] < losses[f"{start}reconstruction"] + losses[f"{start}kl"]
    assert run.history[-1]["loss"] < run.history[0]["loss"]


def test_adam_s_epsilon_shortens_the_first_steps(image_sets, eagerly):
    """Adam's first step is the rate times g / (|g| + epsilon)."""
    train, _ = image_sets(train=16)
    steps = []
    for epsilon in (1e-7, 1.0):
        trainer = VAETrainer(train.image_shape, settings(optimizer="adam", adam_epsilon=epsilon))
        before = values_of(trainer.vae.trainable_weights)
        trainer.train_step(train.images)
        after = values_of(trainer.vae.trainable_weights)
        steps.append(max(np.abs(two - one).max() for one, two in zip(before, after, strict=True)))
    assert steps[0] == pytest.approx(1e-3, rel=0.01)
    assert 0 < steps[1] < 0.95e-3
