rule failures:
    input:
        structures=(
            []
            if STUDY["structures"]["bundle"]
            else of_blocks(f"{RESULTS}/structures/failures_{{s}}.csv")
        ),
        frames=(
            []
            if STUDY["structures"]["bundle"]
            else of_blocks(f"{RESULTS}/reference/frames_failures_{{s}}.csv")
        ),
        labels=of_blocks(f"{RESULTS}/reference/labels_failures_{{s}}_{{f}}.csv"),
        dynamics=expand(
            f"{RESULTS}/reference/dynamics/failures_{{run}}.csv", run=RUN_OF_NAME
        ),
        relabelled=expand(
            f"{RESULTS}/reference/relabelled/failures_{{run}}.csv",
            run=runs_of(STUDY["potential"]["correction"]["systems"]),
        ),
        moves=[
            f"{RESULTS}/reference/moves/failures_{run['name']}.csv"
            for runs in RUNS.values()
            for run in runs
            if run["role"] == "test" and STUDY["potential"]["moves"]["trials"]
        ],
        relaxed=relaxed_runs("failures_") + bettered_runs("failures_"),
        expansions=rounds("failures_"),
        perturbed=expand(
            f"{RESULTS}/ruler/perturbed/failures_{{structure}}.csv",
            structure=PERTURBED,
        ),
        distorted=expand(
            f"{RESULTS}/ruler/distorted/failures_{{structure}}.csv",
            structure=DISTORTIONS,
        ),
        reweighted=reweighted("failures_"),
        microscopy=of_experiments("failures.csv"),
        dropped=of_blocks(f"{RESULTS}/elf/dropped_{{s}}_{{f}}.csv"),
    output:
        failures=report(
            f"{RESULTS}/failures.csv",
            caption="../report/failures.rst",
            category="Failures",
        ),
        dropped=report(
            f"{RESULTS}/dropped.csv",
            caption="../report/failures.rst",
            category="Failures",
        ),
    log:
        f"{RESULTS}/logs/failures.log",
    benchmark:
        f"{RESULTS}/benchmarks/failures.tsv"
    conda:
        "../../envs/base.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_fingerprint("auric.report.tables", libraries=("pandas",)),
    script:
        "../scripts/failures.py"


