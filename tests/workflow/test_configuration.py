import re
import subprocess
import sys

import pytest
import yaml

from auric import study
from auric.configuration import faults_of, load_configuration, load_yaml, with_defaults
from auric.errors import InputError

SCHEMA = "workflow/schemas/config.schema.yaml"


def load(tmp_path, root, content):
    path = tmp_path / "c.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return load_configuration(path, root / SCHEMA)


def test_defaults_are_those_of_the_schema_at_all_depths(tmp_path, root):
    settings = load(tmp_path, root, {"study": "mine", "elf": {"planes": 3}})
    assert settings["elf"]["planes"] == 3
    assert settings["elf"]["pixels"] == 200
    assert settings["reference"]["gto"]["basis"] == {"default": "def2-svp"}
    assert settings["ruler"]["bin_weights"] == [1, 2, 20, 30]


def test_every_setting_is_described_and_its_default_is_allowed(root):
    schema = load_yaml(root / SCHEMA)
    assert not faults_of(with_defaults({"study": "x"}, schema), schema)

    def walk(rules, name):
        for key, each in rules.get("properties", {}).items():
            if "properties" in each:
                assert each["additionalProperties"] is False, f"{name}.{key}"
                walk(each, f"{name}.{key}")
            else:
                assert each["description"].endswith("."), f"{name}.{key}"

    walk(schema, "")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"study": "x", "rulr": {}}, "unknown key 'rulr'.*Did you mean 'ruler'"),
        (
            {"study": "x", "ruler": {"network": {"epoch": 3}}},
            "unknown key 'ruler.network.epoch'.*Did you mean 'epochs'",
        ),
        ({"ruler": {}}, "key 'study' is missing"),
        ({"study": "../x"}, "study: '../x' cannot be used"),
        *(({"study": name}, f"study: '{name}' cannot be used") for name in study.SHARED),
        ({"study": "x", "ruler": {"folds": 1}}, "ruler.folds: '1' cannot be used"),
        ({"study": "x", "ruler": {"folds": "five"}}, "ruler.folds: 'five'"),
        ({"study": "x", "ruler": {"folds": 2.0}}, "ruler.folds: '2.0'"),
        ({"study": "x", "seed": 2**32}, "seed: '4294967296'"),
        ("study: x\nruler: {network: {learning_rate: .nan}}", "ruler.network.learning_rate: 'nan'"),
        ("study: x\nreference: {gto: {conv_tol_hartree: 1e-5}}", "Write it as a number .*1.0e-5"),
        ("study: x\nelf:\n", "elf: the key has no value"),
        ({"study": "x", "elf": {"offset": "savi"}}, "Did you mean 'savin'"),
        ({"study": "x", "ruler": {"bin_edges_angstrom": [2.3, 2.3, 2.7]}}, "must rise"),
        ({"study": "x", "ruler": {"bin_weights": [1, 2]}}, "2 weights for 4 bins"),
        ({"study": "x", "results": "a;b"}, "results: 'a;b'"),
        ("study: x\nstudy: y\n", "given twice"),
        ("study: [", "not readable as YAML"),
        ("", "holds none"),
        ("- a\n", "holds none"),
        ("!!python/object/apply:os.system ['true']", "not readable as YAML"),
    ],
)
def test_faults_are_told_in_one_line(tmp_path, root, content, reason):
    with pytest.raises(InputError, match=reason) as caught:
        load(tmp_path, root, content)
    assert "\n" not in str(caught.value)
    assert "c.yaml" in str(caught.value)


def test_missing_and_binary_files(tmp_path, root):
    with pytest.raises(InputError, match="name an existing configuration file"):
        load_configuration(tmp_path / "none.yaml", root / SCHEMA)
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        load_configuration(tmp_path / "b.yaml", root / SCHEMA)


@pytest.mark.parametrize(
    "name", ["test", "workstation", "paper", "correction", "potentials", "valence", "valence_open", "core79", None]
)
def test_shipped_studies_are_valid_and_write_under_their_own_names(root, monkeypatch, name):
    monkeypatch.chdir(root)
    settings = study.load({} if name is None else {"study": name}, root)
    assert settings["study"] == (name or "demo")
    rows = study.structures(settings, root)
    assert bool(rows) == bool(settings["structures"]["table"] and not settings["structures"]["bundle"])
    assert not any(row["error"] for row in rows)
    study.blocks(settings, rows)
    assert sum(len(some) for some in study.rows_by_block(settings, rows).values()) == len(rows)


