rule synthesis_predict:
    input:
        tables=lambda wildcards: STUDY["synthesis"]["records"].get(wildcards.data, []),
    output:
        table=f"{RESULTS}/synthesis/{{data}}/{{holdout}}_{{tuning}}_{{learner}}.csv",
    log:
        f"{RESULTS}/logs/synthesis_predict/{{data}}_{{holdout}}_{{tuning}}_{{learner}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/synthesis_predict/{{data}}_{{holdout}}_{{tuning}}_{{learner}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=240,
    params:
        code=code_fingerprint(
            "auric.synthesis.evaluation",
            libraries=("torch", "scikit-learn", "rdkit", "numpy"),
        ),
        assets=files_fingerprint(*(ROOT / "src/auric/synthesis").glob("*.csv")),
        sources=lambda wildcards: synthesis_sources(wildcards.data),
        model=lambda wildcards: wildcards.learner,
        split=lambda wildcards: wildcards.holdout,
        tuning=lambda wildcards: wildcards.tuning,
        trials=lambda wildcards: (
            0
            if wildcards.tuning == "defaults"
            else STUDY["synthesis"]["tuning"]["trials"]
        ),
        folds=STUDY["synthesis"]["folds"],
        repeats=STUDY["synthesis"]["repeats"],
        settings=STUDY["synthesis"]["network"],
        seed=STUDY["seed"],
    script:
        "../scripts/synthesis_predict.py"


rule synthesis_explain:
    input:
        tables=lambda wildcards: STUDY["synthesis"]["records"].get(wildcards.data, []),
    output:
        **{
            name: f"{RESULTS}/synthesis/{{data}}/{{learner}}/{name}.csv"
            for name in EXPLAINED
        },
        model=f"{RESULTS}/synthesis/{{data}}/{{learner}}/model.npz",
    log:
        f"{RESULTS}/logs/synthesis_explain/{{data}}_{{learner}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/synthesis_explain/{{data}}_{{learner}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=60,
    params:
        code=code_fingerprint(
            "auric.synthesis.explain",
            libraries=("torch", "scikit-learn", "rdkit", "numpy"),
        ),
        assets=files_fingerprint(*(ROOT / "src/auric/synthesis").glob("*.csv")),
        sources=lambda wildcards: synthesis_sources(wildcards.data),
        model=lambda wildcards: wildcards.learner,
        folds=STUDY["synthesis"]["folds"],
        settings=STUDY["synthesis"]["network"],
        wanted={
            key: STUDY["synthesis"][key] for key in ("map", "surrogate", "proposals")
        },
        seed=STUDY["seed"],
    script:
        "../scripts/synthesis_explain.py"


rule synthesis_scorecard:
    input:
        predictions=synthesis_predictions(),
        fidelity=synthesis_explained("fidelity"),
        limits=synthesis_explained("limits"),
        external=synthesis_explained("external"),
    output:
        scorecard=f"{RESULTS}/scorecard/synthesis.csv",
        scores=f"{RESULTS}/synthesis/scores.csv",
        pairs=f"{RESULTS}/synthesis/pairs.csv",
        recommended=f"{RESULTS}/synthesis/recommended.csv",
    log:
        f"{RESULTS}/logs/synthesis_scorecard.log",
    benchmark:
        f"{RESULTS}/benchmarks/synthesis_scorecard.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=30,
    params:
        code=code_fingerprint("auric.synthesis.summary", libraries=("numpy", "pandas")),
        study=STUDY["study"],
        samples=STUDY["synthesis"]["bootstrap_samples"],
        seed=STUDY["seed"],
    script:
        "../scripts/synthesis_scorecard.py"
