"""Compiled loops give what Python gives, also where machine code cannot be kept."""

import numpy as np
import pytest

from auric import compiled as module
from auric.compiled import compiled


def _summed(numbers):
    total = 0.0
    for number in numbers:
        total += number
    return total


@pytest.mark.parametrize("writable", [True, False])
def test_a_compiled_loop_is_the_loop(monkeypatch, writable):
    asked, njit = [], module.njit

    def unable(function, **options):
        asked.append(options)
        if options.pop("cache", False):
            raise RuntimeError("cannot cache function")
        return njit(function, **options)

    if not writable:
        monkeypatch.setattr(module, "njit", unable)
    assert compiled(_summed, fastmath=True)(np.arange(5.0)) == 10.0
    assert writable or len(asked) == 2
