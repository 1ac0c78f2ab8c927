"""What all figures share: type, lines, inks, and how a file is saved."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.ticker
import numpy as np
from matplotlib.figure import Figure

INK = "#22272e"
STYLE: Any = {
    "text.parse_math": False,  # a name may hold a dollar sign
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.edgecolor": "#8b929c",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": "#555c66",
    "ytick.color": "#555c66",
    "grid.color": "#e6e8eb",
    "grid.linewidth": 0.7,
    "svg.hashsalt": "auric",  # identifiers inside the file: the same each time
}


@contextmanager
def figure_at(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure of this size (inches), saved when the block ends; no state is left in pyplot."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        metadata = {"Date": None, "Creator": None} if path.suffix == ".svg" else {"Software": None}
        figure.savefig(path, dpi=150, metadata=metadata)


def log_axis(axis: Any) -> None:
    """Logarithmic, with plain numbers at 1, 2 and 5 (at 1 alone where these are too many, at more where they are too few); after plotting."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    low, high = axis.get_view_interval()
    axis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5) if high / low < 500 else (1,)))
    axis.set_major_formatter(
        mpl.ticker.FuncFormatter(lambda value, _: np.format_float_positional(value, 3, fractional=False, trim="-"))
    )
    axis.set_minor_formatter(mpl.ticker.NullFormatter())
