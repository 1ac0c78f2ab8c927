"""The forecast of a study's cost: what is read of finished jobs, what is learned from it, and how jobs are put on cores."""

import json
import math
import os
import re

import numpy as np
import pandas as pd
import pytest

from auric import costs, jobs, plan, study
from auric.cli import main
from auric.costs import COSTS, Cost, Costs, merged, read_costs, recorded, write_costs
from auric.errors import AuricError, InputError
from auric.jobs import Job
from auric.plan import Interval, forecast, left_out, plan_study, schedule
from auric.sizes import SIZES, VARIANTS, Sized, Sizes
from benchmarks.plan import HEADER as TABLE
from benchmarks.plan import judge
from tests.conftest import ROOT
from tests.end_to_end.copied import copy_workflow

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"


def cost(size, seconds, *, study="a", rule="labels", variant="", here=False):
    return Cost(study, rule, variant, size, seconds, 300.0, 1.0, here)


def job(number, after=(), *, rule="labels", threads=1, waiting=True):
    files = f"benchmarks/{rule}/{number}.tsv", f"logs/{rule}/{number}.log", [f"{rule}_{number}.csv"]
    return Job(number, rule, {}, threads, 1000, *files, list(after), waiting)


def power_law(size):
    return 2.0 + 30.0 * (size / 1e3) ** 1.3


def known(study="a", **others):
    return [cost(size, power_law(size), study=study, **others) for size in (1e2, 1e3, 1e4)]


def test_a_power_law_with_a_fixed_part_is_found():
    estimates = [Costs(known()).estimate("labels", Sized("", size)) for size in (30.0, 3e3, 3e4)]
    for size, estimate in zip((30.0, 3e3, 3e4), estimates, strict=True):
        assert math.exp(estimate.log_median) == pytest.approx(power_law(size), rel=0.4)
    assert math.exp(estimates[2].log_median - estimates[1].log_median) > 12  # in proportion would be 10
    far = Costs(known()).estimate("labels", Sized("", 1e7))
    assert far.shared_sd > 1.3 * estimates[1].shared_sd  # the further away, the less sure


def test_one_record_leaves_open_what_is_fixed():
    """From one job of six seconds it cannot be told whether a hundredfold size takes six seconds or ten minutes."""
    near, far = (Costs([cost(1.0, 6.0)]).estimate("labels", Sized("", size)) for size in (1.0, 100.0))
    assert near.log_median == pytest.approx(math.log(6), abs=0.35)
    low, high = far.log_median - 1.64 * far.shared_sd, far.log_median + 1.64 * far.shared_sd
    assert low < math.log(12)
    assert high > math.log(300)


def test_more_runs_are_surer_and_other_variants_less():
    one, three = Costs(known()), Costs(known("a") + known("b") + known("c"))
    size = Sized("", 1e3)
    assert three.estimate("labels", size).shared_sd < one.estimate("labels", size).shared_sd
    assert one.estimate("labels", Sized("b3lyp", 1e3)).shared_sd > 1.5 * one.estimate("labels", size).shared_sd
    assert one.estimate("images", size) is None
    assert one.estimate("labels", Sized("", None)).shared_sd > 1.5 * one.estimate("labels", size).shared_sd


def test_jobs_alike_tell_the_spread_of_jobs():
    rng = np.random.default_rng(1)
    for spread in (0.02, 1.0):
        found = Costs([cost(5.0, math.exp(rng.normal(3, spread))) for _ in range(100)])
        assert found.estimate("labels", Sized("", 5.0)).job_sd == pytest.approx(spread, rel=0.2, abs=0.04)


def test_this_machine_is_compared_by_rules_that_both_know():
    rules = ("labels", "images", "frames", "walk", "report")
    elsewhere = [one._replace(rule=rule) for rule in rules for one in known()]
    own = [
        one._replace(rule=rule, here=True, core_seconds=2.5 * one.core_seconds) for rule in rules[:4] for one in known()
    ]
    there, here = Costs(elsewhere), Costs(elsewhere + own)
    assert there.speed == 0
    assert 1.7 < math.exp(here.speed) <= 2.5  # not wholly believed
    moved = [one.estimate("report", Sized("", 1e3)).log_median for one in (there, here)]
    assert 1.5 < math.exp(moved[1] - moved[0]) < 2.5  # the rule that this machine has not run
    assert math.exp(here.estimate("labels", Sized("", 1e3)).log_median) == pytest.approx(2.5 * power_law(1e3), rel=0.25)


