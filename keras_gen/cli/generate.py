"""python -m keras_gen generate: new images from a trained run."""

from pathlib import Path

import numpy as np

from keras_gen.cli.command import DONE, Parser, start_backend
from keras_gen.errors import InputError

GRID_LIMIT = 400  # images that a grid still shows


def main(argv: list[str]) -> int:
    """Run the command and return its exit code."""
    options = parser().parse_args(argv)
    if not 1 <= options.count <= 1_000_000:
        raise InputError(f"--count must be a whole number from 1 to 1000000; received {options.count}")
    if not 0 <= options.seed < 2**31:
        raise InputError(f"--seed must be a whole number from 0 to 2147483647; received {options.seed}")
    for path in (options.npy, options.png):
        if path is not None and (path.exists() or not path.absolute().parent.is_dir()):
            problem = "exists and is never overwritten" if path.exists() else "is in a folder that does not exist"
            raise InputError(f"{path} {problem}; name a new file in a folder that is there")
    if options.png is not None and (options.png.suffix.lower() != ".png" or options.png == options.npy):
        raise InputError(f"--png {options.png} must end in .png, and be another file than --npy")
    if options.npy is None and options.png is None:
        options.png = options.run / "figures" / f"generated-{options.count}-seed-{options.seed}.png"
    start_backend()
    from keras_gen.cli.pictures import IMAGE_MODEL, decode
    from keras_gen.figures import save_grid
    from keras_gen.latent import draw_latents
    from keras_gen.seeds import random_stream
    from keras_gen.training import RunFolder

    folder = RunFolder(options.run)
    run = folder.read()
    model = folder.load_model(IMAGE_MODEL[run["kind"]])
    distribution = run["settings"].get("latent_distribution", "normal")  # a VAE's prior is normal
    random = random_stream(options.seed, "generate")
    latents = draw_latents(random, options.count, run["settings"]["latent_dim"], distribution)
    images = decode(model, latents, run["pixel_range"])
    if options.npy is not None:
        with options.npy.open("xb") as file:
            np.save(file, images, allow_pickle=False)
        print(f"{len(images):,} images, uint8 of shape {images.shape}: {options.npy}")
    if options.png is not None:
        save_grid(images[:GRID_LIMIT], options.png)
        print(f"{min(len(images), GRID_LIMIT):,} images in a grid: {options.png}")
    return DONE


def parser() -> Parser:
    """Return the command's parser."""
    result = Parser(
        prog="python -m keras_gen generate",
        description="Generate new images from a trained run.",
        allow_abbrev=False,
    )
    result.add_argument("run", type=Path, metavar="RUN", help="run folder, such as runs/0001-vae-mnist5k")
    result.add_argument("--count", type=int, default=64, help="images to generate (default: 64)")
    result.add_argument("--seed", type=int, default=0, help="start of the latent points (default: 0)")
    result.add_argument(
        "--npy",
        type=Path,
        help="file for the images as an array, uint8 (count, height, width, channels) (default: none)",
    )
    result.add_argument(
        "--png",
        type=Path,
        help=f"file for a grid of the first {GRID_LIMIT} (default: in the run's figures, unless --npy is given)",
    )
    return result
