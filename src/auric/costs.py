"""What jobs have cost, and what a job of another size will.

Records are processor time, memory and disk of finished jobs. For each rule the logarithm of a cost is that of a fixed part and a power
of the job's size. What is not known from records is limited by priors, and widens the interval: jobs of one run share a deviation, as do
those of one variant of a rule and all that were recorded elsewhere.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from auric.errors import InputError
from auric.files import atomic
from auric.given import given_text
from auric.jobs import Job
from auric.sizes import Sized

COLUMNS = ("study", "rule", "variant", "size", "core_seconds", "memory_mb", "disk_mb")
COSTS = "resources/costs.tsv"
"""Records that come along."""
OWN_COSTS = "costs.tsv"
"""Records made here, in the folder of results."""
KEPT = "kept from before"
"""What a job's log says if it took from the label store what was computed before; its cost tells nothing."""
SAMPLED_EACH_SECONDS, SAMPLED_OFTEN_UNTIL_SECONDS, SAMPLED_THEN_EACH_SECONDS = 0.5, 15.5, 30.0
"""How often a benchmark looks at a job's processor time, which it does not at the end."""

JOB_SD, JOB_SD_WEIGHT = 0.25, 3.0
"""Spread of jobs alike within a run (standard deviation of the logarithm) before any is seen, and as how many jobs that counts."""
RUN_SD = 0.3
"""Spread between runs of the same machine."""
ELSEWHERE_SD = 0.3
"""Spread between machines, where records of this one say nothing of it."""
VARIANT_SD = 1.2
"""Spread between variants of a rule."""
SCALE_BELOW, SCALE_SD = -1.0, 1.7
"""How far the part that grows with size lies below the whole, at a middle size (logarithm), and the spread of that."""
SAMPLES, SAMPLING_ROUNDS, SAMPLES_OF_PRIOR, PROPOSAL_WIDER = 1500, 5, 0.2, 1.3


class Cost(NamedTuple):
    """What one job cost.

    Attributes:
        study: The study it belonged to.
        rule: Its rule.
        variant: Its kind within the rule.
        size: Its size in the rule's unit; None if that is not known.
        core_seconds: Processor time.
        memory_mb: Most memory at a time; nan if it was too short to see.
        disk_mb: Files that it left behind.
        here: Whether this machine made it, with this copy of the workflow.
    """

    study: str
    rule: str
    variant: str
    size: float | None
    core_seconds: float
    memory_mb: float
    disk_mb: float
    here: bool = False


class Prior(NamedTuple):
    """What is assumed of a cost: its fixed part (median, spread of the logarithm) and the power of the size (mean, spread)."""

    fixed: float
    fixed_sd: float
    power: float
    power_sd: float


PRIORS = {
    "core_seconds": Prior(1.4, 0.6, 0.8, 0.35),
    "memory_mb": Prior(150.0, 0.3, 0.5, 0.3),
    "disk_mb": Prior(0.002, 2.0, 0.7, 0.4),
}
"""The fixed part is what a job takes whatever its size, imports above all. What grows seldom does so in full proportion."""
PRIORS_TORCH = PRIORS | {"core_seconds": Prior(3.0, 0.6, 0.8, 0.35), "memory_mb": Prior(350.0, 0.3, 0.5, 0.3)}
"""The same of rules that load torch."""
TORCH = frozenset(
    (
        "ruler_fold", "ruler_final", "ruler_set", "ruler_twin", "ruler_seen", "ruler_variant", "ruler_valence", "ruler_distortions", "ruler_mask", "ruler_bonding",
        "measure", "matching_formation", "matching_bare", "matching_core_encoder", "matching_ligand_encoder", "matching_folds", "matching_matcher",
        "matching_told", "synthesis_predict", "synthesis_explain",
    )
)  # fmt: skip
"""Rules that load torch."""


class Estimate(NamedTuple):
    """A cost to be expected, as a log-normal distribution.

    Attributes:
        log_median: Logarithm of its median.
        shared_sd: Standard deviation of the logarithm that all jobs of the rule share.
        job_sd: That of each job by itself.
    """

    log_median: float
    shared_sd: float
    job_sd: float


def read_costs(path: str | Path, *, here: bool = False) -> list[Cost]:
    """Read records, tab-separated with the columns `COLUMNS`; lines that start with # are skipped.

    Raises:
        InputError: If the file is not such a table.
    """
    lines = given_text(path, "restore it, or record costs anew", what="table").splitlines()
    numbered = [(n, line.split("\t")) for n, line in enumerate(lines, 1) if line and not line.startswith("#")]
    if not numbered or tuple(numbered[0][1]) != COLUMNS:
        raise InputError(f"{path}: its first line must name the columns {', '.join(COLUMNS)}, separated by tabs")
    return [_cost(f"{path}, line {n}", cells, here) for n, cells in numbered[1:]]


