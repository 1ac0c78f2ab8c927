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


rule trial_moves:
    input:
        frames=f"{RESULTS}/reference/dynamics/{{run}}.extxyz",
    output:
        moves=f"{RESULTS}/reference/moves/{{run}}.extxyz",
        failures=f"{RESULTS}/reference/moves/failures_{{run}}.csv",
    log:
        f"{RESULTS}/logs/trial_moves/{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/trial_moves/{{run}}.tsv"
    retries: 1
    conda:
        "../../envs/dft.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=120,
    params:
        code=code_fingerprint("auric.reference.trials", libraries=("tblite", "ase")),
        method_version=METHOD_VERSION,
        settings=STUDY["potential"]["moves"] | {"seed": STUDY["seed"]},
        xtb=STUDY["reference"]["xtb"],
        store=STORE,
    script:
        "../scripts/trial_moves.py"


rule potential_energies:
    input:
        training=frames_of_runs("train"),
        tests=frames_of_runs("test"),
        moves=frames_of_runs("test", "moves"),
        model=lambda wildcards: (
            f"{RESULTS}/potential/{{system}}/{{contender}}.npz"
            if wildcards.contender in PRODUCTS
            else []
        ),
    output:
        predictions=f"{RESULTS}/potential/{{system}}/energies_{{contender}}.csv",
    log:
        f"{RESULTS}/logs/potential_energies/{{system}}_{{contender}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/potential_energies/{{system}}_{{contender}}.tsv"
    retries: 1
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
        sample=STUDY["potential"]["sample"],
        random_split=random_split,
        seed=STUDY["seed"],
    script:
        "../scripts/potential_energies.py"


rule potential:
    input:
        training=frames_of_runs("train"),
    output:
        model=f"{RESULTS}/potential/{{system}}/{{learned}}.npz",
    log:
        f"{RESULTS}/logs/potential/{{system}}_{{learned}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/potential/{{system}}_{{learned}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=240,
    params:
        code=code_fingerprint("auric.potential.linear", libraries=("scipy", "numpy")),
        sample=STUDY["potential"]["sample"],
        products=lambda wildcards: PRODUCTS[wildcards.learned],
        study=STUDY["study"],
    script:
        "../scripts/potential.py"


rule potential_forces:
    input:
        training=frames_of_runs("train"),
        tests=frames_of_runs("test"),
        models=[f"{RESULTS}/potential/{{system}}/{name}.npz" for name in POTENTIALS],
        choice=lambda wildcards: (
            f"{RESULTS}/potential/{{system}}/soap_choice.csv"
            if wildcards.system in STUDY["potential"]["scan"]["systems"]
            else []
        ),
    output:
        scores=f"{RESULTS}/potential/{{system}}/forces.csv",
    log:
        f"{RESULTS}/logs/potential_forces/{{system}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/potential_forces/{{system}}.tsv"
    retries: 1
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
        sample=STUDY["potential"]["sample"],
        settings=FORCES,
        rotations=STUDY["potential"]["forces"]["rotations"],
        every=STUDY["potential"]["test_every"],
        potentials=POTENTIALS,
    script:
        "../scripts/potential_forces.py"


rule soap_scan:
    input:
        training=frames_of_runs("train"),
    output:
        norms=f"{RESULTS}/potential/{{system}}/soap_scan/{{b}}.csv",
    log:
        f"{RESULTS}/logs/soap_scan/{{system}}_{{b}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/soap_scan/{{system}}_{{b}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=720,
    params:
        code=code_fingerprint(
            "auric.potential.scan",
            libraries=("dscribe", "scikit-learn", "scipy", "numpy"),
        ),
        sample=STUDY["potential"]["sample"],
        settings=SCAN,
        blocks=len(SCAN_BLOCKS),
    script:
        "../scripts/soap_scan.py"


