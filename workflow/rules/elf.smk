rule images:
    input:
        labels=f"{RESULTS}/reference/labels_{{s}}_{{f}}.extxyz",
        orbitals=f"{RESULTS}/reference/orbitals_{{s}}_{{f}}.npz",
        failures=f"{RESULTS}/reference/labels_failures_{{s}}_{{f}}.csv",
    output:
        images=f"{RESULTS}/elf/images_{{s}}_{{f}}.nc",
        dropped=f"{RESULTS}/elf/dropped_{{s}}_{{f}}.csv",
    log:
        f"{RESULTS}/logs/images/{{s}}_{{f}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/images/{{s}}_{{f}}.tsv"
    retries: 1
    conda:
        "../../envs/dft.yaml"
    threads: STUDY["reference"]["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        code=code_fingerprint("auric.elf.images", libraries=("pyscf", "numpy")),
        settings={key: value for key, value in STUDY["elf"].items() if key != "grid"},
        bond=STUDY["structures"]["bond"],
    script:
        "../scripts/images.py"


rule grid:
    input:
        orbitals=lambda wildcards: f"{RESULTS}/reference/orbitals_{{s}}_{{f}}.npz".format(
            **study.blocks_of_frame(
                STUDY, wildcards.structure, frame_name(wildcards.structure, 0)
            )
        ),
    output:
        netcdf=f"{RESULTS}/elf/grids/{{structure}}.nc",
        cube=f"{RESULTS}/elf/grids/{{structure}}.cube",
    log:
        f"{RESULTS}/logs/grid/{{structure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/grid/{{structure}}.tsv"
    retries: 1
    conda:
        "../../envs/dft.yaml"
    threads: STUDY["reference"]["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        code=code_fingerprint("auric.elf.grid", libraries=("pyscf", "numpy", "ase")),
        frame=lambda wildcards: frame_name(wildcards.structure, 0),
        spacing_angstrom=STUDY["elf"]["grid"]["spacing_angstrom"],
        margin_angstrom=STUDY["elf"]["grid"]["margin_angstrom"],
        offset=STUDY["elf"]["offset"],
    script:
        "../scripts/grid.py"
