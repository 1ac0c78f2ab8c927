"""Large blocks that are freed are used again."""

import ctypes
import subprocess
import sys
from types import SimpleNamespace

import pytest

from auric.memory import keep_freed_memory

FAULTS = """
import resource, sys
import numpy as np
from auric.memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
for _ in range(20):
    np.ones(10_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""
PAGES = 80_000_000 // 4096


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library than glibc")
def test_large_blocks_are_used_again():
    faults = {
        name: int(
            subprocess.run([sys.executable, "-c", FAULTS, name], capture_output=True, text=True, check=True).stdout
        )
        for name in ("plain", "kept")
    }
    assert faults["kept"] < 3 * PAGES
    assert faults["kept"] < faults["plain"]


def test_an_older_c_library_takes_no_blocks_from_the_system(monkeypatch):
    asked = []
    monkeypatch.setattr(
        ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=lambda *told: asked.append(told) or told[0] != -3)
    )
    assert keep_freed_memory()
    assert (-4, 0) in asked


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not keep_freed_memory()
