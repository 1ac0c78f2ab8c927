rule emlm:
    input:
        training=frames_of_runs("train"),
    output:
        model=f"{RESULTS}/potential/{{system}}/emlm.npz",
    log:
        f"{RESULTS}/logs/emlm/{{system}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/emlm/{{system}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=240,
    params:
        code=code_fingerprint(
            "auric.potential.published", libraries=("scikit-learn", "scipy", "numpy")
        ),
        sample=STUDY["potential"]["sample"],
        study=STUDY["study"],
    script:
        "../scripts/emlm.py"


rule walk:
    input:
        model=lambda wildcards: (
            f"{RESULTS}/potential/{{system}}/{wildcards.walker}.npz"
        ),
        training=frames_of_runs("train"),
        dynamics=f"{RESULTS}/reference/dynamics/{{run}}.extxyz",
    output:
        trajectory=f"{RESULTS}/sampling/{{system}}/{{run}}/{{walker}}.extxyz",
        table=f"{RESULTS}/sampling/{{system}}/{{run}}/{{walker}}.csv",
    log:
        f"{RESULTS}/logs/walk/{{system}}_{{run}}_{{walker}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/walk/{{system}}_{{run}}_{{walker}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=720,
    params:
        code=code_fingerprint(
            "auric.sampling.beside", libraries=("numba", "scipy", "numpy")
        ),
        chains=STUDY["sampling"]["chains"],
        settings=STUDY["sampling"]["walk"],
        wall_share=STUDY["sampling"]["wall_share"],
        ladder=STUDY["sampling"]["ladder"],
        sample=STUDY["potential"]["sample"],
        seed=STUDY["seed"],
        store=STORE,
    script:
        "../scripts/walk.py"


rule walk_geometry:
    input:
        trajectories=expand(
            f"{RESULTS}/sampling/{{{{system}}}}/{{{{run}}}}/{{walker}}.extxyz",
            walker=STUDY["sampling"]["walkers"],
        ),
        tables=expand(
            f"{RESULTS}/sampling/{{{{system}}}}/{{{{run}}}}/{{walker}}.csv",
            walker=STUDY["sampling"]["walkers"],
        ),
        dynamics=f"{RESULTS}/reference/dynamics/{{run}}.extxyz",
    output:
        geometry=f"{RESULTS}/sampling/{{system}}/{{run}}/geometry.csv",
        curves=f"{RESULTS}/sampling/{{system}}/{{run}}/curves.csv",
        energies=f"{RESULTS}/sampling/{{system}}/{{run}}/energies.csv",
        energy_curves=f"{RESULTS}/sampling/{{system}}/{{run}}/energy_curves.csv",
    log:
        f"{RESULTS}/logs/walk_geometry/{{system}}_{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/walk_geometry/{{system}}_{{run}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=60,
    params:
        code=code_fingerprint("auric.sampling.beside", libraries=("scipy", "numpy")),
        last=STUDY["sampling"]["last_steps"],
        samples=STUDY["sampling"]["bootstrap_samples"],
        seed=STUDY["seed"],
    script:
        "../scripts/walk_geometry.py"


rule walk_map:
    input:
        training=frames_of_runs("train"),
        trajectories=expand(
            f"{RESULTS}/sampling/{{{{system}}}}/{{{{run}}}}/{{walker}}.extxyz",
            walker=STUDY["sampling"]["walkers"],
        ),
        tables=expand(
            f"{RESULTS}/sampling/{{{{system}}}}/{{{{run}}}}/{{walker}}.csv",
            walker=STUDY["sampling"]["walkers"],
        ),
        dynamics=f"{RESULTS}/reference/dynamics/{{run}}.extxyz",
    output:
        table=f"{RESULTS}/sampling/{{system}}/{{run}}/map.csv",
    log:
        f"{RESULTS}/logs/walk_map/{{system}}_{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/walk_map/{{system}}_{{run}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=60,
    params:
        code=code_fingerprint("auric.sampling.landscape", libraries=("scipy", "numpy")),
    script:
        "../scripts/walk_map.py"


rule walk_isomers:
    input:
        trajectories=walks_of("{walker}.extxyz"),
        tables=walks_of("{walker}.csv"),
        dynamics=walked_runs,
    output:
        table=f"{RESULTS}/sampling/{{system}}/isomers.csv",
    log:
        f"{RESULTS}/logs/walk_isomers/{{system}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/walk_isomers/{{system}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=60,
    params:
        code=code_fingerprint("auric.sampling.isomers", libraries=("scipy", "numpy")),
        samples=STUDY["sampling"]["bootstrap_samples"],
        seed=STUDY["seed"],
    script:
        "../scripts/walk_isomers.py"


