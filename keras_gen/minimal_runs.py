"""The three GANs of `keras_gen.minimal`, trained, and pictures of what happens."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from keras_gen.errors import InputError
from keras_gen.figures import Figure, own_style, save_figure
from keras_gen.figures.animation import figure_pixels, save_gif
from keras_gen.figures.minimal import (
    animation_frame,
    function_and_derivative,
    losses_so_far,
    show_tiny_image,
    side_by_side,
    signal_pair,
    signals,
    tiny_images,
    two_losses,
    verdicts,
)
from keras_gen.figures.networks import faces_network, trend_network
from keras_gen.files import write_text
from keras_gen.minimal import BATCH_SIZE, DEFAULTS, faces, sine, trend
from keras_gen.minimal.activations import sigmoid, sigmoid_derivative
from keras_gen.pages.live import live_page
from keras_gen.run.arguments import check_count
from keras_gen.run.new_folder import make_folder
from keras_gen.text import has_terminal

FRAMES = 48  # pictures of an animation
MOMENTS = 11  # of the training, in the trend GAN's picture of generated images
ACROSS, UP = np.meshgrid(*[np.linspace(0, 1, 60)] * 2)
PLANES = {  # what the discriminators judge, for a picture of their verdicts
    "trend": np.stack([UP, np.full_like(UP, 0.5), ACROSS], axis=-1),  # first and last pixel, the middle one at 0.5
    "faces": np.stack([ACROSS, UP, UP, ACROSS], axis=-1),  # the brightness of both diagonals
    # Signals of amplitude 0.65, f from 0.9 to 1.8, x0 from -1 to 2.
    "sine": 0.65 * np.sin((-1 + 3 * UP)[..., None] + (0.9 + 0.9 * ACROSS)[..., None] * np.arange(sine.SAMPLES)),
}


@dataclass(frozen=True)
class Options:
    """How a minimal GAN is trained; `say` takes lines of text for the user."""

    seed: int
    epochs: int
    rates: dict[str, float]
    batch_size: int
    animate: bool
    say: Callable[[str], None]


def train_minimal(
    system: str,
    epochs: int | None = None,
    learning_rate: float | None = None,
    batch_size: int | None = None,
    seed: int = 42,
    out: str | Path | None = None,
    animate: bool = False,
    page: bool = False,
    say: Callable[[str], None] = print,
) -> Path:
    """Train one of the three NumPy GANs, draw what happens, and return the folder with the pictures.

    With `page` the folder has live.html alone, a page that trains the GAN in a browser.

    Args:
        system: `trend`, `faces` or `sine`.
        epochs: None is the published number; see DEFAULTS.
        learning_rate: Step along both gradients; None takes the published ones.
        batch_size: Signals of one step, `sine` only.
        seed: Start of all random numbers; 42 is the published run.
        out: Folder to make; None numbers it under `runs`.
        animate: Also write training.gif.
        page: Write live.html in place of all else.
        say: Takes lines of text for the user.
    """
    if system not in DEFAULTS:
        raise InputError(f"{system!r} is no minimal GAN; choose one of {', '.join(DEFAULTS)}")
    default_epochs, generator_rate, discriminator_rate = DEFAULTS[system]
    if learning_rate is not None and not 0 < learning_rate <= 10:
        raise InputError(f"`learning_rate` must be a number above 0 and up to 10; received {learning_rate:g}")
    if batch_size is not None and system != "sine":
        raise InputError(f"`batch_size` is for sine; {system} steps as the original does, so leave it out")
    if page and animate:
        raise InputError("`page` writes live.html alone, so leave out `animate`")
    options = Options(
        seed=check_count("seed", seed, 0, 2**32 - 2),  # what is measured draws with the next one
        epochs=check_count("epochs", default_epochs if epochs is None else epochs, 1, 10_000_000),
        rates={
            "generator_learning_rate": learning_rate or generator_rate,
            "discriminator_learning_rate": learning_rate or discriminator_rate,
        },
        batch_size=check_count("batch_size", BATCH_SIZE if batch_size is None else batch_size, 1, 65_536),
        animate=animate,
        say=say,
    )
    folder = make_folder(out, f"minimal-{system}")
    say(f"Run     {folder}")
    if page:
        settings = _page_settings(options, system)
        write_text(folder / "live.html", live_page(system, options.seed, options.epochs, settings))
        return folder
    with own_style():
        {"trend": _trend, "faces": _faces, "sine": _sine}[system](options, folder)
    return folder


def _page_settings(options: Options, system: str) -> dict[str, float]:
    """Return the options by the names that the page gives them."""
    batch_size = {"batchSize": options.batch_size} if system == "sine" else {}
    return batch_size | {
        "generatorRate": options.rates["generator_learning_rate"],
        "discriminatorRate": options.rates["discriminator_learning_rate"],
    }


def _watch(
    steps: Iterable[tuple[float, float]],
    epochs: int,
    moments: int,
    look: Callable[[], object],
) -> tuple[list[tuple[float, float]], list[tuple[int, object]]]:
    """Train, look at the networks at some moments, and return all losses, and epochs with what was seen."""
    when = {min(round(moment), epochs - 1) for moment in np.linspace(0, epochs, moments)}
    history, seen = [], []
    with tqdm(steps, total=epochs, unit="epoch", mininterval=0.5, disable=not has_terminal()) as bar:
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
        name: [np.asarray(part).tolist() for part in value] if isinstance(value, list) else np.asarray(value).tolist()
        for name, value in arrays.items()
    }
    write_text(folder / "weights.json", json.dumps(plain, indent=2) + "\n")


def _animate(frames: Iterator[Figure], folder: Path) -> None:
    save_gif(
        (figure_pixels(frame) for frame in tqdm(frames, total=FRAMES, desc="drawing", disable=not has_terminal())),
        folder / "training.gif",
    )


def _trend(options: Options, folder: Path) -> None:
    random = np.random.RandomState(options.seed)
    gan, real = trend.start(random)
    steps = trend.train(gan, real, random, options.epochs, **options.rates)
    spread = np.linspace(0.4, 1, 12)

    def look() -> tuple[np.ndarray, np.ndarray]:
        return gan.generate(spread), gan.discriminate(PLANES["trend"])

    moments = FRAMES if options.animate else MOMENTS
    history, seen = _watch(steps, options.epochs, moments, look)
    _write_history(history, folder)
    _write_weights(folder, **vars(gan))
    save_figure(trend_network(**vars(gan)), folder / "network.png")
    save_figure(function_and_derivative(sigmoid, sigmoid_derivative, "sigmoid"), folder / "sigmoid.png")
    generated = gan.generate(np.linspace(0.4, 1, len(real)))
    names = ("real images", "generated images")
    as_images = (images[:, np.newaxis] for images in (real, generated))
    save_figure(side_by_side(*as_images, columns=4, names=names), folder / "real-and-generated.png")
    shown = [seen[index] for index in np.linspace(0, len(seen) - 1, min(MOMENTS, len(seen))).round().astype(int)]
    rows = np.stack([images for _, (images, _) in shown] + [real[: len(spread)]])
    titles = [f"epoch {epoch}" for epoch, _ in shown] + ["real"]
    save_figure(
        tiny_images(rows, 4, titles, "each row of a panel is one image of three pixels"), folder / "moments.png"
    )
    if options.animate:
        _animate((_trend_frame(epoch, *state, real, np.array(history)) for epoch, state in seen), folder)


def _trend_frame(epoch: int, images: np.ndarray, plane: np.ndarray, real: np.ndarray, history: np.ndarray) -> Figure:
    figure = animation_frame()
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
    losses_so_far(figure, (1, 3, 3), history, epoch)
    return figure


def _faces(options: Options, folder: Path) -> None:
    random = np.random.RandomState(options.seed)
    gan = faces.start(random)
    steps = faces.train(gan, random, options.epochs, **options.rates)
    spread = np.linspace(0.05, 0.95, 10)[:, np.newaxis]

    def look() -> tuple[np.ndarray, np.ndarray]:
        return gan.generate(spread), gan.discriminate(PLANES["faces"])

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
    save_figure(faces_network(**vars(gan)), folder / "network.png")
    if options.animate:
        _animate((_faces_frame(epoch, *state, np.array(history)) for epoch, state in seen), folder)


def _faces_frame(epoch: int, images: np.ndarray, plane: np.ndarray, history: np.ndarray) -> Figure:
    figure = animation_frame()
    for number, image in zip((1, 2, 7, 8), images[::3], strict=True):
        show_tiny_image(figure.add_subplot(2, 6, number), image.reshape(2, 2))
    both = [np.stack([part[:, [0, 3]].mean(1), part[:, [1, 2]].mean(1)], axis=1) for part in (faces.FACES, images)]
    verdicts(figure.add_subplot(1, 3, 2), plane, (0, 1, 0, 1), *both, ("main diagonal", "other diagonal"))
    losses_so_far(figure, (1, 3, 3), history, epoch)
    return figure


def _sine(options: Options, folder: Path) -> None:
    random = np.random.RandomState(options.seed)
    generator, discriminator = sine.start(random)
    steps = sine.train(generator, discriminator, random, options.epochs, options.batch_size, **options.rates)
    spread = np.random.RandomState(0).normal(size=(50, 1))

    def look() -> tuple[np.ndarray, np.ndarray]:
        return generator(spread), discriminator(PLANES["sine"].reshape(-1, sine.SAMPLES)).reshape(UP.shape)

    history, seen = _watch(steps, options.epochs, FRAMES if options.animate else 2, look)
    _write_history(history, folder)
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        np.savez(folder / f"{name}.npz", *network.weights, *network.biases)
    fresh = np.random.RandomState(options.seed + 1)
    real = sine.draw_signals(fresh, 1000)
    generated = generator(sine.draw_latents(fresh, 1000))
    save_figure(signal_pair(real[:50], generated[:50]), folder / "signals.png")
    scores = {name: _sine_score(rows) for name, rows in (("real", real), ("generated", generated))}
    write_text(folder / "score.json", json.dumps(scores, indent=2) + "\n")
    options.say("Least-squares fits of m sin(x0 + f i) to 1,000 signals each")
    for name, score in scores.items():
        covered = ", ".join(f"{parameter} {100 * share:.0f}%" for parameter, share in score["coverage"].items())
        options.say(
            f"  {name:9} median variance explained {score['median_explained']:.4f}; true range covered: {covered}"
        )
    if options.animate:
        real_fits = sine.fit_sines(real[:50])
        _animate((_sine_frame(epoch, *state, real_fits, np.array(history)) for epoch, state in seen), folder)


def _sine_score(signals_: np.ndarray) -> dict:
    fits = sine.fit_sines(signals_)
    shares = {name: sine.coverage(fits[name], name) for name in sine.TRUE_RANGES}
    return {"median_explained": float(np.median(fits["explained"])), "coverage": shares}


def _sine_frame(epoch: int, generated: np.ndarray, plane: np.ndarray, real_fits: dict, history: np.ndarray) -> Figure:
    figure = animation_frame()
    signals(figure.add_subplot(1, 3, 1), generated, "generated signals")
    fitted = [np.stack([fits["f"], fits["x0"]], axis=1) for fits in (real_fits, sine.fit_sines(generated))]
    verdicts(figure.add_subplot(1, 3, 2), plane, (0.9, 1.8, -1, 2), *fitted, ("f", "x0"))
    losses_so_far(figure, (1, 3, 3), history, epoch)
    return figure
