# What all rules share: the study, its structures and blocks, and the fingerprint of the code behind a rule.
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
sys.path.insert(
    0, str(ROOT / "src")
)  # this process; study.load gives the same to its jobs

from auric import study
from auric.devices import gpus_asked
from auric.potential.names import PRODUCTS
from auric.provenance import code_fingerprint, files_fingerprint
from auric.reference.engines import SETTINGS_OF
from auric.reference.version import METHOD_VERSION
from auric.relaxation.names import WAYS
from auric.ruler.names import fold_names
from auric.running import begin_run, end_with_parent, note_what_is_left
from auric.structures.table import frame_name
from auric.tally import follow

if workflow.subprocess_exec:
    end_with_parent()

try:
    STUDY = study.load(config, ROOT)
    RUNS_HERE = workflow.is_main_process and not workflow.output_settings.dryrun
    KILLED = RUNS_HERE and begin_run(STUDY["study"])
    ROWS = study.structures(STUDY, ROOT)
    ALL_RUNS = study.runs(STUDY, ROOT)
    VARIANTS = study.variants(STUDY, ROOT)
    MASKS = study.masks(STUDY)
    DISTORTIONS = study.distortions(STUDY)
    CANDIDATES = study.candidates(STUDY, ROOT)
    EXPERIMENTS = study.experiments(STUDY)
    MATCHED = study.matched(STUDY)
except study.AuricError as error:
    sys.exit(f"auric: {error}")

if KILLED:
    # Not in each job: it loads pandas, xarray and ASE's readers.
    from auric.files import remove_partial

    remove_partial(STUDY["results"])

RUNS = {system: ALL_RUNS[system] for system in STUDY["potential"]["systems"]}
RUN_OF_NAME = {run["name"]: run for runs in ALL_RUNS.values() for run in runs}
RESULTS = f"{STUDY['results']}/{STUDY['study']}"
STORE = f"{STUDY['results']}/store"
ROOM_OF = {}  # of each rule; the Snakefile fills it when all rules are known
if RUNS_HERE:
    # Snakemake has no public name for the lock files that it holds.
    note_what_is_left(
        logger, lambda: getattr(workflow.persistence, "_lockfile", {}).values()
    )
    follow(
        logger,
        ROOM_OF,
        f"{RESULTS}/progress.log",
        ROOT / "resources/costs.tsv",
        # Snakemake's `cores` is an error where they are a cluster's.
        workflow.resource_settings.cores or 1,
    )
FORCES = {  # how EMLM and OAMLM learn them; the rest is what else stands beside
    key: value
    for key, value in STUDY["potential"]["forces"].items()
    if key != "rotations"
}
SCAN = {
    key: value
    for key, value in STUDY["potential"]["scan"].items()
    if key not in ("systems", "blocks")
}
POTENTIALS = [  # that have files: the linear one always, with products where it contends
    name
    for name in PRODUCTS
    if name == "linear" or name in STUDY["potential"]["contenders"]
]
SCAN_BLOCKS = [f"{block:03d}" for block in range(STUDY["potential"]["scan"]["blocks"])]
BLOCKS = study.blocks(STUDY, ROWS)
ROWS_OF_BLOCK = study.rows_by_block(STUDY, ROWS)
IMAGES = bool(BLOCKS)  # a study without structures has no images and no ruler
SEEN = (
    STUDY["ruler"]["seeing"]["split"]
    if IMAGES and STUDY["ruler"]["seeing"]["images"]
    else ""
)  # the split whose folds are explained
WALKED = [  # folders of walks
    f"{RESULTS}/sampling/{walk['potential']}/{run['name']}"
    for walk in STUDY["sampling"]["walks"]
    for run in ALL_RUNS[walk["beside"]]
    if run["role"] == "test" and run["settings"].get("end_temperature_k") is None
]
ISOMERS = [  # tables of one isomer's walks beside another's
    f"{RESULTS}/sampling/{system}/isomers.csv"
    for system in dict.fromkeys(
        walk["potential"] for walk in STUDY["sampling"]["walks"]
    )
    if WALKED
]
MASKED = bool(IMAGES and STUDY["ruler"]["masks"])
VALENCE = list(MASKS)[-1]  # the mask of the valence ruler
PERTURBED = STUDY["ruler"]["perturb"]["structures"]
ROOMS = [
    *(["reference", "elf", "ruler"] if IMAGES else []),
    *(["ruler_seen"] if SEEN else []),
    *(["ruler_variants"] if VARIANTS else []),
    *(["ruler_masks"] if MASKED else []),
    *(["ruler_bonding"] if PERTURBED else []),
    *(["ruler_distortions"] if DISTORTIONS else []),
    *(["potential"] if ALL_RUNS else []),
    *(["sampling"] if WALKED or STUDY["sampling"]["expansion"]["systems"] else []),
    *(
        ["relaxation"]
        if STUDY["relaxation"]["systems"] or STUDY["relaxation"]["better"]
        else []
    ),
    *(["microscopy"] if EXPERIMENTS else []),
    *(
        ["synthesis"]
        if any(STUDY["synthesis"]["simulated"].values())
        or STUDY["synthesis"]["records"]
        else []
    ),
    *(["matching"] if MATCHED else []),
]
MICROSCOPY = {  # what makes numbers; names of candidates and experiments are inputs
    key: value
    for key, value in STUDY["microscopy"].items()
    if key not in ("candidates", "compared", "experiments", "neither_level")
}
COMPARED = [  # simulated images of what may be the answer
    f"{RESULTS}/microscopy/libraries/{name}.nc"
    for name in STUDY["microscopy"]["compared"] or CANDIDATES
]
EXPLAINED = (  # tables on each model that is explained
    "map", "five", "distances", "proposals", "tree", "rules", "fidelity", "limits", "external",
)  # fmt: skip
RECIPES = [  # sets of records of syntheses: simulated worlds, and the user's
    *(world for world, sets in STUDY["synthesis"]["simulated"].items() if sets),
    *STUDY["synthesis"]["records"],
]
LABELS_GPU = int(STUDY["reference"]["engine"] == "gpu4pyscf")
TRAINING_GPU = gpus_asked(STUDY["ruler"]["network"]["device"])
ORBITALS = (lambda path: path) if STUDY["reference"]["keep_orbitals"] else temp


