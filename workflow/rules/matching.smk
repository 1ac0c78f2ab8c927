GAP_ENCODER = (
    [f"{RESULTS}/matching/gap_encoder.npz"]
    if STUDY["matching"]["pretraining"]["gap"]
    else []
)


rule matching_pairs:
    input:
        reported=STUDY["matching"]["reported"],
        structures=[
            path
            for path in STUDY["matching"]["structures"]
            if not path.startswith("mirror:")
        ],
        failures=STUDY["matching"]["failures"] or [],
    output:
        cores=f"{RESULTS}/matching/cores.extxyz",
        pairs=f"{RESULTS}/matching/pairs.csv",
        examples=f"{RESULTS}/matching/examples.csv",
        dropped=f"{RESULTS}/matching/dropped.csv",
        statistics=f"{RESULTS}/matching/statistics.csv",
    log:
        f"{RESULTS}/logs/matching_pairs.log",
    benchmark:
        f"{RESULTS}/benchmarks/matching_pairs.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=60,
    params:
        code=code_fingerprint("auric.matching.pairs", libraries=("rdkit", "numpy")),
        structures=STUDY["matching"]["structures"],
        negatives=STUDY["matching"]["negatives"],
        mirror=STUDY["structures"]["mirror"],
        seed=STUDY["seed"],
    script:
        "../scripts/matching_pairs.py"


rule matching_clusters:
    input:
        given=[
            path
            for path in (STUDY["matching"]["clusters"],)
            if path and not path.startswith("mirror:")
        ],
    output:
        clusters=f"{RESULTS}/matching/clusters.extxyz",
    log:
        f"{RESULTS}/logs/matching_clusters.log",
    benchmark:
        f"{RESULTS}/benchmarks/matching_clusters.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=60,
    params:
        code=code_fingerprint("auric.matching.encoders", libraries=("ase", "numpy")),
        source=STUDY["matching"]["clusters"],
        per_metal=STUDY["matching"]["model_clusters"],
        mirror=STUDY["structures"]["mirror"],
        seed=STUDY["seed"],
    script:
        "../scripts/matching_clusters.py"


rule matching_formation:
    input:
        clusters=f"{RESULTS}/matching/clusters.extxyz",
    output:
        table=f"{RESULTS}/matching/formation.csv",
        references=f"{RESULTS}/matching/reference_energies.csv",
    log:
        f"{RESULTS}/logs/matching_formation.log",
    benchmark:
        f"{RESULTS}/benchmarks/matching_formation.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 6000 * attempt,
        runtime=720,
    params:
        code=code_fingerprint(
            "auric.matching.encoders", libraries=("torch", "dscribe", "numpy")
        ),
        settings=STUDY["matching"],
        seed=STUDY["seed"],
    script:
        "../scripts/matching_formation.py"


rule matching_bare:
    input:
        clusters=f"{RESULTS}/matching/clusters.extxyz",
    output:
        places=f"{RESULTS}/matching/bare_places.csv",
        gaps=f"{RESULTS}/matching/gaps.csv",
    log:
        f"{RESULTS}/logs/matching_bare.log",
    benchmark:
        f"{RESULTS}/benchmarks/matching_bare.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=240,
    params:
        code=code_fingerprint(
            "auric.matching.bare_clusters",
            libraries=("torch", "scikit-learn", "numpy"),
        ),
        settings=STUDY["matching"],
        seed=STUDY["seed"],
    script:
        "../scripts/matching_bare.py"


rule matching_core_encoder:
    input:
        clusters=f"{RESULTS}/matching/clusters.extxyz",
    output:
        encoder=f"{RESULTS}/matching/{{learned_of}}_encoder.npz",
    log:
        f"{RESULTS}/logs/matching_{{learned_of}}_encoder.log",
    benchmark:
        f"{RESULTS}/benchmarks/matching_{{learned_of}}_encoder.tsv"
    wildcard_constraints:
        learned_of="core|gap",  # energies of cores, or their gaps
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=240,
    params:
        code=code_fingerprint("auric.matching.encoders", libraries=("torch", "numpy")),
        settings=STUDY["matching"],
        seed=STUDY["seed"],
    script:
        "../scripts/matching_core_encoder.py"


rule matching_ligand_encoder:
    output:
        encoder=f"{RESULTS}/matching/ligand_encoder.npz",
    log:
        f"{RESULTS}/logs/matching_ligand_encoder.log",
    benchmark:
        f"{RESULTS}/benchmarks/matching_ligand_encoder.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=120,
    params:
        code=code_fingerprint(
            "auric.matching.encoders", libraries=("torch", "rdkit", "numpy")
        ),
        settings=STUDY["matching"],
        seed=STUDY["seed"],
    script:
        "../scripts/matching_ligand_encoder.py"


