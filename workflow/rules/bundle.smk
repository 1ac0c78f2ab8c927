# A study on a bundle of labelled frames and images: the bundle is its one block, and nothing quantum-chemical is computed.
rule unpack:
    input:
        bundle=STUDY["structures"]["bundle"],
    output:
        labels=f"{RESULTS}/reference/labels_{{s}}_{{f}}.extxyz",
        images=f"{RESULTS}/elf/images_{{s}}_{{f}}.nc",
        failures=f"{RESULTS}/reference/labels_failures_{{s}}_{{f}}.csv",
        dropped=f"{RESULTS}/elf/dropped_{{s}}_{{f}}.csv",
    log:
        f"{RESULTS}/logs/unpack/{{s}}_{{f}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/unpack/{{s}}_{{f}}.tsv"
    retries: 1
    conda:
        "../../envs/dft.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=10,
    params:
        code=code_fingerprint("auric.elf.bundle", libraries=("xarray", "numpy")),
        elf={key: STUDY["elf"][key] for key in ("pixels", "offset")},
    script:
        "../scripts/unpack.py"
