# Parents and distorted structures, such as an oxygen bound to each different gold atom, and what became of every bond.
rule distorted:
    input:
        parent=lambda wildcards: (
            f"{RESULTS}/ruler/distorted/{DISTORTIONS[wildcards.structure]['parent']}.extxyz"
            if DISTORTIONS[wildcards.structure]["parent"]
            else []
        ),
        file=lambda wildcards: study.files_of(
            [DISTORTIONS[wildcards.structure] | {"error": ""}]
        ),
        learned=of_blocks(f"{RESULTS}/elf/images_{{s}}_{{f}}.nc"),  # not what is joined of them, which has weights
    output:
        structure=f"{RESULTS}/ruler/distorted/{{structure}}.extxyz",
        images=f"{RESULTS}/ruler/distorted/{{structure}}.nc",
        table=f"{RESULTS}/ruler/distorted/{{structure}}.csv",
        failures=f"{RESULTS}/ruler/distorted/failures_{{structure}}.csv",
    log:
        f"{RESULTS}/logs/distorted/{{structure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/distorted/{{structure}}.tsv"
    retries: 2
    conda:
        "../../envs/dft.yaml"
    threads: STUDY["reference"]["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: STUDY["reference"]["memory_mb"] * attempt,
        gpu=LABELS_GPU,
        runtime=lambda wildcards, attempt: 720 * attempt,
    params:
        code=code_fingerprint("auric.ruler.distorted", libraries=("pyscf", "tblite")),
        method_version=METHOD_VERSION,
        row=lambda wildcards: DISTORTIONS[wildcards.structure],
        engine=STUDY["reference"]["engine"],
        settings=STUDY["reference"][SETTINGS_OF[STUDY["reference"]["engine"]]],
        xtb=STUDY["reference"]["xtb"],
        frames=STUDY["reference"]["frames"] | {"seed": STUDY["seed"]},
        elf={key: value for key, value in STUDY["elf"].items() if key != "grid"},
        bond=STUDY["structures"]["bond"],
        mirror=STUDY["structures"]["mirror"],
        manifest=lambda wildcards: study.manifest_rows(
            [DISTORTIONS[wildcards.structure] | {"error": ""}], ROOT
        ),
        store=STORE,
    script:
        "../scripts/distorted.py"


rule ruler_distortions:
    input:
        images=f"{RESULTS}/ruler/images.nc",
        structures=expand(
            f"{RESULTS}/ruler/distorted/{{structure}}.extxyz", structure=DISTORTIONS
        ),
        pictures=expand(
            f"{RESULTS}/ruler/distorted/{{structure}}.nc", structure=DISTORTIONS
        ),
        tables=expand(
            f"{RESULTS}/ruler/distorted/{{structure}}.csv", structure=DISTORTIONS
        ),
    output:
        changes=f"{RESULTS}/ruler/changes.csv",
        summary=f"{RESULTS}/ruler/distortions.csv",
        scorecard=f"{RESULTS}/scorecard/ruler_distortions.csv",
    log:
        f"{RESULTS}/logs/ruler_distortions.log",
    benchmark:
        f"{RESULTS}/benchmarks/ruler_distortions.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=240,
    params:
        code=code_fingerprint(
            "auric.ruler.distortions", libraries=("torch", "numpy", "scikit-learn")
        ),
        study=STUDY["study"],
        rows=list(DISTORTIONS.values()),
        masks=[mask.settings() for mask in MASKS.values()],
        valence=MASKS[VALENCE].settings(),
        folds=STUDY["ruler"]["folds"],
        bootstrap_samples=STUDY["ruler"]["bootstrap_samples"],
        seed=STUDY["seed"],
    script:
        "../scripts/ruler_distortions.py"
