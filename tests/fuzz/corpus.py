"""Every reader of a file that a user may give, and small good files for it, made on the spot."""

import functools
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import iodata
import numpy as np
import torch
import xarray as xr
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from PIL import Image, TiffImagePlugin
from pyscf import gto, scf
from pyscf.tools import molden

from auric.configuration import load_configuration, settings_page
from auric.costs import read_costs
from auric.descriptors.power_spectrum import PowerSpectrumSettings
from auric.elf import pack, unpack
from auric.files import read_dataset, read_frames, read_tables, write_dataset, write_frames
from auric.graphs import EncoderSettings
from auric.matching import Ensemble, read_candidates, read_cluster_energies, save_ensemble
from auric.matching.colim import ClusterEncoder, Colim, ColimSettings
from auric.matching.crystals import read_cluster
from auric.matching.ligand_encoder import LigandEncoder
from auric.matching.matcherfile import load_ensemble
from auric.matching.pairs import REPORTED_COLUMNS, REPORTED_OPTIONAL, reported_pairs
from auric.matching.pretraining import CoreModel
from auric.microscopy.experiment import TABLE_COLUMNS, read_particle_table
from auric.microscopy.library import make_library
from auric.microscopy.library import read_library as read_images
from auric.microscopy.library import write_library as write_images
from auric.microscopy.micrographs import read_micrograph
from auric.modelfile import read_model, write_model
from auric.potential import Emlm, Mlm, TrainingDomain, conformal_intervals, load_model, save_model
from auric.potential.linear import LinearPotential, LinearSettings
from auric.reference import read_wave_function
from auric.reference.elsewhere import given_frames
from auric.reference.orbitals import Orbitals, read_orbitals, write_orbitals
from auric.reference.runs import read_runs
from auric.reference.store import Store, entry_key
from auric.results import recommendations, results_page
from auric.ruler.network import build_network
from auric.ruler.rulers import Ruler
from auric.ruler.rulerset import RulerSet
from auric.ruler.variants import read_variants
from auric.sampling.trajectory import frame_text, read_walk
from auric.scorecard import scorecard_text
from auric.structures import build_ring, read_structure
from auric.structures.manifest import read_manifest
from auric.structures.readers import FORMATS
from auric.structures.table import read_structures_table
from auric.synthesis.models import load_network
from auric.synthesis.records import read_records
from tests.reference.wave_files import helium

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "workflow/schemas"
GIVEN = {
    "equilibration_steps": 0, "steps": 0, "every": 1, "temperature_k": 300.0, "end_temperature_k": None, "seed": 0,
}  # fmt: skip
IDENTITY = {"structure": "a", "method": 1}
RULERS = "src/auric/ruler/rulers.safetensors"


@dataclass(frozen=True)
class Reader:
    """One reader.

    Attributes:
        name: Its name.
        file: Name of a file that it reads.
        read: Read a path.
        good: Contents of good files.
        kind: How they are best spoiled beside bytes and words: `text`, `model` (npz with a digest), `npz`, `safetensors`, `netcdf`,
            or `bytes`.
    """

    name: str
    file: str
    read: Callable[[Path], Any]
    good: tuple[bytes, ...]
    kind: str = "text"


def readers(folder: Path) -> dict[str, Reader]:
    """All readers by name; `folder` takes the files that must be written to be made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = [
            *_structures(),
            *_tables(folder),
            *_wave_functions(folder),
            *_models(folder),
            *_arrays(folder),
            *_pictures(folder),
        ]
    return {one.name: one for one in made}


def _written(folder: Path, name: str, make: Callable[[Path], object]) -> bytes:
    path = folder / name
    make(path)
    return path.read_bytes()


CIF = """data_a
_cell_length_a 20
_cell_length_b 20
_cell_length_c 20
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Au1 Au 0.1 0.1 0.98
S1 S 0.1 0.1 0.09
H1 H 0.1 0.15 0.12
"""
CRYSTAL = CIF.replace("'P 1'\n", "'P -1'\nloop_\n_space_group_symop_operation_xyz\n'x, y, z'\n'-x+1/2, -y, -z'\n")
"""Two molecules, one listed."""
MOL2 = """@<TRIPOS>MOLECULE
gold
 3 2 0 0 0
