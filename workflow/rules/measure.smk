# Structures of the study, each first frame measured with the study's own rulers.
rule measure:
    input:
        images=lambda wildcards: f"{RESULTS}/elf/images_{{s}}_{{f}}.nc".format(
            **study.blocks_of_frame(
                STUDY, wildcards.structure, frame_name(wildcards.structure, 0)
            )
        ),
        rulers=f"{RESULTS}/ruler/rulers.safetensors",
    output:
        table=f"{RESULTS}/ruler/measured_{{structure}}.csv",
    log:
        f"{RESULTS}/logs/measure/{{structure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure/{{structure}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=20,
    params:
        code=code_fingerprint("auric.ruler.reading", libraries=("torch", "numpy")),
        frame=lambda wildcards: frame_name(wildcards.structure, 0),
    script:
        "../scripts/measure.py"
