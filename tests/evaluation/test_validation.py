import pytest

from keras_gen.evaluation.validation import VAEMeasure
from keras_gen.run import load_run


def test_the_validation_loss_of_a_vae_weighs_the_kl_term_as_its_training_does(command_runs):
    run = load_run(command_runs["vae"])
    run.settings = run.settings.replace(beta=3.0)
    scores, criterion = VAEMeasure(run, *run.datasets())(run)
    assert scores["validation_kl"] > 0 and criterion == "validation_loss"
    assert scores[criterion] == pytest.approx(scores["validation_reconstruction"] + 3 * scores["validation_kl"])
