"""What the doctor's rules say of losses and of gradients, row by row, without a training."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_gen.data import ImageSet
from keras_gen.training.findings import _loss_findings
from keras_gen.training.gradients import gradient_finding
from keras_gen.training.label_findings import images_by_class
from keras_gen.training.start import _forget_later_findings


@pytest.mark.parametrize(
    ("on_fakes", "generator", "settled", "names"),
    [
        ((0.05,), (0.05,), True, ["another function"]),  # one function cannot call the same images fake and real
        ((0.05,), (0.05,), False, []),
        ((0.7, 0.6), (0.7, 0.8), True, []),
        ((0.01, 0.005, 0.001), (4.0, 5.0, 6.0), True, ["discriminator wins"]),
        ((0.02, 0.005, 0.001), (4.0, 5.0, 6.0), True, []),
        ((0.01, 0.005, 0.001), (6.0, 5.0, 4.0), True, []),
        ((0.005, 0.001), (5.0, 6.0), True, []),
        ((0.7, 2.0, 1.5), (0.7, 0.1, 0.15), True, ["generator wins"]),
        ((0.7, 2.0, 1.5), (0.7, 0.1, 0.16), True, []),
        ((0.7, 2.0, 1.3), (0.7, 0.1, 0.15), True, []),
        ((2.0,), (0.1,), True, []),
    ],
)
def test_what_a_gan_s_losses_tell(on_fakes, generator, settled, names):
    history = [
        {"discriminator_loss_fake": fake, "generator_loss": loss}
        for fake, loss in zip(on_fakes, generator, strict=True)
    ]
    assert [finding.name for finding in _loss_findings(history, settled)] == names


@pytest.mark.parametrize(
    ("moments", "name"),
    [
        ({"momentum": [[1, -1], [1, -1]], "velocity": [[1e-30] * 2] * 2}, None),
        ({"momentum": [[3e5, -3e5]], "velocity": [[1.0] * 2]}, "exploding gradients"),
        ({"momentum": [[0, 1e-11]]}, "dead gradients"),
        ({"momentum": [[1, np.nan]]}, "exploding gradients"),
        ({"velocity": [[1e9, 1e9]]}, None),  # RMSprop's are squares
        ({"velocity": [[1e11, 0]]}, "exploding gradients"),
        ({"velocity": [[1e-21, 1e-21]]}, "dead gradients"),
        ({"velocity": [0.0, 0.0]}, None),  # of a bias
    ],
)
def test_what_an_optimizer_s_moments_tell(moments, name):
    variables = [
        SimpleNamespace(path=f"adam/dense_kernel_{moment}", shape=np.shape(values), value=np.float32(values))
        for moment, values in moments.items()
    ]
    found = gradient_finding({"encoder": SimpleNamespace(variables=variables)})
    assert (found and found.name) == name
    assert found is None or "in the encoder (dense" in found.text


def test_of_many_classes_some_are_looked_at_evenly_spaced():
    train = ImageSet(np.arange(80, dtype=np.uint8).reshape(80, 1, 1, 1), np.arange(80) // 2)
    found = images_by_class(train)
    assert len(found) == 20 and {0, 39} <= found.keys()
    assert all(set(images.ravel() // 2) == {label} for label, images in found.items())


def test_what_was_found_after_the_checkpoint_is_forgotten():
    findings = [{"epoch": 1, "resolved": 2}, {"epoch": 2, "resolved": 3}, {"epoch": 3, "resolved": None}]
    run = SimpleNamespace(epoch=2, findings=findings, record={})
    _forget_later_findings(run)
    assert run.record["findings"] == [{"epoch": 1, "resolved": 2}, {"epoch": 2, "resolved": None}]
