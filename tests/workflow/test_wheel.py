"""What is installed without a checkout: the wheel's content, and commands in an empty folder."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from auric.cli import main


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, unpacked where Python finds it."""
    folder = tmp_path_factory.mktemp("wheel")
    root, copy = Path(__file__).parents[2], folder / "copy"  # setuptools leaves a folder build in what it builds from
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, copy / name)
    shutil.copytree(root / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(folder.glob("auric-*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def auric(installed, tmp_path, *arguments):
    program = f"import sys; sys.path.insert(0, {str(installed)!r}); from auric.cli import main; sys.exit(main({list(arguments)!r}))"
    return subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={},
    )


def test_commands_on_files_work_in_an_empty_folder(installed, root, tmp_path):
    shutil.copy(root / "resources/structures/ausch3.xyz", tmp_path / "ausch3.xyz")
    assert "half" in auric(installed, tmp_path, "motifs", "ausch3.xyz").stdout
    told = auric(
        installed, tmp_path, "measure", "ausch3.xyz", "--charge", "0", "--multiplicity", "1", "--forecast-only"
    )
    assert "pbe" in told.stdout, told.stderr
    assert not list(tmp_path.glob("results*"))


@pytest.mark.parametrize("command", ["plan", "structures"])
def test_commands_on_studies_ask_for_a_checkout(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([command]) == 2
    assert "studies need a checkout of auric" in capsys.readouterr().err
