FOLDS = fold_names(STUDY["ruler"]["folds"])
SPLITS = STUDY["ruler"]["splits"]
NETWORK = {
    key: value for key, value in STUDY["ruler"]["network"].items() if key != "seed"
}
TRAINING_SEED = (
    STUDY["seed"]
    if STUDY["ruler"]["network"]["seed"] is None
    else STUDY["ruler"]["network"]["seed"]
)


rule ruler_images:
    input:
        blocks=of_blocks(f"{RESULTS}/elf/images_{{s}}_{{f}}.nc"),
    output:
        images=f"{RESULTS}/ruler/images.nc",
    log:
        f"{RESULTS}/logs/ruler_images.log",
    benchmark:
        f"{RESULTS}/benchmarks/ruler_images.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=20,
    params:
        code=code_fingerprint("auric.ruler.dataset", libraries=("xarray", "numpy")),
        settings={
            key: STUDY["ruler"][key] for key in ("bin_edges_angstrom", "bin_weights")
        },
    script:
        "../scripts/ruler_images.py"


rule ruler_fold:
    input:
        images=f"{RESULTS}/ruler/images.nc",
    output:
        predictions=f"{RESULTS}/ruler/folds/{{split}}_{{fold}}.csv",
        history=f"{RESULTS}/ruler/folds/{{split}}_{{fold}}_history.csv",
        elfnet=f"{RESULTS}/ruler/folds/{{split}}_{{fold}}.safetensors",
    log:
        f"{RESULTS}/logs/ruler_fold/{{split}}_{{fold}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/ruler_fold/{{split}}_{{fold}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: STUDY["ruler"]["network"]["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        gpu=TRAINING_GPU,
        runtime=1440,
    params:
        code=code_fingerprint(
            "auric.ruler.fold", libraries=("torch", "numpy", "scikit-learn")
        ),
        folds=STUDY["ruler"]["folds"],
        weighting=STUDY["ruler"]["weighting"],
        network=NETWORK,
        seed=STUDY["seed"],
        training_seed=TRAINING_SEED,
        checkpoint=f"{RESULTS}/ruler/checkpoints/{{split}}_{{fold}}.safetensors",
    script:
        "../scripts/ruler_fold.py"


rule ruler_validate:
    input:
        predictions=expand(
            f"{RESULTS}/ruler/folds/{{split}}_{{fold}}.csv", split=SPLITS, fold=FOLDS
        ),
        histories=expand(
            f"{RESULTS}/ruler/folds/{{split}}_{{fold}}_history.csv",
            split=SPLITS,
            fold=FOLDS,
        ),
    output:
        predictions=f"{RESULTS}/ruler/predictions.csv",
        history=f"{RESULTS}/ruler/history.csv",
        scorecard=f"{RESULTS}/scorecard/ruler.csv",
    log:
        f"{RESULTS}/logs/ruler_validate.log",
    benchmark:
        f"{RESULTS}/benchmarks/ruler_validate.tsv"
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        code=code_fingerprint("auric.ruler.validation", libraries=("numpy", "pandas")),
        study=STUDY["study"],
        like_paper=study.like_paper(STUDY),
        settings={
            key: STUDY["ruler"][key]
            for key in ("outlier_angstrom", "bootstrap_samples")
        },
        seed=STUDY["seed"],
    script:
        "../scripts/ruler_validate.py"


rule ruler_final:
    input:
        images=f"{RESULTS}/ruler/images.nc",
    output:
        elfnet=f"{RESULTS}/ruler/elfnet.safetensors",
    log:
        f"{RESULTS}/logs/ruler_final.log",
    benchmark:
        f"{RESULTS}/benchmarks/ruler_final.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: STUDY["ruler"]["network"]["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        gpu=TRAINING_GPU,
        runtime=1440,
    params:
        code=code_fingerprint(
            "auric.ruler.final", libraries=("torch", "numpy", "scikit-learn")
        ),
        weighting=STUDY["ruler"]["weighting"],
        network=NETWORK,
        seed=TRAINING_SEED,
        checkpoint=f"{RESULTS}/ruler/checkpoints/final.safetensors",
    script:
        "../scripts/ruler_final.py"


rule ruler_set:
    input:
        images=f"{RESULTS}/ruler/images.nc",
        labels=of_blocks(f"{RESULTS}/reference/labels_{{s}}_{{f}}.extxyz"),
        scorecard=f"{RESULTS}/scorecard/ruler.csv",
    output:
        rulers=f"{RESULTS}/ruler/rulers.safetensors",
    log:
        f"{RESULTS}/logs/ruler_set.log",
    benchmark:
        f"{RESULTS}/benchmarks/ruler_set.tsv"
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
        elf={key: value for key, value in STUDY["elf"].items() if key != "grid"},
        bond=STUDY["structures"]["bond"],
        folds=STUDY["ruler"]["folds"],
        seed=STUDY["seed"],
    script:
        "../scripts/ruler_set.py"


