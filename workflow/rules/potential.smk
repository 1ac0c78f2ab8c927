rule dynamics:
    output:
        frames=f"{RESULTS}/reference/dynamics/{{run}}.extxyz",
        summary=f"{RESULTS}/reference/dynamics/{{run}}.csv",
        failures=f"{RESULTS}/reference/dynamics/failures_{{run}}.csv",
    log:
        f"{RESULTS}/logs/dynamics/{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/dynamics/{{run}}.tsv"
    retries: 1
    conda:
        "../../envs/dft.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 720 * attempt,
    params:
        code=code_fingerprint("auric.reference.runs", libraries=("tblite", "ase")),
        method_version=METHOD_VERSION,
        run=lambda wildcards: RUN_OF_NAME[wildcards.run],
        xtb=STUDY["reference"]["xtb"],
        mirror=STUDY["structures"]["mirror"],
        store=STORE,
    script:
        "../scripts/dynamics.py"


rule potential_energies:
    input:
        training=frames_of_runs("train"),
        tests=frames_of_runs("test"),
    output:
        predictions=f"{RESULTS}/potential/{{system}}/energies_{{contender}}.csv",
    log:
        f"{RESULTS}/logs/potential_energies/{{system}}_{{contender}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/potential_energies/{{system}}_{{contender}}.tsv"
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=240,
    params:
        code=code_fingerprint(
            "auric.potential.comparison",
            libraries=("dscribe", "scikit-learn", "scipy", "numpy"),
        ),
        random_split=STUDY["potential"]["random_split"],
        seed=STUDY["seed"],
    script:
        "../scripts/potential_energies.py"


rule potential:
    input:
        training=frames_of_runs("train"),
    output:
        model=f"{RESULTS}/potential/{{system}}/linear.npz",
    log:
        f"{RESULTS}/logs/potential/{{system}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/potential/{{system}}.tsv"
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=240,
    params:
        code=code_fingerprint("auric.potential.linear", libraries=("scipy", "numpy")),
        study=STUDY["study"],
    script:
        "../scripts/potential.py"


rule potential_forces:
    input:
        training=frames_of_runs("train"),
        tests=frames_of_runs("test"),
        model=f"{RESULTS}/potential/{{system}}/linear.npz",
    output:
        scores=f"{RESULTS}/potential/{{system}}/forces.csv",
    log:
        f"{RESULTS}/logs/potential_forces/{{system}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/potential_forces/{{system}}.tsv"
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 6000 * attempt,
        runtime=720,
    params:
        code=code_fingerprint(
            "auric.potential.comparison",
            libraries=("dscribe", "scikit-learn", "scipy", "numpy"),
        ),
        settings=STUDY["potential"]["forces"],
        every=STUDY["potential"]["test_every"],
    script:
        "../scripts/potential_forces.py"


rule potential_scorecard:
    input:
        energies=expand(
            f"{RESULTS}/potential/{{system}}/energies_{{contender}}.csv",
            system=RUNS,
            contender=STUDY["potential"]["contenders"],
        ),
        forces=expand(f"{RESULTS}/potential/{{system}}/forces.csv", system=RUNS),
    output:
        scorecard=f"{RESULTS}/scorecard/potential.csv",
    log:
        f"{RESULTS}/logs/potential_scorecard.log",
    benchmark:
        f"{RESULTS}/benchmarks/potential_scorecard.tsv"
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_fingerprint("auric.potential.summary", libraries=("numpy", "pandas")),
        study=STUDY["study"],
        samples=STUDY["potential"]["bootstrap_samples"],
        seed=STUDY["seed"],
    script:
        "../scripts/potential_scorecard.py"
