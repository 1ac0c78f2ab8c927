import iodata
import pytest
from pyscf import gto
from pyscf.tools import molden
from wave_files import CALCULATIONS, quietly, solved


@pytest.fixture(scope="session")
def calculated():
    """Self-consistent fields of small molecules, each computed once."""
    known = {}

    def get(name):
        if name not in known:
            kind, given = CALCULATIONS[name]
            known[name] = solved(kind(gto.M(verbose=0, **given)))
        return known[name]

    return get


@pytest.fixture
def written(calculated, tmp_path):
    """Molden file of a calculation, its text changed if asked for."""

    def write(name, change=lambda text: text):
        path = tmp_path / "file.molden"
        molden.from_scf(calculated(name), str(path))
        path.write_text(change(path.read_text()))
        return path

    return write


@pytest.fixture
def checkpoint(written, tmp_path):
    """Formatted checkpoint of a calculation, written by qc-iodata."""

    def write(name, change=lambda text: text):
        path = tmp_path / "file.fchk"
        data = quietly(iodata.load_one, str(written(name)))
        data.lot = "UB3LYP" if data.mo.kind == "unrestricted" else "RB3LYP"
        data.obasis_name, data.run_type = "GenECP", "energy"
        quietly(iodata.dump_one, data, str(path), allow_changes=True)
        path.write_text(change(path.read_text()))
        return path

    return write
