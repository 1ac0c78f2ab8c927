"""What is installed without a checkout: the wheel's content, its command, and what the package imports."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from auric.cli import main

NAMES = {"PIL": "pillow", "skimage": "scikit-image", "sklearn": "scikit-learn", "yaml": "pyyaml"}
"""Modules whose distribution is called otherwise."""
OPTIONAL = {"gpaw", "snakemake", "unimol_tools"}
"""Imported only where they are installed, or where the workflow runs."""
BEHIND = {"h5netcdf", "xgboost-cpu"}
"""Needed by name alone: what xarray reads and writes with, and the build of XGBoost for all systems but one."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, built and installed by pip in a folder of its own; its dependencies are those of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    root, copy = Path(__file__).parents[2], folder / "copy"  # setuptools leaves a folder build in what it builds from
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, copy / name)
    shutil.copytree(root / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    _pip(copy, "wheel", ".", "--no-deps", "--no-build-isolation", "-w", str(folder))
    (wheel,) = folder.glob("auric-*.whl")
    _pip(folder, "install", "--no-deps", "--no-index", "--no-compile", "--target", str(folder / "site"), str(wheel))
    return folder / "site"


def _pip(folder, *arguments):
    command = [sys.executable, "-m", "pip", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr


def ran(installed, tmp_path, *command):
    """A command run in an empty folder, where Python finds what is installed before anything else."""
    return subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env={"PYTHONPATH": str(installed)},
    )


def test_the_command_works_in_an_empty_folder(installed, root, tmp_path):
    auric = str(installed / "bin/auric")
    where = ran(installed, tmp_path, sys.executable, "-P", "-c", "import auric; print(auric.__file__)").stdout
    assert where.strip() == str(installed / "auric/__init__.py")
    shutil.copy(root / "resources/structures/ausch3.xyz", tmp_path / "ausch3.xyz")
    assert "half" in ran(installed, tmp_path, auric, "motifs", "ausch3.xyz").stdout
    told = ran(
        installed, tmp_path, auric, "measure", "ausch3.xyz", "--charge", "0", "--multiplicity", "1", "--forecast-only"
    )
    assert "pbe" in told.stdout, told.stderr
    assert ran(installed, tmp_path, auric, "motifs", "missing.xyz").returncode == 2
    assert not list(tmp_path.glob("results*"))


def test_what_is_imported_is_what_is_declared(root):
    imported = set()
    for path in (root / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add(node.module.split(".")[0])
    needed = {NAMES.get(name, name) for name in imported - set(sys.stdlib_module_names) - OPTIONAL - {"auric"}}
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split("[<>= ]", line)[0] for line in project["dependencies"]}
    assert needed | BEHIND == declared


@pytest.mark.parametrize("command", ["plan", "structures"])
def test_commands_on_studies_ask_for_a_checkout(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([command]) == 2
    assert "studies need a checkout of auric" in capsys.readouterr().err