def test_a_forecast_holds_what_comes_true():
    """Runs drawn as the model says lie in nine of ten intervals, and rules without records are named and not counted."""
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(60):
        common = [math.exp(rng.normal(0, costs.RUN_SD)) for _ in range(3)]
        past = [
            cost(size, power_law(size) * common[number] * math.exp(rng.normal(0, 0.2)), study=str(number), here=True)
            for number in range(2)
            for size in (1e2, 1e3, 1e4)
        ]
        future = sum(power_law(2e3) * common[2] * math.exp(rng.normal(0, 0.2)) for _ in range(4))
        found = forecast("x", [job(n) for n in range(4)], [Sized("", 2e3)] * 4, Costs(past), cores=2)
        inside.append(found.core_seconds.low <= future <= found.core_seconds.high)
    assert 0.75 < np.mean(inside) < 0.995
    wanted = [job(0), job(1, rule="unheard"), job(2, waiting=False)]
    found = forecast("x", wanted, [Sized("", 1e3)] * 3, Costs(known()), cores=2)
    assert (found.jobs, found.finished, found.unknown) == (2, 1, ["unheard"])
    assert found.core_seconds.likely == pytest.approx(power_law(1e3), rel=0.4)
    assert "NOT in these sums, as no job of theirs was ever recorded: unheard" in str(found)
    assert json.loads(json.dumps(found.as_json(), allow_nan=False))["rules"][0]["core_seconds"] is None
    far = forecast("x", [job(0)], [Sized("gth", 1e6)], Costs(known()), cores=2)
    assert far.rules[0].note == "gth: never recorded; 100 times larger than recorded"


def test_jobs_wait_for_each_other_and_for_cores():
    seconds, memory = np.array([3.0, 1.0, 2.0, 4.0]), np.array([10.0, 20.0, 30.0, 40.0])
    after = [[], [], [0], [0, 1]]
    assert schedule(seconds, [1] * 4, after, 1, memory) == (10.0, 7.0, 40.0)
    assert schedule(seconds, [1] * 4, after, 2, memory) == (7.0, 7.0, 70.0)
    assert schedule(seconds, [1, 1, 1, 2], after, 2, memory)[0] == 9.0  # one waits until both cores are free
    assert schedule(np.array([]), [], [], 2, np.array([])) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("duration", "seen", "expected"),
    [("10.0", "8.0", 8.2), ("45.0", "15.0", 43.5), ("75.0", "30.0", 49.5), ("2.0", "NA", 2.0), ("0.3", "0.2", 0.2)],
)
def test_processor_time_after_the_last_look_is_added(tmp_path, duration, seen, expected):
    path = tmp_path / "benchmark.tsv"
    path.write_text(f"{HEADER}\n{duration}\t0:00:10\t100.0\t1\t1\t1\t1\t1\t1\t{seen}\n")
    found = costs._benchmark(path)
    assert found[0] == pytest.approx(expected, abs=0.25)
    assert found[1:] == (100.0, float(duration))


def test_only_what_was_computed_is_recorded(tmp_path):
    wanted = [job(number) for number in range(5)]
    store = tmp_path / "store"
    for folder in ("benchmarks/labels", "logs/labels", "store/ab"):
        (tmp_path / folder).mkdir(parents=True)
    for number, (seconds, log) in enumerate([(10, "computed"), (20, "au4_0001: kept from before"), (30, ""), (0, "")]):
        (tmp_path / wanted[number].benchmark).write_text(f"{HEADER}\n{seconds}\t-\t250\t1\t1\t1\t1\t1\t1\t{seconds}\n")
        (tmp_path / wanted[number].log).write_text(log)
        (tmp_path / wanted[number].output[0]).write_bytes(b"x" * 3_000_000)
    entry = store / "ab" / "abc.npz"
    entry.write_bytes(b"x" * 1_000_000)
    for number, end in ((0, 1000.0), (2, 2000.0)):
        os.utime(tmp_path / wanted[number].benchmark, (end, end))
    os.utime(entry, (1980.0, 1980.0))  # while the third job ran
    found = recorded("a", wanted, [Sized("v", 7.0)] * 5, tmp_path, store)
    assert [(one.core_seconds, one.memory_mb, one.disk_mb) for one in found] == [
        (pytest.approx(10.2, abs=0.2), 250, 3), (pytest.approx(58.1, abs=0.1), 250, 4),
    ]  # fmt: skip
    assert {one[:4] for one in found} == {("a", "labels", "v", 7.0)}


