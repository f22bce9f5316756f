"""python -m keras_gen evaluate: how good a run is, in numbers that mean something."""

from argparse import Namespace
from collections.abc import Iterator

from keras_gen.cli.command import Parser, say, start_backend
from keras_gen.cli.runs import (
    add_best_flag,
    add_data_flags,
    add_training_images_flag,
    open_run,
    run_parser,
    say_models,
)
from keras_gen.errors import InputError
from keras_gen.text import counted, listed, printable

LIKELIHOODS = {
    "bernoulli": "grey pixels taken as averages of black and white ones; no likelihood of grey images",
    "binarized": "pixels drawn black or white by their grey value",
    "continuous_bernoulli": "a density of grey pixels",
    "gaussian": "a density of grey pixels, with a fixed standard deviation",
    "discretized_logistic": "a probability of the 256 levels",
}
SCORES = ("fid", "kid", "precision", "recall", "density", "coverage", "clipped_density", "clipped_coverage")
TITLES = {"fid": "FID", "kid": "KID", "clipped_density": "clipped density", "clipped_coverage": "clipped coverage"}
RELIABLE = 50  # images; of two folders fewer are not compared at all
REPEATED = {
    "train": "training images are there more than once",
    "held_out": "held-out images are there more than once",
    "both": "images are in both sets, and were left out of the search for copies",
    "generated": "generated images equal an earlier one",
}


def run(options: Namespace) -> None:
    """Run the command."""
    if (options.run is None) == (options.images is None):
        raise InputError("name a run's folder, or two folders or .npy files of images with --images; one of the two")
    measuring = {name: getattr(options, name) for name in ("features", "count", "seed", "inception_size")}
    if options.images is not None:
        from keras_gen.evaluation import compare_images

        start_backend()
        for line in comparison_lines(compare_images(*options.images, **measuring, say=say)):
            say(line)
        return
    loaded = open_run(options)
    say_models(loaded)
    count = loaded.record["dataset"]["held_out"]["count"]
    say(f"Measuring on {counted(count, 'held-out image')}; many take minutes, and so does the first run on a data set")
    scores = loaded.evaluate(
        **measuring,
        samples=options.samples,
        importance_samples=options.importance_samples,
        training_images=options.training_images,
        say=say,
    )
    for line in score_lines(scores, loaded.settings.latent_dim, loaded.class_names):
        say(line)
    say(f"Numbers: {loaded.folder.path / 'metrics.json'}; of single images: {loaded.folder.path / 'scores.npz'}")
    say(f"The generated images nearest to training images, with these: {loaded.folder.figures / 'nearest.png'}")
    say(f"All of it on one page: {loaded.folder.path / 'report.html'}")


def parser() -> Parser:
    """Return the command's parser."""
    result = run_parser(
        "evaluate",
        "Measure a run on its held-out images: bounds on the likelihood (VAE), distances between generated "
        "and real images, copies of training images. Or compare two sets of images. docs/metrics.md says what each "
        "number means.",
        optional=True,
    )
    images = "instead of a run: two folders or .npy files of images to compare"
    result.add("--images", images, told="none", nargs=2, metavar=("REAL", "GENERATED"))
    features = "what distances are measured in: own trains a small network on the data set, inception needs a download"
    result.add("--features", features, "own", choices=("own", "inception"))
    result.add("--inception-size", "side in pixels of the images that inception sees", 299, choices=(299, 75))
    result.add("--count", "images to compare, at most", 5000)
    result.add("--samples", "latent samples an image for the lower bound", 10, "10; VAE")
    samples = "samples an image for the importance-weighted bound, at first"
    result.add("--importance-samples", samples, 500, "500; VAE")
    result.add("--seed", "start of every random draw", 0)
    add_training_images_flag(result)
    add_best_flag(result)
    add_data_flags(result)
    return result


def comparison_lines(scores: dict) -> Iterator[str]:
    """Yield the scores of `compare_images` as lines, each with the name of one."""
    yield f"Images  {scores['count']:,} of each set, by {scores['features']} features"
    for name in SCORES:
        yield f"{TITLES.get(name, name)}  {_estimate(scores[name], 4)}"
    if scores["same"]:
        yield f"Exact copies  {scores['same']:,} of the second set's images are in the first set, too"