rule walk_reweighted:
    input:
        trajectory=f"{RESULTS}/sampling/{{system}}/{{run}}/{{walker}}.extxyz",
        table=f"{RESULTS}/sampling/{{system}}/{{run}}/{{walker}}.csv",
        dynamics=f"{RESULTS}/reference/dynamics/{{run}}.extxyz",
    output:
        reweighted=f"{RESULTS}/sampling/{{system}}/{{run}}/reweighted_{{walker}}.csv",
        failures=f"{RESULTS}/sampling/{{system}}/{{run}}/failures_{{walker}}.csv",
    log:
        f"{RESULTS}/logs/walk_reweighted/{{system}}_{{run}}_{{walker}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/walk_reweighted/{{system}}_{{run}}_{{walker}}.tsv"
    retries: 1
    conda:
        "../../envs/dft.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        gpu=LABELS_GPU,
        runtime=1440,
    params:
        code=code_fingerprint(
            "auric.sampling.reweighting", libraries=("pyscf", "tblite", "numpy")
        ),
        method_version=METHOD_VERSION,
        frames=STUDY["sampling"]["reweight"]["frames"],
        engines={
            engine: STUDY["reference"][SETTINGS_OF[engine]]
            for engine in ("gfn1-xtb", STUDY["reference"]["engine"])
        },
        samples=STUDY["sampling"]["bootstrap_samples"],
        seed=STUDY["seed"],
        store=STORE,
    script:
        "../scripts/walk_reweighted.py"


rule sampling_scorecard:
    input:
        walks=[
            f"{place}/{walker}.csv"
            for place in WALKED
            for walker in STUDY["sampling"]["walkers"]
        ],
        geometry=[f"{place}/geometry.csv" for place in WALKED],
        energies=[f"{place}/energies.csv" for place in WALKED],
        maps=[f"{place}/map.csv" for place in WALKED],
        isomers=ISOMERS,
        reweighted=reweighted(),
        rounds=rounds(),
    output:
        scorecard=f"{RESULTS}/scorecard/sampling.csv",
    log:
        f"{RESULTS}/logs/sampling_scorecard.log",
    benchmark:
        f"{RESULTS}/benchmarks/sampling_scorecard.tsv"
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_fingerprint("auric.sampling.summary", libraries=("numpy", "pandas")),
        study=STUDY["study"],
    script:
        "../scripts/sampling_scorecard.py"


rule expansion_round:
    input:
        model=lambda wildcards: (
            f"{RESULTS}/sampling/{{system}}/expansion/{{walker}}_{int(wildcards.round) - 1}.npz"
            if int(wildcards.round) > 1
            else f"{RESULTS}/potential/{{system}}/{{walker}}.npz"
        ),
        training=frames_of_runs("train"),
        collected=collected_before(),
    output:
        outliers=f"{RESULTS}/sampling/{{system}}/expansion/{{walker}}_{{round}}.extxyz",
        table=f"{RESULTS}/sampling/{{system}}/expansion/{{walker}}_{{round}}.csv",
        failures=f"{RESULTS}/sampling/{{system}}/expansion/failures_{{walker}}_{{round}}.csv",
    log:
        f"{RESULTS}/logs/expansion_round/{{system}}_{{walker}}_{{round}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/expansion_round/{{system}}_{{walker}}_{{round}}.tsv"
    retries: 1
    conda:
        "../../envs/dft.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=720,
    params:
        code=code_fingerprint(
            "auric.sampling.expansion",
            libraries=("tblite", "numba", "scipy", "numpy"),
        ),
        method_version=METHOD_VERSION,
        settings=STUDY["sampling"]["expansion"],
        sample=STUDY["potential"]["sample"],
        xtb=STUDY["reference"]["xtb"],
        seed=STUDY["seed"],
        store=STORE,
    script:
        "../scripts/expansion_round.py"


rule expanded:
    input:
        training=frames_of_runs("train"),
        collected=collected_before(and_this=True),
    output:
        model=f"{RESULTS}/sampling/{{system}}/expansion/{{walker}}_{{round}}.npz",
    log:
        f"{RESULTS}/logs/expanded/{{system}}_{{walker}}_{{round}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/expanded/{{system}}_{{walker}}_{{round}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=240,
    params:
        code=code_fingerprint(
            "auric.potential.linear",
            "auric.potential.published",
            libraries=("scikit-learn", "scipy", "numpy"),
        ),
        sample=STUDY["potential"]["sample"],
        study=STUDY["study"],
    script:
        "../scripts/expanded.py"
