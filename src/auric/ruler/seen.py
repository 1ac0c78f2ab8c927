"""ELFnet explained on images that it was not trained on: maps, occlusion, reading modes, and what of them is chance.

Each image is explained by the network of the fold that tests it. Two checks stand beside: networks with weights drawn anew must
lose the explanations (doi:10.48550/arXiv.1810.03292), and a network that was trained again with another seed shows how much
of an explanation belongs to the images rather than to one training.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from auric.files import write_dataset, write_table
from auric.progress import log
from auric.ruler.dataset import ImageSet, read_images
from auric.ruler.fold import load_or_none
from auric.ruler.modes import (
    FEWEST,
    MODES,
    SILENT,
    Kinds,
    count_kinds,
    kappa,
    leanings,
    mode_names,
    mode_scores,
    share_between,
    silverman_p,
)
from auric.ruler.modes import SCORES as MODE_SCORES
from auric.ruler.occlusion import COLUMNS, ROWS, ZONES, read_occluded
from auric.ruler.rulers import Ruler
from auric.ruler.seeing import fields_of_view, grad_cam, layer_names, randomised, rank_correlation, summed_maps
from auric.ruler.splits import make_fold
from auric.ruler.validation import grouped_interval, ratio_interval
from auric.scorecard import write_scorecard

MODE_COLUMNS = (
    "image", "structure", "bond", "fold", "bond_length_angstrom", *MODE_SCORES, "mode", "twin_mode",
)  # fmt: skip
OCCLUSION_COLUMNS = ("fill", "row", "column", "mae_angstrom", "rise_percent", "rise_low", "rise_high", "n")
CHECK_COLUMNS = ("about", "check", "value", "low", "high", "n")
ZERO, MEAN = "zero", "mean image"
FILLS = (ZERO, MEAN)
CHECKED = 200
"""Images on which explanations of other networks are compared."""
RANDOM_NETWORKS = 5
EXAMPLES = 2
"""Images shown of each mode."""
KIND_SAMPLES = 50
"""Bootstrap samples in which kinds of maps are counted."""
PAPER_RISE_PERCENT = 400.0
CAM, OCCLUSION, SCORES = "Grad-CAM", "occlusion", "modes"
ANOTHER, RANDOM = "another training", "all weights drawn anew"


def explain_study(
    images: str | Path, rulers: Sequence[str | Path], twin: str | Path, explanations: str | Path, modes: str | Path,
    occlusion: str | Path, checks: str | Path, scorecard: str | Path, *,
    study: str, like_paper: bool, split: str, folds: int, most: int, samples: int, seed: int,
) -> None:  # fmt: skip
    """Explain ELFnet on test images and write maps, modes, occlusion and checks.

    Args:
        images: All images (NetCDF).
        rulers: ELFnet of each fold of the cross-validation, in order (safetensors).
        twin: ELFnet of the first fold, trained with another seed.
        explanations: NetCDF to write.
        modes: CSV to write, one row per image.
        occlusion: CSV to write, one row per zone and way to hide it.
        checks: CSV to write, one row per number that says what the explanations are worth.
        scorecard: CSV to write.
        study: Name of the study.
        like_paper: Whether images and training are the paper's.
        split: Split of the folds.
        folds: Folds of the cross-validation.
        most: Images to explain at most, evenly from all.
        samples: Resamples for 95 % intervals.
        seed: Seed of the folds, of random weights and of the bootstrap.
    """
    data = read_images(images)
    wanted = np.unique(np.linspace(0, len(data) - 1, min(most, len(data))).round().astype(int))
    mean_image = data.elf.mean(axis=0)
    parts = []
    for fold, path in enumerate(rulers):
        ruler, chosen = load_or_none(path), make_fold(data, split, str(fold), folds=folds, seed=seed)
        if ruler is None or chosen is None:
            continue
        tested = np.intersect1d(chosen.test, wanted)
        if len(tested):
            parts.append(_Part(fold, ruler, tested, data, mean_image))
            log.info("fold %d: %d images explained", fold, len(tested))
    groups = data.structure if split == "structure" else data.bond
    other = load_or_none(twin)
    table = _mode_table(parts, data, other)
    write_dataset(explanations, _dataset(parts, data, table))
    write_table(modes, table, MODE_COLUMNS)
    zones = list(_zones(parts, groups, samples, seed))
    write_table(occlusion, zones, OCCLUSION_COLUMNS)
    found = [
        *_similarities(parts, other, data, mean_image, groups, samples, seed),
        *_mode_checks(table, parts, groups, samples, seed),
        *_agreement_in_both_signs(parts, other, data),
    ]
    write_table(checks, found, CHECK_COLUMNS)
    write_scorecard(scorecard, list(_scores(zones, found, study, split, like_paper)))


class _Part:
    """What one fold's network makes of its test images."""

    def __init__(self, fold: int, ruler: Ruler, tested: np.ndarray, data: ImageSet, mean_image: np.ndarray) -> None:
        self.fold, self.ruler, self.tested = fold, ruler, tested
        elf = data.elf[tested]
        self.lengths = data.lengths_angstrom[tested]
        self.read = ruler.read(elf)
        self.cam = grad_cam(ruler.network, elf)
        self.hidden = np.stack([read_occluded(ruler, elf, fill) for fill in (0.0, mean_image)], axis=1)


