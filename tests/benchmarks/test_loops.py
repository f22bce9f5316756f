import keras
import pytest

from keras_gen.benchmarks import keras_loops, peak, survey
from keras_gen.benchmarks.contender import Reporter
from keras_gen.benchmarks.task import CONTENDERS, Task, as_json

TASKS = {
    "vae": Task("vae", (8, 8, 1), "float32", 4, 3, {"intermediate_dim": 4}),
    "dcgan": Task(
        "dcgan",
        (8, 8, 1),
        "float32",
        4,
        2,
        {"generator_filters": 2, "generator_base_filters": 2, "discriminator_filters": 2, "kernel_size": 3},
    ),
}


class Laps(Reporter):
    """Ends after two laps and remembers what it was told."""

    def __init__(self):
        self.told = []

    def first_step(self):
        if not self.told:
            self.told.append("first step")

    def lap(self, seconds=None):
        self.told.append("lap" if seconds is None or seconds > 0 else "no time")
        if len(self.told) == 3:
            raise SystemExit

    def say(self, **facts):
        self.told.append(facts)


OF_KERAS = {
    (kind, each.title): each for kind, some in CONTENDERS.items() for each in some if each.program.startswith("keras")
}


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("vae", "bare `train_on_batch`"),
        ("vae", "Keras `fit`"),
        ("vae", "ours, compiled"),
        ("dcgan", "bare `train_on_batch`"),
        ("dcgan", "bare, fakes stay on the device"),
        ("dcgan", "ours"),
    ],
)
def test_a_contender_reports_its_first_step_and_its_laps(kind, title):
    contender = OF_KERAS[kind, title]
    laps = Laps()
    with pytest.raises(SystemExit):
        getattr(keras_loops, contender.program.split(":")[1])(laps, as_json(TASKS[kind]), **contender.options)
    assert laps.told == ["first step", "lap", "lap"]


@pytest.mark.parametrize(("kind", "title"), [key for key, each in OF_KERAS.items() if "changes" in each.options])
def test_what_makes_a_contender_another_loop_are_settings(kind, title):
    changes = OF_KERAS[kind, title].options["changes"]
    assert changes.items() <= TASKS[kind].settings(**changes).as_dict().items()


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_peak_is_measured_in_laps_as_all_else(precision, monkeypatch):
    monkeypatch.setattr(peak, "SIZES", (64, 128))
    laps = Laps()
    with pytest.raises(SystemExit):
        peak.keras_products(laps, as_json(Task("vae", (8, 8, 1), precision, 4)))
    assert laps.told == ["first step", "lap", "lap"]


def test_the_survey_counts_a_step_of_each_task():
    laps = Laps()
    survey.survey(laps, [as_json(task) for task in TASKS.values()])
    ((own_vae, shared_vae), (own, shared)) = laps.told[0]["operations"]
    assert own_vae == shared_vae == 4 * 2 * (3 * (64 * 4 + 4 * 4 + 2 * 4 + 4 * 64) - 64 * 4)
    assert shared < own
    assert keras.__version__ in laps.told[0]["versions"]


def test_a_task_survives_json():
    assert Task.of(as_json(TASKS["dcgan"])) == TASKS["dcgan"]
