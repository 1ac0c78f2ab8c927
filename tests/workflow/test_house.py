"""The house's own rules: who imports whom, what counts as a change, and that copies of one fact agree."""

import ast
import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from auric import provenance
from auric.cli import main
from auric.configuration import settings_page
from auric.files import write_table
from auric.potential.recommended import RECOMMENDED_COLUMNS
from auric.provenance import block_of, code_fingerprint, imports, reached
from auric.results import results_page
from auric.scorecard import COLUMNS
from tests.end_to_end.reruns import CHANGES, HEADER, SWITCHED, table_row

PACKAGE = provenance.PACKAGE
ROOMS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists())
STANDS_ON = {
    "structures": set(),
    "reference": {"structures"},
    "elf": {"structures", "reference"},
    "ruler": {"elf", "reference", "structures", "relaxation"},
    "descriptors": {"structures"},
    "potential": {"descriptors", "structures"},
    "sampling": {"potential", "reference", "descriptors", "structures"},
    "relaxation": {"potential", "reference", "structures"},
    "microscopy": {"structures"},
    "graphs": {"structures"},
    "synthesis": {"graphs"},
    "matching": {"graphs", "descriptors", "structures"},
    "report": set(),
}


def modules():
    return sorted(
        ".".join(("auric", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for path in PACKAGE.rglob("*.py")
    )


def room_of(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else None


def test_rooms_import_only_what_they_stand_on():
    for module in modules():
        if room_of(module):
            rooms = {room_of(name) for name in imports(module)} - {None, room_of(module)}
            assert rooms <= STANDS_ON[room_of(module)], module


def test_there_is_no_cycle_of_imports():
    done = set()

    def visit(module, path):
        assert module not in path, " -> ".join([*path, module])
        if module not in done:
            for name in imports(module):
                visit(name, [*path, module])
            done.add(module)

    for module in modules():
        visit(module, [])


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_exist_and_none_hides_a_module(room):
    package = importlib.import_module(f"auric.{room}")
    files = {path.stem for path in (PACKAGE / room).glob("*.py")}
    for name in package.__all__:
        assert getattr(package, name) is not None
        assert name not in files


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two modules, the second imported by the first."""
    (tmp_path / "room").mkdir()
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "room" / "__init__.py").write_text("")
    (tmp_path / "room" / "rule.py").write_text("from auric.room.helper import f\n\ndef g():\n    return f()\n")
    (tmp_path / "room" / "helper.py").write_text("def f():\n    return 1\n")
    (tmp_path / "other.py").write_text("x = 1\n")
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)

    def fingerprint(**changes):
        for name, text in changes.items():
            (tmp_path / name.replace("__", "/")).with_suffix(".py").write_text(text)
        for kept in (imports, code_fingerprint, provenance._known):  # as in another process
            kept.cache_clear()
        return code_fingerprint("auric.room.rule", libraries=("numpy",))

    yield fingerprint
    for kept in (imports, code_fingerprint, provenance._known):
        kept.cache_clear()


def test_fingerprint_follows_code_that_is_reached_and_nothing_else(package):
    before = package()
    assert reached("auric.room.rule") == {"auric.room.rule", "auric.room.helper"}
    assert package(room__helper='"""Doc."""\n\ndef f():\n    """Doc."""\n    return 1  # comment\n') == before
    assert package(other="x = 2\n") == before
    assert package(room__helper="def f():\n    return 2\n") != before


def test_logs_and_progress_are_no_part_of_it(package, tmp_path):
    imported = "from auric.progress import log\nfrom auric.room.helper import f\n\ndef g():\n    return f()\n"
    (tmp_path / "progress.py").write_text("log = 1\n")
    before = package(room__rule=imported)
    assert "auric.progress" in reached("auric.room.rule")
    assert package(progress="log = 2\n") == before


def test_facts_of_sources_are_kept_and_nothing_depends_on_that(package, tmp_path, monkeypatch):
    before = package()
    (kept,) = (tmp_path / "__pycache__").glob("facts.*.json")
    with monkeypatch.context() as patched:
        patched.setattr(provenance.ast, "parse", lambda text: pytest.fail("it was known"))
        assert package() == before
    for damaged in ("", "{", "[]", '{"a": 1}', '{"a": ["b"]}'):
        kept.write_text(damaged)
        assert package() == before
    kept.unlink()
    with monkeypatch.context() as patched:
        patched.setattr(provenance.tempfile, "mkstemp", lambda **_: (_ for _ in ()).throw(OSError("full")))
        assert package() == before
    assert not kept.exists()
    # A name that becomes a module is followed, though the source that imports it is the same.
    (tmp_path / "room" / "helper").mkdir()
    (tmp_path / "room" / "helper.py").unlink()
    (tmp_path / "room" / "helper" / "__init__.py").write_text("def f():\n    return 1\n")
    (tmp_path / "room" / "helper" / "f.py").write_text("y = 1\n")
    assert package() != before
    assert "auric.room.helper.f" in reached("auric.room.rule")


def test_fingerprint_follows_library_versions(package, monkeypatch):
    before = package()
    monkeypatch.setattr(provenance, "library_version", lambda name: "0")
    assert package() != before


def test_unknown_module_is_refused():
    with pytest.raises(ValueError, match=r"no module auric\.nowhere"):
        reached("auric.nowhere")


def test_blocks_depend_on_the_name_alone_and_are_even():
    counts = [0] * 8
    for number in range(4000):
        counts[block_of(f"cluster_{number:04d}", 8)] += 1
    assert min(counts) > 400
    assert block_of("au25", 7) == block_of("au25", 7)


def test_settings_page_is_current(root):
    page = settings_page(root / "workflow/schemas/config.schema.yaml")
    assert (root / "docs/settings.md").read_text() == page, "run `auric settings > docs/settings.md`"


def test_results_page_is_current(root):
    assert (root / "docs/results.md").read_text() == results_page(root / "docs"), (
        "run `auric results > docs/results.md`"
    )


def test_links_of_the_documentation_lead_somewhere(root):
    for page in (root / "README.md", *(root / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(root)} links to {target}"


def test_documented_reruns_are_those_that_are_tested(root):
    text = (root / "docs/operations.md").read_text()
    rows = [table_row(change.what, change.told, change.runs) for change in CHANGES]
    assert "\n".join([HEADER, "|---|---|---|", *rows, table_row(SWITCHED, "nothing", {})]) in text


def test_results_page_names_winners(tmp_path):
    row = {"study": "s", "system": "potential", "quantity": "q", "unit": "1", "subject": "line", "ours": 0.1}
    row |= {"data": "run", "split": "x", "n": 1, "comparable": "not comparable"}
    write_table(tmp_path / "scorecard_s.csv", [row], COLUMNS)
    winner = {"system": "ring", "task": "energies", "quantity": "q", "unit": "eV", "recommended": "line", "ours": 0.1}
    beaten = {"runner_up": "mean", "runner_up_ours": 0.5, "ahead": 3, "runs": 4}
    write_table(tmp_path / "recommended_s.csv", [winner | beaten, winner | {"runs": 4}], RECOMMENDED_COLUMNS)
    page = results_page(tmp_path)
    assert "| ring | energies (q) | line | 0.1 eV | mean | 0.5 eV | 3 of 4 runs |" in page
    assert "| ring | energies (q) | line | 0.1 eV | - | - | - |" in page


def test_environments_pin_what_the_lock_file_pins(root):
    lock = dict(line.split("==") for line in (root / "requirements.lock").read_text().lower().split() if "==" in line)
    for path in (root / "envs").glob("*.yaml"):
        pins = yaml.safe_load(path.read_text())["dependencies"][-1]["pip"]
        for pin in pins:
            name, version = pin.partition(" ;")[0].split("==")  # where a marker says on which systems
            assert lock[name] == version, f"{path.name}: {pin}"


MODULES = {
    "scikit-learn": "sklearn",
    "scikit-image": "skimage",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "xgboost-cpu": "xgboost",
}
"""Where a package's module has another name."""
IMPORTING = """
import sys
from importlib.machinery import PathFinder
missing, found = set(sys.argv[1].split(",")), PathFinder.find_spec
PathFinder.find_spec = lambda name, *where: None if name.partition(".")[0] in missing else found(name, *where)
for line in sys.stdin.read().splitlines():
    exec(compile(line, line, "exec"))
print(*(module.__file__ for name, module in sys.modules.items() if name.startswith("auric.")), sep="\\n")
"""


@pytest.mark.parametrize("environment", ["base", "dft", "learn"])
def test_rules_find_in_their_environment_what_they_import(root, environment):
    scripts = []
    for path in (root / "workflow/rules").glob("*.smk"):
        for block in re.split(r"\n(?=rule )", path.read_text()):
            if f"envs/{environment}.yaml" in block:
                scripts += re.findall(r"scripts/(\w+\.py)", block)
    assert len(scripts) >= 5
    trees = [ast.parse((root / "workflow/scripts" / script).read_text()) for script in scripts]
    lines = {ast.unparse(node) for tree in trees for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)}

    def imported(pins):
        names = {re.split(r"[=<>; ]", pin)[0] for pin in pins}
        return {MODULES.get(name, name) for name in names}

    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    there = yaml.safe_load((root / f"envs/{environment}.yaml").read_text())["dependencies"][-1]["pip"]
    missing = imported(project["dependencies"]) - imported(there)
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING, ",".join(missing)], input="\n".join(sorted(lines)), capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(root / "src")}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    later = set()  # by functions, when they are called
    for file in done.stdout.split():
        for node in ast.walk(ast.parse(Path(file).read_text())):
            if isinstance(node, ast.Import):
                later |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                later.add(node.module.partition(".")[0])
    assert not later & missing


