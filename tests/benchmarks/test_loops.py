import keras
import pytest

from keras_gen.benchmarks import environment, keras_loops, peak
from keras_gen.benchmarks.tasks import WORKERS, Task
from keras_gen.benchmarks.worker import Reporter
from keras_gen.models.normalization import BatchNormalization

SMALL = {"generator_filters": 2, "base_filters": 2, "discriminator_filters": 2, "kernel_size": 3}
TASKS = {
    "vae": Task("vae", (8, 8, 1), "float32", 4, 3, {"intermediate_dim": 4, "jit": "off"}),
    "dcgan": Task("dcgan", (8, 8, 1), "float32", 4, 2, SMALL),
}


class Connection:
    """Ends after some rounds and remembers what was sent."""

    def __init__(self, rounds=2):
        self.sent, self.rounds = [], rounds

    def send(self, facts):
        self.sent.append(facts)

    def recv(self):
        if len(self.sent) >= self.rounds + 1:
            raise EOFError


def run(function, *arguments, **options):
    connection = Connection()
    with pytest.raises(EOFError):
        function(Reporter(connection), *arguments, **options)
    first, *rounds = connection.sent
    assert first == {}
    assert len(rounds) == 2 and all(facts["seconds"] > 0 for facts in rounds)
    return rounds


KERAS_WORKERS = {
    (kind, worker.title): worker
    for kind, workers in WORKERS.items()
    for worker in workers
    if worker.program.startswith(".keras")
}


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("vae", "bare `train_on_batch`"),
        ("vae", "Keras `fit`"),
        ("vae", "ours, compiled"),
        ("dcgan", "bare `train_on_batch`"),
        pytest.param("dcgan", "bare, fakes stay on the device", marks=pytest.mark.slow),
        ("dcgan", "ours"),
        ("dcgan", "ours, unfused"),
        pytest.param("dcgan", "ours, shared fakes, conditional", marks=pytest.mark.slow),
    ],
)
def test_a_worker_reports_its_first_step_and_its_rounds(kind, title, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    worker = KERAS_WORKERS[kind, title]
    monkeypatch.setattr(BatchNormalization, "call", BatchNormalization.call)  # `unfused` replaces it
    rounds = run(getattr(keras_loops, worker.program.split(":")[1]), TASKS[kind], **worker.options)
    assert all(0 < facts["outside"] < 1 if "ours" in title else "outside" not in facts for facts in rounds)
    assert (BatchNormalization.call is keras.layers.BatchNormalization.call) is ("unfused" in title)


@pytest.mark.parametrize(
    ("kind", "title"), [key for key, worker in KERAS_WORKERS.items() if "overrides" in worker.options]
)
def test_what_makes_a_worker_another_loop_are_settings(kind, title):
    overrides = KERAS_WORKERS[kind, title].options["overrides"]
    assert overrides.items() <= TASKS[kind].settings(**overrides).as_dict()["training"].items()


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_peak_is_measured_in_rounds_as_all_else(precision, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    monkeypatch.setattr(peak, "SIZES", (64, 128))
    run(peak.keras_products, Task("vae", (8, 8, 1), precision, 4))


def test_the_environment_counts_a_step_of_each_task():
    connection = Connection()
    environment.environment(Reporter(connection), list(TASKS.values()))
    ((own_vae, shared_vae), (own, shared)) = connection.sent[0]["operations"]
    assert own_vae == shared_vae == 4 * 2 * (3 * (64 * 4 + 4 * 4 + 2 * 4 + 4 * 64) - 64 * 4)
    assert shared < own
    assert keras.__version__ in connection.sent[0]["versions"]