def _cost(where: str, cells: list[str], here: bool) -> Cost:
    try:
        study, rule, variant, size, *numbers = cells
        core_seconds, memory, disk = map(float, numbers)
        found = Cost(study, rule, variant, float(size) if size else None, core_seconds, memory, disk, here)
    except ValueError:
        raise InputError(f"{where}: not {len(COLUMNS)} cells with numbers last; record costs anew") from None
    if not 0 < found.core_seconds < math.inf or (found.size is not None and not 0 < found.size < math.inf):
        raise InputError(f"{where}: sizes and core_seconds are above 0; record costs anew")
    return found


def write_costs(path: str | Path, costs: Iterable[Cost], heading: str = "") -> None:
    """Write records, sorted, after a line of heading if there is one."""
    lines = [f"# {heading}"] if heading else []
    lines.append("\t".join(COLUMNS))
    for cost in sorted(
        costs, key=lambda cost: (cost.study, cost.rule, cost.variant, cost.size or 0, cost.core_seconds)
    ):
        numbers = ["" if cost.size is None else f"{cost.size:.4g}"]
        numbers += [f"{cost.core_seconds:.4g}", f"{cost.memory_mb:.4g}", f"{cost.disk_mb:.3g}"]
        lines.append("\t".join([cost.study, cost.rule, cost.variant, *numbers]))
    with atomic(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def recorded(
    study: str, jobs: Sequence[Job], sized: Sequence[Sized], folder: Path, store: Path | None = None, *, here: bool = False
) -> list[Cost]:  # fmt: skip
    """Costs of those jobs of a study that are finished and really computed what they made.

    Args:
        study: Its name.
        jobs: Its jobs; their paths are relative to `folder`.
        sized: Their variants and sizes.
        folder: Where the study was run.
        store: Its label store, entries of which are shared out among the jobs that ran when they were written.
        here: Whether it was run on this machine.
    """
    finished = [
        (job, size, measured)
        for job, size in zip(jobs, sized, strict=True)
        if (measured := _benchmark(folder / job.benchmark)) and not _kept(folder / job.log)
    ]
    stored = _stored([folder / job.benchmark for job, _, _ in finished], [m[2] for _, _, m in finished], store)
    return [
        Cost(study, job.rule, size.variant, size.size, measured[0], measured[1], disk + _disk(folder, job), here)
        for (job, size, measured), disk in zip(finished, stored, strict=True)
    ]


def _benchmark(path: Path) -> tuple[float, float, float] | None:
    """Processor time (s), most memory (MB) and duration (s) of a job; None if there is no such file, or it tells nothing."""
    try:
        names, cells = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[:2])
        told = dict(zip(names, cells, strict=True))
        duration = float(told["s"])
        memory = math.nan if told["max_rss"] in ("NA", "-") else float(told["max_rss"])
        seen = 0.0 if told["cpu_time"] in ("NA", "-") else float(told["cpu_time"])
    except (OSError, ValueError, KeyError):
        return None
    core_seconds = seen * duration / _last_look(duration) if seen else duration
    return (max(core_seconds, 0.01), memory, duration) if duration > 0 else None


def _last_look(duration: float) -> float:
    """When a job's processor time was last looked at, seconds from its start."""
    if duration < SAMPLED_OFTEN_UNTIL_SECONDS:
        return max(SAMPLED_EACH_SECONDS, duration - SAMPLED_EACH_SECONDS / 2)
    late = (duration - SAMPLED_OFTEN_UNTIL_SECONDS) // SAMPLED_THEN_EACH_SECONDS
    return SAMPLED_OFTEN_UNTIL_SECONDS + late * SAMPLED_THEN_EACH_SECONDS


def _kept(log: Path) -> bool:
    try:
        return KEPT in log.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _disk(folder: Path, job: Job) -> float:
    """What a job's files take (MB)."""
    total = 0
    for path in (folder / name for name in job.output):
        inside = path.rglob("*") if path.is_dir() else [path]
        total += sum(file.stat().st_size for file in inside if file.is_file())
    return total / 1e6


def _stored(benchmarks: Sequence[Path], durations: Sequence[float], store: Path | None) -> list[float]:
    """What of a label store was written during each job (MB), shared among jobs at the same time that write there."""
    found = [0.0] * len(benchmarks)
    if store is None or not store.is_dir():
        return found
    ends = [path.stat().st_mtime for path in benchmarks]
    writers = [path.parent.name in STORING or path.stem in STORING for path in benchmarks]
    for entry in store.glob("*/*"):
        known = entry.stat()
        during = [
            number
            for number, (end, duration) in enumerate(zip(ends, durations, strict=True))
            if writers[number] and end - duration - 1 <= known.st_mtime <= end + 1
        ]
        for number in during:
            found[number] += known.st_size / 1e6 / len(during)
    return found


