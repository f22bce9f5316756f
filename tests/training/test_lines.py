"""What a run says of its data, of its steps and of its time, and when it measures."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_gen.settings import resolve_settings
from keras_gen.training import expectation
from keras_gen.training.callbacks import Validation, duration
from keras_gen.training.lines import _advice_on_steps, _unbalanced
from keras_gen.training.rehearsal import Pace


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.6, "1 s"), (89, "89 s"), (91, "2 min"), (99 * 60, "99 min"), (100 * 60, "1 h 40 min"), (7200, "2 h 0 min")],
)
def test_times_are_told_as_people_tell_them(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("images", "batch_size", "turns", "epochs", "steps", "enough"),
    [
        (70, 10, 1, 4, "28", 215),
        (100, 64, 1, 3, "3", 1500),
        (100, 16, 2, 3, "9", 500),
        (2999, 2, 1, 1, "1,499", 2),
        (3000, 2, 1, 1, None, None),
    ],
)
def test_a_gan_of_few_steps_is_told_how_many_epochs_it_needs(images, batch_size, turns, epochs, steps, enough):
    training = SimpleNamespace(batch_size=batch_size, discriminator_steps=turns, epochs=epochs)
    plan = SimpleNamespace(kind="dcgan", settings=SimpleNamespace(training=training), train=range(images))
    smaller = " or a smaller `batch_size`" if batch_size > 32 else ""
    advice = f"{steps} steps are few for a GAN (the chapter's cars take 7,800); try `epochs={enough}`{smaller}"
    assert _advice_on_steps(plan) == ([advice] if steps else [])


@pytest.mark.parametrize(("counts", "said"), [((10, 0, 30), True), ((10, 0, 29), False)])
def test_classes_are_unbalanced_from_three_times_as_many_images_on(counts, said):
    training = SimpleNamespace(balance_classes=False)
    train = SimpleNamespace(labels=np.array([0, 2]), class_names=("cat", "cow", "dog"))
    plan = SimpleNamespace(class_counts=np.array(counts), settings=SimpleNamespace(training=training), train=train)
    text = _unbalanced(plan)
    assert bool(text) == said
    assert not said or "from 10 images (cat) to 30 (dog)" in text


def test_a_run_is_measured_every_so_many_epochs_and_after_the_last_and_the_first_best_models_stay():
    saved, values = [], iter((0.5, 0.5, 0.3))
    run = SimpleNamespace(
        criterion="kid",
        settings=SimpleNamespace(training=SimpleNamespace(evaluate_every=2, epochs=5)),
        metrics=[],
        models={},
        record={"id": "1"},
        folder=SimpleNamespace(save_models=lambda models, epoch, **_: saved.append(epoch)),
        update=lambda **facts: saved.append(facts["best"]),
    )
    validation = Validation(run, lambda run: {"kid": next(values)})
    for run.epoch in range(1, 6):
        logs = {}
        validation.on_epoch_end(run.epoch - 1, logs)
        assert logs == ({"kid": run.metrics[-1]["kid"]} if run.epoch in (2, 4, 5) else {})
    assert run.metrics == [{"epoch": 2, "kid": 0.5}, {"epoch": 4, "kid": 0.5}, {"epoch": 5, "kid": 0.3}]
    assert saved == [2, {"epoch": 2, "by": "kid", "value": 0.5}, 5, {"epoch": 5, "by": "kid", "value": 0.3}]


def test_what_a_run_will_take_by_hand(monkeypatch):
    assert [Pace(10, 2.0, 5.0, 30.0, {}).epoch(every) for every in (0, 1, 3)] == [25, 55, 35]
    sizes = {"checkpoints": 3e6, "models": 1e6, "images": 2e6, "latents": 2e6}
    monkeypatch.setattr(expectation, "rehearse", lambda *_, **__: Pace(10, 0.5, 2.0, 0.0, sizes))
    monkeypatch.setattr(expectation, "peak_memory", lambda: 2e9)
    monkeypatch.setattr(expectation, "SIDES", (32,))
    settings = resolve_settings("vae", recipe="chapter", epochs=10, intermediate_dim=16)
    networks = expectation.build("vae", (16, 16, 1), settings, None)
    shape = SimpleNamespace(image_shape=(16, 16, 1))
    plan = SimpleNamespace(kind="vae", settings=settings, train=shape, validation=None, classes=None)
    trainer = SimpleNamespace(networks=networks, images_per_step=100)
    first, _, own, larger = expectation.expectation(plan, trainer)
    assert first.startswith("Expect  10 steps an epoch of 0.5 s and 2 s at its end")
    # 10 epochs of 7 s; two checkpoints, the models, figures, and of each epoch an image and the codes
    assert own.split() == ["16x16", "70", "s", "2.0", "GB", "29", "MB"]
    before, after = (
        expectation.costs(networks),
        expectation.costs(expectation.build("vae", (32, 32, 1), settings, None)),
    )
    seconds = 10 * (5 * after.multiplications / before.multiplications + 2 * 4)
    disk = 7 * after.weights / before.weights + 10 * (4 + 1) + 2
    assert larger.split()[:7] == ["32x32", *duration(seconds).split(), "2.0", "GB", f"{disk:.0f}", "MB"]
