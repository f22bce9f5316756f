"""Both models train on every Keras backend. Each runs in a process of its own: Keras picks its backend once."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

REQUIRED = os.environ.get("KERAS_GEN_REQUIRE_BACKENDS") == "1"  # .ci/run installs them and says so


@pytest.mark.parametrize("backend", [pytest.param("tensorflow", marks=pytest.mark.slow), "jax", "torch"])
def test_both_models_train(backend):
    if not REQUIRED and importlib.util.find_spec(backend) is None:
        pytest.skip(f"NOT TESTED: training on {backend}; pip install -r requirements-backends.txt to test it")
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.backend_check"],
        env=os.environ | {"KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout)
    vae, dcgan = report["vae"], report["dcgan"]
    assert vae["history"][-1]["held_out_loss"] < vae["history"][0]["held_out_loss"]
    assert vae["history"][-1]["kl"] > 0  # a metric would stay 0 on JAX
    assert "changed the encoder" in vae["weights"]
    spread, expected = report["z"]
    assert spread == pytest.approx(expected, rel=0.3)
    assert "BatchNormalization's averages in the discriminator, nothing else" in dcgan["weights"]
    assert all(abs(value) < 50 for row in dcgan["history"] for value in row.values())