def score_lines(scores: dict, latent_dim: int, class_names: tuple[str, ...]) -> Iterator[str]:
    """Yield the scores of `Run.evaluate` as lines."""
    if bounds := scores.get("likelihood"):
        yield from _likelihood_lines(bounds, latent_dim)
    images = scores["images"]
    yield f"Images  {images['count']:,} generated against as many held-out ones, by {images['features']} features"
    if images["count"] < RELIABLE:
        yield f"  (of fewer than {RELIABLE} images these scores say little)"
    yield f"  {'':17}{'generated':>31}{'training images':>31}   (the floor: as real as it gets)"
    for name in SCORES:
        cells = (_estimate(images[column][name], 4) for column in ("generated", "floor"))
        yield f"  {TITLES.get(name, name):17}" + "".join(f"  {cell:>29}" for cell in cells)
    if "classes" in scores:
        yield _class_line(scores["classes"], class_names)
    if "agreement" in scores:
        yield from _agreement_lines(scores["agreement"], class_names)
    if "priors" in scores:
        cells = {"normal": "N(0, I)", "mixture": "the mixture prior", "reconstructions": "reconstructions"}
        texts = (f"{_estimate(scores['priors'][name], 4)} {text}" for name, text in cells.items())
        yield f"KID by prior  {', '.join(texts)}"
    for space, found in scores["memorising"].items():
        yield f"Copies in {space:9}  {found['verdict']}"
    if any(scores["dropped"].values()):
        yield "Repeated images  " + "; ".join(
            f"{count:,} {REPEATED[name]}" for name, count in scores["dropped"].items() if count
        )


def _likelihood_lines(bounds: dict, latent_dim: int) -> Iterator[str]:
    name = bounds["likelihood"]
    parts = f"reconstruction {bounds['reconstruction']:.2f}, KL {bounds['kl']:.2f}; {bounds['samples']} samples"
    most = bounds["most_importance_samples"]
    importance = f"{bounds['importance_samples']:,}" + (f" to {most:,}" if most > bounds["importance_samples"] else "")
    given = ", given their labels: log p(x | y)" if bounds.get("conditional") else ""
    yield f"Likelihood  {name}: {LIKELIHOODS[name]}; {bounds['images']:,} held-out images{given}"
    yield f"  ELBO                        {_estimate(bounds['elbo'], 2)} nats ({parts})"
    yield (
        f"  importance-weighted bound   {_estimate(bounds['importance_weighted_bound'], 2)} nats "
        f"({importance} samples an image)"
    )
    few = bounds["too_few_effective_samples"]
    enough = (
        f"below 10 for {few:,} images, whose bounds are too low: give more samples" if few else "enough: 10 or more"
    )
    yield f"  effective sample size       {bounds['effective_samples']:.1f} (median; {enough})"
    if "bits_per_dimension" in bounds:
        spread = " (each of the 256 levels spread over its width, as for both bounds)"
        bits = f"{_estimate(bounds['bits_per_dimension'], 3)}, at most"
        yield f"  bits per dimension          {bits}{spread if 'gain_at_exact_levels' in bounds else ''}"
    if "gain_at_exact_levels" in bounds:
        gain = bounds["gain_at_exact_levels"]
        yield f"  ELBO at the exact levels    {gain:.2f} nats higher, as in training: no probability of an image"
    if "reconstruction_error" in bounds:
        off = _estimate(bounds["reconstruction_error"], 2)
        yield f"  reconstruction error        {off} grey levels of 255 (root mean square of an image)"
    yield f"  active latent dimensions    {bounds['active_units']} of {latent_dim}"


def _agreement_lines(agreement: dict, names: tuple[str, ...]) -> Iterator[str]:
    def named(label: int) -> str:
        return printable(names[label] if names else label)

    def percent(estimate: dict) -> str:
        return f"{estimate['value']:.1%} ± {estimate['standard_error']:.1%}"

    yield (
        f"Labels  {percent(agreement['overall'])} of {agreement['count']:,} generated images have the label that was "
        f"asked for (the ceiling, held-out real images: {percent(agreement['ceiling'])})"
    )
    by_class = agreement["by_class"].items()
    yield f"  by class        {listed(f'{named(int(label))}: {percent(found)}' for label, found in by_class)}"
    for title, column in (("KID", "generated"), ("KID's floor", "floor")):
        if distances := agreement.get("kid_by_class", {}).get(column):
            texts = (f"{named(int(label))}: {_estimate(found, 3)}" for label, found in distances.items())
            yield f"  {title:15} {listed(texts)}"
    if agreement["confused"]:
        pairs = (
            f"{named(label)} taken for {named(other)} ({share:.0%})" for label, other, share in agreement["confused"]
        )
        yield f"  most confused   {listed(pairs)}"


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
    text = f"{value['value']:.{digits}f} ± {value['standard_error']:.{digits}f}"
    return f"{text} (p = {value['p_value']:.3f})" if "p_value" in value else text
