"""The rules that are tried, their stored inputs (`given`) and outputs (a folder each), and how they are run.

All lie as in the results of the `test` study. Inputs are not made again with the outputs: what changes an output is then this rule's.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from auric.files import read_dataset, write_dataset
from tests.end_to_end.copied import copy_workflow

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GIVEN = HERE / "given"
RESULTS = "results/test"
OUTPUTS = {
    "structures": ["structures/block_000.extxyz", "structures/block_001.extxyz"],
    "reference_scorecard": ["scorecard/reference.csv"],
    "elf_scorecard": ["scorecard/elf.csv"],
    "ruler_images": ["ruler/images.nc"],
    "ruler_validate": ["scorecard/ruler.csv"],
    "descriptor_map": ["potential/tiny/map.csv"],
    "soap_choice": ["potential/tiny/soap_choice.csv", "potential/tiny/soap_scores.csv"],
    "walk_map": ["sampling/tiny/tiny_test/map.csv"],
    "walk_isomers": ["sampling/tiny/isomers.csv"],
    "relaxation_scorecard": ["scorecard/relaxation.csv"],
    "tem_answer": ["microscopy/seen/answers.csv", "microscopy/seen/orientations.csv"],
    "matching_pairs": ["matching/pairs.csv", "matching/statistics.csv", "matching/cores.extxyz"],
}
"""Files that are compared, by rule."""
INPUTS = (
    "reference/labels_*_*.extxyz", "reference/dynamics/*.extxyz", "elf/images_*.nc", "elf/dropped_*.csv", "ruler/folds/*.csv",
    "potential/tiny/soap_scan/*.csv", "sampling/tiny/tiny_test/linear.*", "sampling/tiny/tiny_test/emlm.*",
    "relaxation/tiny/tiny_test.csv", "relaxation/tiny/rings.csv", "relaxation/tiny/series.csv", "microscopy/seen/matches.nc",
    "microscopy/seen/particles.nc", "microscopy/libraries/*.nc", "microscopy/calibration.csv",
)  # fmt: skip
IMAGES_KEPT = 4
"""Of each block of ELF images."""


def run(folder: Path, cores: int = 1) -> Path:
    """Run all rules of `OUTPUTS` in a fresh copy of the workflow, each on stored inputs alone.

    Returns:
        The folder of results.

    Raises:
        RuntimeError: If a rule fails.
    """
    copy_workflow(folder)
    shutil.copytree(GIVEN, folder / RESULTS)
    targets = [f"{RESULTS}/{name}" for names in OUTPUTS.values() for name in names]
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        str(cores),
        "--config",
        "study=test",
        "--allowed-rules",
        *OUTPUTS,
        "--",
        *targets,
    ]
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return folder / RESULTS


def keep_outputs(results: Path) -> None:
    """Store what rules have made as what is expected of them."""
    for rule, names in OUTPUTS.items():
        shutil.rmtree(HERE / rule, ignore_errors=True)
        for name in names:
            (HERE / rule / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(results / name, HERE / rule / name)


def keep_inputs(results: Path) -> None:
    """Store inputs, of a finished `test` study; few images of each block."""
    shutil.rmtree(GIVEN, ignore_errors=True)
    for path in sorted(path for look in INPUTS for path in results.glob(look) if "failures" not in path.name):
        kept = GIVEN / path.relative_to(results)
        kept.parent.mkdir(parents=True, exist_ok=True)
        if path.parent.name == "elf" and path.suffix == ".nc":
            write_dataset(kept, read_dataset(path).isel(image=slice(IMAGES_KEPT)))
        else:
            shutil.copy(path, kept)
