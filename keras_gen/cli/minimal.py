"""python -m keras_gen minimal: train one of the three NumPy GANs, and draw what happens."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from keras_gen.cli.command import DONE, Parser, check_whole, say
from keras_gen.errors import InputError
from keras_gen.figures import Figure, own_style, save_figure
from keras_gen.figures.animation import figure_pixels, save_gif
from keras_gen.figures.minimal import (
    function_and_derivative,
    show_tiny_image,
    side_by_side,
    signal_pair,
    signals,
    tiny_images,
    two_losses,
    verdicts,
)
from keras_gen.figures.networks import draw_network
from keras_gen.files import write_text
from keras_gen.minimal import faces, sine, trend
from keras_gen.minimal.activations import sigmoid, sigmoid_derivative
from keras_gen.training.run_folder import make_folder

FRAMES = 48  # pictures of an animation
MOMENTS = 11  # of the training, in the trend GAN's picture of generated images
# Epochs, the generator's learning rate, the discriminator's.
DEFAULTS = {"trend": (50_000, 0.001, 0.001), "faces": (1000, 0.01, 0.01), "sine": (50_000, 0.01, 0.1)}
BATCH_SIZE = 128  # signals of the sine GAN
PLANE = np.linspace(0, 1, 60)


def main(argv: list[str]) -> int:
    """Run the command and return its exit code."""
    options = parser().parse_args(argv)
    if options.system not in DEFAULTS:
        raise InputError(f"{options.system!r} is no minimal GAN; choose one of {', '.join(DEFAULTS)}")
    epochs, generator_rate, discriminator_rate = DEFAULTS[options.system]
    options.epochs = epochs if options.epochs is None else options.epochs
    options.rates = {
        "generator_learning_rate": options.learning_rate or generator_rate,
        "discriminator_learning_rate": options.learning_rate or discriminator_rate,
    }
    check_whole("--epochs", options.epochs, 1, 10_000_000)
    if options.learning_rate is not None and not 0 < options.learning_rate <= 10:
        raise InputError(f"--learning-rate must be a number above 0 and up to 10; received {options.learning_rate:g}")
    check_whole("--seed", options.seed, 0, 2**32 - 2)  # what is measured draws with the next one
    if options.batch_size is not None and options.system != "sine":
        raise InputError(f"--batch-size is for sine; {options.system} steps as the original does, so leave it out")
    options.batch_size = BATCH_SIZE if options.batch_size is None else options.batch_size
    check_whole("--batch-size", options.batch_size, 1, 65_536)
    folder = make_folder(options.out, f"minimal-{options.system}")
    say(f"Run     {folder}")
    with own_style():
        {"trend": _trend, "faces": _faces, "sine": _sine}[options.system](options, folder)
    print("Pictures to open:")
    for path in sorted(folder.glob("*.png")) + sorted(folder.glob("*.gif")):
        say(f"  {path}")
    return DONE


def parser() -> Parser:
    """Return the command's parser."""
    result = Parser(
        prog="python -m keras_gen minimal",
        description="Train one of three small GANs in NumPy alone: falling trends, slanted faces, or sine signals.",
    )
    result.add_argument("system", metavar="{trend,faces,sine}", help="which GAN to train")
    result.add_argument(
        "--seed", type=int, default=42, help="start of all random numbers (default: 42, the published run)"
    )
    epochs = ", ".join(f"{value[0]} for {name}" for name, value in DEFAULTS.items())
    result.add_argument("--epochs", type=int, help=f"training epochs (default: {epochs})")
    result.add_argument(
        "--learning-rate",
        type=float,
        help="step along both gradients (default: 0.001 for trend, 0.01 for faces; "
        "for sine 0.01 along the generator's and 0.1 along the discriminator's)",
    )
    result.add_argument("--batch-size", type=int, help=f"signals of one step, sine only (default: {BATCH_SIZE})")
    result.add_argument("--out", help="folder to make (default: the next number, such as runs/0001-minimal-trend)")
    result.add_argument("--animate", action="store_true", help="also write training.gif (default: pictures only)")
    return result