SMALL
USER_CHARGES

@<TRIPOS>ATOM
 1 Au1 0.0 0.0 0.0 Au 1 LIG -0.5
 2 S1 2.3 0.0 0.0 S.3 1 LIG -0.25
 3 C1 2.9 1.7 0.0 C.3 1 LIG -0.25
@<TRIPOS>BOND
 1 1 2 1
@<TRIPOS>CRYSIN
 20.0 20.0 20.0 90.0 90.0 90.0 1 1
"""
PDB = """REMARK charge = 0
CRYST1   20.000   20.000   20.000  90.00  90.00  90.00 P 1           1
ATOM      1 AU   UNK     1       0.000   0.000   0.000  1.00  0.00          AU
ATOM      2  S   UNK     1       2.300   0.000   0.000  1.00  0.00           S
END
"""
POSCAR = """charge = 0
1.0
20.0 0.0 0.0
0.0 20.0 0.0
0.0 0.0 20.0
Au S
1 1
Selective dynamics
Cartesian
0.0 0.0 0.0 T T T
2.3 0.0 0.0 F F F
"""
XYZ = "3\ncharge = -1\nAu 0.0 0.0 0.0\nS 2.3 0.0 0.0\nH 2.6 1.3 0.0\n"
EXTXYZ = (
    '3\nLattice="20 0 0 0 20 0 0 0 20" Properties=species:S:1:pos:R:3:forces:R:3 energy=-1.5 charge=0 name=a pbc="T T T"\n'
    "Au 0.0 0.0 19.5 0.1 0 0\nS 2.3 0.0 0.0 0 0.1 0\nH 2.6 1.3 0.0 0 0 -0.1\n"
)


def _structures() -> list[Reader]:
    texts = {"xyz": XYZ, "extxyz": EXTXYZ, "cif": CIF, "mol2": MOL2, "pdb": PDB, "poscar": POSCAR}
    assert set(texts) == set(FORMATS)
    made = [
        Reader(name, "POSCAR" if name == "poscar" else f"a.{name}", read_structure, (text.encode(),))
        for name, text in texts.items()
    ]
    several = (EXTXYZ + EXTXYZ.replace("name=a", "name=b")).encode()
    return [
        *made,
        Reader("extxyz frame", "a.extxyz", lambda path: read_structure(f"{path}:b"), (several,)),
        Reader("cif cell", "a.cif", read_cluster, (CIF.encode(), CRYSTAL.encode())),
        Reader("mol2 cell", "a.mol2", read_cluster, (MOL2.replace("90.0 1 1", "90.0 14 1").encode(),)),
        Reader("frames", "a.extxyz", read_frames, (several,)),
        Reader("cluster energies", "c.extxyz", read_cluster_energies, (b"2\nenergy_ev=-3.5 gap_ev=1\nAu 0 0 0\nAu 0 0 2.6\n",)),
    ]  # fmt: skip


def _given(path: Path) -> list[Atoms]:
    return given_frames(
        f"frames={path} method=PBE", name="a", run="r", charge=0, multiplicity=1, settings=GIVEN, mirror=None
    )


def _walk(path: Path) -> None:
    ring = build_ring(3)
    frames = (
        frame_text(
            list(ring.symbols), ring.positions, {"step": step, "chain": 0, "energy_ev": -1.25, "forces": np.zeros(3)}
        )
        for step in (1, 2)
    )
    path.write_text("".join(frames))


def _trajectory(path: Path) -> None:
    frames = []
    for number in range(3):
        atoms = Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93 + 0.01 * number, 0]], info={"step": number})
        atoms.calc = SinglePointCalculator(atoms, energy=-10.0 - number, forces=np.full((3, 3), 0.1))
        frames.append(atoms)
    write(path, frames)


RECORDS = (
    "name,ligand,solvent,reducing_agent,ligand_mmol_l,gold_mmol_l,reducing_agent_mmol_l,temperature_celsius,ph,target,outcome,source\n"
    "a,SCCc1ccccc1,C1CCOC1,[BH4-].[Na+],10,2,20,25,,Au25,1,10.1002/abc\n"
    '"b",OC(=O)CC(S)C(=O)O,O,[BH4-].[Na+],10,3,20,0,7.5,Au25,0,own: notes\n'
)
SMILES = "SCCc1ccccc1 phenylethanethiol\n# none\nCC(C)(C)S\nc1ccc(P(c2ccccc2)c2ccccc2)cc1\tppH3\n[S-]CC\n"


VASPRUN = """<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
 <incar><i type="string" name="ALGO">Fast</i></incar>
 <kpoints><varray name="kpointlist"><v>0.0 0.0 0.0</v></varray><varray name="weights"><v>1.0</v></varray></kpoints>
 <atominfo><atoms>2</atoms><types>2</types>
  <array name="atoms"><set><rc><c>Au</c><c>1</c></rc><rc><c>S </c><c>2</c></rc></set></array>
 </atominfo>
 <structure name="initialpos">
  <crystal><varray name="basis"><v>20.0 0.0 0.0</v><v>0.0 20.0 0.0</v><v>0.0 0.0 20.0</v></varray></crystal>
  <varray name="positions"><v>0.1 0.1 0.1</v><v>0.215 0.1 0.1</v></varray>
 </structure>
 <calculation>
  <structure>
   <crystal><varray name="basis"><v>20.0 0.0 0.0</v><v>0.0 20.0 0.0</v><v>0.0 0.0 20.0</v></varray></crystal>
   <varray name="positions"><v>0.1 0.1 0.1</v><v>0.215 0.1 0.1</v></varray>
  </structure>
  <varray name="forces"><v>0.1 0.0 0.0</v><v>-0.1 0.0 0.0</v></varray>
  <scstep><energy><i name="e_fr_energy">-3.5</i><i name="e_wo_entrp">-3.5</i><i name="e_0_energy">-3.5</i></energy></scstep>
  <energy><i name="e_fr_energy">-3.5</i><i name="e_wo_entrp">-3.5</i><i name="e_0_energy">-3.5</i></energy>
 </calculation>