STORING = frozenset(
    (
        "frames", "labels", "relabel", "dynamics", "trial_moves", "perturbed", "distorted", "expansion_round", "walk_reweighted",
        "walk", "relax_run", "relax_series", "relax_way", "relax_better", "relax_rings", "relax_stretched",
    )
)  # fmt: skip
"""Rules whose jobs write to the label store."""


def merged(known: Iterable[Cost], new: Sequence[Cost]) -> list[Cost]:
    """Records of which new ones replace those of the same study and rule."""
    replaced = {(cost.study, cost.rule) for cost in new}
    return [cost for cost in known if (cost.study, cost.rule) not in replaced] + list(new)


class Costs:
    """Expected costs of jobs, learned from records.

    Args:
        costs: The records.
    """

    def __init__(self, costs: Sequence[Cost]) -> None:
        self.costs = [cost for cost in costs if cost.core_seconds > 0]
        self._models: dict[tuple[str, str, str], _Model | None] = {}
        self.speed, self.speed_sd, self.compared = 0.0, ELSEWHERE_SD, 0
        self._learn_speed()

    def estimate(self, rule: str, sized: Sized, quantity: str = "core_seconds") -> Estimate | None:
        """What a job will cost; None if no job of its rule was recorded.

        Args:
            rule: Its rule.
            sized: Its variant and size.
            quantity: `core_seconds`, `memory_mb` or `disk_mb`.
        """
        key = (rule, sized.variant, quantity)
        if key not in self._models:
            mine = [cost for cost in self.costs if cost.rule == rule and _value(cost, quantity) > 0]
            timed = quantity == "core_seconds"
            moved = self.speed if timed else 0.0
            spread = self.speed_sd if timed else 0.0
            prior = (PRIORS_TORCH if rule in TORCH else PRIORS)[quantity]
            self._models[key] = _Model(mine, sized.variant, quantity, prior, moved, spread) if mine else None
        model = self._models[key]
        return None if model is None else model.at(sized.size)

    def records(self, rule: str) -> int:
        """Number of records of a rule."""
        return sum(cost.rule == rule for cost in self.costs)

    def _learn_speed(self) -> None:
        """How much slower this machine is than those of the other records: a logarithm, from rules that both know."""
        own = [cost for cost in self.costs if cost.here]
        elsewhere = [cost for cost in self.costs if not cost.here]
        if not own or not elsewhere:
            self.speed_sd = 0.0 if own else ELSEWHERE_SD
            return
        others = Costs(elsewhere)
        weights, shifts = [], []
        for rule in sorted({cost.rule for cost in own}):
            mine = [cost for cost in own if cost.rule == rule]
            pairs = [(cost, others.estimate(rule, Sized(cost.variant, cost.size))) for cost in mine]
            known = [(math.log(cost.core_seconds) - e.log_median, e) for cost, e in pairs if e is not None]
            if known:
                shifts.append(float(np.mean([shift for shift, _ in known])))
                # The spread between machines is in the estimates, and is what is looked for here.
                shared = max(RUN_SD**2, float(np.mean([e.shared_sd**2 for _, e in known])) - ELSEWHERE_SD**2)
                weights.append(1 / (shared + known[0][1].job_sd ** 2 / len(known)))
        total = sum(weights) + 1 / ELSEWHERE_SD**2  # the prior: not another speed
        self.speed = float(np.dot(weights, shifts)) / total
        # Deviations of one run's rules are not independent of each other: with many of them, half of its own remains.
        self.speed_sd = math.sqrt(1 / total + (RUN_SD / 2) ** 2 * bool(weights)) if weights else ELSEWHERE_SD
        self.compared = len(weights)


def _value(cost: Cost, quantity: str) -> float:
    value = float(getattr(cost, quantity))
    return value if math.isfinite(value) else 0.0


