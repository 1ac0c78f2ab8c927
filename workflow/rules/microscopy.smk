rule tem_library:
    output:
        library=f"{RESULTS}/microscopy/libraries/{{candidate}}.nc",
    log:
        f"{RESULTS}/logs/tem_library/{{candidate}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tem_library/{{candidate}}.tsv"
    retries: 1
    conda:
        "../../envs/base.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=30,
    params:
        code=code_fingerprint(
            "auric.microscopy.library", libraries=("ase", "numpy", "rdkit", "scipy")
        ),
        row=lambda wildcards: CANDIDATES[wildcards.candidate],
        manifest=lambda wildcards: study.manifest_rows(
            [CANDIDATES[wildcards.candidate]], ROOT
        ),
        directions=STUDY["microscopy"]["directions"],
        settings=STUDY["microscopy"]["images"],
        mirror=STUDY["structures"]["mirror"],
    script:
        "../scripts/tem_library.py"


rule tem_particles:
    input:
        libraries=expand(
            f"{RESULTS}/microscopy/libraries/{{candidate}}.nc", candidate=CANDIDATES
        ),
        micrographs=lambda wildcards: study.micrographs(
            EXPERIMENTS[wildcards.experiment]
        ),
    output:
        particles=f"{RESULTS}/microscopy/{{experiment}}/particles.nc",
        failures=f"{RESULTS}/microscopy/{{experiment}}/failures.csv",
    log:
        f"{RESULTS}/logs/tem_particles/{{experiment}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tem_particles/{{experiment}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=60,
    params:
        code=code_fingerprint(
            "auric.microscopy.experiment", libraries=("numpy", "pillow", "scipy")
        ),
        experiment=lambda wildcards: EXPERIMENTS[wildcards.experiment],
        settings=MICROSCOPY,
        seed=STUDY["seed"],
    script:
        "../scripts/tem_particles.py"


rule tem_match:
    input:
        particles=f"{RESULTS}/microscopy/{{experiment}}/particles.nc",
        libraries=COMPARED,
    output:
        matches=f"{RESULTS}/microscopy/{{experiment}}/matches.nc",
    log:
        f"{RESULTS}/logs/tem_match/{{experiment}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tem_match/{{experiment}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=120,
    params:
        code=code_fingerprint(
            "auric.microscopy.answers", libraries=("numpy", "scikit-image", "scipy")
        ),
        settings=MICROSCOPY,
    script:
        "../scripts/tem_match.py"


rule tem_calibration:
    input:
        libraries=COMPARED,
    output:
        cases=f"{RESULTS}/microscopy/calibration.csv",
        power=f"{RESULTS}/microscopy/power.csv",
    log:
        f"{RESULTS}/logs/tem_calibration.log",
    benchmark:
        f"{RESULTS}/benchmarks/tem_calibration.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=240,
    params:
        code=code_fingerprint(
            "auric.microscopy.calibration",
            libraries=("numpy", "scikit-image", "scipy"),
        ),
        settings=MICROSCOPY,
        seed=STUDY["seed"],
    script:
        "../scripts/tem_calibration.py"


rule tem_answer:
    input:
        matches=f"{RESULTS}/microscopy/{{experiment}}/matches.nc",
        particles=f"{RESULTS}/microscopy/{{experiment}}/particles.nc",
        libraries=COMPARED,
        cases=f"{RESULTS}/microscopy/calibration.csv",
    output:
        answers=f"{RESULTS}/microscopy/{{experiment}}/answers.csv",
        scores=f"{RESULTS}/microscopy/{{experiment}}/scores.csv",
        orientations=f"{RESULTS}/microscopy/{{experiment}}/orientations.csv",
        angles=f"{RESULTS}/microscopy/{{experiment}}/angles.csv",
    log:
        f"{RESULTS}/logs/tem_answer/{{experiment}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tem_answer/{{experiment}}.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=30,
    params:
        code=code_fingerprint("auric.microscopy.answers", libraries=("numpy", "scipy")),
        level=STUDY["microscopy"]["neither_level"],
    script:
        "../scripts/tem_answer.py"


rule microscopy_scorecard:
    input:
        answers=of_experiments("answers.csv"),
        cases=f"{RESULTS}/microscopy/calibration.csv",
        power=f"{RESULTS}/microscopy/power.csv",
    output:
        scorecard=f"{RESULTS}/scorecard/microscopy.csv",
    log:
        f"{RESULTS}/logs/microscopy_scorecard.log",
    benchmark:
        f"{RESULTS}/benchmarks/microscopy_scorecard.tsv"
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_fingerprint("auric.microscopy.summary", libraries=("numpy", "pandas")),
        study=STUDY["study"],
    script:
        "../scripts/microscopy_scorecard.py"
