"""A page that trains one of the minimal GANs in a browser: one file that needs no server and no network."""

from keras_gen.pages import asset, render

SCRIPTS = (
    *("random", "layers", "backward", "trend", "faces", "sine", "training"),  # mathematics
    *("explain", "canvas", "views", "cards", "panel", "changes"),  # what is shown
)


def live_page(system: str, seed: int, epochs: int, settings: dict[str, float]) -> str:
    """Return the page as HTML.

    Args:
        system: `trend`, `faces` or `sine`: which GAN it begins with; it has all three.
        seed: Start of all random numbers.
        epochs: Length of the training of `system`.
        settings: Of `system`, by the names of the page's script: `discriminatorRate`, `generatorRate`, and for the sine
            GAN `batchSize`.
    """
    return render(
        "live.html",
        css=asset("page.css", "live.css"),
        script=asset("widgets.js", *(f"live_{name}.js" for name in SCRIPTS), "live.js"),
        data={"system": system, "seed": seed, "epochs": epochs, "settings": settings},
    )