wildcard_constraints:
    s=r"\d{3}",
    f=r"\d{3}",
    structure=r"[A-Za-z][A-Za-z0-9_-]{0,63}",
    split=r"image|bond|structure|leaky",
    b=r"\d{3}",
    fold=r"holdout|\d+",
    variant=r"[a-z][a-z0-9_]{0,31}",
    mask=r"[a-z0-9_.]+",
    run=r"[A-Za-z][A-Za-z0-9_-]{0,63}",
    system=r"[A-Za-z][A-Za-z0-9_-]{0,63}",
    contender=r"[a-z_]+",
    learned=r"linear|quadratic",
    walker=r"linear|emlm|corrected",
    round=r"[1-9]",
    candidate=r"[A-Za-z][A-Za-z0-9_-]{0,63}",
    experiment=r"[A-Za-z][A-Za-z0-9_-]{0,63}",
    data=r"[A-Za-z][A-Za-z0-9-]{0,63}",
    holdout=r"folds|ligand",
    tuning=r"defaults|inside|same",
    learner=r"[a-z_]+",
    by=r"pair|core|ligand",


def of_blocks(pattern):
    """Files of all structure blocks ({s}) or all frame blocks ({s} and {f})."""
    if "{f}" not in pattern:
        return [pattern.format(s=s) for s in BLOCKS]
    return [pattern.format(s=s, f=f) for s, parts in BLOCKS.items() for f in parts]


def of_variants(pattern):
    """Files of all variants and folds of a model exploration."""
    folds = range(STUDY["ruler"]["exploration"]["folds"])
    return [
        f"{RESULTS}/ruler/variants/{pattern.format(variant=variant, fold=fold)}"
        for variant in VARIANTS
        for fold in folds
    ]


def frames_of_runs(role, kind="dynamics"):
    """Files of the runs of a system in one role: their frames, or these with trial moves (`moves`) or labelled again (`relabelled`)."""
    return lambda wildcards: [
        f"{RESULTS}/reference/{kind}/{run['name']}.extxyz"
        for run in ALL_RUNS[wildcards.system]
        if run["role"] == role
        and (kind != "moves" or STUDY["potential"]["moves"]["trials"])
    ]


def random_split(wildcards):
    """Whether a contender is tested on a random part of the training runs too."""
    wanted = STUDY["potential"]["random_split"]
    return wanted if isinstance(wanted, bool) else wildcards.contender in wanted


def runs_of(systems):
    """Names of the runs of some systems."""
    return [run["name"] for system in systems for run in ALL_RUNS[system]]


def of_corrections(what):
    """Tables of what corrections between two levels are worth."""
    return [
        f"{RESULTS}/potential/{system}/correction_{what}.csv"
        for system in STUDY["potential"]["correction"]["systems"]
    ]


def relaxed_from(run):
    """Whether frames of a run are relaxed."""
    least = STUDY["relaxation"]["least_temperature_k"]
    return run["role"] == "test" and run["settings"].get("temperature_k", 0) >= least


def relaxed_runs(prefix=""):
    """Tables of the runs whose frames are relaxed by a potential, or with a prefix the files beside them."""
    wanted = STUDY["relaxation"]
    pairs = [(system, system) for system in wanted["systems"]]
    pairs += [(one["potential"], one["beside"]) for one in wanted["elsewhere"]]
    return [
        f"{RESULTS}/relaxation/{potential}/{prefix}{run['name']}.csv"
        for potential, system in pairs
        for run in ALL_RUNS[system]
        if relaxed_from(run)
    ]


