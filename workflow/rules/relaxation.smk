rule relax_run:
    input:
        frames=f"{RESULTS}/reference/dynamics/{{run}}.extxyz",
        model=f"{RESULTS}/potential/{{system}}/linear.npz",
    output:
        table=f"{RESULTS}/relaxation/{{system}}/{{run}}.csv",
        relaxed=f"{RESULTS}/relaxation/{{system}}/{{run}}.extxyz",
        failures=f"{RESULTS}/relaxation/{{system}}/failures_{{run}}.csv",
    log:
        f"{RESULTS}/logs/relax_run/{{system}}_{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/relax_run/{{system}}_{{run}}.tsv"
    wildcard_constraints:
        run=r"(?!(rings|stretched)\.|failures_)[A-Za-z][A-Za-z0-9_-]{0,63}",
    retries: 1
    conda:
        "../../envs/dft.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=720,
    params:
        code=code_fingerprint(
            "auric.relaxation.rules", libraries=("tblite", "ase", "numpy")
        ),
        method_version=METHOD_VERSION,
        settings=STUDY["relaxation"],
        xtb=STUDY["reference"]["xtb"],
        store=STORE,
    script:
        "../scripts/relax_run.py"


rule relax_rings:
    input:
        model=f"{RESULTS}/potential/{{system}}/linear.npz",
    output:
        table=f"{RESULTS}/relaxation/{{system}}/rings.csv",
        relaxed=f"{RESULTS}/relaxation/{{system}}/rings.extxyz",
    log:
        f"{RESULTS}/logs/relax_rings/{{system}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/relax_rings/{{system}}.tsv"
    retries: 1
    conda:
        "../../envs/dft.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=240,
    params:
        code=code_fingerprint(
            "auric.relaxation.rules", libraries=("tblite", "ase", "numpy")
        ),
        method_version=METHOD_VERSION,
        settings=STUDY["relaxation"],
        seed=STUDY["seed"],
        xtb=STUDY["reference"]["xtb"],
        store=STORE,
    script:
        "../scripts/relax_rings.py"


rule relax_stretched:
    input:
        model=f"{RESULTS}/potential/{{system}}/linear.npz",
    output:
        table=f"{RESULTS}/relaxation/{{system}}/stretched.csv",
    log:
        f"{RESULTS}/logs/relax_stretched/{{system}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/relax_stretched/{{system}}.tsv"
    retries: 1
    conda:
        "../../envs/dft.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=1440,
    params:
        code=code_fingerprint(
            "auric.relaxation.rules", libraries=("tblite", "ase", "numpy")
        ),
        method_version=METHOD_VERSION,
        runs=lambda wildcards: ALL_RUNS[wildcards.system],
        settings=STUDY["relaxation"],
        xtb=STUDY["reference"]["xtb"],
        mirror=STUDY["structures"]["mirror"],
        store=STORE,
    script:
        "../scripts/relax_stretched.py"


rule relaxation_scorecard:
    input:
        tables=relaxed_runs(""),
    output:
        scorecard=f"{RESULTS}/scorecard/relaxation.csv",
    log:
        f"{RESULTS}/logs/relaxation_scorecard.log",
    benchmark:
        f"{RESULTS}/benchmarks/relaxation_scorecard.tsv"
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_fingerprint("auric.relaxation.summary", libraries=("numpy", "pandas")),
        study=STUDY["study"],
        samples=STUDY["potential"]["bootstrap_samples"],
        seed=STUDY["seed"],
    script:
        "../scripts/relaxation_scorecard.py"