rule soap_choice:
    input:
        training=frames_of_runs("train"),
        norms=expand(
            f"{RESULTS}/potential/{{{{system}}}}/soap_scan/{{b}}.csv", b=SCAN_BLOCKS
        ),
    output:
        angles=f"{RESULTS}/potential/{{system}}/soap_angles.csv",
        choice=f"{RESULTS}/potential/{{system}}/soap_choice.csv",
        scores=f"{RESULTS}/potential/{{system}}/soap_scores.csv",
    log:
        f"{RESULTS}/logs/soap_choice/{{system}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/soap_choice/{{system}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 6000 * attempt,
        runtime=1440,
    params:
        code=code_fingerprint(
            "auric.potential.scan",
            libraries=("dscribe", "scikit-learn", "scipy", "numpy"),
        ),
        sample=STUDY["potential"]["sample"],
        settings=SCAN,
    script:
        "../scripts/soap_choice.py"


rule descriptor_map:
    input:
        training=frames_of_runs("train"),
        tests=frames_of_runs("test"),
    output:
        table=f"{RESULTS}/potential/{{system}}/map.csv",
    log:
        f"{RESULTS}/logs/descriptor_map/{{system}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/descriptor_map/{{system}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=60,
    params:
        code=code_fingerprint("auric.potential.chart", libraries=("scipy", "numpy")),
        sample=STUDY["potential"]["sample"],
    script:
        "../scripts/descriptor_map.py"


rule potential_correction:
    input:
        training=frames_of_runs("train"),
        relabelled=frames_of_runs("train", "relabelled"),
        tests=frames_of_runs("test"),
        relabelled_tests=frames_of_runs("test", "relabelled"),
        strange=expand(
            f"{RESULTS}/reference/dynamics/{{run}}.extxyz",
            run=runs_of(STUDY["potential"]["correction"]["refuse"]),
        ),
    output:
        model=f"{RESULTS}/potential/{{system}}/correction.npz",
        energies=f"{RESULTS}/potential/{{system}}/correction_energies.csv",
        forces=f"{RESULTS}/potential/{{system}}/correction_forces.csv",
        refusals=f"{RESULTS}/potential/{{system}}/correction_refusals.csv",
    log:
        f"{RESULTS}/logs/potential_correction/{{system}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/potential_correction/{{system}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=240,
    params:
        code=code_fingerprint(
            "auric.potential.corrected",
            libraries=("dscribe", "scikit-learn", "scipy", "numpy"),
        ),
        study=STUDY["study"],
    script:
        "../scripts/potential_correction.py"


rule potential_corrected:
    input:
        linear=f"{RESULTS}/potential/{{system}}/linear.npz",
        correction=f"{RESULTS}/potential/{{system}}/correction.npz",
    output:
        model=f"{RESULTS}/potential/{{system}}/corrected.npz",
    log:
        f"{RESULTS}/logs/potential_corrected/{{system}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/potential_corrected/{{system}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=10,
    params:
        code=code_fingerprint("auric.potential.correction", libraries=("numpy",)),
    script:
        "../scripts/potential_corrected.py"


rule potential_scorecard:
    input:
        energies=[
            *expand(
                f"{RESULTS}/potential/{{system}}/energies_{{contender}}.csv",
                system=RUNS,
                contender=STUDY["potential"]["contenders"],
            ),
            *of_corrections("energies"),
        ],
        forces=[
            *expand(f"{RESULTS}/potential/{{system}}/forces.csv", system=RUNS),
            *expand(
                f"{RESULTS}/potential/{{system}}/soap_scores.csv",
                system=STUDY["potential"]["scan"]["systems"],
            ),
            *of_corrections("forces"),
        ],
        refusals=of_corrections("refusals"),
        maps=expand(f"{RESULTS}/potential/{{system}}/map.csv", system=RUNS),
    output:
        scorecard=f"{RESULTS}/scorecard/potential.csv",
        recommended=f"{RESULTS}/potential/recommended.csv",
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
