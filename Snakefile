# The map: choose one study, read its configuration, include one rule file per room.
# `snakemake --cores 2` runs config/config.yaml; `--config study=NAME` runs config/studies/NAME.yaml instead.
from snakemake.utils import min_version

min_version("9.27")


include: "workflow/rules/common.smk"


if STUDY["structures"]["bundle"]:

    include: "workflow/rules/bundle.smk"

else:

    include: "workflow/rules/structures.smk"
    include: "workflow/rules/reference.smk"
    include: "workflow/rules/elf.smk"
    include: "workflow/rules/measure.smk"


include: "workflow/rules/summaries.smk"
include: "workflow/rules/ruler.smk"
include: "workflow/rules/masks.smk"
include: "workflow/rules/distortions.smk"
include: "workflow/rules/potential.smk"
include: "workflow/rules/sampling.smk"
include: "workflow/rules/relaxation.smk"
include: "workflow/rules/microscopy.smk"
include: "workflow/rules/synthesis.smk"
include: "workflow/rules/matching.smk"
include: "workflow/rules/report.smk"


# What only joins tables runs where Snakemake does, also on a cluster: a queue would take longer than the work.
localrules:
    all,
    failures,
    reference_scorecard,
    elf_scorecard,
    ruler_validate,
    ruler_masks,
    ruler_variants,
    potential_scorecard,
    sampling_scorecard,
    relaxation_scorecard,
    microscopy_scorecard,
    matching_summary,


rule all:
    default_target: True
    input:
        report=f"{RESULTS}/report.zip",
        rulers=expand(
            f"{RESULTS}/ruler/{{model}}.safetensors",
            model=["elfnet", "rulers"] * IMAGES + ["valence"] * MASKED,
        ),
        potentials=expand(
            f"{RESULTS}/potential/{{system}}/{{learned}}.npz",
            system=RUNS,
            learned=POTENTIALS,
        ),
        grids=expand(
            f"{RESULTS}/elf/grids/{{structure}}.{{ending}}",
            structure=STUDY["elf"]["grid"]["structures"],
            ending=["nc", "cube"],
        ),
        measured=expand(
            f"{RESULTS}/ruler/measured_{{structure}}.csv",
            structure=STUDY["ruler"]["measure"]["structures"],
        ),


ROOM_OF |= {rule.name: Path(rule.snakefile).stem for rule in workflow.rules}


onsuccess:
    print(closing_words(), flush=True)


onerror:
    print(failing_words(), flush=True)