def bettered_runs(prefix=""):
    """The same of runs whose frames are relaxed at a better level of theory."""
    return [
        f"{RESULTS}/relaxation/{system}/better/{prefix}{run['name']}.csv"
        for system in STUDY["relaxation"]["better"]
        for run in ALL_RUNS[system]
        if relaxed_from(run)
    ]


def ring_tables():
    """Tables of rings, by the potential's system."""
    wanted = STUDY["relaxation"]
    return {
        system: f"{RESULTS}/relaxation/{system}/rings.csv"
        for system in (wanted["systems"] if wanted["ring_sizes"] else [])
    }


def stretched_tables():
    """Tables of pulled units, one for each structure."""
    return [
        f"{RESULTS}/relaxation/{system}/stretched/{structure}.csv"
        for system in STUDY["relaxation"]["stretched"]
        for structure in dict.fromkeys(run["structure"] for run in ALL_RUNS[system])
    ]


def run_of_structure(wildcards):
    """A run of a structure, its recipe telling how to build it: rather not one made elsewhere."""
    runs = [
        run
        for run in ALL_RUNS[wildcards.system]
        if run["structure"] == wildcards.structure
    ]
    built = [run for run in runs if run["settings"].get("ensemble") != "given"]
    return (built or runs)[0]


def matching_tables(name, several=()):
    """A table of the matching room, or one for each split; none in a study without it."""
    names = [name.format(by=by) for by in several] if several else [name]
    return [f"{RESULTS}/matching/{one}" for one in names] if MATCHED else []


def series_tables():
    """Tables of starts relaxed one after the other."""
    return expand(
        f"{RESULTS}/relaxation/{{system}}/series.csv",
        system=STUDY["relaxation"]["series"],
    )


def collected_before(and_this=False):
    """What earlier rounds of an expansion labelled, or what this one labelled too."""
    return lambda wildcards: [
        f"{RESULTS}/sampling/{wildcards.system}/expansion/{wildcards.walker}_{number}.extxyz"
        for number in range(1, int(wildcards.round) + and_this)
    ]


def walked_runs(wildcards):
    """Files of the runs beside which the potentials of a system were walked on."""
    return [
        f"{RESULTS}/reference/dynamics/{Path(place).name}.extxyz"
        for place in WALKED
        if Path(place).parent.name == wildcards.system
    ]


def walks_of(pattern):
    """Files of all walks on the potentials of a system."""
    return lambda wildcards: [
        f"{place}/{pattern.format(walker=walker)}"
        for place in WALKED
        if Path(place).parent.name == wildcards.system
        for walker in STUDY["sampling"]["walkers"]
    ]


def rounds(prefix=""):
    """Tables of the rounds of all expansions, or with a prefix the files beside them; the last round walks on what came of the others."""
    wanted = STUDY["sampling"]["expansion"]
    return [
        f"{RESULTS}/sampling/{system}/expansion/{prefix}{walker}_{number}.csv"
        for system in wanted["systems"]
        for walker in STUDY["sampling"]["walkers"]
        if walker != "corrected"  # whose labels would be wanted at two levels
        for number in range(1, wanted["rounds"] + 2)
    ]


def reweighted(prefix="reweighted_"):
    """Tables of walks told on other levels of theory, or with another prefix the files beside them."""
    wanted = STUDY["sampling"]["reweight"]
    return [
        f"{place}/{prefix}{walker}.csv"
        for place in (WALKED if wanted["frames"] else [])
        for walker in STUDY["sampling"]["walkers"]
        if walker in wanted["walkers"]
    ]


def of_experiments(name):
    """Files of all experiments of microscopy."""
    return [f"{RESULTS}/microscopy/{experiment}/{name}" for experiment in EXPERIMENTS]


def synthesis_sources(data):
    """What a set of records stands for: the sets of a simulated world, or a table."""
    wanted = STUDY["synthesis"]
    if data in wanted["records"]:
        return {data: wanted["records"][data]}
    return {
        f"{data}_{number}": f"{data}_{number}"
        for number in range(wanted["simulated"][data])
    }


def synthesis_predictions():
    """Tables of predictions by all models, and by networks whose hyperparameters were sought."""
    wanted = STUDY["synthesis"]
    plain = [
        f"{RESULTS}/synthesis/{data}/{split}_defaults_{model}.csv"
        for data in RECIPES
        for split in wanted["splits"]
        for model in wanted["models"]
    ]
    return plain + [
        f"{RESULTS}/synthesis/{data}/folds_{tuning}_{model}.csv"
        for data in RECIPES
        for model in wanted["tuning"]["models"]
        for tuning in ("inside", "same")
    ]


def synthesis_explained(name):
    """Tables of one kind on the models that are explained."""
    return [
        f"{RESULTS}/synthesis/{data}/{model}/{name}.csv"
        for data in RECIPES
        for model in STUDY["synthesis"]["explained"]
    ]


def closing_words():
    """What to open next, and what failed."""
    return study.closing_words(RESULTS)


def failing_words():
    """Where to look when a step failed."""
    return study.failing_words(RESULTS)
