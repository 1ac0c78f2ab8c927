"""Each rule gives what it gave before, within a tolerance."""

import shutil

import pytest

from tests.end_to_end.faults import differences
from tests.rules.stored import HERE, OUTPUTS, run

RTOL = 1e-6
"""Of the largest number of a column or array: sums in another order, on another processor, stay below it."""
LIMIT_BYTES = 1_000_000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return run(tmp_path_factory.mktemp("rules"))


@pytest.mark.parametrize("rule", OUTPUTS)
def test_a_rule_gives_what_it_gave(rule, made, tmp_path):
    for name in OUTPUTS[rule]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(made / name, tmp_path / name)
    apart = [one for one in differences(HERE / rule, tmp_path) if one.size > RTOL]
    assert not apart, "if it should be so: python -m tests.rules"


def test_what_is_stored_is_small_and_all_of_it_is_used():
    assert sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file()) < LIMIT_BYTES
    assert {path.name for path in HERE.iterdir() if path.is_dir()} - {"__pycache__"} == {"given", *OUTPUTS}