</modeling>
"""


def _tables(folder: Path) -> list[Reader]:
    dynamics = (ROOT / "resources/dynamics.tsv").read_bytes().splitlines(keepends=True)
    runs = b"".join(dynamics[:8]) + (
        b"g\tau25\tau25\tfile\tframes=md/hot.extxyz method=PBE\t-1\t1\ttrain\tgiven\t300\t900\t0\t0\t0\t2\n"
    )
    manifest = b"".join((ROOT / "resources/manifest.tsv").read_bytes().splitlines(keepends=True)[:9])
    columns = (*REPORTED_COLUMNS, *REPORTED_OPTIONAL)
    reported = "\t".join(columns) + "\n" + "\t".join(
        {"name": "a", "core": "shape=icosahedron metal=Au", "ligands": "SCCc1ccccc1", "source": "10.1002/abc", "compound": "Au25(SC8H9)18"}.get(column, "-")
        for column in columns
    )  # fmt: skip
    particles = "\t".join(TABLE_COLUMNS) + "\na.png\t10\t20\t0.5\nb.png\t\t\t\n"
    study = (ROOT / "config/studies/test.yaml").read_bytes()
    costs = b"".join((ROOT / "resources/costs.tsv").read_bytes().splitlines(keepends=True)[:9])
    card = b"".join((ROOT / "docs/scorecard_sets.csv").read_bytes().splitlines(keepends=True)[:9])
    return [
        Reader("structures table", "s.tsv", lambda path: read_structures_table(path, SCHEMAS / "structures.schema.yaml"),
               ((ROOT / "config/structures.tsv").read_bytes(),)),
        Reader("runs table", "r.tsv", read_runs, (runs,)),
        Reader("variants table", "v.tsv", lambda path: read_variants(path, SCHEMAS / "variants.schema.yaml"),
               ((ROOT / "config/exploration.tsv").read_bytes(),)),
        Reader("manifest", "m.tsv", read_manifest, (manifest,)),
        Reader("study", "s.yaml", lambda path: load_configuration(path, SCHEMAS / "config.schema.yaml"), (study,)),
        Reader("records csv", "r.csv", read_records, (RECORDS.encode(),)),
        Reader("records xlsx", "r.xlsx", read_records, tuple(
            (ROOT / f"tests/synthesis/data/{name}.xlsx").read_bytes() for name in ("records", "merged")
        ), "zip"),
        Reader("candidates", "c.smi", read_candidates, (SMILES.encode(),)),
        Reader("reported pairs", "p.tsv", reported_pairs, (reported.encode(),)),
        Reader("particle table", "t.tsv", read_particle_table, (particles.encode(),)),
        Reader("costs", "costs.tsv", read_costs, (costs,)),
        Reader("schema of settings", "c.yaml", settings_page, ((SCHEMAS / "config.schema.yaml").read_bytes(),)),
        Reader("scorecard", "c.csv", lambda path: scorecard_text([path]), (card,)),
        Reader("page of results", "scorecard_a.csv", lambda path: results_page(path.parent), (card,)),
        Reader("recommendations", "n.csv", recommendations, ((ROOT / "docs/recommended_sets.csv").read_bytes(),)),
        Reader("csv of a step", "t.csv", lambda path: read_tables([path]), (b"a,b\n1,2\nx,\n",)),
        Reader("given frames", "g.extxyz", _given, (_written(folder, "g.extxyz", _trajectory),)),
        Reader("given vasprun", "g.xml", _given, (VASPRUN.encode(),)),
        Reader("given trajectory", "g.traj", _given, (_written(folder, "g.traj", _trajectory),), "bytes"),
        Reader("walk", "w.extxyz", read_walk, (_written(folder, "w.extxyz", _walk),)),
    ]  # fmt: skip


@functools.cache
def _hydrogen() -> scf.hf.SCF:
    field = scf.RHF(gto.M(verbose=0, atom="H 0 0 0; H 0 0 0.74", basis="6-31g**"))
    field._chkfile.close()
    field.chkfile = None
    return field.run(conv_tol=1e-9)


def _checkpoint(path: Path) -> None:
    data = iodata.load_one(str(path.with_suffix(".molden")))
    data.lot, data.obasis_name, data.run_type = "RHF", "6-31G**", "energy"
    iodata.dump_one(data, str(path), allow_changes=True)


def _wave_functions(folder: Path) -> list[Reader]:
    dihydrogen = _written(folder, "h2.molden", lambda path: molden.from_scf(_hydrogen(), str(path)))
    molecule = _hydrogen().mol
    orbitals = Orbitals(
        ["H", "H"], np.array([[0, 0, 0], [0, 0, 0.74]]), molecule._basis, {}, 0, 1,
        [_hydrogen().mo_coeff[:, :1]], [np.ones(1)], {"engine": "pyscf", "method": "hf", "basis": "6-31g**"},
    )  # fmt: skip
    kept = _written(folder, "h2.npz", lambda path: write_orbitals(path, {"a": orbitals}))
    return [
        Reader("molden", "a.molden", read_wave_function, (dihydrogen, helium().encode())),
        Reader("fchk", "a.fchk", read_wave_function, (_written(folder, "h2.fchk", _checkpoint),)),
        Reader("orbitals", "a.npz", lambda path: [each.molecule() for _, each in read_orbitals(path)], (kept,), "npz"),
    ]


def _linear() -> LinearPotential:
    frames = []
    for seed in range(12):
        atoms = build_ring(3)
        atoms.rattle(0.04, seed=seed)
        atoms.info |= {"run": f"r{seed % 4}", "energy_ev": -1.0 - 0.01 * seed}
        atoms.arrays["forces_ev_angstrom"] = np.sin(atoms.positions + seed)
        frames.append(atoms)
    spectrum = PowerSpectrumSettings(pair_functions=3, functions=2, l_max=1, cutoff_angstrom=3.0)
    return LinearPotential.fit(frames, spectrum=spectrum, settings=LinearSettings(), trained_on={"engine": "none"})


def _ruler(path: Path) -> None:
    torch.manual_seed(0)
    settings = {"channels": [2, 2, 4], "hidden": 3}
    header = {"pixels": 24, "settings": settings, "mean_angstrom": 2.4, "sd_angstrom": 0.1, "trained_on": {}}
    Ruler(build_network(24, settings), header).save(path)


def _models(folder: Path) -> list[Reader]:
    rng = np.random.default_rng(0)
    points = rng.random((30, 4))
    targets = np.sin(3 * points).sum(axis=1)
    torch.manual_seed(0)
    small = EncoderSettings(width=4, layers=1, radial=4)
    settings = ColimSettings(encoder=small, hidden=4)
    members = [Colim(ClusterEncoder(small), LigandEncoder(width=4, layers=1), settings) for _ in range(2)]
    core, ligand = CoreModel(small), LigandEncoder(width=4, layers=1)
    plain = {
        "emlm": Emlm(references=8).fit(points, targets), "mlm": Mlm(references=8).fit(points, targets),
        "domain": TrainingDomain(points), "intervals": conformal_intervals(rng.normal(size=20), np.arange(20)),
    }  # fmt: skip
    made = [
        Reader(name, "m.npz", load_model, (_written(folder, "m.npz", lambda path, one=one: save_model(path, one, {})),), "model")
        for name, one in plain.items()
    ]  # fmt: skip
    foreign = _written(
        folder, "f.npz", lambda path: write_model(path, {"format": "auric SynthesisNetwork 1"}, {"a": points})
    )
    return [
        *made,
        Reader("model", "m.npz", read_model, made[0].good, "model"),
        Reader("linear potential", "m.npz", LinearPotential.load, (_written(folder, "l.npz", _linear().save),), "model"),
        Reader("matcher", "m.npz", load_ensemble, (_written(folder, "e.npz", lambda path: save_ensemble(path, Ensemble(members))),), "model"),
        Reader("core encoder", "m.npz", CoreModel.load, (_written(folder, "c.npz", core.save),), "model"),
        Reader("ligand encoder", "m.npz", LigandEncoder.load, (_written(folder, "s.npz", ligand.save),), "model"),
        Reader("synthesis network", "m.npz", load_network, (foreign,), "model"),
        Reader("ruler", "r.safetensors", Ruler.load, (_written(folder, "r.safetensors", _ruler),), "safetensors"),
        Reader("set of rulers", "r.safetensors", RulerSet.load, ((ROOT / RULERS).read_bytes(),), "safetensors"),
    ]  # fmt: skip


def _stored(path: Path) -> Any:
    """The entry where the store keeps it; what is damaged is none."""
    return Store(path.parent, path.parent)._read(path, IDENTITY)


def _store_entry(folder: Path) -> bytes:
    store = Store(folder / "store")
    store.get_or_make(
        IDENTITY, lambda: ({"failure": ""}, {"positions": np.zeros((3, 3)), "names": np.array(["a", "bc"])})
    )
    return store.path(entry_key(IDENTITY)).read_bytes()


def _bundle(path: Path) -> None:
    folder = path.parent
    frames = [build_ring(3), build_ring(4)]
    for number, ring in enumerate(frames):
        ring.info = {
            "name": f"r{number}_0000",
            "structure": f"r{number}",
            "charge": 0,
            "multiplicity": 1,
            "energy_ev": -1.5,
        }
    write_frames(folder / "labels.extxyz", frames)
    images = xr.Dataset(
        {
            "elf": (("image", "y", "x"), np.linspace(0, 1, 2 * 64).reshape(2, 8, 8).astype("float32")),
            "image": ("image", np.array(["i0", "i1"])),
            "bond_length_angstrom": ("image", np.array([2.3, 2.4]), {"units": "angstrom"}),
        },
        attrs={"frames_json": "{}", "elf_offset_hartree_per_bohr3": 1e-5},
    )
    write_dataset(folder / "images.nc", images)
    pack([folder / "labels.extxyz"], folder / "images.nc", path, about="made on the spot")


OUTPUTS = ("l.extxyz", "i.nc", "f.csv", "d.csv")
"""What unpacking a bundle writes beside it."""


def unpacked(path: Path) -> Any:
    """Unpack a bundle, and read what came of it."""
    labels, images, *tables = (path.parent / name for name in OUTPUTS)
    unpack(path, labels, images, *tables, elf={"pixels": 8, "offset": "multiwfn"})
    return read_frames(labels), read_dataset(images)


def _images(path: Path) -> None:
    row = {"name": "a", "builder": "ring", "recipe": "n=3", "charge": 0, "multiplicity": 1, "frames": None, "error": ""}
    settings = {"pixels": 8, "pixel_angstrom": 2.0, "width_angstrom": 1.0, "saturation": 1.0, "clean_from": 256}
    write_images(row, path, directions=3, settings=settings)


def _arrays(folder: Path) -> list[Reader]:
    assert make_library is not None
    bundle = _written(folder, "b.nc", _bundle)
    labels, images = folder / "labels.extxyz", folder / "images.nc"
    return [
        Reader("store entry", "e.npz", _stored, (_store_entry(folder),), "npz"),
        Reader("bundle", "b.nc", unpacked, (bundle,), "netcdf"),
        Reader("labels to pack", "l.extxyz", lambda path: pack([path], images, path.parent / "p.nc", about="a"), (labels.read_bytes(),)),
        Reader("images to pack", "j.nc", lambda path: pack([labels], path, path.parent / "p.nc", about="a"), (images.read_bytes(),), "netcdf"),
        Reader("simulated images", "i.nc", read_images, (_written(folder, "i.nc", _images),), "netcdf"),
    ]  # fmt: skip


def _mrc() -> bytes:
    header = bytearray(1024)
    header[:40] = struct.pack("<10i", 20, 20, 1, 2, 0, 0, 0, 20, 20, 1)
    header[40:52] = struct.pack("<3f", 10.0, 10.0, 0.5)
    header[208:216] = b"MAP " + b"\x44\x44\0\0"
    return bytes(header) + np.linspace(0, 1, 400, dtype="<f4").tobytes()


def _pictures(folder: Path) -> list[Reader]:
    values = (np.arange(400).reshape(20, 20) % 251).astype(np.uint8)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270] = "ImageJ=1.53\nunit=nm\n"
    deep = Image.fromarray(values.astype(np.uint16) * 200)
    tiff = _written(folder, "p.tif", lambda path: deep.save(path, tiffinfo=tags, resolution=20.0))
    packed = _written(folder, "q.tif", lambda path: Image.fromarray(values).save(path, compression="tiff_lzw"))
    colour = Image.merge("RGBA", [Image.fromarray(values)] * 4)
    pngs = tuple(
        _written(folder, "p.png", lambda path, one=one: one.save(path)) for one in (Image.fromarray(values), colour, colour.convert("P"))
    )  # fmt: skip
    return [
        Reader("png", "p.png", read_micrograph, pngs, "bytes"),
        Reader("tiff", "p.tif", read_micrograph, (tiff, packed), "bytes"),
        Reader("mrc", "p.mrc", read_micrograph, (_mrc(),), "bytes"),
    ]
