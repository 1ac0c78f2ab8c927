"""What the reference data of a study cost: this room's fragment of the scorecard."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from auric.files import read_frames
from auric.scorecard import write_scorecard


def summarise_reference(labels: Sequence[str | Path], scorecard: str | Path, *, study: str) -> None:
    """Write the median of core minutes per frame, by structure.

    Args:
        labels: Labelled frames (extended xyz) of all blocks.
        scorecard: CSV to write.
        study: Name of the study.
    """
    frames = [frame for path in labels for frame in read_frames(path)]
    rows = []
    for structure in sorted({str(frame.info["structure"]) for frame in frames}):
        mine = [frame for frame in frames if frame.info["structure"] == structure]
        minutes = np.array([frame.info["seconds"] * frame.info["threads"] / 60 for frame in mine])
        rows.append(
            {
                "study": study, "system": "reference", "quantity": "core_minutes", "unit": "min",
                "subject": f"{mine[0].info['method']}/{mine[0].info['basis']} single point",
                "ours": float(np.median(minutes)),
                "n": len(mine), "data": structure, "split": "none",
                "comparable": "not comparable", "better": "lower", "seconds": float(minutes.sum() * 60),
            }
        )  # fmt: skip
    write_scorecard(scorecard, rows)
