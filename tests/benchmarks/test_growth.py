import keras
import numpy as np
import pytest

from keras_gen.benchmarks import growth
from tests.benchmarks.test_loops import Connection


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    for name, value in (("COUNTS", (8, 20)), ("SHAPE", (8, 8, 1)), ("WARM_UP", 1), ("STEPS", 3), ("BATCH", 4)):
        monkeypatch.setattr(growth, name, value)


def test_one_file_grows_and_its_images_are_trained_on(small, tmp_path):
    connection = Connection(rounds=1)
    sizes = []
    for count in growth._that_fit(str(tmp_path)):
        sizes.append((tmp_path / "images").stat().st_size // count)
    with pytest.raises(EOFError):  # there is no round to come
        growth.train_on(growth.Reporter(connection), count, str(tmp_path))
    assert sizes == [64, 64]
    first, facts, *_ = connection.sent
    assert first == {} and facts["seconds"] > 0
    assert facts["own_memory"] is None or facts["own_memory"] > 10**7
    assert np.unique(np.fromfile(tmp_path / "images", np.uint8)).size > 200


def test_sizes_that_do_not_fit_on_the_disk_are_left_out(small, tmp_path, monkeypatch):
    monkeypatch.setattr(growth.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 2 * 8 * 64}))
    assert list(growth._that_fit(str(tmp_path))) == [8]


def test_the_table_of_workers_compares_times_and_gradients_with_one_worker_s(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setattr(growth, "_that_fit", lambda folder: ())
    monkeypatch.setattr(growth, "markdown_table", lambda rows: rows)
    measured = {1: (np.array([3.0, 4.0]), 0.01), 2: (np.array([3.0, 4.5]), 0.02), 4: (np.array([3.0, 4.0]), 0.04)}
    monkeypatch.setattr(growth, "_together", measured.get)
    lines = list(growth.growth_tables())
    assert any("Left out: 1,000 images and more" in line for line in lines)
    rows = [list(row.values()) for row in lines if isinstance(row, dict)]
    assert rows == [["1", "10", "1.00", "0e+00"], ["2", "20", "0.50", "1e-01"], ["4", "40", "0.25", "0e+00"]]
