"""Record what the jobs of finished studies cost, for the forecasts of `auric plan`.

`python resources/record_costs.py STUDY[=FOLDER] ...` puts the costs of these studies into resources/costs.tsv in place of earlier ones of
theirs. FOLDER is the copy of the workflow in which the study was run (this one by default); sizes are those of this copy's settings, so
it should be run there as it is here.
"""

import sys
from pathlib import Path

from auric import study
from auric.costs import COSTS, Cost, read_costs, recorded, write_costs
from auric.errors import InputError
from auric.jobs import jobs_of
from auric.sizes import sizes_of

HEADING = "Costs of finished jobs, from which `auric plan` forecasts; made by resources/record_costs.py."


def record(name: str, folder: Path) -> list[Cost]:
    """Costs of a study's finished jobs."""
    root = Path.cwd()
    own = study.load({}, root)["study"]
    chosen = None if name == own else name
    settings = study.load({"study": chosen} if chosen else {}, root)
    jobs = jobs_of(chosen, root)
    return recorded(name, jobs, sizes_of(jobs, settings, root), folder, folder / settings["results"] / "store")


def main() -> None:
    """Record the studies that are named."""
    known = read_costs(COSTS) if Path(COSTS).is_file() else []
    for word in sys.argv[1:]:
        name, _, folder = word.partition("=")
        found = record(name, Path(folder or "."))
        if not found:
            raise InputError(f"{word}: no finished job of it there; run the study first")
        known = [cost for cost in known if cost.study != name] + found
        print(f"{name}: {len(found)} jobs, {sum(cost.core_seconds for cost in found) / 3600:.2f} core hours")
    write_costs(COSTS, known, HEADING)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"auric: {error}")