def test_records_are_kept_and_replaced(tmp_path):
    path = tmp_path / "costs.tsv"
    first = [cost(None, 1.25), cost(3.0, 2.5, rule="images", variant="b3lyp 1")]
    write_costs(path, first, "why")
    assert sorted(read_costs(path), key=str) == sorted(first, key=str)
    assert all(one.here for one in read_costs(path, here=True))
    new = [cost(4.0, 9.0)]
    assert merged(first, new) == [first[1], *new]
    assert merged(first, [cost(4.0, 9.0, study="b")])[:2] == first


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("rule\tsize\n", "its first line must name the columns study, rule"),
        ("\t".join(costs.COLUMNS) + "\na\tb\t\t1\t2\n", "line 2: not 7 cells"),
        ("\t".join(costs.COLUMNS) + "\na\tb\t\t1\t2\t3\tmany\n", "line 2: not 7 cells"),
        ("\t".join(costs.COLUMNS) + "\na\tb\t\t1\t-2\t3\t4\n", "line 2: sizes and core_seconds are above 0"),
        ("\t".join(costs.COLUMNS) + "\na\tb\t\t0\t2\t3\t4\n", "line 2: sizes and core_seconds are above 0"),
    ],
)
def test_damaged_records_are_told_in_one_line(tmp_path, text, reason):
    (tmp_path / "costs.tsv").write_text(text)
    with pytest.raises(InputError, match=re.escape(reason)):
        read_costs(tmp_path / "costs.tsv")


def test_every_rule_has_a_size_and_lists_of_rules_are_right(root):
    rules = {}
    for path in (root / "workflow/rules").glob("*.smk"):
        for block in re.split(r"\n(?=rule )", path.read_text()):
            if match := re.match(r"rule (\w+):", block.removeprefix("# ")) or re.search(r"^rule (\w+):", block, re.M):
                rules[match[1]] = block
    assert set(SIZES) == set(rules)
    assert set(VARIANTS) <= set(rules)
    assert {name for name, block in rules.items() if '"torch"' in block} == costs.TORCH
    assert {name for name, block in rules.items() if "store=STORE" in block} == costs.STORING


def test_sizes_follow_what_makes_work(root, monkeypatch):
    monkeypatch.chdir(root)
    settings = study.load({"study": "test"}, root)

    def size(rule, changes=(), **wildcards):
        changed = json.loads(json.dumps(settings))
        for path, value in changes:
            place = changed
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
        return Sizes(changed, root).of(job(0, rule=rule)._replace(wildcards=wildcards))

    blocks = study.blocks(settings, study.structures(settings, root))
    of_block = {f"{s}_{f}": size("labels", s=s, f=f).size for s, parts in blocks.items() for f in parts}
    assert max(of_block.values()) > 1.5 * min(of_block.values()) > 0
    assert size("labels", s=next(iter(blocks)), f="000").variant == "pyscf-gto pbe def2-svp 0"
    tiny = size("dynamics", run="tiny_heating").size
    assert tiny == 120 * 9**2  # steps, and nine atoms
    assert size("dynamics", run="tiny_test").size == 80 * 9**2
    assert size("ruler_fold", split="bond", fold="0").size == pytest.approx(
        size("ruler_fold", [(("ruler", "network", "epochs"), 30)], split="bond", fold="0").size / 10
    )
    assert (
        size("ruler_variant", variant="base", fold="0").size > size("ruler_variant", variant="dropout", fold="0").size
    )
    assert size("walk", system="tiny", run="tiny_test", walker="emlm") == ("emlm", 2 * 30 * 9**2)
    assert size("labels", s="999", f="000").size is None  # nothing in it
    assert size("report").size == 1
    with_oxygen = size("perturbed", [(("ruler", "perturb", "oxygen_angstrom"), 2.0)], structure="ausch3")
    assert with_oxygen.size > 2 * size("perturbed", structure="ausch3").size  # triplets take their time
    assert size("distorted", structure="oxidised").size == 7 * size("distorted", structure="bare").size


def test_structures_of_a_bundle_have_sizes(root, monkeypatch):
    monkeypatch.chdir(root)
    sizes = Sizes(study.load({"study": "valence"}, root), root)

    def size(structure):
        return sizes.of(job(0, rule="perturbed")._replace(wildcards={"structure": structure})).size

    assert size("au8_sh8") == pytest.approx(size("au4_sh4") * 2**2.5)
    assert size("au3_sch3_3") > size("au3_sh3")