def test_profiles_agree_on_what_makes_a_job_run_again(root):
    triggers = {
        path.parent.name: yaml.safe_load(path.read_text())["rerun-triggers"]
        for path in root.glob("profiles/*/config.yaml")
    }
    assert set(triggers) == {"default", "slurm"}
    assert triggers["default"] == triggers["slurm"] == ["mtime", "params", "input"]


def loaded_at_once(module):
    """Modules of the package that importing one loads: what stands at the top of files, packages on the way included."""
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        file = provenance._file(name)
        if name in found or file is None:
            continue
        found.add(name)
        waiting.append(name.rpartition(".")[0] or "auric")
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                waiting += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


def test_each_job_reads_the_workflow_without_what_takes_long_to_load(root):
    texts = [path.read_text() for path in (root / "workflow/rules").glob("*.smk")]
    modules = {name for text in texts for name in re.findall(r"^from (auric[\w.]*) import", text, re.M)}
    assert "auric.tally" in modules
    assert "auric.files" in loaded_at_once("auric.cli"), "as it should be"
    assert not [name for name in modules if "auric.files" in loaded_at_once(name)]


def test_rules_that_can_use_a_gpu_ask_for_it(root):
    asking = {}
    for path in (root / "workflow/rules").glob("*.smk"):
        for block in re.split(r"\n(?=rule )", path.read_text()):
            if match := re.match(r"rule (\w+):", block):
                asking[match[1]] = (re.findall(r"gpu=(\w+)", block), block)
    for name, (gpus, block) in asking.items():
        labels = 'STUDY["reference"]["engine"]' in block and "auric.reference.frames" not in block
        trains = "network=NETWORK" in block and "checkpoint=" in block
        assert gpus == ["LABELS_GPU"] * labels + ["TRAINING_GPU"] * trains, name


