"""What the section on potentials holds for one system: its tables, and its figures with titles, words and captions."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from auric.report import potential_figures as draw
from auric.report import potentials as say
from auric.report.potentials import System


class PotentialFigure(NamedTuple):
    """A figure of the section.

    Attributes:
        name: Of the file.
        title: Above it.
        table: The table it is drawn from; without rows there is no figure.
        caption: Below it: what the marks mean.
        draw: Draws a system's figure to a path.
        words: What is said above it.
    """

    name: str
    title: str
    table: str
    caption: str
    draw: Callable[[Path, System], None]
    words: Callable[[System], list[str]]

    def drawing(self, system: System) -> Callable[[Path], None]:
        """What draws it for one system."""
        return lambda path: self.draw(path, system)


FIGURES = (
    PotentialFigure(
        "contenders", "Contenders", "errors",
        "Root-mean-square error of energies, each run's less its mean, over the standard deviation of the run's energies. Bars: "
        "95 % intervals, from drawing blocks of consecutive frames.",
        draw.draw_contenders, say.on_contenders,
    ),
    PotentialFigure(
        "energies", "Energies along unseen runs", "energies",
        "Left: energies along the run, less their mean; right: predicted against reference.",
        draw.draw_energies, say.on_energies,
    ),
    PotentialFigure(
        "forces", "Forces by class of atoms", "forces",
        "Weighted angle: mean angle between predicted and reference force, weighted with the square of the latter. Core and unit "
        "gold: atoms in the metal core, and in the protecting units.",
        draw.draw_forces, say.on_forces,
    ),
    PotentialFigure(
        "map", "Where the runs move in descriptor space", "map",
        "Principal components of the structures' MBTR (second set of parameters), each feature scaled to [0, 1] over the training "
        "frames, from which the components come too. A thin line follows each unseen run. Energies are above the lowest frame "
        "of the same formula.",
        draw.draw_map, say.on_map,
    ),
    PotentialFigure(
        "coverage", "Do 90 % intervals hold?", "coverage",
        "Intervals for energies less the run's mean. Best is narrow, with the marker on the line or just right of it. Hollow: "
        "calibrated on runs at other temperatures.",
        draw.draw_coverage, say.on_coverage,
    ),
)  # fmt: skip


def tables(system: System) -> list[tuple[str, str, pd.DataFrame]]:
    """Name, label and rows of every table that has rows."""
    every = (
        ("errors", "errors of energies", system.errors),
        ("energies", "energies of unseen runs", system.energies),
        ("forces", "errors of forces", system.forces),
        ("map", "frames in descriptor space", system.places),
        ("coverage", "coverage of intervals", system.held),
    )
    return [each for each in every if len(each[2])]


def figures(system: System) -> list[PotentialFigure]:
    """The figures that a system has data for."""
    known = {name for name, _, _ in tables(system)}
    return [figure for figure in FIGURES if figure.table in known]