def _joined(parts: Sequence[_Part], name: str) -> np.ndarray:
    return np.concatenate([getattr(part, name) for part in parts])


def _mode_table(parts: Sequence[_Part], data: ImageSet, twin: Ruler | None) -> list[dict[str, Any]]:
    rows = []
    for part in parts:
        scores = mode_scores(part.cam)
        names = mode_names(scores)
        others = np.full(len(names), "", dtype=object)
        if part.fold == 0 and twin is not None:
            others = mode_names(mode_scores(grad_cam(twin.network, data.elf[part.tested])))
        for i, mine, name, other in zip(part.tested, scores, names, others, strict=True):
            rows.append(
                {
                    "image": data.image[i], "structure": data.structure[i], "bond": data.bond[i], "fold": part.fold,
                    "bond_length_angstrom": data.lengths_angstrom[i], "mode": name, "twin_mode": other,
                } | dict(zip(MODE_SCORES, mine, strict=True))
            )  # fmt: skip
    return rows


def _score_table(table: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Scores of all maps, shape (images, 3)."""
    return np.array([[row[name] for name in MODE_SCORES] for row in table], dtype=float)


def _dataset(parts: Sequence[_Part], data: ImageSet, table: Sequence[Mapping[str, Any]]) -> xr.Dataset:
    """Maps of all images, and summed feature maps of examples."""
    attributes: dict[str, Any] = {
        name: data.attributes[name]
        for name in ("frames_json", "elf_offset_hartree_per_bohr3")
        if name in data.attributes
    }
    attributes["about"] = "explanations of ELFnet on images that it was not trained on"
    if not parts:
        return xr.Dataset({"bond_length_angstrom": ("image", np.zeros(0))}, attrs=attributes)
    tested, cam = _joined(parts, "tested"), _joined(parts, "cam")
    fields, side = fields_of_view(parts[0].ruler.network), cam.shape[-1]
    tiles, zones = (np.arange(side) + 0.5) / side, (np.arange(ZONES) + 0.5) / ZONES
    along = {"units": "1", "long_name": "place along the side, in sides of the image, from the left atom or from below"}
    found = xr.Dataset(
        {
            "bond_length_angstrom": ("image", data.lengths_angstrom[tested], {"units": "angstrom"}),
            "read_angstrom": ("image", _joined(parts, "read"), {"units": "angstrom"}),
            "grad_cam": (
                ("image", "cam_y", "cam_x"), cam.astype("float32"),
                {"units": "1", "long_name": "Grad-CAM of the standardised length before its ReLU"},
            ),
            "occluded_angstrom": (
                ("image", "fill", "zone_y", "zone_x"), _joined(parts, "hidden"),
                {"units": "angstrom", "long_name": "length read with one zone hidden"},
            ),
        },
        coords={
            "image": data.image[tested], "fold": ("image", np.repeat([p.fold for p in parts], [len(p.tested) for p in parts])),
            "fill": list(FILLS), "cam_y": ("cam_y", tiles, along), "cam_x": ("cam_x", tiles, along),
            "zone_y": ("zone_y", zones, along), "zone_x": ("zone_x", zones, along),
            "cam_from": ("cam_x", fields[:, 0], along | {"long_name": "where the field of view of a cell begins"}),
            "cam_to": ("cam_x", fields[:, 1], along | {"long_name": "where the field of view of a cell ends"}),
        },
        attrs=attributes,
    )  # fmt: skip
    return found.merge(_examples(parts, data, table), combine_attrs="override")


def _examples(parts: Sequence[_Part], data: ImageSet, table: Sequence[Mapping[str, Any]]) -> xr.Dataset:
    """Images nearest to each named mode, with their summed feature maps."""
    scores = _score_table(table)
    along, across, upright = leanings(scores)
    lean = {
        "right": scores[:, 0] - across,
        "left": -scores[:, 0] - across,
        "vertical": np.maximum(across, upright) - along,
        "centre": -np.max([along, across, upright], axis=0),
    }
    chosen: list[int] = []
    kinds: list[str] = []
    for mode in MODES:
        order = np.argsort(-np.nan_to_num(lean[mode], nan=-np.inf), kind="stable")
        bonds: set[str] = set()  # two planes of one bond show one thing
        for place in order:
            if len(bonds) < EXAMPLES and table[place]["mode"] == mode and table[place]["bond"] not in bonds:
                bonds.add(table[place]["bond"])
                chosen.append(int(place))
                kinds.append(mode)
    places = np.concatenate([part.tested for part in parts])[chosen]
    starts = np.cumsum([0, *(len(part.tested) for part in parts)])
    owners = np.searchsorted(starts, chosen, side="right") - 1
    units = {"units": "1"}
    found = xr.Dataset(
        {"example_elf": (("example", "y", "x"), data.elf[places], units)},
        coords={
            "example_image": ("example", data.image[places]), "example_mode": ("example", np.array(kinds, dtype=str)),
            "example_place": ("example", np.array(chosen, dtype=int), {"long_name": "index along image"}),
        },
    )  # fmt: skip
    if chosen:
        maps = [summed_maps(parts[owner].ruler.network, data.elf[[i]]) for owner, i in zip(owners, places, strict=True)]
        for number, stage in enumerate(zip(*maps, strict=True), 1):
            dims = ("example", f"y_{number}", f"x_{number}")
            found[f"feature_map_{number}"] = (dims, np.concatenate(stage).astype("float32"), units)
    return found


def _zones(parts: Sequence[_Part], groups: np.ndarray, samples: int, seed: int) -> Iterator[dict[str, Any]]:
    """By how much the mean error rises when a zone is hidden; the whole images' error is paired with it."""
    if not parts:
        return
    truth = _joined(parts, "lengths")
    whole = np.abs(_joined(parts, "read") - truth)
    hidden = np.abs(_joined(parts, "hidden") - truth[:, None, None, None])
    _, index = np.unique(groups[_joined(parts, "tested")], return_inverse=True)
    for place, fill in enumerate(FILLS):
        for row in range(ZONES):
            for column in range(ZONES):
                mine = hidden[:, place, row, column]
                totals = np.column_stack([np.bincount(index, mine), np.bincount(index, whole)])
                low, high = ratio_interval(totals, samples=samples, rng=np.random.default_rng([seed, 4]))
                yield {
                    "fill": fill, "row": ROWS[row], "column": COLUMNS[column], "mae_angstrom": float(mine.mean()),
                    "rise_percent": 100 * (float(mine.sum() / whole.sum()) - 1), "rise_low": 100 * (low - 1),
                    "rise_high": 100 * (high - 1), "n": len(mine),
                }  # fmt: skip


def _similarities(
    parts: Sequence[_Part], twin: Ruler | None, data: ImageSet, mean_image: np.ndarray, groups: np.ndarray, samples: int,
    seed: int,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """How alike explanations of other networks are, on test images of the first fold."""
    first = next((part for part in parts if part.fold == 0), None)
    if first is None:
        return
    kept = np.unique(np.linspace(0, len(first.tested) - 1, min(CHECKED, len(first.tested))).round().astype(int))
    elf, mine = data.elf[first.tested[kept]], groups[first.tested[kept]]
    trained = {CAM: first.cam[kept], OCCLUSION: np.abs(first.hidden[kept, 1] - first.read[kept, None, None])}

    def row(about: str, check: str, alike: np.ndarray) -> dict[str, Any]:
        """Of one network, with an interval over images; of several, with the least and the most similar of them."""
        each = alike.mean(axis=0)
        low, high = (
            grouped_interval(each, np.ones(len(each)), mine, samples=samples, rng=np.random.default_rng([seed, 5]))
            if len(alike) == 1
            else (float(alike.mean(axis=1).min()), float(alike.mean(axis=1).max()))
        )
        return {"about": about, "check": check, "value": float(each.mean()), "low": low, "high": high, "n": len(each)}

    def shifts(ruler: Ruler) -> np.ndarray:
        return np.asarray(np.abs(read_occluded(ruler, elf, mean_image) - ruler.read(elf)[:, None, None]))

    if twin is not None:
        yield row(CAM, ANOTHER, rank_correlation(trained[CAM], grad_cam(twin.network, elf))[None])
        yield row(OCCLUSION, ANOTHER, rank_correlation(trained[OCCLUSION], shifts(twin))[None])
    names = [name for name, _ in layer_names(first.ruler.network)]
    for layers, name in enumerate(names, 1):
        words = RANDOM if layers == len(names) else f"drawn anew down to: {name}"
        others = [randomised(first.ruler, seed + number, layers) for number in range(1, RANDOM_NETWORKS + 1)]
        yield row(CAM, words, np.stack([rank_correlation(trained[CAM], grad_cam(o.network, elf)) for o in others]))
        if layers == len(names):
            yield row(OCCLUSION, words, np.stack([rank_correlation(trained[OCCLUSION], shifts(o)) for o in others]))


def _mode_checks(
    table: Sequence[Mapping[str, Any]], parts: Sequence[_Part], groups: np.ndarray, samples: int, seed: int
) -> Iterator[dict[str, Any]]:
    """Shares of the named modes, how many kinds there are, and whether modes belong to images or to trainings."""
    if not table:
        return
    names = np.array([row["mode"] for row in table])
    folds = np.array([row["fold"] for row in table])
    scores = _score_table(table)
    mine = groups[_joined(parts, "tested")]
    for name in (*MODES, SILENT):
        is_one = (names == name).astype(float)
        low, high = (
            grouped_interval(is_one, np.ones(len(names)), mine, samples=samples, rng=np.random.default_rng([seed, 6]))
            if is_one.any()
            else (np.nan, np.nan)
        )
        yield {"about": SCORES, "check": f"share {name}", "value": float(is_one.mean()), "low": low, "high": high,
               "n": len(names)}  # fmt: skip
    spoken = np.isfinite(scores).all(axis=1)
    if spoken.sum() >= FEWEST:
        for place, name in enumerate(MODE_SCORES):
            yield _check(
                f"share of the variance of {name} between folds",
                share_between(scores[spoken, place], folds[spoken]),
                spoken,
            )
    told = np.array([row["twin_mode"] for row in table])
    both = told != ""
    if both.sum() >= FEWEST:
        yield _check("agreement with another training (kappa)", kappa(names[both], told[both]), both)
    for where, chosen in (("all folds", spoken), ("first fold", spoken & (folds == 0))):
        kinds = count_kinds(scores[chosen], mine[chosen], samples=KIND_SAMPLES, seed=seed)
        if kinds is not None:
            yield from _kinds_told(kinds, scores[chosen], mine[chosen], where, seed)


def _agreement_in_both_signs(parts: Sequence[_Part], twin: Ruler | None, data: ImageSet) -> Iterator[dict[str, Any]]:
    for part in parts:
        if part.fold == 0 and twin is not None and len(part.tested) >= FEWEST:
            maps = part.cam, grad_cam(twin.network, data.elf[part.tested])
            names = [mode_names(mode_scores(each, both_signs=True)) for each in maps]
            check = "agreement with another training, both signs (kappa)"
            yield _check(check, kappa(*names), np.ones(len(part.tested), dtype=bool))


def _check(check: str, value: float, chosen: np.ndarray, low: float = np.nan, high: float = np.nan) -> dict[str, Any]:
    return {"about": SCORES, "check": check, "value": value, "low": low, "high": high, "n": int(chosen.sum())}


def _kinds_told(kinds: Kinds, scores: np.ndarray, mine: np.ndarray, where: str, seed: int) -> Iterator[dict[str, Any]]:
    everything = np.ones(len(scores), dtype=bool)
    for words, value, sampled in (
        ("Gaussians", kinds.gaussians, kinds.sampled_gaussians),
        ("kinds (peaks)", kinds.peaks, kinds.sampled_peaks),
    ):
        low, high = np.percentile(sampled, [2.5, 97.5])
        yield _check(f"{words}, {where}", value, everything, float(low), float(high))
    yield _check(f"samples with three kinds, {where}", float((kinds.sampled_peaks == 3).mean()), everything)
    yield _check(f"stability of three clusters, {where}", kinds.stability, everything)
    for place, name in enumerate(MODE_SCORES):
        p = silverman_p(scores[:, place], mine, modes=1, samples=4 * KIND_SAMPLES, seed=seed)
        yield _check(f"probability of one heap of {name}, {where}", p, everything)


def _scores(
    zones: Sequence[Mapping[str, Any]], checks: Sequence[Mapping[str, Any]], study: str, split: str, like_paper: bool
) -> Iterator[dict[str, Any]]:
    common = {
        "study": study,
        "system": "ruler",
        "data": "all structures",
        "split": split,
        "comparable": "not comparable",
    }
    for zone in zones:
        centre = (zone["row"], zone["column"], zone["fill"]) == (ROWS[1], COLUMNS[1], ZERO)
        yield common | {
            "quantity": "occlusion_mae_rise", "unit": "%", "better": "higher", "n": zone["n"],
            "subject": f"elfnet, {zone['row']} {zone['column']} set to {zone['fill']}", "ours": zone["rise_percent"],
            "ci_low": zone["rise_low"], "ci_high": zone["rise_high"], "paper": PAPER_RISE_PERCENT if centre else "",
        } | ({"comparable": "same protocol, other data"} if centre and like_paper else {})  # fmt: skip
    for check in checks:
        alike = check["about"] != SCORES
        if not alike and not check["check"].startswith(("share ", "kinds", "agreement")):
            continue
        if alike and check["check"] not in (ANOTHER, RANDOM):
            continue
        yield common | {
            "quantity": "explanation_similarity" if alike else "reading_modes", "unit": "1",
            "better": "lower" if check["check"] == RANDOM else "higher",
            "subject": f"elfnet, {check['about']}: {check['check']}" if alike else f"elfnet, {check['check']}",
            "ours": check["value"], "ci_low": check["low"], "ci_high": check["high"], "n": check["n"],
        }  # fmt: skip