rule ruler_twin:
    input:
        images=f"{RESULTS}/ruler/images.nc",
    output:
        elfnet=f"{RESULTS}/ruler/folds/{{split}}_{{fold}}_twin.safetensors",
    log:
        f"{RESULTS}/logs/ruler_twin/{{split}}_{{fold}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/ruler_twin/{{split}}_{{fold}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: STUDY["ruler"]["network"]["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        gpu=TRAINING_GPU,
        runtime=1440,
    params:
        code=code_fingerprint(
            "auric.ruler.fold", libraries=("torch", "numpy", "scikit-learn")
        ),
        folds=STUDY["ruler"]["folds"],
        weighting=STUDY["ruler"]["weighting"],
        network=NETWORK,
        seed=STUDY["seed"],
        training_seed=TRAINING_SEED,
        checkpoint=f"{RESULTS}/ruler/checkpoints/{{split}}_{{fold}}_twin.safetensors",
    script:
        "../scripts/ruler_twin.py"


rule ruler_seen:
    input:
        images=f"{RESULTS}/ruler/images.nc",
        rulers=[
            f"{RESULTS}/ruler/folds/{SEEN}_{fold}.safetensors"
            for fold in FOLDS
            if fold.isdigit()
        ],
        twin=f"{RESULTS}/ruler/folds/{SEEN}_0_twin.safetensors",
    output:
        explanations=f"{RESULTS}/ruler/explanations.nc",
        modes=f"{RESULTS}/ruler/modes.csv",
        occlusion=f"{RESULTS}/ruler/occlusion.csv",
        checks=f"{RESULTS}/ruler/explanation_checks.csv",
        scorecard=f"{RESULTS}/scorecard/ruler_seen.csv",
    log:
        f"{RESULTS}/logs/ruler_seen.log",
    benchmark:
        f"{RESULTS}/benchmarks/ruler_seen.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=120,
    params:
        code=code_fingerprint(
            "auric.ruler.seen", libraries=("torch", "numpy", "scipy", "scikit-learn")
        ),
        study=STUDY["study"],
        like_paper=study.like_paper(STUDY),
        split=SEEN,
        folds=STUDY["ruler"]["folds"],
        most=STUDY["ruler"]["seeing"]["images"],
        samples=STUDY["ruler"]["bootstrap_samples"],
        seed=STUDY["seed"],
    script:
        "../scripts/ruler_seen.py"


rule ruler_variant:
    input:
        images=f"{RESULTS}/ruler/images.nc",
    output:
        read=f"{RESULTS}/ruler/variants/{{variant}}/{{fold}}.csv",
        curve=f"{RESULTS}/ruler/variants/{{variant}}/{{fold}}_history.csv",
    log:
        f"{RESULTS}/logs/ruler_variant/{{variant}}_{{fold}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/ruler_variant/{{variant}}_{{fold}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: STUDY["ruler"]["network"]["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        gpu=TRAINING_GPU,
        runtime=1440,
    params:
        code=code_fingerprint(
            "auric.ruler.exploration", libraries=("torch", "numpy", "scikit-learn")
        ),
        changes=lambda wildcards: VARIANTS[wildcards.variant],
        split=STUDY["ruler"]["exploration"]["split"],
        folds=STUDY["ruler"]["exploration"]["folds"],
        weighting=STUDY["ruler"]["weighting"],
        network=NETWORK,
        seed=STUDY["seed"],
        training_seed=TRAINING_SEED,
        checkpoint=f"{RESULTS}/ruler/checkpoints/{{variant}}_{{fold}}.safetensors",
    script:
        "../scripts/ruler_variant.py"


rule ruler_variants:
    input:
        read=of_variants("{variant}/{fold}.csv"),
        curves=of_variants("{variant}/{fold}_history.csv"),
    output:
        table=f"{RESULTS}/ruler/variants.csv",
        conclusions=f"{RESULTS}/ruler/conclusions.csv",
        scorecard=f"{RESULTS}/scorecard/ruler_variants.csv",
    log:
        f"{RESULTS}/logs/ruler_variants.log",
    benchmark:
        f"{RESULTS}/benchmarks/ruler_variants.tsv"
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        code=code_fingerprint(
            "auric.ruler.conclusions", libraries=("numpy", "pandas", "scipy")
        ),
        study=STUDY["study"],
        variants=list(VARIANTS.items()),
        network=NETWORK,
        split=STUDY["ruler"]["exploration"]["split"],
        folds=STUDY["ruler"]["exploration"]["folds"],
        samples=STUDY["ruler"]["bootstrap_samples"],
        seed=STUDY["seed"],
    script:
        "../scripts/ruler_variants.py"