def _watch(
    steps: Iterable[tuple[float, float]],
    epochs: int,
    moments: int,
    look: Callable[[], object],
) -> tuple[list[tuple[float, float]], list[tuple[int, object]]]:
    """Run the training under a bar.

    Args:
        steps: Yields both losses after each epoch.
        epochs: How many there will be.
        moments: How often to look, evenly spread, first and last epoch included.
        look: Called to record the state of training.

    Returns:
        The losses, and (epoch, what was seen) for each look.
    """
    when = {min(round(moment), epochs - 1) for moment in np.linspace(0, epochs, moments)}
    history, seen = [], []
    with tqdm(steps, total=epochs, unit="epoch", mininterval=0.5) as bar:
        for epoch, losses in enumerate(bar):
            history.append(losses)
            if epoch in when:
                seen.append((epoch, look()))
                bar.set_postfix(discriminator=f"{losses[0]:.4f}", generator=f"{losses[1]:.4f}", refresh=False)
    return history, seen


def _write_history(history: list[tuple[float, float]], folder: Path) -> None:
    rows = [f"{epoch},{discriminator},{generator}" for epoch, (discriminator, generator) in enumerate(history)]
    write_text(folder / "history.csv", "\n".join(["epoch,discriminator_loss,generator_loss", *rows]) + "\n")
    save_figure(two_losses(*zip(*history, strict=True)), folder / "losses.png")


def _write_weights(folder: Path, **arrays: object) -> None:
    plain = {
        name: [np.asarray(some).tolist() for some in each] if isinstance(each, list) else np.asarray(each).tolist()
        for name, each in arrays.items()
    }
    write_text(folder / "weights.json", json.dumps(plain, indent=2) + "\n")


def _animate(frames: Iterator[Figure], folder: Path) -> None:
    save_gif((figure_pixels(frame) for frame in tqdm(frames, total=FRAMES, desc="drawing")), folder / "training.gif")


def _frame() -> Figure:
    figure = Figure(figsize=(11, 3.4))  # a fixed layout: a constrained one would take most of the drawing time
    figure.subplots_adjust(left=0.05, right=0.98, bottom=0.16, top=0.88, wspace=0.25)
    return figure


def _losses_so_far(figure: Figure, place: tuple[int, int, int], history: np.ndarray, epoch: int) -> None:
    axes = figure.add_subplot(*place)
    for number, name in enumerate(("discriminator", "generator")):
        axes.plot(history[: epoch + 1, number], label=name, linewidth=0.8)
    low, high = history.min(), history.max()
    axes.set(xlim=(0, len(history)), ylim=(low - 0.05, high + 0.05), xlabel="epoch", title=f"losses, epoch {epoch}")
    axes.legend(loc="upper right", fontsize=7)


# The trend GAN


def _trend(options: object, folder: Path) -> None:
    random = np.random.RandomState(options.seed)
    gan, real = trend.start(random)
    steps = trend.train(gan, real, random, options.epochs, **options.rates)
    spread = np.linspace(0.4, 1, 12)

    def look() -> tuple[np.ndarray, np.ndarray]:
        return gan.generate(spread), gan.discriminate(_trend_plane())

    moments = FRAMES if options.animate else MOMENTS
    history, seen = _watch(steps, options.epochs, moments, look)
    _write_history(history, folder)
    _write_weights(folder, **vars(gan))
    save_figure(_trend_network(gan), folder / "network.png")
    save_figure(function_and_derivative(sigmoid, sigmoid_derivative, "sigmoid"), folder / "sigmoid.png")
    generated = gan.generate(np.linspace(0.4, 1, len(real)))
    names = ("real images", "generated images")
    as_images = (images[:, np.newaxis] for images in (real, generated))
    save_figure(side_by_side(*as_images, columns=4, names=names), folder / "real-and-generated.png")
    some = [seen[index] for index in np.linspace(0, len(seen) - 1, min(MOMENTS, len(seen))).round().astype(int)]
    rows = np.stack([images for _, (images, _) in some] + [real[: len(spread)]])
    titles = [f"epoch {epoch}" for epoch, _ in some] + ["real"]
    save_figure(
        tiny_images(rows, 4, titles, "each row of a panel is one image of three pixels"), folder / "moments.png"
    )
    if options.animate:
        _animate((_trend_frame(epoch, *state, real, np.array(history)) for epoch, state in seen), folder)


