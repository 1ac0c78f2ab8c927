"""How many images were kept: this room's fragment of the scorecard."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from auric.files import read_dataset
from auric.scorecard import write_scorecard

PAPER_KEPT_PERCENT = 100 * 3959 / 4527
"""Images kept of images made in the paper (3959 of 4527)."""


def summarise_elf(
    images: Sequence[str | Path], dropped: Sequence[str | Path], scorecard: str | Path, *, study: str
) -> None:
    """Write the share of planes that gave a usable image.

    Args:
        images: Images of all blocks (NetCDF).
        dropped: Dropped planes of all blocks (CSV).
        scorecard: CSV to write.
        study: Name of the study.
    """
    kept = sum(read_dataset(path).sizes["image"] for path in images)
    lost = sum(int((pd.read_csv(path, keep_default_na=False)["bond"] != "").sum()) for path in dropped)
    row = {
        "study": study, "system": "elf", "quantity": "images_kept", "unit": "%", "subject": "planes of S-Au bonds",
        "paper": PAPER_KEPT_PERCENT, "ours": 100 * kept / max(kept + lost, 1), "n": kept + lost, "data": "all structures",
        "split": "none", "comparable": "not comparable", "better": "higher",
    }  # fmt: skip
    write_scorecard(scorecard, [row])
