"""A copy of the workflow, without results, for tests that run it."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
COPIED = ("Snakefile", "config", "envs", "profiles", "resources", "src", "workflow")


def copy_workflow(folder: Path) -> Path:
    """Copy what a run needs into a folder that is there, and give it back."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder
