import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from auric.reference import blas

SCRIPT = """
import sys
if sys.argv[1] == "plain":
    import tblite.library
from auric.reference import XtbEngine, XtbSettings, prefer_openblas
from auric.structures import build_ring
labels = XtbEngine(XtbSettings()).label(build_ring(4, "CH3"), 0, 1)
assert ("tblite.library" in sys.modules) and prefer_openblas() is None
print(labels.energy_ev, abs(labels.forces_ev_angstrom).sum())
"""


def run(kind):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, kind],
        capture_output=True, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    return [float(word) for word in done.stdout.split()]


def test_energies_and_forces_are_the_same_with_either_library():
    fast, plain = run("fast"), run("plain")
    assert fast[0] == pytest.approx(plain[0], rel=1e-12)
    assert fast[1] == pytest.approx(plain[1], rel=1e-8)


def test_nothing_is_loaded_where_there_is_no_library_or_it_cannot_be_loaded(tmp_path, monkeypatch, caplog):
    load = blas.load_openblas.__wrapped__
    monkeypatch.setattr(blas, "find_spec", lambda name: None)
    assert load() is None
    monkeypatch.setattr(blas, "find_spec", lambda name: SimpleNamespace(submodule_search_locations=[str(tmp_path)]))
    assert load() is None
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libopenblas-0.so").write_text("no library")
    (tmp_path / "lib/libnp_helper.so").write_text("no library")
    with caplog.at_level("INFO", logger="auric"):
        assert load() is None
    assert "cannot be loaded" in caplog.text


def test_tblite_keeps_its_own_where_there_is_none(monkeypatch):
    monkeypatch.setattr(blas, "sys", SimpleNamespace(modules={}))
    monkeypatch.setattr(blas, "load_openblas", lambda: None)
    assert blas.prefer_openblas() is None


def test_a_processor_is_named_while_loading_unless_the_user_named_one(monkeypatch, tmp_path):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    monkeypatch.setattr(blas, "_has_avx2", lambda: True)
    with blas._known_processor():
        assert os.environ["OPENBLAS_CORETYPE"] == "Haswell"
    assert "OPENBLAS_CORETYPE" not in os.environ
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Zen")
    with blas._known_processor():
        assert os.environ["OPENBLAS_CORETYPE"] == "Zen"


def test_vector_units_are_read_from_the_system(tmp_path):
    (tmp_path / "with").write_text("flags : fpu fma avx2 sse")
    (tmp_path / "without").write_text("flags : fpu avx2x sse")
    assert blas._has_avx2(tmp_path / "with")
    assert not blas._has_avx2(tmp_path / "without")
    assert not blas._has_avx2(tmp_path / "missing")