rule report:
    input:
        scorecards=expand(
            f"{RESULTS}/scorecard/{{room}}.csv",
            room=ROOMS,
        ),
        predictions=f"{RESULTS}/ruler/predictions.csv" if IMAGES else [],
        history=f"{RESULTS}/ruler/history.csv" if IMAGES else [],
        images=f"{RESULTS}/ruler/images.nc" if IMAGES else [],
        explanations=f"{RESULTS}/ruler/explanations.nc" if SEEN else [],
        modes=f"{RESULTS}/ruler/modes.csv" if SEEN else [],
        occlusion=f"{RESULTS}/ruler/occlusion.csv" if SEEN else [],
        checks=f"{RESULTS}/ruler/explanation_checks.csv" if SEEN else [],
        variants=f"{RESULTS}/ruler/variants.csv" if VARIANTS else [],
        conclusions=f"{RESULTS}/ruler/conclusions.csv" if VARIANTS else [],
        frames=(
            of_blocks(f"{RESULTS}/reference/labels_{{s}}_{{f}}.extxyz")
            if IMAGES
            else [
                f"{RESULTS}/reference/dynamics/{run['name']}.extxyz"
                for run in RUN_OF_NAME.values()
                if run["role"] == "test"
            ]
        ),
        failures=f"{RESULTS}/failures.csv",
        dropped=f"{RESULTS}/dropped.csv",
        energies=expand(
            f"{RESULTS}/potential/{{system}}/energies_{{contender}}.csv",
            system=RUNS,
            contender=STUDY["potential"]["contenders"],
        ),
        forces=expand(f"{RESULTS}/potential/{{system}}/forces.csv", system=RUNS),
        maps=expand(f"{RESULTS}/potential/{{system}}/map.csv", system=RUNS),
        geometry=[f"{place}/geometry.csv" for place in WALKED],
        curves=[f"{place}/curves.csv" for place in WALKED],
        changes=[f"{place}/energies.csv" for place in WALKED],
        change_curves=[f"{place}/energy_curves.csv" for place in WALKED],
        walk_maps=[f"{place}/map.csv" for place in WALKED],
        isomers=ISOMERS,
        relaxations=relaxed_runs() + bettered_runs(),
        traces=relaxed_runs("traces_") + bettered_runs("traces_"),
        rings=list(ring_tables().values()),
        stretched=stretched_tables(),
        series=series_tables(),
        masks=f"{RESULTS}/ruler/masks.csv" if MASKED else [],
        bonding=f"{RESULTS}/ruler/correlations.csv" if PERTURBED else [],
        bond_changes=f"{RESULTS}/ruler/changes.csv" if DISTORTIONS else [],
        distortions=f"{RESULTS}/ruler/distortions.csv" if DISTORTIONS else [],
        distorted=expand(
            f"{RESULTS}/ruler/distorted/{{structure}}.extxyz", structure=DISTORTIONS
        ),
        tem_answers=of_experiments("answers.csv"),
        tem_scores=of_experiments("scores.csv"),
        tem_orientations=of_experiments("orientations.csv"),
        tem_angles=of_experiments("angles.csv"),
        tem_particles=of_experiments("particles.nc"),
        tem_libraries=COMPARED if EXPERIMENTS else [],
        tem_cases=f"{RESULTS}/microscopy/calibration.csv" if EXPERIMENTS else [],
        tem_power=f"{RESULTS}/microscopy/power.csv" if EXPERIMENTS else [],
        synthesis_scores=f"{RESULTS}/synthesis/scores.csv" if RECIPES else [],
        synthesis_pairs=f"{RESULTS}/synthesis/pairs.csv" if RECIPES else [],
        synthesis_recommended=(
            f"{RESULTS}/synthesis/recommended.csv" if RECIPES else []
        ),
        synthesis_maps=synthesis_explained("map"),
        synthesis_tables=[
            table for name in EXPLAINED[1:] for table in synthesis_explained(name)
        ],
        matching_pairs=matching_tables("pairs.csv"),
        matching_dropped=matching_tables("dropped.csv"),
        matching_statistics=matching_tables("statistics.csv"),
        matching_metrics=matching_tables("metrics.csv"),
        matching_reliability=matching_tables("reliability.csv"),
        matching_confusion=matching_tables("confusion.csv"),
        matching_paired=matching_tables("paired.csv"),
        matching_folds=matching_tables("folds.csv"),
        matching_errors=matching_tables("formation_errors.csv"),
        matching_references=matching_tables("reference_energies.csv"),
        matching_bare=matching_tables("bare_places.csv"),
        matching_places=matching_tables(
            "places_{by}.csv", several=STUDY["matching"]["splits"]
        ),
        matching_cases=matching_tables("cases.csv"),
        matching_external=matching_tables("external.csv"),
        recommended=(
            f"{RESULTS}/potential/recommended.csv" if "potential" in ROOMS else []
        ),
    output:
        folder=report(
            directory(f"{RESULTS}/report"),
            htmlindex="index.html",
            caption="../report/report.rst",
            category="Report",
        ),
        archive=f"{RESULTS}/report.zip",
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    retries: 1
    conda:
        "../../envs/learn.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=20,
    params:
        code=code_fingerprint("auric.report.build", libraries=("matplotlib", "scipy")),
        assets=files_fingerprint(
            *(ROOT / "src/auric/report").glob("*.css"),
            *(ROOT / "src/auric/report").glob("*.html"),
            *(ROOT / "src/auric/report").glob("*.js"),
        ),
        study=STUDY["study"],
        configuration=STUDY,
    script:
        "../scripts/report.py"
