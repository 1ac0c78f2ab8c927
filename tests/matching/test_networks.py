"""Encoders, the matcher, their files, and what is told with them."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from auric.errors import InputError, StructureError
from auric.graphs import ClusterEncoder, EncoderSettings, pack_clusters, pick_clusters
from auric.matching import (
    ColimSettings,
    CoreModel,
    Ensemble,
    LigandEncoder,
    LigandPretraining,
    PretrainSettings,
    UniMolEmbedder,
    add_atom,
    build_core,
    edited_core,
    embed_ligands,
    enumerated_ligands,
    fit_lines,
    load_ensemble,
    model_clusters,
    pair_data,
    pretrain,
    pretrain_ligands,
    rank_ligands,
    read_candidates,
    read_cluster_energies,
    remove_atom,
    save_ensemble,
    screen,
    size_folds,
    standard_smiles,
    substitute_atom,
    train_colim,
    train_ensemble,
)
from auric.matching.asked import ask_ligands
from auric.matching.formation import ClusterEnergies, drop_terms, universal_lines
from auric.matching.formation_peers import formation_folds, formation_rows
from auric.matching.modelfile import weights_of, write_weights
from auric.matching.pretraining import ridge_of
from auric.matching.ranking import score_sets
from auric.matching.whole_networks import WholeNetwork, train_whole, whole_graphs

SMALL = EncoderSettings(width=6, layers=2, radial=6)
PPH3, PET = "c1ccc(P(c2ccccc2)c2ccccc2)cc1", "SCCc1ccccc1"


@pytest.fixture(scope="module")
def clusters():
    frames = model_clusters(10, steps=3)
    element, size = np.array([a.numbers[0] for a in frames]), np.array([len(a) for a in frames])
    energy = np.array([a.info["energy_ev"] for a in frames]) / size
    return ClusterEnergies(frames, element, size, energy, np.linspace(1, 2, len(frames)))


@pytest.fixture(scope="module")
def core_model(clusters):
    return pretrain(clusters, np.arange(len(clusters.size)), PretrainSettings(SMALL, epochs=2, features=3))


@pytest.fixture(scope="module")
def ligand_model():
    return pretrain_ligands(enumerated_ligands(40), LigandPretraining(epochs=3), width=8, layers=2)


@pytest.fixture(scope="module")
def matched(core_model, ligand_model):
    """An ensemble of two, trained to tell phosphines from thiols on gold."""
    core, silver = build_core("shape=icosahedron metal=Au"), build_core("shape=octahedron_in_cube metal=Ag")
    cores, sets = [core, core, silver, silver] * 3, [PPH3, "CCS", "CCP(CC)CC", PET] * 3
    labels = np.array([1, 0, 1, 0] * 3)
    data = pair_data(cores, sets, reach=SMALL.reach)
    settings = ColimSettings(encoder=SMALL, hidden=8, epochs=4, batch=6)
    ensemble = train_ensemble(
        data, labels, np.arange(12), settings, core=core_model.encoder, ligand=ligand_model, seeds=(0, 1)
    )
    return ensemble, data, labels


@pytest.mark.parametrize("kind", ["cgcnn", "schnet", "gin"])
def test_encoders_know_no_order_place_or_orientation(kind, rng):
    torch.manual_seed(0)
    model = ClusterEncoder(EncoderSettings(kind=kind, width=6, layers=2, radial=6)).double()
    atoms = build_core("shape=tetrahedron20 metal=Cu anion=Cl")
    turned = atoms[rng.permutation(len(atoms))]
    turned.rotate(73, (1, 2, 3))
    turned.translate((4, -2, 9))
    other = build_core("shape=icosahedron metal=Ag")
    places = [torch.tensor(each.positions) for each in (atoms, turned, other)]
    with torch.no_grad():
        one, same, third = model.embed(pack_clusters([atoms, turned, other], positions=places))
        alone = model.embed(pack_clusters([other], positions=places[2:]))[0]
    torch.testing.assert_close(one, same)
    torch.testing.assert_close(third, alone)
    assert not torch.allclose(one, third)


@pytest.mark.parametrize("kind", ["cgcnn", "schnet", "gin"])
def test_gradients_are_those_of_differences(kind):
    torch.manual_seed(1)
    model = ClusterEncoder(EncoderSettings(kind=kind, width=4, layers=2, radial=5)).double()
    atoms = Atoms("Au3Cl", [[0, 0, 0], [2.7, 0, 0], [1.2, 2.5, 0.3], [0.4, 0.3, 2.4]])

    def value(places):
        return model.embed(pack_clusters([atoms], positions=[places]))[0, :2].sum()

    places = torch.tensor(atoms.positions, requires_grad=True)
    assert torch.autograd.gradcheck(value, (places,), eps=1e-6, atol=1e-6)


def test_features_fade_out_smoothly():
    model = ClusterEncoder(SMALL)
    reach = SMALL.reach * 2 * 1.36  # covalent radius of gold
    with torch.no_grad():
        inside, outside = (
            model.embed(pack_clusters([Atoms("Au2", [[0, 0, 0], [0, 0, reach + d]])])) for d in (-1e-3, 1e-3)
        )
    torch.testing.assert_close(inside, outside, atol=1e-5, rtol=0)


def test_picked_clusters_are_those_packed_alone(clusters):
    packed = pack_clusters(clusters.frames[:6])
    picked = pick_clusters(packed, np.array([4, 1, 4]))
    alone = pack_clusters([clusters.frames[i] for i in (4, 1, 4)])
    for a, b in zip(picked[:-1], alone[:-1], strict=True):
        torch.testing.assert_close(a, b)
    with pytest.raises(InputError, match="no clusters chosen"):
        pick_clusters(packed, np.array([], dtype=int))


def test_wrong_clusters_and_shapes_are_refused():
    for frames, words in (
        ([], "no clusters"),
        ([Atoms()], "without atoms"),
        ([Atoms("Au", [[np.nan, 0, 0]])], "unknown element or coordinate"),
    ):
        with pytest.raises(InputError, match=words):
            pack_clusters(frames)
    with pytest.raises(InputError, match="encoder of kind"):
        EncoderSettings(kind="egnn")
    with pytest.raises(InputError, match="a reach between"):
        EncoderSettings(reach=0.5)


def test_lines_are_found_where_energies_follow_them(tmp_path):
    size = np.arange(4, 30)
    terms = np.array([-3.0, 2.0, 0.5])
    frames = [Atoms("Cu" * n, np.arange(3 * n).reshape(n, 3)) for n in size]
    data = ClusterEnergies(frames, np.full(len(size), 29), size, drop_terms(size) @ terms, np.full(len(size), np.nan))
    lines = fit_lines(data, np.arange(len(size)))
    np.testing.assert_allclose(lines.terms_ev[0], terms, atol=1e-9)
    np.testing.assert_allclose(lines.formation(data.element, data.energy_ev), data.energy_ev + 3, atol=1e-9)
    bent = ClusterEnergies(frames, data.element, size, data.energy_ev + np.where(size == 20, 1.0, 0), data.gap_ev)
    robust, plain = (fit_lines(bent, np.arange(len(size)), huber_sds=h).terms_ev[0, 0] for h in (1.5, None))
    assert abs(robust + 3) < abs(plain + 3) / 5
    np.testing.assert_allclose(
        universal_lines(data, np.arange(len(size))).predict(data.element, size), data.energy_ev, atol=1e-6
    )
    with pytest.raises(InputError, match="clusters give no line"):
        fit_lines(data, np.arange(3))
    with pytest.raises(InputError, match="element Au: no clusters"):
        lines.predict(np.array([79]), np.array([5]))


def test_errors_at_left_out_clusters_are_those_of_leaving_them_out(rng):
    x, y = torch.tensor(rng.normal(size=(14, 2))), torch.tensor(rng.normal(size=14))
    terms, penalty = torch.tensor(drop_terms(np.arange(4, 18))), torch.tensor(0.3)
    weights, errors = ridge_of(x, terms, y, penalty)
    base = np.linalg.qr(terms.numpy())[0]
    scale = np.sqrt(((x.numpy() - base @ (base.T @ x.numpy())) ** 2).mean(axis=0)) + 1e-3
    every = np.hstack([terms.numpy(), x.numpy() / scale])
    ridge = np.diag([1e-9] * 3 + [np.exp(0.3)] * 2)
    for out in range(14):
        kept = [i for i in range(14) if i != out]
        own = np.linalg.solve(every[kept].T @ every[kept] + ridge, every[kept].T @ y.numpy()[kept])
        if abs(errors[out]) < 3:  # where one cluster alone fixes a term its leverage is capped
            np.testing.assert_allclose(every[out] @ own - y.numpy()[out], errors[out].item(), rtol=1e-3, atol=1e-4)
    assert weights.shape == (5,)


def test_size_folds_keep_sizes_together(clusters):
    fold = size_folds(clusters.size, folds=3)
    assert all(len(set(fold[clusters.size == size])) == 1 for size in np.unique(clusters.size))
    with pytest.raises(InputError, match="sizes for"):
        size_folds(clusters.size, folds=100)


def test_pretraining_learns_and_comes_back_bit_for_bit(tmp_path, clusters, core_model):
    losses = pretrain(clusters, np.arange(60), PretrainSettings(SMALL, epochs=6, features=3)).header["losses"]
    assert losses[-1] < losses[0]
    core_model.save(tmp_path / "core.npz")
    again = CoreModel.load(tmp_path / "core.npz")
    np.testing.assert_array_equal(again.energies(clusters.frames[:5]), core_model.energies(clusters.frames[:5]))
    assert np.abs(core_model.energies(clusters.frames) - clusters.energy_ev).mean() < 0.2
    assert core_model.encoder.knows(np.array([79, 17])).tolist() == [True, False]
    with pytest.raises(InputError, match="clusters of one element"):
        core_model.energies([Atoms("CuAg", [[0, 0, 0], [0, 0, 2.5]])])


def test_gaps_are_learned_where_they_are_known(clusters):
    settings = PretrainSettings(SMALL, epochs=1, features=2)
    model = pretrain(clusters, np.arange(20), settings, target="gap")
    with pytest.raises(InputError, match="not pretrained on energies"):
        model.energies(clusters.frames[:1])
    blind = ClusterEnergies(clusters.frames, clusters.element, clusters.size, clusters.energy_ev, np.full(60, np.nan))
    with pytest.raises(InputError, match="gap_ev for every cluster"):
        pretrain(blind, np.arange(20), settings, target="gap")


def test_contenders_predict_every_test_cluster_once(clusters):
    rows = formation_rows(
        clusters, ["size", "element"], ["gin"], PretrainSettings(SMALL, epochs=1, features=2), folds=2
    )
    for split in ("size", "element"):
        for subject in ("line", "kernel ridge", "gin", "encoder and kernel ridge"):
            mine = [row["cluster"] for row in rows if (row["split"], row["subject"]) == (split, subject)]
            assert sorted(mine) == list(range(60))
    for fold in formation_folds(clusters, "size", folds=2):
        assert not set(clusters.size[fold.train]) & set(clusters.size[fold.test])
    for fold in formation_folds(clusters, "element", folds=2):
        assert not set(clusters.element[fold.train]) & set(clusters.element[fold.test])
    for split, words in (("larger", "no clusters above"), ("x", "split 'x'")):
        with pytest.raises(InputError, match=words):
            formation_folds(clusters, split)
    with pytest.raises(InputError, match="encoder 'x'"):
        formation_rows(clusters, ["size"], ["x"], PretrainSettings(SMALL))


def test_energies_of_left_out_elements_change_no_prediction(clusters):
    settings = PretrainSettings(SMALL, epochs=1, features=2)
    (fold, *_) = formation_folds(clusters, "element", folds=2)
    energy = clusters.energy_ev + np.isin(np.arange(len(clusters.size)), fold.test)  # 1 eV/atom more
    shifted = ClusterEnergies(clusters.frames, clusters.element, clusters.size, energy, clusters.gap_ev)
    one, other = (
        formation_rows(data, ["element"], ["gin"], settings, folds=2, only=[0]) for data in (clusters, shifted)
    )
    assert {row["subject"] for row in one} == {"line", "kernel ridge", "gin", "encoder and kernel ridge"}
    assert [row["predicted_ev"] for row in one] == [row["predicted_ev"] for row in other]
    strange = Atoms("He3", 3 * np.eye(3))
    with pytest.raises(InputError, match="element He: no cohesive energy"):
        universal_lines(
            ClusterEnergies([strange], np.array([2]), np.array([3]), np.zeros(1), np.zeros(1)), np.arange(1)
        )


def test_energies_of_the_cluster_database(mirror):
    data = read_cluster_energies(mirror / "qcd/qcd_energies.extxyz")
    assert (len(data.size), len(set(data.element.tolist()))) == (3099, 54)
    fold = size_folds(data.size)
    error = [
        np.abs(fit_lines(data, fold != k).predict(data.element, data.size) - data.energy_ev)[fold == k]
        for k in range(5)
    ]
    assert 0.020 < np.concatenate(error).mean() < 0.026  # eV/atom, sizes left out


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "holds no clusters"), ("1\nProperties=species:S:1:pos:R:3\nAu 0 0 0\n", "no energy"),
     ("2\nProperties=species:S:1:pos:R:3 energy_ev=1.0\nAu 0 0 0\nAg 0 0 3\n", "several elements"), ("x\n", "not readable as extended xyz")],
)  # fmt: skip
def test_wrong_cluster_tables_are_refused(tmp_path, text, words):
    (tmp_path / "c.extxyz").write_text(text)
    with pytest.raises(InputError, match=words):
        read_cluster_energies(tmp_path / "c.extxyz")


def test_enumerated_ligands_are_many_and_always_the_same():
    few = enumerated_ligands(60)
    assert few == enumerated_ligands(80)[:60]
    assert len(set(few)) == 60
    with pytest.raises(InputError, match="ask for one"):
        enumerated_ligands(0)


def test_ligand_encoder_knows_no_order_of_atoms_and_comes_back(tmp_path, ligand_model):
    first, same, other = ligand_model.embed(["SCCc1ccccc1", "c1ccccc1CC[SH]", "CCS"])
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 1e-4
    assert set(ligand_model.header) >= {"explained", "held_out"}
    ligand_model.save(tmp_path / "l.npz")
    np.testing.assert_array_equal(LigandEncoder.load(tmp_path / "l.npz").embed(["CCS"]), ligand_model.embed(["CCS"]))


def test_wrong_ligand_encoders_are_refused(tmp_path):
    with pytest.raises(InputError, match="too few to pretrain"):
        pretrain_ligands(["CS"])
    with pytest.raises(InputError, match="give one or more of each"):
        LigandEncoder(width=0)
    with pytest.raises(InputError, match="held-out share"):
        LigandPretraining(held_out=1.5)
    with pytest.raises(InputError, match=r"unimol_tools|no weights"):
        UniMolEmbedder(tmp_path)


def test_matcher_knows_no_order_of_ligands_and_no_repetition(matched):
    ensemble, _, _ = matched
    core = build_core("shape=icosahedron metal=Au")
    sets = [f"{PPH3}.{PET}", f"{PET}.{PPH3}", f"{PET}.{PPH3}.{PET}"]
    found = ensemble.probabilities(pair_data([core] * 3, sets, reach=SMALL.reach))
    np.testing.assert_array_equal(found[:, 0], found[:, 1])
    np.testing.assert_array_equal(found[:, 0], found[:, 2])


def test_matcher_comes_back_bit_for_bit_and_tampering_is_found(tmp_path, matched):
    ensemble, data, _ = matched
    save_ensemble(tmp_path / "m.npz", ensemble)
    again = load_ensemble(tmp_path / "m.npz")
    np.testing.assert_array_equal(again.probabilities(data), ensemble.probabilities(data))
    assert again.header == ensemble.header
    content = dict(np.load(tmp_path / "m.npz"))
    content[next(key for key in content if key.endswith("last.bias"))] += 1
    np.savez(tmp_path / "t.npz", **content)
    for path, words in (("t.npz", "digest"), ("none.npz", "no model file")):
        with pytest.raises(InputError, match=words):
            load_ensemble(tmp_path / path)
    (tmp_path / "d.npz").write_bytes(b"PK junk")
    np.savez(tmp_path / "f.npz", header_json=np.array("{}"))
    for path, words in (("d.npz", "damaged"), ("f.npz", "no model of auric")):
        with pytest.raises(InputError, match=words):
            load_ensemble(tmp_path / path)
    with pytest.raises(InputError, match="its format is"):
        CoreModel.load(tmp_path / "m.npz")


def test_models_that_do_not_tell_what_ligands_they_saw_are_refused(tmp_path, matched, ligand_model):
    """Those of the formats before, and whatever lost that part since."""
    header = {"width": 8, "layers": 2, "learned": {}}
    weights = weights_of(ligand_model)
    write_weights(tmp_path / "old.npz", {"format": "auric LigandEncoder 1"} | header, weights)
    with pytest.raises(InputError, match="its format is 'auric LigandEncoder 1'"):
        LigandEncoder.load(tmp_path / "old.npz")
    del weights["seen"]
    write_weights(tmp_path / "lost.npz", {"format": "auric LigandEncoder 2"} | header, weights)
    with pytest.raises(InputError, match="a part of the encoder is missing"):
        LigandEncoder.load(tmp_path / "lost.npz")


def test_training_is_reproducible_and_needs_both_labels(matched):
    _, data, labels = matched
    settings = ColimSettings(encoder=SMALL, ligand_width=6, hidden=4, epochs=2, batch=6)
    one, two = (
        Ensemble([train_colim(data, labels, np.arange(12), settings, seed=5)]).probabilities(data) for _ in range(2)
    )
    np.testing.assert_array_equal(one, two)
    with pytest.raises(InputError, match="one label"):
        train_colim(data, np.ones(12), np.arange(12), settings)
    with pytest.raises(InputError, match="without members"):
        Ensemble([])
    for wrong in ({"dropout": 1.0}, {"learning_rate": 0.0}):
        with pytest.raises(InputError, match="matcher"):
            ColimSettings(**wrong)


def test_matrix_products_give_what_the_network_gives(matched):
    ensemble, _, _ = matched
    core = build_core("shape=octahedron_in_cube metal=Ag")
    ligands = embed_ligands(ensemble, [PPH3, PET, "CCS"])
    scores = score_sets(ensemble, core, ligands, np.array([[0, 1], [1, 2]]))
    sets = [".".join(ligands.ligands[i] for i in own) for own in ((0, 1), (1, 2))]
    direct = ensemble.probabilities(pair_data([core] * 2, sets, reach=SMALL.reach))
    np.testing.assert_allclose(scores, direct, atol=1e-5)
    mean, spread = screen(ensemble, core, ligands)
    assert mean.shape == spread.shape == (3,)


def test_ranking_lists_combinations_once_and_flags_elements(matched):
    ensemble, _, _ = matched
    core = build_core("shape=tetrahedron20 metal=Cu anion=Cl")
    rows = rank_ligands(ensemble, core, [PPH3, PET, "CCS", "[S]CC"], kinds=3)
    assert len(rows) == 3 + 3 + 1
    assert len({row["ligands"] for row in rows}) == 7
    assert [row["probability"] for row in rows] == sorted((row["probability"] for row in rows), reverse=True)
    assert rows[0]["warning"] == "never seen: Cl"
    assert "pretraining" not in rows[0]["warning"]
    few = rank_ligands(ensemble, core, ["CS", "CCS", "CCCS", "CCCCS", "CCCCCS"], kinds=2, most_sets=3)
    assert sum(row["kinds"] == 2 for row in few) == 3
    for kinds in (0, 5):
        with pytest.raises(InputError, match="give 1 to 4"):
            rank_ligands(ensemble, core, [PET], kinds=kinds)
    with pytest.raises(StructureError, match="no metal"):
        rank_ligands(ensemble, Atoms("Cl"), [PET])


def test_elements_of_ligands_that_nothing_was_learned_from_are_named(tmp_path, matched):
    core = build_core("shape=icosahedron metal=Au")
    given = {"C[TeH]": "Te", "C[As](C)C": "As", "CI": "I", "SC[At]": "At", "OB(O)c1ccccc1": "B", "C[GeH3]": "Ge"}
    strange = {standard_smiles(smiles): symbol for smiles, symbol in given.items()}
    save_ensemble(tmp_path / "m.npz", matched[0])
    rows = rank_ligands(load_ensemble(tmp_path / "m.npz"), core, [*strange, "CCS"], kinds=2)
    for row in rows:
        named = sorted(strange[one] for one in row["ligands"].split(".") if one in strange)
        assert row["ligand_warning"] == (f"never seen in a ligand: {', '.join(named)}" if named else "")
        assert row["warning"] == ""
    plain = pretrain_ligands([f"{'C' * n}S" for n in range(1, 31)], LigandPretraining(epochs=1), width=6, layers=1)
    data = pair_data([core] * 3, ["CCS", "CP(C)C", "CI"], reach=SMALL.reach)
    settings = ColimSettings(encoder=SMALL, hidden=4, epochs=1, batch=2)
    late = train_ensemble(data, np.array([1, 0, 0]), np.array([0, 1]), settings, ligand=plain, seeds=(0,))
    assert [row["ligand_warning"] for row in sorted(rank_ligands(late, core, ["CCS", "CP(C)C", "CI"]), key=lambda row: row["ligands"])] == [
        "", "never seen in a ligand: I", "not in the pretraining on ligands: P"
    ]  # fmt: skip


def test_cores_are_edited():
    core = build_core("shape=tetrahedron20 metal=Cu anion=Cl")
    less = edited_core(core, "-0")
    assert (less.symbols == "Cu").sum() == 19
    assert set(edited_core(core, "0=Ag, -3").get_chemical_symbols()) == {"Ag", "Cu", "Cl"}
    more = add_atom(less, "Cu", core.positions[0])
    assert sorted(more.symbols) == sorted(core.symbols)
    place = "/".join(f"{x:.6f}" for x in core.positions[0])
    assert len(edited_core(less, f"+Ag@{place}")) == 21
    for make, words in (
        (lambda: remove_atom(core, 99), "atom 99"), (lambda: substitute_atom(core, 0, "Xx"), "element 'Xx'"),
        (lambda: add_atom(core, "Cu", np.zeros(2)), "three finite numbers"), (lambda: edited_core(core, "twist"), "edit 'twist'"),
        (lambda: add_atom(core, "Cu", core.positions[0] + 40), "fragments"), (lambda: add_atom(core, "Cu", core.positions[0]), "angstrom apart"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            make()


def test_asking_by_files(tmp_path, matched):
    from ase.io import write

    ensemble, _, _ = matched
    save_ensemble(tmp_path / "m.npz", ensemble)
    core = build_core("shape=icosahedron metal=Au")
    write(tmp_path / "core.xyz", core)
    (tmp_path / "l.smi").write_text(f"# some\n{PPH3} PPh3\n\n{PET}\tPET\n")
    formula, rows = ask_ligands(
        tmp_path / "core.xyz", tmp_path / "l.smi", tmp_path / "m.npz", kinds=2, edit="-3", most=2
    )
    assert formula == "Au12"
    assert [row["rank"] for row in rows] == [1, 2]
    with pytest.raises(InputError, match="--top 0"):
        ask_ligands(tmp_path / "core.xyz", tmp_path / "l.smi", tmp_path / "m.npz", most=0)
    for text, words in (("", "holds no ligands"), ("CCS\nc1cc\n", "line 2"), ("C[Au]\n", "holds the metal"),
                        ("CCS.CC(=O)O\n", r"line 1: .* one ligand by itself, without counter-ions; sets are made of the lines by --kinds$"),
                        ("CC[S-].[Na+]\n", "without counter-ions")):  # fmt: skip
        (tmp_path / "w.smi").write_text(text)
        with pytest.raises(InputError, match=words):
            read_candidates(tmp_path / "w.smi")
    with pytest.raises(InputError, match="No such file"):
        read_candidates(tmp_path / "none.smi")
    core.positions /= 2
    write(tmp_path / "half.xyz", core)
    write(tmp_path / "atom.xyz", Atoms("Au"))
    block = bulk("Au", cubic=True) * (5, 5, 5)
    write(tmp_path / "many.xyz", Atoms(block.numbers, block.positions))
    for name, words in (
        ("half", r"are 1\.4\d angstrom apart"),
        ("atom", "core Au, number of metal atoms 1; a cluster has 3 to 400"),
        ("many", "number of metal atoms 500"),
    ):
        with pytest.raises(StructureError, match=words):
            ask_ligands(tmp_path / f"{name}.xyz", tmp_path / "l.smi", tmp_path / "m.npz")
    write(tmp_path / "organic.xyz", Atoms("CH", [[0, 0, 0], [0, 0, 1.1]]))
    with pytest.raises(StructureError, match="no metal"):
        ask_ligands(tmp_path / "organic.xyz", tmp_path / "l.smi", tmp_path / "m.npz")


@pytest.mark.parametrize("kind", ["cgcnn", "schnet", "gin"])
def test_networks_over_core_and_ligands_know_no_order_and_no_repetition(kind, rng):
    core, silver = build_core("shape=tetrahedron20 metal=Cu anion=Cl"), build_core("shape=octahedron_in_cube metal=Ag")
    turned = core[rng.permutation(len(core))]
    turned.rotate(70, (1, 2, 3))
    sets = [f"{PPH3}.{PET}", f"{PET}.{PPH3}.{PET}", f"{PET}.{PPH3}", PET, f"{PET}.{PPH3}", "CCS"]
    cores = [core, core, turned, core, silver, core]
    settings = ColimSettings(encoder=EncoderSettings(kind, width=6, layers=2, radial=6), hidden=4, epochs=3, batch=6)
    data, labels = whole_graphs(cores, sets, reach=1.8), np.array([1, 1, 1, 0, 0, 0])
    one, two = (train_whole(data, labels, np.arange(6), settings, seed=3) for _ in range(2))
    found = one.probabilities(data, np.arange(6))
    np.testing.assert_array_equal(found, two.probabilities(data, np.arange(6)))
    assert data.member[0].tolist() == data.member[1].tolist()  # exactly the same example
    np.testing.assert_allclose(
        found[1], found[0], rtol=1e-6
    )  # in another row of a product of matrices, whose last bit that may decide
    np.testing.assert_allclose(found[2], found[0], rtol=1e-4)
    vectors = one.vectors(data, np.arange(6))
    assert min(np.abs(vectors[0] - vectors[i]).max() for i in (3, 4)) > 1e-4
    assert np.abs(vectors[3] - vectors[5]).max() > 1e-4
    with pytest.raises(InputError, match="one label"):
        train_whole(data, np.ones(6), np.arange(6), settings)


def test_whole_graphs_hold_every_atom_and_bond_of_the_ligands():
    core = build_core("shape=triangle metal=Au")
    data = whole_graphs([core, core], ["CCS", "C#CC"], reach=1.8)
    assert data.member.tolist() == [[1, 0, 1], [1, 1, 0]]  # C#CC comes first by name
    propyne, thiol = (pick_clusters(data.parts, np.array([part])) for part in (1, 2))
    assert sorted(thiol.numbers.tolist()) == [1] * 6 + [6, 6, 16]
    assert (len(thiol.receiver), len(propyne.receiver)) == (2 * 8, 2 * 6)
    assert sorted(set(propyne.stretch.tolist())) == pytest.approx([0.8, 1.0])
    settings = ColimSettings(encoder=SMALL)
    network = WholeNetwork(settings)
    atoms = [pick_clusters(data.parts, np.array([part])) for part in (0, 2)]
    with torch.no_grad():
        every = torch.cat([network.encoder(part) for part in atoms])
    np.testing.assert_allclose(network.vectors(data, np.array([0]))[0], every.mean(dim=0).numpy(), rtol=1e-5)