@pytest.mark.parametrize("name", ["demo", "silver", "test"])
def test_recorded_runs_are_foretold_by_the_others(root, name):
    total, *rules = left_out(read_costs(root / COSTS), name)
    told = [rule for rule in rules if rule.foretold]
    assert len(told) > 10
    assert total.core_seconds == pytest.approx(sum(rule.core_seconds for rule in told))
    inside = [rule.foretold.low <= rule.core_seconds <= rule.foretold.high for rule in told]
    assert np.mean(inside) > 0.75
    if name != "demo":  # of which the test study alone knows many rules, at sizes up to thousands of times smaller
        assert total.foretold.low <= total.core_seconds <= total.foretold.high
        assert 0.5 < total.foretold.likely / total.core_seconds < 2


def recorded_studies():
    return sorted({cost.study for cost in read_costs(ROOT / COSTS)})


@pytest.fixture(scope="module")
def documented():
    """Rows of docs/benchmarks.csv on forecasts, by run and quantity."""
    kept = pd.read_csv(ROOT / "docs/benchmarks.csv")
    kept = kept[kept["study"] == "benchmarks: plan"]
    return {(row["data"].removesuffix(" study"), row["quantity"]): row for row in kept.to_dict("records")}


@pytest.mark.parametrize("name", recorded_studies())
def test_documented_forecasts_are_those_of_now(name, documented, root):
    judged = judge(read_costs(root / COSTS), name)
    page = (root / "docs/operations.md").read_text()
    assert TABLE in page
    assert judged.told in page, "run `python -m benchmarks plan` and put its table there"
    for row in judged.rows:
        kept = documented[name, row["quantity"]]
        for key in ("ours", "ci_low", "ci_high", "n"):
            assert kept[key] == pytest.approx(row.get(key, math.nan), rel=1e-3, nan_ok=True)
    assert len(judged.rows) == sum(study == name for study, _ in documented)


def test_no_forecast_is_documented_of_a_run_that_is_not_recorded(documented):
    assert {study for study, _ in documented} <= set(recorded_studies())


def test_what_snakemake_refuses_is_one_line(root, monkeypatch, tmp_path):
    assert str(jobs._refusal("noise\nauric: there is no study 'x'; choose\n")) == "there is no study 'x'; choose"
    assert "not installed" in str(jobs._refusal("Traceback\nModuleNotFoundError: No module named 'snakemake'"))
    other = jobs._refusal("one\ntwo\n")
    assert not isinstance(other, InputError)
    assert isinstance(other, AuricError)
    with pytest.raises(InputError, match="there is no Snakefile"):
        jobs.jobs_of(None, tmp_path)
    monkeypatch.chdir(root)
    with pytest.raises(InputError, match="--cores 0"):
        plan_study(None, root, cores=0)
    assert main(["plan", "--study", "nowhere"]) == 2


def test_numbers_are_told_in_words():
    assert [plan._megabytes(value) for value in (0.001, 30, 1500, 2e6)] == ["1 kB", "30 MB", "1.5 GB", "2 TB"]
    assert Interval.of(np.arange(101.0)) == (5, 50, 95)


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the workflow without results."""
    copy_workflow(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "src"))
    return tmp_path


def test_a_study_is_planned_and_what_is_finished_costs_nothing(copy, capsys):
    assert main(["plan", "--study", "test", "--cores", "2", "--json"]) == 0
    before = json.loads(capsys.readouterr().out)
    assert before["jobs"] > 80
    assert before["finished"] == 0
    assert before["unknown"] == [
        "perturbed"
    ]  # the parent of its states is always in the store, so its cost is not recorded
    assert not (copy / "results" / costs.OWN_COSTS).exists()
    assert sum(rule["jobs"] for rule in before["rules"]) == before["jobs"]
    assert 20 < before["core_seconds"]["likely"] < 2000
    assert before["wall_seconds"]["likely"] >= before["core_seconds"]["likely"] / 2 * 0.8
    finished = next(one for one in jobs.jobs_of("test", copy) if one.rule == "tem_library")
    for name, text in (
        (finished.output[0], "x"),
        (finished.benchmark, f"{HEADER}\n2.0\t-\t99\t1\t1\t1\t1\t1\t1\t1.5\n"),
    ):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text(text)
    assert main(["plan", "--study", "test"]) == 0
    after = capsys.readouterr().out
    assert f"test: {before['jobs'] - 1} jobs would run; 1 of its jobs are finished" in after
    (own,) = read_costs(copy / "results" / costs.OWN_COSTS, here=True)
    assert (own.study, own.rule, own.here) == ("test", "tem_library", True)
