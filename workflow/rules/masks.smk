# What can be read when the atoms' inner regions are hidden; the valence ruler; and whether readings follow bonding at fixed nuclei.
rule ruler_mask:
    input:
        images=f"{RESULTS}/ruler/images.nc",
    output:
        table=f"{RESULTS}/ruler/masks/{{mask}}.csv",
    log:
        f"{RESULTS}/logs/ruler_mask/{{mask}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/ruler_mask/{{mask}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=120,
    params:
        code=code_fingerprint(
            "auric.ruler.masked", libraries=("torch", "numpy", "scikit-learn")
        ),
        mask=lambda wildcards: MASKS[wildcards.mask].settings(),
        valence=MASKS[VALENCE].settings(),
        splits=[split for split in SPLITS if split != "leaky"],
        folds=STUDY["ruler"]["folds"],
        seed=STUDY["seed"],
    script:
        "../scripts/ruler_mask.py"


rule ruler_masks:
    input:
        tables=expand(f"{RESULTS}/ruler/masks/{{mask}}.csv", mask=MASKS),
    output:
        table=f"{RESULTS}/ruler/masks.csv",
        scorecard=f"{RESULTS}/scorecard/ruler_masks.csv",
    log:
        f"{RESULTS}/logs/ruler_masks.log",
    benchmark:
        f"{RESULTS}/benchmarks/ruler_masks.tsv"
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        code=code_fingerprint("auric.ruler.masked", libraries=("numpy", "pandas")),
        study=STUDY["study"],
        bootstrap_samples=STUDY["ruler"]["bootstrap_samples"],
        seed=STUDY["seed"],
    script:
        "../scripts/ruler_masks.py"


rule ruler_valence:
    input:
        images=f"{RESULTS}/ruler/images.nc",
        labels=of_blocks(f"{RESULTS}/reference/labels_{{s}}_{{f}}.extxyz"),
        masked=f"{RESULTS}/ruler/masks/{VALENCE}.csv",
    output:
        rulers=f"{RESULTS}/ruler/valence.safetensors",
    log:
        f"{RESULTS}/logs/ruler_valence.log",
    benchmark:
        f"{RESULTS}/benchmarks/ruler_valence.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: STUDY["ruler"]["network"]["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=240,
    params:
        code=code_fingerprint(
            "auric.ruler.rulerset", libraries=("torch", "numpy", "scikit-learn")
        ),
        mask=MASKS[VALENCE].settings(),
        elf={key: value for key, value in STUDY["elf"].items() if key != "grid"},
        bond=STUDY["structures"]["bond"],
        folds=STUDY["ruler"]["folds"],
        seed=STUDY["seed"],
    script:
        "../scripts/ruler_valence.py"


rule perturbed:
    input:
        labels=lambda wildcards: f"{RESULTS}/reference/labels_{{s}}_{{f}}.extxyz".format(
            **study.blocks_of_frame(
                STUDY, wildcards.structure, frame_name(wildcards.structure, 0)
            )
        ),
        learned=lambda wildcards: f"{RESULTS}/elf/images_{{s}}_{{f}}.nc".format(
            **study.blocks_of_frame(
                STUDY, wildcards.structure, frame_name(wildcards.structure, 0)
            )
        ),
    output:
        images=f"{RESULTS}/ruler/perturbed/{{structure}}.nc",
        table=f"{RESULTS}/ruler/perturbed/{{structure}}.csv",
        failures=f"{RESULTS}/ruler/perturbed/failures_{{structure}}.csv",
    log:
        f"{RESULTS}/logs/perturbed/{{structure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/perturbed/{{structure}}.tsv"
    retries: 2
    conda:
        "../../envs/dft.yaml"
    threads: STUDY["reference"]["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: STUDY["reference"]["memory_mb"] * attempt,
        gpu=LABELS_GPU,
        runtime=lambda wildcards, attempt: 720 * attempt,
    params:
        code=code_fingerprint("auric.ruler.perturbed", libraries=("pyscf", "numpy")),
        method_version=METHOD_VERSION,
        frame=lambda wildcards: frame_name(wildcards.structure, 0),
        engine=STUDY["reference"]["engine"],
        settings=STUDY["reference"][SETTINGS_OF[STUDY["reference"]["engine"]]],
        perturb={
            key: value
            for key, value in STUDY["ruler"]["perturb"].items()
            if key != "structures"
        },
        elf={key: value for key, value in STUDY["elf"].items() if key != "grid"},
        bond=STUDY["structures"]["bond"],
        store=STORE,
    script:
        "../scripts/perturbed.py"


rule ruler_bonding:
    input:
        images=f"{RESULTS}/ruler/images.nc",
        perturbed=expand(
            f"{RESULTS}/ruler/perturbed/{{structure}}.nc", structure=PERTURBED
        ),
        tables=expand(
            f"{RESULTS}/ruler/perturbed/{{structure}}.csv", structure=PERTURBED
        ),
    output:
        shifts=f"{RESULTS}/ruler/shifts.csv",
        correlations=f"{RESULTS}/ruler/correlations.csv",
        null_widths=f"{RESULTS}/ruler/null_widths.csv",
        scorecard=f"{RESULTS}/scorecard/ruler_bonding.csv",
    log:
        f"{RESULTS}/logs/ruler_bonding.log",
    benchmark:
        f"{RESULTS}/benchmarks/ruler_bonding.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=240,
    params:
        code=code_fingerprint(
            "auric.ruler.bonding", libraries=("torch", "numpy", "scikit-learn")
        ),
        study=STUDY["study"],
        masks=[mask.settings() for mask in MASKS.values()],
        valence=MASKS[VALENCE].settings(),
        folds=STUDY["ruler"]["folds"],
        bootstrap_samples=STUDY["ruler"]["bootstrap_samples"],
        seed=STUDY["seed"],
    script:
        "../scripts/ruler_bonding.py"
