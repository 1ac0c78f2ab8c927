# What all rules share: the study, its structures and blocks, and the fingerprint of the code behind a rule.
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
sys.path.insert(
    0, str(ROOT / "src")
)  # this process; study.load gives the same to its jobs

from auric import study
from auric.provenance import code_fingerprint, files_fingerprint
from auric.reference.engines import SETTINGS_OF
from auric.reference.version import METHOD_VERSION
from auric.ruler.names import fold_names
from auric.structures.table import frame_name

try:
    STUDY = study.load(config, ROOT)
    ROWS = study.structures(STUDY, ROOT)
    RUNS = study.runs(STUDY, ROOT)
except study.AuricError as error:
    sys.exit(f"auric: {error}")

RUN_OF_NAME = {run["name"]: run for runs in RUNS.values() for run in runs}
RESULTS = f"{STUDY['results']}/{STUDY['study']}"
STORE = f"{STUDY['results']}/store"
BLOCKS = study.blocks(STUDY, ROWS)
ORBITALS = (lambda path: path) if STUDY["reference"]["keep_orbitals"] else temp


wildcard_constraints:
    s=r"\d{3}",
    f=r"\d{3}",
    structure=r"[A-Za-z][A-Za-z0-9_-]{0,63}",
    split=r"image|bond|structure|leaky",
    fold=r"holdout|\d+",
    run=r"[A-Za-z][A-Za-z0-9_-]{0,63}",
    system=r"[A-Za-z][A-Za-z0-9_-]{0,63}",
    contender=r"[a-z_]+",


def of_blocks(pattern):
    """Files of all structure blocks ({s}) or all frame blocks ({s} and {f})."""
    if "{f}" not in pattern:
        return [pattern.format(s=s) for s in BLOCKS]
    return [pattern.format(s=s, f=f) for s, parts in BLOCKS.items() for f in parts]


def frames_of_runs(role, kind="dynamics"):
    """Files of the runs of a system in one role: their frames, or (`moves`) trial moves from these."""
    return lambda wildcards: [
        f"{RESULTS}/reference/{kind}/{run['name']}.extxyz"
        for run in RUNS[wildcards.system]
        if run["role"] == role
    ]


def closing_words():
    """What to open next, and what failed."""
    return study.closing_words(RESULTS)


def failing_words():
    """Where to look when a step failed."""
    return study.failing_words(RESULTS)
