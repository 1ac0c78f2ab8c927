"""The potential's fragment of the scorecard."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from auric.files import read_tables
from auric.potential.scores import energy_scores
from auric.scorecard import write_scorecard

UNITS = {
    "energy_rmse": "eV", "energy_rmse_over_sd": "1", "energy_rmse_over_range": "1",
    "force_norm_rmse": "eV/angstrom", "force_norm_rmse_over_sd": "1", "weighted_angle": "degree",
}  # fmt: skip


def summarise_potentials(
    energies: Sequence[str | Path], forces: Sequence[str | Path], scorecard: str | Path, *,
    study: str, samples: int, seed: int,
) -> None:  # fmt: skip
    """Errors of energies and forces, run by run.

    Args:
        energies: The contenders' predictions of all systems (CSV).
        forces: Scores of forces of all systems (CSV).
        scorecard: CSV to write.
        study: Name of the study.
        samples: Of the bootstrap.
        seed: Of the bootstrap.
    """
    rows: list[dict[str, Any]] = []
    for (split, subject, run), table in read_tables(energies).groupby(["split", "subject", "run"], sort=False):
        score = energy_scores(
            table["predicted_ev"].to_numpy(), table["energy_ev"].to_numpy(), samples=samples, seed=seed
        )
        for quantity in ("energy_rmse_over_sd", "energy_rmse", "energy_rmse_over_range"):
            interval = {key: score[key] for key in ("ci_low", "ci_high")} if quantity.endswith("_sd") else {}
            rows.append(_row(study, quantity, subject, score[quantity], run, split, score["n"]) | interval)
    for one in read_tables(forces).to_dict("records"):
        for quantity in ("force_norm_rmse", "force_norm_rmse_over_sd", "weighted_angle"):
            subject = f"{one['subject']}: {one['class']}"
            rows.append(_row(study, quantity, subject, one[quantity], one["run"], one["split"], one["n"]))
    write_scorecard(scorecard, rows)


def _row(study: str, quantity: str, subject: str, ours: float, data: str, split: str, n: float) -> dict[str, Any]:
    return {
        "study": study, "system": "potential", "quantity": quantity, "unit": UNITS[quantity], "subject": subject,
        "ours": ours, "n": int(n), "data": data, "split": split, "comparable": "not comparable", "better": "lower",
    }  # fmt: skip
