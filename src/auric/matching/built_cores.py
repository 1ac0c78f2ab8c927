"""Idealised cores, built here from polyhedra: what a table of published formulas needs beside it, taken from no one's file.

A recipe is words `key=value`: `shape` (of `SHAPES`), `metal`, and where needed
`anion` (an element over every face, or at the centre of `tetrahedron20`), and `remove` (indices, separated by commas). They show the arrangement
of the metals; bond lengths are typical ones.
"""

from collections.abc import Callable
from itertools import combinations, product

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from auric.errors import StructureError, suggestion
from auric.matching.splitting import check_core, split_cluster
from auric.structures import build_recipe

STRETCH = 1.06
"""Nearest metals of a core are so many times the sum of their covalent radii apart."""
_GOLDEN = (1 + 5**0.5) / 2
_CAPS = 1.8158
"""Scales a dodecahedron so that its corners cap the faces of the icosahedron at the length of its edges."""
KEYS = ("shape", "metal", "anion", "remove")


def _icosahedron() -> np.ndarray:
    signs = list(product((1, -1), repeat=2))
    return np.array([np.roll([0.0, a, b * _GOLDEN], turn) for turn in range(3) for a, b in signs])


def _cube() -> np.ndarray:
    return np.array(list(product((1.0, -1.0), repeat=3)))


def _dodecahedron() -> np.ndarray:
    signs = list(product((1, -1), repeat=2))
    others = [np.roll([0.0, b * _GOLDEN, a / _GOLDEN], turn) for turn in range(3) for a, b in signs]
    return np.vstack([_cube(), others])


def _octahedron() -> np.ndarray:
    return np.vstack([np.eye(3), -np.eye(3)])


def _tetrahedron(order: int) -> np.ndarray:
    """Close-packed balls, `order` along an edge."""
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=float)
    shares = [s for s in product(range(order), repeat=4) if sum(s) == order - 1]
    return np.asarray(np.array(shares) @ corners)


def _cuboctahedron() -> np.ndarray:
    corners = [v for v in product((-1.0, 0.0, 1.0), repeat=3) if sum(x == 0 for x in v) == 1]
    return np.vstack([np.zeros(3), corners])


def _cuboctahedron55() -> np.ndarray:
    cells = [v for v in product(range(-4, 5), repeat=3) if sum(v) % 2 == 0]
    return np.array([v for v in cells if max(map(abs, v)) <= 2 and sum(map(abs, v)) <= 4], dtype=float)


def _mackay(centre: bool) -> np.ndarray:
    inner = _icosahedron()
    edge = pdist(inner).min()
    middles = [2 * (a + b) / 2 for a, b in combinations(inner, 2) if np.linalg.norm(a - b) < edge * 1.01]
    return np.vstack([*([np.zeros((1, 3))] if centre else []), inner, 2 * inner, middles])


def _two_icosahedra() -> np.ndarray:
    one = np.vstack([np.zeros(3), _icosahedron()])
    return np.vstack([one, np.delete(one + 2 * one[1], _shared(one), axis=0)])


def _shared(one: np.ndarray) -> int:
    """Of the second icosahedron, the corner that is the first's corner 1."""
    return int(np.linalg.norm(one + 2 * one[1] - one[1], axis=1).argmin())


def _ring(n: int) -> np.ndarray:
    angles = 2 * np.pi * np.arange(n) / n
    return np.column_stack([np.cos(angles), np.sin(angles), np.zeros(n)])


SHAPES: dict[str, Callable[[], np.ndarray]] = {
    "triangle": lambda: _ring(3), "square": lambda: _ring(4), "tetrahedron": lambda: _tetrahedron(2), "octahedron": _octahedron, "cube": _cube,
    "icosahedron12": _icosahedron, "icosahedron": lambda: np.vstack([np.zeros(3), _icosahedron()]),
    "cuboctahedron": _cuboctahedron, "octahedron_in_cube": lambda: np.vstack([_octahedron(), _cube()]),
    "tetrahedron20": lambda: _tetrahedron(4), "two_icosahedra": _two_icosahedra,
    "icosahedron_in_dodecahedron": lambda: np.vstack([_icosahedron(), _CAPS * _dodecahedron()]),
    "mackay54": lambda: _mackay(False), "mackay55": lambda: _mackay(True), "cuboctahedron55": _cuboctahedron55,
}  # fmt: skip
"""Metal positions in any unit; they are scaled so that nearest metals touch."""


def build_core(recipe: str) -> Atoms:
    """A core from its recipe (see the module), or `staple:` or `ring:` and a recipe of these builders, whose metals are taken.

    Raises:
        StructureError: What is no recipe, or gives no core.
    """
    builder, colon, rest = recipe.partition(":")
    if colon:
        if builder not in ("staple", "ring"):
            raise StructureError(
                f"core recipe '{recipe[:60]}': builder {builder} is not offered; {suggestion(builder, ['staple', 'ring'])}"
            )
        return split_cluster(build_recipe(builder, rest)).core
    words = dict(word.partition("=")[::2] for word in recipe.split())
    if wrong := [key for key in words if key not in KEYS]:
        raise StructureError(f"core recipe '{recipe[:60]}': unknown word {wrong[0]}; {suggestion(wrong[0], KEYS)}")
    shape, metal = words.get("shape", ""), words.get("metal", "")
    if shape not in SHAPES:
        raise StructureError(
            f"core recipe '{recipe[:60]}': shape '{shape}' is not offered; {suggestion(shape, list(SHAPES))}"
        )
    for symbol in filter(None, (metal, words.get("anion"))):
        if symbol not in atomic_numbers or symbol == "X":
            raise StructureError(f"core recipe '{recipe[:60]}': unknown element '{symbol}'; use a symbol such as Au")
    if not metal:
        raise StructureError(f"core recipe '{recipe[:60]}': names no metal; add metal=Au or the like")
    places = SHAPES[shape]()
    radius = covalent_radii[atomic_numbers[metal]]
    core = Atoms([metal] * len(places), places * (2 * radius * STRETCH / pdist(places).min()))
    if "anion" in words:
        core = _with_anions(core, words["anion"], shape)
    try:
        removed = {int(word) for word in words.get("remove", "").split(",") if word}
    except ValueError:
        raise StructureError(f"core recipe '{recipe[:60]}': remove takes whole numbers, such as remove=0,3") from None
    core = core[[i for i in range(len(core)) if i not in removed]]
    check_core(core)
    return core


def _with_anions(core: Atoms, anion: str, shape: str) -> Atoms:
    """An anion over every face; in the close-packed tetrahedron one at the centre, the atoms of its faces moved out of its way."""
    metal = covalent_radii[core.numbers].max()
    bond = metal + covalent_radii[atomic_numbers[anion]]
    if shape == "tetrahedron20":
        centre = core.positions.mean(axis=0)
        away = core.positions - centre
        inner = np.argsort(np.linalg.norm(away, axis=1))[:4]
        core.positions[inner] = centre + away[inner] * (bond / np.linalg.norm(away[inner], axis=1))[:, None]
        return core + Atoms([anion], [centre])
    hull = ConvexHull(core.positions)
    places = []
    for face, equation in zip(hull.simplices, hull.equations, strict=True):
        corners = core.positions[face]
        middle = corners.mean(axis=0)
        height = np.sqrt(max(bond**2 - np.sum((corners[0] - middle) ** 2), 0.25))
        places.append(middle + height * equation[:3])
    return core + Atoms([anion] * len(places), places)
