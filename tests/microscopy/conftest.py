import pytest

from auric.microscopy import make_library
from auric.structures import build_recipe


@pytest.fixture(scope="session")
def candidates():
    """From settings of images to the libraries of Au25(SH)18 and its twisted isomer."""
    recipes = {
        "au25": ("staple", "core=Au13 units=6xn2 R=H"),
        "twisted": ("bundled", "au25_twisted.extxyz:au25_twisted"),
    }

    def made(settings):
        found = []
        for name, recipe in recipes.items():
            atoms = build_recipe(*recipe)
            atoms.info["name"] = name
            found.append(make_library(atoms, directions=40, settings=settings))
        return found

    return made
