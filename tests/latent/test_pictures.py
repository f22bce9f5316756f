"""What is drawn while a run trains: of which images, and in which order."""

from types import SimpleNamespace

import numpy as np
from PIL import Image

from keras_gen.data import ImageSet
from keras_gen.indices import evenly_spaced_indices
from keras_gen.latent import pictures
from keras_gen.run import load_run


def test_the_preview_has_training_images_evenly_spaced(command_runs):
    run = load_run(command_runs["vae"])
    train, _ = run.datasets()
    picture = np.asarray(Image.open(run.folder.figures / "data.png"))
    rows = [picture[start : start + 64 : 4, ::4] for start in range(0, 572, 72)]  # each with its images and gaps
    cells = [row[:, start : start + 16] for row in rows for start in range(0, 143, 18)]
    np.testing.assert_array_equal(cells, train.images[evenly_spaced_indices(len(train), 64)][..., 0])


def test_codes_are_kept_of_images_evenly_spaced_and_each_class_has_a_row_of_the_same_points(monkeypatch):
    held_out = ImageSet(np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1), np.arange(50) % 7)
    decoded, written = [], []
    run = SimpleNamespace(
        conditional=True,
        encodes=True,
        epoch=3,
        settings=SimpleNamespace(training=SimpleNamespace(seed=0), latent_dim=2, latent_distribution="normal"),
        label_counts=(np.array([1, 4]), None),
        datasets=lambda: (None, held_out),
        labels_of=lambda images, indices: images.labels[indices],
        decode=lambda latents, classes: decoded.append((latents, classes)),
        encode=lambda images, labels: images.reshape(-1),
        folder=SimpleNamespace(epoch_image=str, replacing=None, write_codes=lambda *parts: written.append(parts)),
    )
    monkeypatch.setattr(pictures, "MAX_CODES", 3)
    monkeypatch.setattr(pictures, "save_figure", lambda *_: None)
    monkeypatch.setattr(pictures, "class_table", lambda *_: None)
    pictures.draw_epoch(run)
    ((latents, classes),) = decoded
    assert classes.tolist() == [1] * 10 + [4] * 10
    np.testing.assert_array_equal(latents[:10], latents[10:])
    assert len(np.unique(latents, axis=0)) == 10
    ((epoch, codes, labels),) = written
    assert (epoch, codes.tolist(), labels.tolist()) == (3, [0, 24, 49], [0, 3, 0])
