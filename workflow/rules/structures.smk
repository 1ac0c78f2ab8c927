rule structures:
    input:
        files=lambda wildcards: study.files_of(ROWS_OF_BLOCK[wildcards.s]),
    output:
        structures=f"{RESULTS}/structures/block_{{s}}.extxyz",
        failures=f"{RESULTS}/structures/failures_{{s}}.csv",
    log:
        f"{RESULTS}/logs/structures/{{s}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/structures/{{s}}.tsv"
    retries: 1
    conda:
        "../../envs/base.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=10,
    params:
        code=code_fingerprint(
            "auric.structures.prepare", libraries=("ase", "numpy", "rdkit", "scipy")
        ),
        rows=lambda wildcards: ROWS_OF_BLOCK[wildcards.s],
        bond=STUDY["structures"]["bond"],
        mirror=STUDY["structures"]["mirror"],
        manifest=lambda wildcards: study.manifest_rows(ROWS_OF_BLOCK[wildcards.s], ROOT),
    script:
        "../scripts/structures.py"