def test_the_papers_study_is_planned_as_a_whole(root):
    """Its structures are partly not at hand, which must stop neither the plan nor the other structures."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--forceall", "--cores", "1", "--config", "study=paper"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, re.MULTILINE))
    assert {"labels", "images", "ruler_fold", "ruler_set", "report"} <= set(jobs)
    assert int(jobs["labels"]) > 1  # blocks that a cluster can share


def test_studies_are_never_merged(root):
    with pytest.raises(InputError, match="never merged"):
        study.load({"ruler": {"folds": 3}}, root)
    with pytest.raises(
        InputError,
        match=r"choose from au38, core11, .*correction, exploration, exploration_full, isomers, matching, oxygen, oxygen_pbe, paper, .*retrain, sets, silver, synthesis, test, valence, valence_fresh, valence_open, walks, walks38, walks38_long, walks_pbe, workstation",
    ):
        study.load({"study": "tset"}, root)
    with pytest.raises(InputError, match="not a study's name"):
        study.load({"study": "../config"}, root)


def test_a_study_file_of_another_name_would_overwrite_its_results(tmp_path, root):
    (tmp_path / "config/studies").mkdir(parents=True)
    (tmp_path / "workflow").symlink_to(root / "workflow")
    (tmp_path / "config/studies/copy.yaml").write_text("study: test\n")
    with pytest.raises(InputError, match="write 'study: copy'"):
        study.load({"study": "copy"}, tmp_path)


def test_odd_paths_are_no_inputs_of_the_workflow(tmp_path):
    (tmp_path / "a{x}.xyz").write_text("")
    (tmp_path / "good.xyz").write_text("")
    paths = [str(tmp_path / "a{x}.xyz"), str(tmp_path / "good.xyz"), "x" * 5000, "a\0b", str(tmp_path)]
    rows = [{"builder": "file", "recipe": path, "error": ""} for path in paths]
    assert study.files_of(rows) == [str(tmp_path / "good.xyz")]


def test_where_structures_come_from(root, tmp_path):
    settings = study.load({"study": "paper"}, root)
    settings["structures"]["mirror"] = str(tmp_path)
    rows = study.structures(settings, root)
    (tmp_path / "nc_database/sch3_protected").mkdir(parents=True)
    (tmp_path / "nc_database/sch3_protected/028_20_cp2k_opt.xyz").write_text("")
    found = dict(study.at_hand(settings, rows, root))
    assert len(found) == 25
    assert found["au7_sh6"].startswith("at hand: ")
    assert found["au28_sch3_20"].startswith("in the mirror: ")
    assert found["au24_sch3_20_2"].startswith(("to be fetched: https://", "in the cache"))
    assert found["au44_sch3_28"] == "you must supply it: resources/paper/au44_sch3_28.xyz"
    assert set(study.manifest_rows(rows, root)) == {"au20_sch3_16", "au24_sch3_20", "au28_sch3_20", "au38_sch3_24_q"}
    rings = study.structures(study.load({"study": "test"}, root), root)
    assert "built here" in dict(study.at_hand(settings, rings, root)).values()


def test_a_study_on_a_bundle_has_one_block_and_no_structures(root, tmp_path, monkeypatch):
    settings = study.load({"study": "retrain"}, root)
    monkeypatch.chdir(root)
    assert study.structures(settings, root) == []
    assert study.blocks(settings, []) == {"000": ["000"]}
    settings["ruler"]["perturb"]["structures"] = ["au4_sh4"]
    assert study.structures(settings, root) == []
    assert study.blocks_of_frame(settings, "au4_sh4", "au4_sh4_0000") == {"s": "000", "f": "000"}
    settings["ruler"]["perturb"]["structures"] = ["au4_sh5"]
    with pytest.raises(
        InputError, match=r"ruler.perturb.structures: there is no good structure 'au4_sh5'; choose from au10_sh7"
    ):
        study.structures(settings, root)
    settings["structures"]["bundle"] = str(tmp_path / "none.nc")
    with pytest.raises(InputError, match=r"there is no file .*none\.nc"):
        study.structures(settings, root)
    settings["elf"]["grid"]["structures"] = ["au3_sh3"]
    with pytest.raises(InputError, match=r"elf.grid.structures needs frames of the study's own"):
        study.structures(settings, root)


def test_adding_a_structure_moves_no_other(root, monkeypatch):
    monkeypatch.chdir(root)
    settings = study.load({}, root)
    rows = study.structures(settings, root)
    more = [*rows, {**rows[0], "name": "another"}]
    for s in study.blocks(settings, rows):
        before = [row["name"] for row in study.rows_by_block(settings, rows).get(s, [])]
        after = [row["name"] for row in study.rows_by_block(settings, more).get(s, [])]
        assert [name for name in after if name != "another"] == before


def test_results_that_cannot_be_written_stop_before_any_step(tmp_path, root, monkeypatch):
    (tmp_path / "file").write_text("")
    (tmp_path / "config/studies").mkdir(parents=True)
    (tmp_path / "workflow").symlink_to(root / "workflow")
    (tmp_path / "config/config.yaml").write_text(f"study: x\nresults: {tmp_path}/file/results\n")
    with pytest.raises(InputError, match="is a file"):
        study.load({}, tmp_path)
    monkeypatch.setattr("os.access", lambda *_: False)
    (tmp_path / "config/config.yaml").write_text(f"study: x\nresults: {tmp_path}/new\n")
    with pytest.raises(InputError, match="is not writable"):
        study.load({}, tmp_path)


def test_closing_words_tell_how_good_potentials_are(tmp_path):
    for name, text in {
        "report/index.html": "",
        "failures.csv": "stage,structure,frame,reason\n",
        "scorecard/ruler.csv": "quantity,split,subject,ours\n",
        "scorecard/potential.csv": "quantity,split,subject,data,ours\n"
        "energy_rmse_over_sd,independent runs,mean,cold,1\nenergy_rmse_over_sd,independent runs,linear,cold,0.123\n"
        "energy_rmse_over_sd,random 80/20,linear,cold,0.01\nweighted_angle,independent runs,linear: S,cold,3\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    words = study.closing_words(str(tmp_path))
    assert "\nlinear  0.12\n" in words
    assert "0.01" not in words


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"relaxation": {"systems": ["ring"]}}, "relaxation.systems: 'ring' is not among potential.systems"),
        (
            {"potential": {"systems": ["ring"], "scan": {"systems": ["rings"]}}},
            "potential.scan.systems: 'rings' is not among",
        ),
        (
            {"sampling": {"expansion": {"systems": ["ring"]}}},
            "sampling.expansion.systems: 'ring' is not among potential.systems",
        ),
        (
            {"potential": {"systems": ["ring"]}, "sampling": {"walks": [{"potential": "cold", "beside": "ring"}]}},
            "sampling.walks: 'cold'",
        ),
        (
            {"potential": {"systems": ["ring"]}, "relaxation": {"stretched": ["ring"]}},
            "is not among relaxation.systems",
        ),
        (
            {"potential": {"systems": ["ring"]}, "relaxation": {"systems": ["ring"], "series": ["rings"]}},
            "relaxation.series: 'rings' is not among relaxation.systems",
        ),
        (
            {
                "potential": {"systems": ["ring"]},
                "relaxation": {"elsewhere": [{"potential": "ring", "beside": "cold"}]},
            },
            "relaxation.elsewhere: 'ring' is not among relaxation.systems",
        ),
        (
            {
                "potential": {"systems": ["ring"]},
                "sampling": {"walks": [{"potential": "ring", "beside": "ring"}], "walkers": ["corrected"]},
            },
            "sampling.walkers: corrected: 'ring' is not among potential.correction.systems",
        ),
        (
            {
                "potential": {"systems": ["ring", "rings"]},
                "sampling": {"walks": [{"potential": name, "beside": "cold"} for name in ("ring", "rings")]},
            },
            "sampling.walks: runs of 'cold' are named for two potentials",
        ),
        (
            {
                "potential": {"systems": ["ring", "rings"]},
                "relaxation": {"systems": ["ring", "rings"], "elsewhere": [{"potential": "ring", "beside": "rings"}]},
            },
            "relaxation.elsewhere: runs of 'rings' are named for two potentials",
        ),
        ({"potential": {"systems": ["ring"]}, "sampling": {"walkers": ["corrected"]}}, "corrected walks nowhere"),
        (
            {
                "potential": {"systems": ["ring"]},
                "sampling": {
                    "walks": [{"potential": "ring", "beside": "ring"}],
                    "walkers": ["corrected"],
                    "expansion": {"systems": ["ring"]},
                },
            },
            "corrected is not expanded; name linear or emlm",
        ),
        (
            {
                "potential": {"systems": ["ring"]},
                "sampling": {
                    "walks": [{"potential": "ring", "beside": "ring"}],
                    "reweight": {"frames": 5, "walkers": ["corrected"]},
                },
            },
            "sampling.reweight.walkers: 'corrected' is not among sampling.walkers",
        ),
        (
            {"potential": {"systems": ["ring"]}, "relaxation": {"better": ["ring"]}},
            "relaxation.better: 'ring' is not among potential.correction.systems",
        ),
    ],
)
def test_parts_need_the_potential_that_they_build_on(root, part, told):
    settings = study.load({"study": "potentials"}, root)
    for name in ("potential", "sampling", "relaxation"):
        given = part.get(name, {})
        settings[name] = settings[name] | ({"systems": []} if name == "potential" else {}) | {
            key: settings[name][key] | value if isinstance(value, dict) else value for key, value in given.items()
        }  # fmt: skip
    settings["structures"] = settings["structures"] | {"table": "any"}
    with pytest.raises(InputError, match=told):
        study.runs(settings, root)
