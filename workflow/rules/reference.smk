ENGINE_SETTINGS = STUDY["reference"][SETTINGS_OF[STUDY["reference"]["engine"]]]


rule frames:
    input:
        structures=f"{RESULTS}/structures/block_{{s}}.extxyz",
    output:
        frames=f"{RESULTS}/reference/frames_{{s}}.extxyz",
        failures=f"{RESULTS}/reference/frames_failures_{{s}}.csv",
    log:
        f"{RESULTS}/logs/frames/{{s}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/frames/{{s}}.tsv"
    retries: 1
    conda:
        "../../envs/dft.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        code=code_fingerprint("auric.reference.frames", libraries=("tblite", "ase")),
        method_version=METHOD_VERSION,
        labels={
            "engine": STUDY["reference"]["engine"],
            "settings": ENGINE_SETTINGS,
        },
        settings={
            "frames": STUDY["reference"]["frames"] | {"seed": STUDY["seed"]},
            "xtb": STUDY["reference"]["xtb"],
        },
        bond=STUDY["structures"]["bond"],
        store=STORE,
    script:
        "../scripts/frames.py"


rule labels:
    input:
        frames=f"{RESULTS}/reference/frames_{{s}}.extxyz",
    output:
        labels=f"{RESULTS}/reference/labels_{{s}}_{{f}}.extxyz",
        orbitals=ORBITALS(f"{RESULTS}/reference/orbitals_{{s}}_{{f}}.npz"),
        failures=f"{RESULTS}/reference/labels_failures_{{s}}_{{f}}.csv",
    log:
        f"{RESULTS}/logs/labels/{{s}}_{{f}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/labels/{{s}}_{{f}}.tsv"
    retries: 2
    conda:
        "../../envs/dft.yaml"
    threads: STUDY["reference"]["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: STUDY["reference"]["memory_mb"] * attempt,
        gpu=LABELS_GPU,
        runtime=lambda wildcards, attempt: 720 * attempt,
    params:
        code=code_fingerprint("auric.reference.label", libraries=("pyscf",)),
        method_version=METHOD_VERSION,
        block=lambda wildcards: int(wildcards.f),
        blocks=STUDY["reference"]["frame_blocks"],
        engine=STUDY["reference"]["engine"],
        settings=ENGINE_SETTINGS,
        warm_start=STUDY["reference"]["warm_start"],
        store=STORE,
    script:
        "../scripts/labels.py"


rule relabel:
    input:
        frames=f"{RESULTS}/reference/dynamics/{{run}}.extxyz",
    output:
        labels=f"{RESULTS}/reference/relabelled/{{run}}.extxyz",
        failures=f"{RESULTS}/reference/relabelled/failures_{{run}}.csv",
    log:
        f"{RESULTS}/logs/relabel/{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/relabel/{{run}}.tsv"
    retries: 2
    conda:
        "../../envs/dft.yaml"
    threads: STUDY["reference"]["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: STUDY["reference"]["memory_mb"] * attempt,
        gpu=LABELS_GPU,
        runtime=lambda wildcards, attempt: 720 * attempt,
    params:
        code=code_fingerprint("auric.reference.relabel", libraries=("pyscf",)),
        method_version=METHOD_VERSION,
        every=STUDY["potential"]["correction"]["every"],
        engine=STUDY["reference"]["engine"],
        settings=ENGINE_SETTINGS,
        warm_start=STUDY["reference"]["warm_start"],
        store=STORE,
    script:
        "../scripts/relabel.py"