rule matching_folds:
    input:
        cores=f"{RESULTS}/matching/cores.extxyz",
        pairs=f"{RESULTS}/matching/pairs.csv",
        examples=f"{RESULTS}/matching/examples.csv",
        core_encoder=f"{RESULTS}/matching/core_encoder.npz",
        gap_encoder=GAP_ENCODER,
        ligand_encoder=f"{RESULTS}/matching/ligand_encoder.npz",
    output:
        predictions=f"{RESULTS}/matching/predictions_{{by}}.csv",
        places=f"{RESULTS}/matching/places_{{by}}.csv",
    log:
        f"{RESULTS}/logs/matching_folds_{{by}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/matching_folds_{{by}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 6000 * attempt,
        runtime=720,
    params:
        code=code_fingerprint(
            "auric.matching.comparison",
            libraries=(
                "torch",
                "rdkit",
                "dscribe",
                "scikit-learn",
                "xgboost",
                "xgboost-cpu",
                "numpy",
            ),
        ),
        settings=STUDY["matching"],
        seed=STUDY["seed"],
    script:
        "../scripts/matching_folds.py"


rule matching_summary:
    input:
        predictions=expand(
            f"{RESULTS}/matching/predictions_{{by}}.csv",
            by=STUDY["matching"]["splits"],
        ),
        formation=f"{RESULTS}/matching/formation.csv",
        gaps=f"{RESULTS}/matching/gaps.csv",
        external=f"{RESULTS}/matching/external.csv",
    output:
        metrics=f"{RESULTS}/matching/metrics.csv",
        curves=f"{RESULTS}/matching/reliability.csv",
        confusion=f"{RESULTS}/matching/confusion.csv",
        paired=f"{RESULTS}/matching/paired.csv",
        folds=f"{RESULTS}/matching/folds.csv",
        errors=f"{RESULTS}/matching/formation_errors.csv",
        scorecard=f"{RESULTS}/scorecard/matching.csv",
    log:
        f"{RESULTS}/logs/matching_summary.log",
    benchmark:
        f"{RESULTS}/benchmarks/matching_summary.tsv"
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code_fingerprint(
            "auric.matching.summary", libraries=("numpy", "pandas", "scipy")
        ),
        study=STUDY["study"],
        samples=STUDY["matching"]["bootstrap_samples"],
        seed=STUDY["seed"],
    script:
        "../scripts/matching_summary.py"


rule matching_matcher:
    input:
        cores=f"{RESULTS}/matching/cores.extxyz",
        pairs=f"{RESULTS}/matching/pairs.csv",
        examples=f"{RESULTS}/matching/examples.csv",
        core_encoder=f"{RESULTS}/matching/core_encoder.npz",
        ligand_encoder=f"{RESULTS}/matching/ligand_encoder.npz",
    output:
        model=f"{RESULTS}/matching/colim.npz",
    log:
        f"{RESULTS}/logs/matching_matcher.log",
    benchmark:
        f"{RESULTS}/benchmarks/matching_matcher.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=240,
    params:
        code=code_fingerprint(
            "auric.matching.application", libraries=("torch", "rdkit", "numpy")
        ),
        settings=STUDY["matching"],
        seed=STUDY["seed"],
    script:
        "../scripts/matching_matcher.py"


rule matching_told:
    input:
        cores=f"{RESULTS}/matching/cores.extxyz",
        pairs=f"{RESULTS}/matching/pairs.csv",
        examples=f"{RESULTS}/matching/examples.csv",
        core_encoder=f"{RESULTS}/matching/core_encoder.npz",
        ligand_encoder=f"{RESULTS}/matching/ligand_encoder.npz",
        model=f"{RESULTS}/matching/colim.npz",
        cases=STUDY["matching"]["cases"] or [],
        external=STUDY["matching"]["external"],
    output:
        cases=f"{RESULTS}/matching/cases.csv",
        external=f"{RESULTS}/matching/external.csv",
    log:
        f"{RESULTS}/logs/matching_told.log",
    benchmark:
        f"{RESULTS}/benchmarks/matching_told.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=240,
    params:
        code=code_fingerprint(
            "auric.matching.application",
            libraries=(
                "torch",
                "rdkit",
                "dscribe",
                "scikit-learn",
                "xgboost",
                "numpy",
            ),
        ),
        settings=STUDY["matching"],
        seed=STUDY["seed"],
    script:
        "../scripts/matching_told.py"
