"""The defaults of the commands: those that their help tells, and those of the functions that they call."""

import importlib
import inspect
import re
from argparse import SUPPRESS

import pytest

from keras_gen.cli.main import COMMANDS
from keras_gen.evaluation import collection
from keras_gen.evaluation.scores import evaluate
from keras_gen.latent import directions, film, maps, own_images, walks

CALLED = {
    "film": film.make_film,
    "evaluate": evaluate,
    "collection": collection,
    "latent scatter": maps.scatter,
    "latent manifold": maps.manifold,
    "latent interpolate": walks.interpolate,
    "latent concept": walks.concept,
    "latent traverse": walks.traverse,
    "latent project": own_images.project,
    "latent directions": directions.directions,
}
SEPARATORS = {"dimensions": ",", "strength": ":"}  # of two numbers, as flags


def flags(name):
    """Return the flags of a command or, as of `latent scatter`, of a view, by the names of what they set."""
    command, _, view = name.partition(" ")
    module = importlib.import_module(f"keras_gen.cli.{command}")
    parser = module.parser()
    actions = (module._LatentParser.views[view] if view else parser)._actions
    return {action.dest: action for action in actions if action.option_strings}


@pytest.mark.parametrize("name", sorted({*COMMANDS, *CALLED} - {"train-vae", "train-dcgan"}))
def test_the_help_tells_the_default_of_each_flag(name):
    for flag, action in flags(name).items():
        if action.default not in (None, False, True, SUPPRESS):
            (told,) = re.findall(r"default: ([^)]*)\)", action.help)
            assert re.fullmatch(rf"{re.escape(str(action.default))}([,;] .*)?", told), flag


@pytest.mark.parametrize("name", CALLED)
def test_a_flag_has_the_default_of_the_argument_that_it_gives(name):
    arguments, compared = inspect.signature(CALLED[name]).parameters, 0
    for flag, action in flags(name).items():
        if flag in arguments:
            expected = arguments[flag].default
            if flag in SEPARATORS:
                expected = SEPARATORS[flag].join(f"{number:g}" for number in expected)
            assert action.default == expected, flag
            compared += 1
    assert compared > 1