def test_every_rule_with_a_script_declares_the_house_directives_and_its_adapter_is_small(root):
    rules = {}
    for path in (root / "workflow/rules").glob("*.smk"):
        for block in re.split(r"\n(?=rule )", path.read_text()):
            if match := re.match(r"rule (\w+):", block):
                rules[match[1]] = block
    scripts = {path.stem: path.read_text() for path in (root / "workflow/scripts").glob("*.py")}
    assert set(rules) == set(scripts)
    for name, block in rules.items():
        for word in ("log", "benchmark", "conda", "threads", "resources"):
            assert re.search(rf"^    {word}:", block, re.M), f"{name} lacks {word}"
        tree = ast.parse(scripts[name])
        assert len(tree.body) <= 5, f"{name}.py does more than adapt"
        used = set(re.findall(r"snakemake\.params\.(\w+)", scripts[name]))
        given = set(re.findall(r"^        (\w+)=", block.split("params:")[1], re.M))
        assert used == given - {"code", "assets", "method_version", "manifest"}, name


def test_rules_that_are_tried_again_ask_for_more_memory_and_the_other_way_round(root):
    local = set(re.findall(r"\w+", re.search(r"\nlocalrules:((?:\n    \w+,)+)", (root / "Snakefile").read_text())[1]))
    found = set()
    for path in (root / "workflow/rules").glob("*.smk"):
        for block in re.split(r"\n(?=rule )", path.read_text()):
            if match := re.match(r"rule (\w+):", block[block.find("rule ") :]):
                memory = re.search(r"^        mem_mb=(.*)", block, re.M)[1]
                retries = re.search(r"^    retries: [12]$", block, re.M) is not None
                assert retries == ("* attempt" in memory), match[1]
                assert retries or match[1] in local, f"{match[1]} is never tried again with more memory"
                found.add(match[1])
    assert local - {"all"} <= found
    assert len(found) > 60


