"""Fixed vectors of ligands in the place of our own encoder, with an embedder that stands for Uni-Mol."""

import copy

import numpy as np
import pytest
import torch

from auric.errors import InputError
from auric.graphs import EncoderSettings
from auric.matching import (
    ColimSettings,
    FixedLigands,
    build_core,
    embed_ligands,
    load_ensemble,
    pair_data,
    save_ensemble,
    screen,
    train_colim,
    train_ensemble,
)
from auric.matching.ligand_encoder import ligand_descriptors

SMALL = EncoderSettings(width=6, layers=1, radial=6)
PPH3, PET = "c1ccc(P(c2ccccc2)c2ccccc2)cc1", "SCCc1ccccc1"


class Embedder:
    """Five descriptors."""

    width = 5

    def __init__(self, scale=0.01):
        self.scale = scale

    def embed(self, ligands):
        return ligand_descriptors(ligands)[:, :5] * self.scale


@pytest.fixture(scope="module")
def trained():
    cores, sets = (
        [build_core("shape=icosahedron metal=Au"), build_core("shape=cube metal=Ag")] * 6,
        [PPH3, f"CCS.{PET}", PET] * 4,
    )
    ligand = FixedLigands(Embedder(), width=4)
    data = pair_data(cores, sets, reach=SMALL.reach, model=ligand)
    labels = np.array([1, 0, 0] * 4)
    settings = ColimSettings(encoder=SMALL, hidden=4, epochs=8, batch=6, pretrained_share=0.0)
    return ligand, data, labels, settings


def test_the_layer_learns_with_every_seed_anew_and_the_vectors_stay(trained):
    ligand, data, labels, settings = trained
    assert data.ligands.shape == (3, 5)
    before = copy.deepcopy(ligand).state_dict()
    one, same, other = (
        train_colim(data, labels, np.arange(12), settings, ligand=ligand, seed=seed).ligand.state_dict()
        for seed in (1, 1, 2)
    )
    torch.manual_seed(1)
    start = train_colim(
        data, labels, np.arange(12), ColimSettings(**(vars(settings) | {"learning_rate": 1e-12})), ligand=ligand, seed=1
    )
    assert (one["linear.weight"] - start.ligand.state_dict()["linear.weight"]).abs().max() > 1e-4
    torch.testing.assert_close(one, same, rtol=0, atol=0)
    assert not torch.equal(one["linear.weight"], other["linear.weight"])
    torch.testing.assert_close(ligand.state_dict(), before, rtol=0, atol=0)
    torch.testing.assert_close(one["probe"], before["probe"])


def test_a_matcher_on_fixed_vectors_comes_back_and_ranks(trained, tmp_path, monkeypatch):
    ligand, data, labels, settings = trained
    ensemble = train_ensemble(data, labels, np.arange(12), settings, ligand=ligand, seeds=(0, 1))
    save_ensemble(tmp_path / "m.npz", ensemble)
    again = load_ensemble(tmp_path / "m.npz", Embedder())
    np.testing.assert_array_equal(again.probabilities(data), ensemble.probabilities(data))
    core, names = build_core("shape=icosahedron metal=Au"), [PPH3, PET, "CCCS"]
    direct = again.probabilities(pair_data([core] * 3, names, reach=SMALL.reach, model=again.members[0].ligand))
    np.testing.assert_allclose(screen(again, core, embed_ligands(again, names))[0], direct.mean(axis=0), atol=1e-5)
    with pytest.raises(InputError, match="other weights of the ligand embedder"):
        load_ensemble(tmp_path / "m.npz", Embedder(scale=0.02))
    monkeypatch.delenv("UNIMOL_WEIGHT_DIR", raising=False)
    with pytest.raises(InputError, match=r"unimol_tools|UNIMOL_WEIGHT_DIR"):
        load_ensemble(tmp_path / "m.npz")


def test_files_tell_one_embedder_from_another(tmp_path):
    FixedLigands(Embedder(), width=3).save(tmp_path / "f.npz")
    assert FixedLigands.load(tmp_path / "f.npz", Embedder()).width == 3
    for other in (Embedder(scale=0.02), type("Wider", (Embedder,), {"width": 6})()):
        with pytest.raises(InputError, match=r"other weights|does not fit"):
            FixedLigands.load(tmp_path / "f.npz", other)
    with pytest.raises(InputError, match="ligand layer of width 0"):
        FixedLigands(Embedder(), width=0)
