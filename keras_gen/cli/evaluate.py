"""python -m keras_gen evaluate: how good a run is, in numbers that mean something."""

from argparse import Namespace
from collections.abc import Iterator

from keras_gen.cli.command import Parser, say
from keras_gen.cli.runs import add_best_flag, add_data_flags, open_run, run_parser, say_models
from keras_gen.text import listed

LIKELIHOODS = {
    "bernoulli": "grey pixels taken as averages of black and white ones; no likelihood of grey images",
    "binarized": "pixels drawn black or white by their grey value",
    "continuous_bernoulli": "a density of grey pixels",
    "gaussian": "a density of grey pixels, with a fixed standard deviation",
}


def run(options: Namespace) -> None:
    """Run the command."""
    run = open_run(options)
    names = ("features", "count", "samples", "importance_samples", "seed")
    scores = run.evaluate(**{name: vars(options)[name] for name in names}, say=say)
    say_models(run)
    for line in score_lines(scores, run.settings.latent_dim, run.class_names):
        say(line)
    say(f"Numbers: {run.folder.path / 'metrics.json'}")
    say(f"Each generated image beside its nearest training images: {run.folder.figures / 'nearest.png'}")
    say(f"All of it on one page: {run.folder.path / 'report.html'}")


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
    add_data_flags(result)
    return result


def score_lines(scores: dict, latent_dim: int, class_names: tuple[str, ...]) -> Iterator[str]:
    """Yield the scores of `Run.evaluate` as lines."""
    if bounds := scores.get("likelihood"):
        name = bounds["likelihood"]
        given = ", given their labels: log p(x|y)" if bounds.get("conditional") else ""
        parts = f"reconstruction {bounds['reconstruction']:.2f}, KL {bounds['kl']:.2f}; {bounds['samples']} samples"
        importance = f"{bounds['importance_samples']} samples"
        yield f"Likelihood  {name}: {LIKELIHOODS[name]}; {bounds['images']:,} held-out images{given}"
        yield f"  ELBO                        {_estimate(bounds['elbo'], 2)} nats ({parts})"
        yield f"  importance-weighted bound   {_estimate(bounds['importance_weighted_bound'], 2)} nats ({importance})"
        yield f"  active latent dimensions    {bounds['active_units']} of {latent_dim}"
    images = scores["images"]
    yield f"Images  {images['count']:,} generated against as many held-out ones, by {images['features']} features"
    yield f"  {'':12}{'generated':>20}{'training images':>20}   (the floor: as real as it gets)"
    for name in ("fid", "kid", "precision", "recall", "density", "coverage"):
        cells = (_estimate(images[column][name], 4) for column in ("generated", "floor"))
        yield f"  {name:12}" + "".join(f"{cell:>20}" for cell in cells)
    if "classes" in scores:
        yield _class_line(scores["classes"], class_names)
    for space, found in scores["memorising"].items():
        yield f"Copies in {space:9}  {found['verdict']}"


def _class_line(classes: dict, names: tuple[str, ...]) -> str:
    def named(labels: list[int]) -> str:
        return listed((names[label] if names else label for label in labels), 10)

    shares, missing, undetermined = classes["shares"], classes["missing"], classes["undetermined"]
    rarest = min(shares, key=shares.get)
    present = len(shares) - len(missing) - len(undetermined)
    line = f"Classes  {present} of {len(shares)} among the generated images; "
    line += (
        f"missing: {named(missing)}" if missing else f"the rarest, {named([rarest])}, is {shares[rarest]:.1%} of them"
    )
    if undetermined:
        line += f"; too few images to tell: {named(undetermined)}"
    return f"{line} (by a classifier that is right for {classes['accuracy']:.0%} of the held-out images)"


def _estimate(value: float | dict, digits: int) -> str:
    if not isinstance(value, dict):
        return f"{value:.{digits}f}"
    return f"{value['value']:.{digits}f} ± {value['standard_error']:.{digits}f}"