def _trend_plane() -> np.ndarray:
    """Images over the first pixel (rows) and the last (columns), the middle one at 0.5."""
    last, first = np.meshgrid(PLANE, PLANE)
    return np.stack([first, np.full_like(first, 0.5), last], axis=-1)


def _trend_network(gan: trend.TrendGAN) -> Figure:
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.add_subplot()
    weights = [gan.generator_weights[np.newaxis], None, gan.discriminator_weights[:, np.newaxis]]
    names = [("λ12", "λ13", "λ14"), (), ("λ58", "λ68", "λ78")]
    draw_network(axes, [["L, 1"], ["O2", "O3", "O4"], ["I5", "I6", "I7"], ["D, 8"]], weights, names)
    generator_bias, discriminator_bias = gan.generator_bias[0], gan.discriminator_bias[0]
    axes.set_title(f"generator's shared bias b {generator_bias:.2f}, discriminator's bias c {discriminator_bias:.2f}")
    return figure


def _trend_frame(epoch: int, images: np.ndarray, plane: np.ndarray, real: np.ndarray, history: np.ndarray) -> Figure:
    figure = _frame()
    axes = figure.add_subplot(1, 3, 1)
    show_tiny_image(axes, images)
    axes.set_aspect("auto")
    axes.set(title="generated images, a row each", ylabel="latent number, 0.4 to 1")
    verdicts(
        figure.add_subplot(1, 3, 2),
        plane,
        (0, 1, 0, 1),
        real[:, [2, 0]],
        images[:, [2, 0]],
        ("last pixel", "first pixel (middle 0.5)"),
    )
    _losses_so_far(figure, (1, 3, 3), history, epoch)
    return figure


# The slanted-faces GAN


def _faces(options: object, folder: Path) -> None:
    random = np.random.RandomState(options.seed)
    gan = faces.start(random)
    steps = faces.train(gan, random, options.epochs, **options.rates)
    spread = np.linspace(0.05, 0.95, 10)[:, np.newaxis]

    def look() -> tuple[np.ndarray, np.ndarray]:
        return gan.generate(spread), gan.discriminate(_faces_plane())

    history, seen = _watch(steps, options.epochs, FRAMES, look)
    _write_history(history, folder)
    _write_weights(folder, **vars(gan))
    noise = np.random.RandomState(options.seed).uniform(size=(20, 4))
    for name, images, columns, heading in (
        ("faces", faces.FACES, 5, "the five faces"),
        ("noise", noise, 5, "twenty images of noise, which are no faces"),
        ("generated", gan.generate(spread), 5, "generated faces"),
    ):
        save_figure(tiny_images(images.reshape(-1, 2, 2), columns, heading=heading), folder / f"{name}.png")
    save_figure(_faces_network(gan), folder / "network.png")
    if options.animate:
        _animate((_faces_frame(epoch, *state, np.array(history)) for epoch, state in seen), folder)


def _faces_plane() -> np.ndarray:
    """Images over the brightness of one diagonal (columns) and of the other (rows)."""
    bright, dark = np.meshgrid(PLANE, PLANE)
    return np.stack([bright, dark, dark, bright], axis=-1)


def _faces_network(gan: faces.FacesGAN) -> Figure:
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axes = figure.add_subplot()
    names = ("top left", "top right", "bottom left", "bottom right")
    weights = [gan.generator_weights[np.newaxis], gan.discriminator_weights[:, np.newaxis]]
    draw_network(axes, [["z"], [name.replace(" ", "\n") for name in names], ["D"]], weights)
    biases = ", ".join(f"{bias:.2f}" for bias in gan.generator_biases)
    axes.set_title(f"generator's biases {biases}; discriminator's bias {gan.discriminator_bias:.2f}", fontsize=10)
    return figure


