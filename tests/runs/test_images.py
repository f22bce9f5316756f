from types import SimpleNamespace

import numpy as np
from PIL import Image

from keras_gen.run.images import find_images
from keras_gen.settings import resolve_settings


def test_a_resumed_run_may_allow_more_bad_images_than_before(tmp_path):
    for number in range(10):
        Image.fromarray(np.full((16, 16), 20 * number, np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "since.png").write_text("no image")
    source = {"dataset": str(tmp_path), "max_bad": 0, "image_size": 8}  # an ImageSet's own size, not the run's
    settings = resolve_settings("vae", "photos", max_bad=1)
    run = SimpleNamespace(record={"source": source}, settings=settings, where="the run")
    train, validation, held_out = find_images(run)
    assert [len(train), validation, len(held_out), train.image_shape] == [9, None, 1, (8, 8, 1)]
