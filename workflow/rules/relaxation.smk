rule relax_run:
    input:
        frames=f"{RESULTS}/reference/dynamics/{{run}}.extxyz",
        model=f"{RESULTS}/potential/{{system}}/linear.npz",
        directed=lambda wildcards: (
            f"{RESULTS}/relaxation/{{system}}/directed.npz"
            if wildcards.system in STUDY["relaxation"]["directed"]
            else []
        ),
    output:
        table=f"{RESULTS}/relaxation/{{system}}/{{run}}.csv",
        relaxed=f"{RESULTS}/relaxation/{{system}}/{{run}}.extxyz",
        traces=f"{RESULTS}/relaxation/{{system}}/traces_{{run}}.csv",
        failures=f"{RESULTS}/relaxation/{{system}}/failures_{{run}}.csv",
    log:
        f"{RESULTS}/logs/relax_run/{{system}}_{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/relax_run/{{system}}_{{run}}.tsv"
    wildcard_constraints:
        run=r"(?!(rings|series)\.|failures_|traces_)[A-Za-z][A-Za-z0-9_-]{0,63}",
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


rule relax_directed:
    input:
        training=frames_of_runs("train"),
    output:
        model=f"{RESULTS}/relaxation/{{system}}/directed.npz",
    log:
        f"{RESULTS}/logs/relax_directed/{{system}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/relax_directed/{{system}}.tsv"
    retries: 1
    conda:
        "../../envs/dft.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 6000 * attempt,
        runtime=240,
    params:
        code=code_fingerprint(
            "auric.relaxation.rules", libraries=("dscribe", "scipy", "numpy")
        ),
        sample=STUDY["potential"]["sample"],
        settings=FORCES,
        study=STUDY["study"],
    script:
        "../scripts/relax_directed.py"


rule relax_way:
    input:
        frames=f"{RESULTS}/reference/dynamics/{{run}}.extxyz",
        model=f"{RESULTS}/potential/{{system}}/correction.npz",
    output:
        table=f"{RESULTS}/relaxation/{{system}}/better/ways/{{run}}/{{way}}.csv",
    log:
        f"{RESULTS}/logs/relax_way/{{system}}_{{run}}_{{way}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/relax_way/{{system}}_{{run}}_{{way}}.tsv"
    wildcard_constraints:
        way="|".join(WAYS),
    retries: 1
    conda:
        "../../envs/dft.yaml"
    threads: STUDY["reference"]["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: STUDY["reference"]["memory_mb"] * attempt,
        gpu=LABELS_GPU,
        runtime=1440,
    params:
        code=code_fingerprint(
            "auric.relaxation.rules", libraries=("pyscf", "tblite", "ase", "numpy")
        ),
        method_version=METHOD_VERSION,
        settings=STUDY["relaxation"],
        engine=STUDY["reference"]["engine"],
        engine_settings=STUDY["reference"][SETTINGS_OF[STUDY["reference"]["engine"]]],
        xtb=STUDY["reference"]["xtb"],
        store=STORE,
    script:
        "../scripts/relax_way.py"


rule relax_better:
    input:
        frames=f"{RESULTS}/reference/dynamics/{{run}}.extxyz",
        model=f"{RESULTS}/potential/{{system}}/correction.npz",
        ways=expand(
            f"{RESULTS}/relaxation/{{{{system}}}}/better/ways/{{{{run}}}}/{{way}}.csv",
            way=WAYS,
        ),
    output:
        table=f"{RESULTS}/relaxation/{{system}}/better/{{run}}.csv",
        relaxed=f"{RESULTS}/relaxation/{{system}}/better/{{run}}.extxyz",
        traces=f"{RESULTS}/relaxation/{{system}}/better/traces_{{run}}.csv",
        failures=f"{RESULTS}/relaxation/{{system}}/better/failures_{{run}}.csv",
    log:
        f"{RESULTS}/logs/relax_better/{{system}}_{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/relax_better/{{system}}_{{run}}.tsv"
    wildcard_constraints:
        run=r"(?!failures_|traces_)[A-Za-z][A-Za-z0-9_-]{0,63}",
    retries: 1
    conda:
        "../../envs/dft.yaml"
    threads: STUDY["reference"]["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: STUDY["reference"]["memory_mb"] * attempt,
        gpu=LABELS_GPU,
        runtime=1440,
    params:
        code=code_fingerprint(
            "auric.relaxation.rules", libraries=("pyscf", "tblite", "ase", "numpy")
        ),
        method_version=METHOD_VERSION,
        settings=STUDY["relaxation"],
        engine=STUDY["reference"]["engine"],
        engine_settings=STUDY["reference"][SETTINGS_OF[STUDY["reference"]["engine"]]],
        xtb=STUDY["reference"]["xtb"],
        store=STORE,
    script:
        "../scripts/relax_better.py"


rule relax_series:
    input:
        frames=lambda wildcards: [
            f"{RESULTS}/reference/dynamics/{run['name']}.extxyz"
            for run in ALL_RUNS[wildcards.system]
            if relaxed_from(run)
        ],
    output:
        table=f"{RESULTS}/relaxation/{{system}}/series.csv",
        relaxed=f"{RESULTS}/relaxation/{{system}}/series.extxyz",
    log:
        f"{RESULTS}/logs/relax_series/{{system}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/relax_series/{{system}}.tsv"
    retries: 1
    conda:
        "../../envs/dft.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=1440,
    params:
        code=code_fingerprint(
            "auric.relaxation.rules", libraries=("tblite", "ase", "scipy", "numpy")
        ),
        method_version=METHOD_VERSION,
        settings=STUDY["relaxation"],
        xtb=STUDY["reference"]["xtb"],
        store=STORE,
    script:
        "../scripts/relax_series.py"


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
        table=f"{RESULTS}/relaxation/{{system}}/stretched/{{structure}}.csv",
    log:
        f"{RESULTS}/logs/relax_stretched/{{system}}_{{structure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/relax_stretched/{{system}}_{{structure}}.tsv"
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
        run=run_of_structure,
        settings=STUDY["relaxation"],
        xtb=STUDY["reference"]["xtb"],
        mirror=STUDY["structures"]["mirror"],
        store=STORE,
    script:
        "../scripts/relax_stretched.py"


rule relaxation_scorecard:
    input:
        tables=relaxed_runs() + bettered_runs(),
        rings=list(ring_tables().values()),
        stretched=stretched_tables(),
        series=series_tables(),
        training=[
            f"{RESULTS}/reference/dynamics/{run['name']}.extxyz"
            for system in STUDY["relaxation"]["systems"]
            for run in ALL_RUNS[system]
            if run["role"] == "train"
        ],
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
        ring_systems=list(ring_tables()),
        samples=STUDY["potential"]["bootstrap_samples"],
        seed=STUDY["seed"],
    script:
        "../scripts/relaxation_scorecard.py"