def _faces_frame(epoch: int, images: np.ndarray, plane: np.ndarray, history: np.ndarray) -> Figure:
    figure = _frame()
    for number, image in zip((1, 2, 7, 8), images[::3], strict=True):
        show_tiny_image(figure.add_subplot(2, 6, number), image.reshape(2, 2))
    both = [np.stack([some[:, [0, 3]].mean(1), some[:, [1, 2]].mean(1)], axis=1) for some in (faces.FACES, images)]
    verdicts(figure.add_subplot(1, 3, 2), plane, (0, 1, 0, 1), *both, ("main diagonal", "other diagonal"))
    _losses_so_far(figure, (1, 3, 3), history, epoch)
    return figure


# The sine GAN


def _sine(options: object, folder: Path) -> None:
    random = np.random.RandomState(options.seed)
    generator, discriminator = sine.start(random)
    steps = sine.train(generator, discriminator, random, options.epochs, options.batch_size, **options.rates)
    spread = np.random.RandomState(0).normal(size=(50, 1))

    def look() -> tuple[np.ndarray, np.ndarray]:
        return generator(spread), discriminator(_sine_plane().reshape(-1, sine.SAMPLES)).reshape(len(PLANE), -1)

    history, seen = _watch(steps, options.epochs, FRAMES if options.animate else 2, look)
    _write_history(history, folder)
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        np.savez(folder / f"{name}.npz", *network.weights, *network.biases)
    fresh = np.random.RandomState(options.seed + 1)
    real = sine.draw_signals(fresh, 1000)
    generated = generator(sine.draw_latents(fresh, 1000))
    save_figure(signal_pair(real[:50], generated[:50]), folder / "signals.png")
    scores = {name: _sine_score(some) for name, some in (("real", real), ("generated", generated))}
    write_text(folder / "score.json", json.dumps(scores, indent=2) + "\n")
    print("Least-squares fits of m sin(x0 + f i) to 1,000 signals each")
    for name, score in scores.items():
        covered = ", ".join(f"{parameter} {100 * share:.0f}%" for parameter, share in score["coverage"].items())
        print(f"  {name:9} median variance explained {score['median_explained']:.4f}; true range covered: {covered}")
    if options.animate:
        real_fits = sine.fit_sines(real[:50])
        _animate((_sine_frame(epoch, *state, real_fits, np.array(history)) for epoch, state in seen), folder)


def _sine_score(signals_: np.ndarray) -> dict:
    fits = sine.fit_sines(signals_)
    shares = {name: sine.coverage(fits[name], name) for name in sine.TRUE_RANGES}
    return {"median_explained": float(np.median(fits["explained"])), "coverage": shares}


def _sine_plane() -> np.ndarray:
    """Signals of amplitude 0.65 over f (columns, 0.9 to 1.8) and x0 (rows, -1 to 2)."""
    f, x0 = np.meshgrid(0.9 + 0.9 * PLANE, -1 + 3 * PLANE)
    return 0.65 * np.sin(x0[..., np.newaxis] + f[..., np.newaxis] * np.arange(sine.SAMPLES))


def _sine_frame(epoch: int, made: np.ndarray, plane: np.ndarray, real_fits: dict, history: np.ndarray) -> Figure:
    figure = _frame()
    signals(figure.add_subplot(1, 3, 1), made, "generated signals")
    places = [np.stack([fits["f"], fits["x0"]], axis=1) for fits in (real_fits, sine.fit_sines(made))]
    verdicts(figure.add_subplot(1, 3, 2), plane, (0.9, 1.8, -1, 2), *places, ("f", "x0"))
    _losses_so_far(figure, (1, 3, 3), history, epoch)
    return figure
