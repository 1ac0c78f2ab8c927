rule reference_scorecard:
    input:
        labels=of_blocks(f"{RESULTS}/reference/labels_{{s}}_{{f}}.extxyz"),
    output:
        scorecard=f"{RESULTS}/scorecard/reference.csv",
    log:
        f"{RESULTS}/logs/reference_scorecard.log",
    benchmark:
        f"{RESULTS}/benchmarks/reference_scorecard.tsv"
    conda:
        "../../envs/base.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_fingerprint("auric.reference.summary", libraries=("numpy",)),
        study=STUDY["study"],
    script:
        "../scripts/reference_scorecard.py"


rule elf_scorecard:
    input:
        images=of_blocks(f"{RESULTS}/elf/images_{{s}}_{{f}}.nc"),
        dropped=of_blocks(f"{RESULTS}/elf/dropped_{{s}}_{{f}}.csv"),
    output:
        scorecard=f"{RESULTS}/scorecard/elf.csv",
    log:
        f"{RESULTS}/logs/elf_scorecard.log",
    benchmark:
        f"{RESULTS}/benchmarks/elf_scorecard.tsv"
    conda:
        "../../envs/base.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_fingerprint("auric.elf.summary"),
        study=STUDY["study"],
    script:
        "../scripts/elf_scorecard.py"
