"""The views of a run's latent space, by the names that `run.view` and `keras-gen latent` know them by."""

import inspect

from keras_gen.errors import InputError
from keras_gen.latent.directions import directions
from keras_gen.latent.maps import manifold, reconstruct, scatter
from keras_gen.latent.own_images import project
from keras_gen.latent.view import View
from keras_gen.latent.walks import concept, interpolate, traverse
from keras_gen.run import Run

VIEWS = {
    "scatter": scatter,
    "manifold": manifold,
    "reconstruct": reconstruct,
    "interpolate": interpolate,
    "concept": concept,
    "traverse": traverse,
    "project": project,
    "directions": directions,
}


def make_view(run: Run, name: str, **options: object) -> View:
    """Return a view of a run's latent space; see `Run.view`."""
    if name not in run.views:
        raise InputError(f"{run.where} has no view {name!r}; its views are {', '.join(run.views)}")
    known = list(inspect.signature(VIEWS[name]).parameters)[1:]
    if unknown := [option for option in options if option not in known]:
        raise InputError(f"the view {name} has no option `{unknown[0]}`; it has {', '.join(known)}")
    view = VIEWS[name](run, **options)
    remarks: list[str] = []
    if run.conditional:
        for option in ("label", "to_label"):
            if options.get(option) is not None:
                run.labels(options[option], remarks)
    view.remarks = (*remarks, *view.remarks)
    return view
