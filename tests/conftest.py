import os
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from auric.memory import keep_freed_memory
from auric.reference.gto import GtoEngine, GtoSettings

ROOT = Path(__file__).parents[1]
keep_freed_memory()  # as jobs do


@pytest.fixture(scope="session")
def mirror():
    """Folder with copies of external data sets; tests on real files need it."""
    folder = os.environ.get("AURIC_MIRROR")
    if not folder or not Path(folder).is_dir():
        pytest.skip("AURIC_MIRROR names no folder with copies of the external data sets")
    return Path(folder)


@pytest.fixture
def root():
    return ROOT


@pytest.fixture
def rng():
    return np.random.default_rng(7)


MOLECULES = {
    "H2S": (Atoms("SH2", [[0, 0, 0], [0, 0.96, 0.93], [0, -0.96, 0.93]]), 0, 1),
    "SH radical": (Atoms("SH", [[0, 0, 0], [0, 0, 1.34]]), 0, 2),
    "AuSH": (Atoms("AuSH", [[0, 0, 0], [2.22, 0.1, 0], [2.35, 1.43, 0.1]]), 0, 1),
}


@pytest.fixture(scope="session")
def labels():
    """Labels of three molecules, one of them open-shell and one with gold; computed once."""
    engine = GtoEngine(GtoSettings(grid_level=1, conv_tol_hartree=1e-7, forces=True))
    return {name: engine.label(atoms, charge, spin) for name, (atoms, charge, spin) in MOLECULES.items()}