class _Model:
    """One rule's cost as a function of size, for one of its variants."""

    def __init__(
        self, costs: Sequence[Cost], variant: str, quantity: str, prior: Prior, speed: float, speed_sd: float
    ) -> None:
        groups = Counter((cost.study, cost.here, cost.variant, cost.size) for cost in costs)
        logs = {key: [] for key in groups}  # type: dict[tuple[str, bool, str, float | None], list[float]]
        for cost in costs:
            moved = 0.0 if cost.here else speed
            logs[(cost.study, cost.here, cost.variant, cost.size)].append(math.log(_value(cost, quantity)) + moved)
        self.prior = prior
        squares = sum(float(np.var(values)) * len(values) for values in logs.values())
        freedom = sum(len(values) - 1 for values in logs.values())
        self.job_sd = math.sqrt((JOB_SD_WEIGHT * JOB_SD**2 + squares) / (JOB_SD_WEIGHT + freedom))
        everything = [value for values in logs.values() for value in values]
        self.anywhere = float(np.mean(everything))
        self.anywhere_sd = math.sqrt(float(np.var(everything)) + RUN_SD**2 + speed_sd**2 + 0.5 / len(everything))
        keys = [key for key in groups if key[3] is not None]
        self.points: np.ndarray | None = None
        if keys:
            self._fit(keys, [logs[key] for key in keys], variant, speed_sd)

    def _fit(
        self, keys: Sequence[tuple[str, bool, str, float | None]], logs: Sequence[list[float]], variant: str, speed_sd: float
    ) -> None:  # fmt: skip
        sizes = np.array([key[3] for key in keys], dtype=float)
        self.reference = float(np.exp(np.log(sizes).mean()))
        means = np.array([float(np.mean(values)) for values in logs])
        covariance = np.diag([self.job_sd**2 / len(values) for values in logs])
        for i, (study, here, kind, _) in enumerate(keys):
            for j, (other_study, other_here, other_kind, _) in enumerate(keys):
                covariance[i, j] += RUN_SD**2 * ((study, here) == (other_study, other_here))
                covariance[i, j] += speed_sd**2 * (not here and not other_here)
                covariance[i, j] += VARIANT_SD**2 * (kind == other_kind and kind != variant)
        lower = np.linalg.cholesky(covariance)
        prior, typical = self.prior, float(means.mean())
        self.middle = np.array([math.log(prior.fixed), typical + SCALE_BELOW, prior.power])
        self.spreads = np.array([prior.fixed_sd, SCALE_SD, prior.power_sd])

        def log_density(points: np.ndarray) -> np.ndarray:
            off = np.linalg.solve(lower, (means - self._log(points, sizes)).T)
            return np.asarray(
                -0.5 * ((off**2).sum(axis=0) + (((points - self.middle) / self.spreads) ** 2).sum(axis=1))
            )

        self.points, self.weights = _sampled(log_density, self.middle, self.spreads)

    def _log(self, points: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Logarithms of costs, shape (points, sizes), of points (logarithm of the fixed part, that of the rest at a middle size, power)."""
        fixed, scale, power = (points[:, column, None] for column in range(3))
        return np.asarray(np.logaddexp(fixed, scale + power * np.log(sizes / self.reference)))

    def at(self, size: float | None) -> Estimate:
        """The cost of a job of a size; where that is not known, of a job of any."""
        if size is None or self.points is None:
            return Estimate(self.anywhere, self.anywhere_sd, self.job_sd)
        values = self._log(self.points, np.array([size]))[:, 0]
        mean = float(self.weights @ values)
        return Estimate(mean, math.sqrt(float(self.weights @ (values - mean) ** 2) + RUN_SD**2), self.job_sd)


def _sampled(
    log_density: Callable[[np.ndarray], np.ndarray], middle: np.ndarray, spreads: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights that stand for a density with this normal prior, by adaptive importance sampling.

    A few records leave two explanations, all fixed or all work, between which a single best fit would choose.
    """
    rng = np.random.default_rng(0)
    mean, factor = middle, np.diag(spreads)
    for _ in range(SAMPLING_ROUNDS):
        plain = rng.normal(size=(SAMPLES, len(middle)))
        wide = rng.random(SAMPLES) < SAMPLES_OF_PRIOR
        points = np.where(wide[:, None], middle + plain * spreads, mean + plain @ factor.T)
        logs = log_density(points) - np.logaddexp(
            math.log(SAMPLES_OF_PRIOR) + _normal(points, middle, np.diag(spreads)),
            math.log(1 - SAMPLES_OF_PRIOR) + _normal(points, mean, factor),
        )
        weights = _tempered(logs)
        mean = weights @ points
        off = points - mean
        covariance = (weights[:, None] * off).T @ off + 1e-6 * np.diag(spreads**2)
        factor = np.linalg.cholesky(PROPOSAL_WIDER**2 * covariance)
    weights = np.exp(logs - logs.max())
    return points, weights / weights.sum()


def _normal(points: np.ndarray, mean: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Logarithm of a normal density, but for a constant; `factor` is lower triangular."""
    off = np.linalg.solve(factor, (points - mean).T)
    return np.asarray(-0.5 * (off**2).sum(axis=0) - np.log(np.diag(factor)).sum())


def _tempered(logs: np.ndarray) -> np.ndarray:
    """Weights, evened out until enough points count."""
    power = 1.0
    while True:
        weights = np.asarray(np.exp(power * (logs - logs.max())))
        weights /= weights.sum()
        if 1 / float((weights**2).sum()) >= SAMPLES / 20 or power < 1e-3:
            return weights
        power *= 0.7
