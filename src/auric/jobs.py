"""Jobs of a study as Snakemake sees them: all of them, which of them would run, and who waits for whom.

Snakemake is asked in a process of its own (`python -m auric.jobs`), as the workflow changes the process that reads it.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from auric.configuration import load_yaml
from auric.errors import AuricError, InputError

PROFILE = "profiles/default/config.yaml"
"""Says what makes a job run again; Snakemake's command line finds it by itself."""


class Job(NamedTuple):
    """One job.

    Attributes:
        number: Its number among the jobs of one answer.
        rule: Name of the rule.
        wildcards: Values of its wildcards, by name.
        threads: Threads it takes.
        mem_mb: Memory it asks for (megabyte).
        benchmark: File that its cost is or will be recorded in.
        log: Its log.
        output: Files it writes.
        after: Numbers of the jobs whose files it reads.
        waiting: Whether it would run now; else what it makes is there already.
    """

    number: int
    rule: str
    wildcards: Mapping[str, str]
    threads: int
    mem_mb: int
    benchmark: str
    log: str
    output: list[str]
    after: list[int]
    waiting: bool


def jobs_of(study: str | None, root: Path, *, cores: int = 1) -> list[Job]:
    """All jobs of a study that have a benchmark, those first whose files others read.

    Args:
        study: Its name; None for the user's own.
        root: The repository, in which the command runs.
        cores: Cores that a job may take at most.

    Raises:
        InputError: If Snakemake is not installed, or refuses the study (its own words are told).
        AuricError: If Snakemake cannot say which jobs there are.
    """
    if not (root / "Snakefile").is_file():
        raise InputError(f"{root}: there is no Snakefile; run this in the repository")
    with tempfile.TemporaryDirectory(prefix="auric-plan-") as folder:
        answer = Path(folder) / "jobs.json"
        command = [sys.executable, "-m", "auric.jobs", str(answer), str(cores), *([study] if study else [])]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603  (our own)
        if not answer.is_file():
            raise _refusal(done.stdout + done.stderr)
        return [Job(**fields) for fields in json.loads(answer.read_text(encoding="utf-8"))]


def _refusal(words: str) -> AuricError:
    """Why there is no answer, in one line."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    ours = [line.removeprefix("auric:") for line in lines if line.startswith("auric:")]
    if ours:
        return InputError(ours[0])
    if any("No module named 'snakemake'" in line for line in lines):
        return InputError(f"Snakemake is not installed for {sys.executable}; use the one that runs the workflow")
    return AuricError(
        f"Snakemake could not say which jobs there are: {' '.join(lines[-3:])[:400] or 'it told nothing'}"
    )


def _ask(answer: Path, cores: int, study: str | None) -> None:
    """Ask Snakemake for a dry run in the working folder and write its jobs."""
    from snakemake import api  # here, as the rest of the package does without Snakemake
    from snakemake.settings.enums import Quietness, RerunTrigger
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings

    profile = load_yaml(PROFILE) if Path(PROFILE).is_file() else {}
    triggers = frozenset(RerunTrigger.parse_choices_set(profile.get("rerun-triggers", ["mtime", "params", "input"])))
    config = {"study": study} if study else {}
    with api.SnakemakeApi(OutputSettings(dryrun=True, quiet={Quietness.ALL})) as snakemake:
        workflow = snakemake.workflow(
            ResourceSettings(cores=cores), ConfigSettings(config=config), snakefile=Path("Snakefile"), workdir=Path()
        )
        plan = workflow.dag(DAGSettings(rerun_triggers=triggers, force_incomplete=True))
        plan.execute_workflow(executor="dryrun")
        dag = workflow._workflow.dag
        chosen = [job for level in dag.toposorted() for job in level if job.benchmark]
        numbers = {job: number for number, job in enumerate(chosen)}
        found = [
            Job(
                number, job.rule.name, dict(job.wildcards_dict), int(job.threads), _memory(job.resources),
                str(job.benchmark), str(next(iter(job.log), "")), [str(path) for path in job.output],
                sorted(numbers[other] for other in dag.dependencies[job] if other in numbers), bool(dag.needrun(job)),
            )._asdict()
            for job, number in numbers.items()
        ]  # fmt: skip
    answer.write_text(json.dumps(found), encoding="utf-8")


def _memory(resources: Any) -> int:
    wanted = resources.get("mem_mb")
    return wanted if isinstance(wanted, int) else 0


if __name__ == "__main__":
    _ask(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
