"""What the report says of ELFnet's explanations: maps, occlusion, reading modes, and what of them is chance."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from auric.files import read_dataset
from auric.report import inputs
from auric.report.page import number

MODES = ("right", "left", "vertical", "centre")
CAM, OCCLUSION, SCORES = "Grad-CAM", "occlusion", "modes"
ANOTHER, RANDOM = "another training", "all weights drawn anew"
ZERO, MEAN = "zero", "mean image"
STEADY = 0.4
"""Agreement (kappa) from which a naming is called more than slight; Landis and Koch, doi:10.2307/2529310, call 0.41 to 0.60 moderate."""


@dataclass(frozen=True)
class Explained:
    """Explanations of test images.

    Attributes:
        maps: What the room writes, maps of all images and of examples.
        modes: Columns `inputs.MODES`.
        occlusion: Columns `inputs.OCCLUSION`.
        checks: Columns `inputs.CHECKS`.
    """

    maps: xr.Dataset
    modes: pd.DataFrame
    occlusion: pd.DataFrame
    checks: pd.DataFrame

    @property
    def examples(self) -> int:
        """Number of examples."""
        return int(self.maps.sizes.get("example", 0))

    def check(self, about: str, name: str) -> tuple[float, float, float]:
        """A value and its interval; NaN where it is not known."""
        row = self.checks[(self.checks["about"] == about) & (self.checks["check"] == name)]
        if not len(row):
            return (np.nan,) * 3
        return float(row["value"].iloc[0]), float(row["low"].iloc[0]), float(row["high"].iloc[0])


def gather(files: inputs.ReportFiles) -> Explained | None:
    """The explanations of a study, if it has any.

    Raises:
        InputError: If a table lacks a column.
    """
    if not files.explanations:
        return None
    modes = inputs.read_table(files.modes, inputs.MODES)
    if not len(modes):
        return None
    return Explained(
        read_dataset(files.explanations), modes, inputs.read_table(files.occlusion, inputs.OCCLUSION),
        inputs.read_table(files.checks, inputs.CHECKS),
    )  # fmt: skip


def words_on_maps(seen: Explained) -> str:
    """How coarse the last maps are, and how far a cell sees."""
    cells = seen.maps.sizes["cam_x"]
    width = float((seen.maps["cam_to"] - seen.maps["cam_from"]).mean())
    return (
        f"The last convolution leaves {cells} x {cells} cells. They are drawn side by side, but each sees {100 * width:.0f} % of "
        "the image's side, so a map says less of where than it seems to."
    )


def words_on_zones(seen: Explained) -> list[str]:
    """Which zone matters most, by zeros and by the mean image."""
    sentences = []
    for fill, meaning in ((ZERO, "Set to zero, as in the paper"), (MEAN, "Replaced by the mean image")):
        mine = seen.occlusion[seen.occlusion["fill"] == fill]
        centre = mine[(mine["row"] == "middle") & (mine["column"] == "centre")].iloc[0]
        worst = mine.loc[mine["rise_percent"].idxmax()]
        beside = (
            f" (95 % interval {centre['rise_low']:.0f} to {centre['rise_high']:.0f})"
            if np.isfinite(centre["rise_low"])
            else ""
        )
        where = "more than any other zone" if worst.name == centre.name else (
            f"but the zone {worst['row']} {worst['column']} costs most, {worst['rise_percent']:.0f} %"
        )  # fmt: skip
        paper = "; the paper states more than 400 %" if fill == ZERO else ""
        sentences.append(
            f"{meaning}, the central zone raises the mean error by {centre['rise_percent']:.0f} %{beside}{paper}, {where}."
        )
    return sentences


def words_on_modes(seen: Explained) -> list[str]:
    """Shares of the modes, whether three kinds are there, and whether they belong to the images."""
    shares = {name: seen.check(SCORES, f"share {name}") for name in (*MODES, "none")}
    told = [f"{name} {_percent(shares[name])}" for name in MODES]
    sentences = [
        f"Named by where the positive part of a map lies and how it is stretched: {', '.join(told)}; {100 * shares['none'][0]:.0f} % of the maps have no positive part."
    ]
    kinds, low, high = seen.check(SCORES, "kinds (peaks), all folds")
    three, *_ = seen.check(SCORES, "samples with three kinds, all folds")
    if np.isfinite(kinds):
        verdict = (
            "three kinds are there" if kinds == 3 and three >= 0.95 else "that there are three kinds is not borne out"
        )
        sentences.append(
            f"Peaks of their density: {kinds:.0f} ({low:.0f} to {high:.0f} in bootstrap samples, three in {100 * three:.0f} % of them): {verdict}."
        )
    agreed, *_ = seen.check(SCORES, "agreement with another training (kappa)")
    if np.isfinite(agreed):
        verdict = (
            "modes belong to the images" if agreed > STEADY else "modes belong to a training rather than to the images"
        )
        both, *_ = seen.check(SCORES, "agreement with another training, both signs (kappa)")
        sentences.append(
            f"A network trained again with another seed names the same images with an agreement of {number(agreed)} (kappa; 0 is chance, 1 is full), or "
            f"{number(both)} if the negative part of maps counts as well: {verdict}."
        )
    return sentences


def words_on_checks(seen: Explained) -> list[str]:
    """Whether networks with weights drawn anew lose each explanation, and what another training keeps of it."""
    sentences = []
    for about in (CAM, OCCLUSION):
        drawn, least, most = seen.check(about, RANDOM)
        again, low, high = seen.check(about, ANOTHER)
        if not np.isfinite(drawn):
            continue
        between = f" ({number(low)} to {number(high)})" if np.isfinite([low, high]).all() else ""
        if not np.isfinite(again):
            verdict = ""
        elif not low > 0 or again <= max(abs(least), abs(most)):
            verdict = " A network that learned nothing agrees as well: this explanation tells of one network, not of the images."
        else:
            verdict = " Weights drawn anew lose what two trainings share, as they should."
        beside = f", with another training {number(again)}{between}" if np.isfinite(again) else ""
        sentences.append(
            f"{about}: rank correlation with networks of weights drawn anew {number(drawn)} ({number(least)} to {number(most)}){beside}.{verdict}"
        )
    return sentences


def _percent(share: tuple[float, float, float]) -> str:
    value, low, high = (100 * each for each in share)
    return f"{value:.0f} %" + (f" ({low:.0f} to {high:.0f})" if np.isfinite([low, high]).all() else "")
