"""python -m keras_gen evaluate: how good a run is, in numbers that mean something."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from keras_gen.cli.command import DONE, Parser, add_best_flag, check_seed, check_whole, run_parser, say, start_backend
from keras_gen.cli.report import write_report
from keras_gen.errors import InputError

if TYPE_CHECKING:
    from keras_gen.evaluation import Classes, Copies

IMAGES_PER_CLASS, MOST_IMAGES = 50, 5000  # generated images to look for classes in, if they are more than are compared
NEIGHBOURS_SHOWN = 16  # generated images whose nearest training images are drawn
LIKELIHOODS = {
    "bernoulli": "grey pixels taken as averages of black and white ones; no likelihood of grey images",
    "binarized": "pixels drawn black or white by their grey value",
    "continuous_bernoulli": "a density of grey pixels",
    "gaussian": "a density of grey pixels, with a fixed standard deviation",
}


def main(argv: list[str]) -> int:
    """Run the command and return its exit code."""
    options = parser().parse_args(argv)
    _check(options)
    start_backend()
    from keras_gen.training import load_run

    run = load_run(options.run, best=options.best)
    train, held_out = run.datasets()
    count = min(options.count, len(held_out), len(train))
    from keras_gen.cli import scores

    if count < scores.FEWEST:
        kind = "held-out" if len(held_out) <= len(train) else "training"
        raise InputError(f"{run.folder.path} has {count} {kind} images; six are the least to compare with")
    from keras_gen.evaluation import class_shares, find_copies

    result = {"models": "best" if options.best else "last", "seed": options.seed}
    if run.kind == "vae":
        result["likelihood"] = scores.likelihood_scores(
            run, held_out.images, options.samples, options.importance_samples, options.seed
        )
        _print_likelihood(result["likelihood"], run.settings.latent_dim)
    features = scores.features_for(options.features, train, options.seed)
    told_apart = train.has_classes and held_out.labels is not None
    for_classes = min(IMAGES_PER_CLASS * len(train.class_names), MOST_IMAGES) if told_apart else 0
    more = run.generate(max(count, for_classes), options.seed)
    result["epoch"] = run.epoch
    all_made, held_out_features, train_features = (features(each) for each in (more, held_out.images, train.images))
    generated, made = more[:count], all_made[:count]
    spaces = {
        "pixels": (generated, held_out.images, train.images),
        "features": (made, held_out_features, train_features),
    }
    real = held_out_features[scores.some_places(held_out, count, options.seed)]
    floor = train_features[scores.some_places(train, count, options.seed)]
    result["images"] = {
        "features": options.features,
        "count": count,
        "generated": scores.image_scores(made, real),
        "floor": scores.image_scores(floor, real),
    }
    _print_images(result["images"])
    if told_apart:
        found = class_shares(all_made, train_features, train.labels, held_out_features, held_out.labels)
        result["classes"] = scores.class_scores(found)
        say(_class_line(found, train.class_names))
    copies = {space: find_copies(*arrays) for space, arrays in spaces.items()}
    result["memorising"] = {space: scores.memorising_scores(found) for space, found in copies.items()}
    for space, found in copies.items():
        say(f"Copies in {space:9}  {found.verdict}")
    run.folder.write_scores(result)
    say(f"Numbers: {run.folder.path / 'metrics.json'}")
    say(f"Each generated image beside its nearest training images: {_draw_nearest(run, generated, train, copies)}")
    say(f"All of it on one page: {write_report(run.folder)}")
    return DONE


def parser() -> Parser:
    """Return the command's parser."""
    result = run_parser(
        "evaluate",
        "Measure a run on its held-out images: bounds on the likelihood (VAE), distances between generated "
        "and real images, copies of training images. docs/metrics.md says what each number means.",
    )
    result.add_argument(
        "--features",
        choices=("own", "inception"),
        default="own",
        help="what distances are measured in: own trains a small classifier on the data set, inception needs a "
        "download (default: own)",
    )
    result.add_argument("--count", type=int, default=5000, help="images to compare, at most (default: 5000)")
    result.add_argument(
        "--samples", type=int, default=10, help="latent samples an image for the lower bound (default: 10; VAE)"
    )
    result.add_argument(
        "--importance-samples",
        type=int,
        default=500,
        help="samples an image for the importance-weighted bound (default: 500; VAE)",
    )
    result.add_argument("--seed", type=int, default=0, help="start of every random draw (default: 0)")
    add_best_flag(result)
    return result


def _check(options: Namespace) -> None:
    for name, low, high in (("count", 6, 50_000), ("samples", 1, 10_000), ("importance_samples", 1, 5000)):
        check_whole("--" + name.replace("_", "-"), vars(options)[name], low, high)
    check_seed(options.seed)


def _print_likelihood(scores: dict, latent_dim: int) -> None:
    print(
        f"Likelihood  {scores['likelihood']}: {LIKELIHOODS[scores['likelihood']]}; {scores['images']:,} held-out images"
    )
    parts = f"reconstruction {scores['reconstruction']:.2f}, KL {scores['kl']:.2f}; {scores['samples']} samples"
    print(f"  ELBO                        {_estimate(scores['elbo'])} nats ({parts})")
    bound = _estimate(scores["importance_weighted_bound"])
    print(f"  importance-weighted bound   {bound} nats ({scores['importance_samples']} samples)")
    print(f"  active latent dimensions    {scores['active_units']} of {latent_dim}")


def _print_images(scores: dict) -> None:
    print(f"Images  {scores['count']:,} generated against as many held-out ones, by {scores['features']} features")
    print(f"  {'':12}{'generated':>20}{'training images':>20}   (the floor: as real as it gets)")
    for name in ("fid", "kid", "precision", "recall", "density", "coverage"):
        cells = (_cell(scores[column][name]) for column in ("generated", "floor"))
        print(f"  {name:12}" + "".join(f"{cell:>20}" for cell in cells))


def _class_line(found: Classes, names: tuple[str, ...]) -> str:
    rarest = min(found.shares, key=found.shares.get)
    missing = ", ".join(str(names[label]) for label in found.missing)
    made = len(found.shares) - len(found.missing) - len(found.untold)
    there = f"{made} of {len(found.shares)} among the generated images"
    rare = f"missing: {missing}" if missing else f"the rarest, {names[rarest]}, is {found.shares[rarest]:.1%} of them"
    if found.untold:
        rare += f"; too few images to tell: {', '.join(str(names[label]) for label in found.untold)}"
    return f"Classes  {there}; {rare} (by a classifier that is right for {found.accuracy:.0%} of the held-out images)"


def _cell(value: float | dict) -> str:
    return f"{value['value']:.4f} ± {value['standard_error']:.4f}" if isinstance(value, dict) else f"{value:.4f}"


def _estimate(value: dict) -> str:
    return f"{value['value']:.2f} ± {value['standard_error']:.2f}"


def _draw_nearest(run: object, generated: object, train: object, copies: dict[str, Copies]) -> Path:
    """Draw generated images in a column, their nearest training images beside them."""
    import numpy as np

    from keras_gen.figures import image_table, save_figure

    shown = min(NEIGHBOURS_SHOWN, len(generated))
    rows = [generated[:shown], *(train.images[found.indices[:shown]] for found in copies.values())]
    names = ["generated", *(f"nearest in {space}" for space in copies)]
    figure = image_table(np.concatenate(rows), [""] * shown, names)
    path = run.folder.figures / "nearest.png"
    save_figure(figure, path)
    return path
