rule structures:
    input:
        files=lambda wildcards: study.files_of(
            study.rows_of_block(STUDY, ROWS, wildcards.s)
        ),
    output:
        structures=f"{RESULTS}/structures/block_{{s}}.extxyz",
        failures=f"{RESULTS}/structures/failures_{{s}}.csv",
    log:
        f"{RESULTS}/logs/structures/{{s}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/structures/{{s}}.tsv"
    conda:
        "../../envs/base.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_fingerprint(
            "auric.structures.prepare", libraries=("ase", "numpy", "rdkit", "scipy")
        ),
        rows=lambda wildcards: study.rows_of_block(STUDY, ROWS, wildcards.s),
        bond=STUDY["structures"]["bond"],
        mirror=STUDY["structures"]["mirror"],
        manifest=lambda wildcards: study.manifest_rows(
            study.rows_of_block(STUDY, ROWS, wildcards.s), ROOT
        ),
    script:
        "../scripts/structures.py"
