import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

from auric.synthesis.descriptors import of_ligand
from auric.synthesis.worlds import (
    TWINS,
    WORLDS,
    bayes_mcc,
    draw_recipes,
    ligands_of,
    printed_recipe,
    simulate,
    true_outcomes,
)


@pytest.mark.parametrize("world", WORLDS)
def test_a_set_has_54_records_of_ten_ligands_and_a_tenth_is_flipped(world):
    made = simulate(world, 3)
    assert len(made.records) == 54
    assert made.records["ligand"].nunique() == 10
    assert int((made.records["outcome"].to_numpy() != made.truth).sum()) == 5
    assert made.records["source"].str.startswith("simulated: ").all()
    assert made.records["name"].str.startswith("simulated_").all()
    assert made.records["ligand"].value_counts().between(5, 6).all()
    assert simulate(world, 3).records.equals(made.records)
    assert not simulate(world, 4).records["outcome"].equals(made.records["outcome"])


def test_frozen_sets_do_not_change():
    """Numbers of studies rest on these draws."""
    sums = {world: [int(simulate(world, seed).truth.sum()) for seed in range(4)] for world in WORLDS}
    assert sums == {"conditions": [22, 20, 23, 23], "structure": [19, 21, 20, 18]}


@pytest.mark.parametrize("world", WORLDS)
def test_nobody_beats_the_bayes_rate_and_the_truth_reaches_it(world, rng):
    recipes = draw_recipes(world, 1500, rng)
    truth = true_outcomes(world, recipes)
    flipped = np.where(rng.random(1500) < 0.1, 1 - truth, truth)
    assert np.corrcoef(truth, flipped)[0, 1] == pytest.approx(bayes_mcc(truth.mean()), abs=0.05)
    assert bayes_mcc(0.5) == pytest.approx(0.8)
    assert bayes_mcc(0.4, 0.0) == pytest.approx(1.0)


def test_twins_share_what_descriptors_count():
    for pair in TWINS:
        formulas = {CalcMolFormula(Chem.MolFromSmiles(each)) for each in pair}
        assert len(formulas) == 1
        for name in ("donors", "acceptors", "aromatic", "rotatable_bonds", "polar_surface_angstrom_2"):
            assert of_ligand(pair[0])[name] == of_ligand(pair[1])[name]
    assert len(ligands_of("structure")) == 10


def test_the_truth_of_the_conditions_is_the_papers_tree():
    recipe = draw_recipes("conditions", 1, np.random.default_rng(0)).assign(
        ligand="NCCS", ligand_mmol_l=2.0, gold_mmol_l=1.0
    )

    def outcome(**changes):
        base = {"reducing_agent_mmol_l": 10.0, "temperature_celsius": 25.0, "ph": 13.5}
        return int(true_outcomes("conditions", recipe.assign(**base | changes))[0])

    assert outcome() == 1
    assert outcome(temperature_celsius=55.0) == 0
    assert outcome(temperature_celsius=55.0, reducing_agent_mmol_l=60.0, ph=12.0) == 1
    assert outcome(reducing_agent_mmol_l=60.0) == 0
    assert outcome(ligand_mmol_l=6.0) == 0
    assert outcome(ligand="Nc1ccc(S)cc1") == 0


def test_the_printed_recipe_is_as_printed():
    row = printed_recipe().iloc[0]
    assert (row["ligand_mmol_l"], row["gold_mmol_l"], row["reducing_agent_mmol_l"], row["ph"]) == (
        1.0,
        1.78,
        2.33,
        13.22,
    )
    assert (row["temperature_celsius"], row["paper_probability"], row["target"]) == (22.0, 0.814, "Au18")