def test_no_pickle_and_nothing_evaluated():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
                assert not {"pickle", "joblib", "dill", "cloudpickle"} & set(names), path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec"), path


def test_command_line(capsys, tmp_path, root, monkeypatch):
    monkeypatch.chdir(root)
    assert main(["settings"]) == 0
    assert "ruler.network.epochs" in capsys.readouterr().out
    assert main(["scorecard", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("auric: ")
    assert Path("docs/results.md").read_text().startswith("# Results")


def test_the_report_knows_the_columns_that_rooms_write():
    """It imports no room, so it repeats their columns; this is where the copies are compared."""
    from auric.elf.images import DROPPED_COLUMNS
    from auric.report import inputs, masks, scores, syntheses, tables
    from auric.ruler import bonding, distortions, masked, validation
    from auric.ruler import masks as ruler_masks
    from auric.ruler.baselines import MeanLength, RidgeOnImage, RidgeOnLine
    from auric.ruler.solved import SolvedElfNet
    from auric.structures.prepare import FAILURE_COLUMNS
    from auric.synthesis import explain, maps, proposals, summary, surrogate
    from auric.synthesis.models import MODELS

    assert set(inputs.SYNTHESIS_SCORES) == set(summary.SCORE_COLUMNS)
    assert set(inputs.SYNTHESIS_PAIRS) <= set(summary.PAIR_COLUMNS)
    assert set(inputs.SYNTHESIS_RECOMMENDED) <= set(summary.RECOMMENDED_COLUMNS)
    assert set(syntheses.MODEL_NAMES) == set(MODELS)
    written = {
        "map": maps.MAP_COLUMNS, "five": maps.FIVE_COLUMNS, "distances": maps.DISTANCE_COLUMNS, "proposals": proposals.PROPOSAL_COLUMNS,
        "tree": surrogate.NODE_COLUMNS, "rules": surrogate.RULE_COLUMNS, "fidelity": surrogate.FIDELITY_COLUMNS,
        "limits": explain.LIMIT_COLUMNS, "external": explain.EXTERNAL_COLUMNS,
    }  # fmt: skip
    assert {name: set(columns) for name, columns in inputs.SYNTHESIS_TABLES.items()} == {
        name: set(columns) for name, columns in written.items()
    }
    assert tables.FAILURE_COLUMNS == inputs.FAILURES == FAILURE_COLUMNS
    assert tables.DROPPED_COLUMNS == inputs.DROPPED == DROPPED_COLUMNS
    assert set(inputs.PREDICTIONS) <= set(validation.PREDICTION_COLUMNS)
    assert set(inputs.HISTORY) <= set(validation.HISTORY_COLUMNS)
    assert set(inputs.MASKS) <= set(masked.MASKS_COLUMNS)
    assert set(inputs.BONDING) <= set(bonding.CORRELATIONS_COLUMNS)
    assert masks.JUDGED in bonding.JUDGED
    assert tuple(masks.SCALES) == ruler_masks.SCALES
    assert set(inputs.BOND_CHANGES) <= set(distortions.CHANGES_COLUMNS)
    readings = (SolvedElfNet, RidgeOnImage, RidgeOnLine, MeanLength)
    written = {validation.ELFNET, *(reading.subject for reading in readings)}
    assert set(scores.SUBJECTS) == written
    assert {validation.SOLVED, validation.RIDGE, validation.IMAGE} <= written
