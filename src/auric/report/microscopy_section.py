"""The section on micrographs: what the page's template shows of each experiment."""

from functools import partial
from typing import Any

from auric.report import inputs, micrograph_figures, micrographs
from auric.report.assets import Assets


def draw_microscopy(assets: Assets, files: inputs.ReportFiles) -> dict[str, Any] | None:
    """Figures and words on each experiment and on the calibration, and their tables beside the page."""
    if not files.tem_answers:
        return None
    cases = inputs.read_table(files.tem_cases, inputs.TEM_CASES)
    experiments = []
    for place, seen in enumerate(micrographs.gather(files), 1):
        stem = f"microscopy_{place}"  # no foreign word in a path
        for name in ("answers", "scores", "orientations", "angles"):
            assets.table(getattr(seen, name), f"{stem}_{name}", f"{seen.name}: {name}")
        experiments.append({
            "name": seen.name, "anchor": stem, "words": micrographs.words(seen), "rows": micrographs.rows(seen),
            "seen": assets.draw(f"{stem}_seen.png", partial(micrograph_figures.draw_seen, seen=seen)),
            "answer": assets.draw(f"{stem}_answer.svg", partial(micrograph_figures.draw_answer, seen=seen)),
            "null": assets.draw(
                f"{stem}_null.svg", partial(micrograph_figures.draw_null, seen=seen, cases=cases)
            ),
            "tables": [f"{stem}_{name}" for name in ("answers", "scores", "orientations", "angles")],
        })  # fmt: skip
    power = inputs.read_table(files.tem_power, inputs.TEM_POWER)
    assets.copy(files.tem_cases, "microscopy_cases", "simulated cases of known isomer and orientation")
    assets.table(power, "microscopy_power", "how often the right candidate wins")
    drawn = (
        assets.draw("microscopy_power.svg", partial(micrograph_figures.draw_power, power=power)) if len(power) else None
    )
    return {
        "experiments": experiments,
        "power": drawn,
        "on_power": micrographs.words_on_power(power) if len(power) else [],
    }
