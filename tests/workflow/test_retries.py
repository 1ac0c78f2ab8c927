"""What Snakemake makes of jobs that fail: too little memory is mended by a second try, a wrong input by none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import auric

pytestmark = pytest.mark.filterwarnings("default")
SNAKEFILE = """
from auric.running import begin_run

if workflow.is_main_process:
    begin_run("retries")


rule all:
    input:
        "large.txt",
        "wrong.txt",


rule job:
    output:
        "{what}.txt",
    log:
        "{what}.log",
    retries: 1
    resources:
        mem_mb=lambda wildcards, attempt: 400 * attempt,
    script:
        "{wildcards.what}.py"
"""
LARGE = """
import resource
from pathlib import Path

import numpy as np

from auric.progress import log_to

with log_to(snakemake.log[0]):
    with Path("tries").open("a") as file:
        print(snakemake.resources.mem_mb, file=file)
    pages = int(Path("/proc/self/statm").read_text().split()[0])  # what the interpreter has mapped already is none of the job's
    most = pages * resource.getpagesize() + snakemake.resources.mem_mb * 10**6
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    np.ones(500 * 10**6, np.uint8)
    Path(snakemake.output[0]).write_text("done")
"""
WRONG = """
from pathlib import Path

from auric.errors import InputError
from auric.progress import log_to

with log_to(snakemake.log[0]):
    with Path("wrongs").open("a") as file:
        print("begun", file=file)
    raise InputError("table.csv: no such column; correct it")
"""


def snakemake(folder):
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--keep-going"]
    environment = {**os.environ, "PYTHONPATH": str(Path(auric.__file__).parents[1])}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, env=environment)


def test_a_job_without_memory_is_tried_with_more_and_a_wrong_input_is_not_worked_on_twice(tmp_path):
    for name, text in {"Snakefile": SNAKEFILE, "large.py": LARGE, "wrong.py": WRONG}.items():
        (tmp_path / name).write_text(text)
    done = snakemake(tmp_path)
    assert done.returncode == 1
    assert (tmp_path / "tries").read_text().split() == ["400", "800"], done.stderr
    assert (tmp_path / "large.txt").exists()
    assert "auric: " in done.stderr
    assert "not enough memory; a job that may be tried again asks for more" in done.stderr
    assert (tmp_path / "wrongs").read_text().split() == ["begun"]
    assert done.stderr.count("auric: table.csv: no such column; correct it") == 2, (
        "the second try says why it does nothing"
    )
    assert "no such column" in (tmp_path / "wrong.log").read_text()
    # Another run, of what may have been corrected, works on it again.
    snakemake(tmp_path)
    assert (tmp_path / "wrongs").read_text().split() == ["begun", "begun"]
