import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.cluster import Octahedron

from auric.errors import InputError
from auric.relaxation import NotFiniteError, RelaxationSettings, outer_layer, relax, stretched_unit
from auric.structures import find_motifs

LJ13 = -44.326801
"""Lowest energy of thirteen Lennard-Jones atoms, in units of epsilon (doi:10.1021/jp970984n)."""


def lennard_jones():
    return LennardJones(sigma=1.0, epsilon=1.0, rc=50.0)


def icosahedron():
    golden = (1 + 5**0.5) / 2
    corners = [(0, a, b * golden) for a in (-1, 1) for b in (-1, 1)]
    corners += [(a, b * golden, 0) for a in (-1, 1) for b in (-1, 1)]
    corners += [(b * golden, 0, a) for a in (-1, 1) for b in (-1, 1)]
    return Atoms("He13", np.vstack([[0, 0, 0], 0.58 * np.array(corners)]))


@pytest.mark.parametrize("optimiser", ["bfgs", "fire"])
def test_lennard_jones_icosahedron_is_found_again(optimiser):
    start = icosahedron()
    start.rattle(0.05, seed=1)
    made = relax(
        start, lennard_jones(), RelaxationSettings(optimiser=optimiser, fmax_ev_angstrom=1e-3, max_step_angstrom=0.05)
    )
    assert made.verdict == "converged"
    # ASE shifts the energy by that at the cutoff, for each pair.
    shift = 13 * 12 / 2 * 4 * (50.0**-12 - 50.0**-6)
    assert made.energy_ev + shift == pytest.approx(LJ13, abs=1e-4)
    assert made.energy_ev == min(made.energies_ev)
    assert made.calls == len(made.energies_ev) == len(made.positions)


def test_preconditioned_lbfgs_reaches_the_minimum_of_bfgs():
    start = Octahedron("Cu", 3)
    start.rattle(0.1, seed=2)
    ends = [
        relax(start, EMT(), RelaxationSettings(optimiser=name, fmax_ev_angstrom=0.005))
        for name in ("bfgs", "precon_lbfgs")
    ]
    assert [end.verdict for end in ends] == ["converged"] * 2
    assert ends[0].energy_ev == pytest.approx(ends[1].energy_ev, abs=1e-4)
    assert not start.calc


@pytest.mark.filterwarnings("ignore:Armijo linesearch failed")
def test_a_line_search_that_finds_nothing_lower_ends_the_way_and_loses_nothing():
    start = Octahedron("Cu", 3)
    start.rattle(0.1, seed=2)
    calculator, calls = EMT(), []
    whole = calculator.calculate

    def noisy(*arguments, **keywords):
        """Energies, but no forces, of a field whose noise outgrows what a step brings."""
        whole(*arguments, **keywords)
        calls.append(1)
        if len(calls) > 8:
            calculator.results["energy"] += 0.1 * len(calls)
            calculator.results["free_energy"] = calculator.results["energy"]

    calculator.calculate = noisy
    made = relax(start, calculator, RelaxationSettings(optimiser="precon_lbfgs", fmax_ev_angstrom=0.005))
    assert made.verdict != "converged"
    assert "the line search found no lower point" in made.note
    assert made.energy_ev == min(made.energies_ev)
    assert made.calls == len(made.energies_ev) > 8


def test_forces_with_a_curl_lead_upwards_and_the_lowest_point_is_returned(springs, tetrahedron):
    curled = relax(tetrahedron, springs(curl=1.5), RelaxationSettings(steps=80))
    assert curled.verdict == "rising"
    assert curled.energy_ev == min(curled.energies_ev) < curled.energies_ev[-1]
    blind = relax(tetrahedron, springs(curl=1.5, without_energy=True), RelaxationSettings(steps=80))
    assert blind.verdict in ("rising", "stalled")
    assert blind.energy_ev is None
    assert blind.fmax_ev_angstrom == min(blind.forces_ev_angstrom)


def test_a_run_cut_short_has_stalled_and_patience_ends_one(springs, tetrahedron):
    short = relax(tetrahedron, springs(), RelaxationSettings(steps=2))
    assert (short.verdict, short.calls) == ("stalled", 3)
    tired = relax(tetrahedron, springs(curl=1.5), RelaxationSettings(steps=500, patience=10))
    assert tired.calls < 100
    assert relax(tetrahedron, springs(curl=1.5, without_energy=True), RelaxationSettings(patience=5)).calls < 500


@pytest.mark.parametrize("scheme", ["shell", "partwise", "partwise_reset"])
def test_schemes_move_what_they_should(springs, tetrahedron, scheme):
    settings = RelaxationSettings(scheme=scheme, shell_steps=3, core_steps=2, fmax_ev_angstrom=1e-3, fixed=(3,))
    made = relax(tetrahedron, springs(), settings, outer=(0, 3))
    assert made.verdict == "converged"
    still = [3] if scheme != "shell" else [1, 2, 3]
    np.testing.assert_array_equal(made.atoms.positions[still], tetrahedron.positions[still])
    assert not np.allclose(made.atoms.positions[0], tetrahedron.positions[0])
    moved = np.abs(np.diff(made.positions, axis=0)).max(axis=2) > 0  # (steps, atoms)
    assert not (moved[:, 0] & moved[:, 1:3].any(axis=1)).any(), "outer layer and core move in turn"
    if scheme == "partwise":
        parts = ["shell" if step[0] else "core" for step in moved[:10]]
        assert parts == ["shell"] * 3 + ["core"] * 2 + ["shell"] * 3 + ["core"] * 2


def test_partwise_keeps_a_hessian_for_each_part_unless_reset(springs, tetrahedron):
    settings = {"shell_steps": 4, "core_steps": 4, "fmax_ev_angstrom": 1e-4}
    kept, reset = (
        relax(tetrahedron, springs(), RelaxationSettings(scheme=scheme, **settings), outer=(0, 3))
        for scheme in ("partwise", "partwise_reset")
    )
    first_round = 9
    np.testing.assert_array_equal(kept.positions[:first_round], reset.positions[:first_round])
    assert not np.allclose(kept.positions[first_round + 3], reset.positions[first_round + 3])
    assert kept.energy_ev == pytest.approx(reset.energy_ev, abs=1e-6)


@pytest.mark.parametrize(("name", "core"), [("au25", 13), ("au38", 23)])
def test_outer_layer_is_all_but_the_core(request, name, core):
    atoms = request.getfixturevalue(name)
    outer = outer_layer(atoms)
    inner = sorted(set(range(len(atoms))) - set(outer))
    assert tuple(inner) == find_motifs(atoms).core
    assert len(inner) == core


@pytest.mark.parametrize("place", ["end", "middle"])
def test_a_stretched_unit_has_nineteen_atoms(au38, place):
    pulled, moved = stretched_unit(au38, place=place)
    symbols = [au38.symbols[i] for i in moved]
    assert {s: symbols.count(s) for s in set(symbols)} == {"Au": 4, "S": 3, "C": 3, "H": 9}
    shift = pulled.positions - au38.positions
    assert np.linalg.norm(shift[list(moved)], axis=1) == pytest.approx([2.0] * 19)
    assert not np.delete(shift, moved, axis=0).any()


def test_places_of_units_differ(au38):
    assert stretched_unit(au38, place="end")[1] != stretched_unit(au38, place="middle")[1]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"scheme": "half"}, "scheme 'half' is unknown"),
        ({"optimiser": "newton"}, "optimiser 'newton' is unknown"),
        ({"fmax_ev_angstrom": 0.0}, "fmax_ev_angstrom: 0.0"),
        ({"fmax_ev_angstrom": float("nan")}, "fmax_ev_angstrom: nan"),
        ({"steps": 0}, "steps: 0"),
        ({"patience": 0}, "patience: 0"),
        ({"scheme": "partwise", "optimiser": "fire"}, "goes with bfgs"),
    ],
)
def test_wrong_settings(settings, words):
    with pytest.raises(InputError, match=words):
        RelaxationSettings(**settings)


def test_wrong_structures(springs, tetrahedron, au38):
    with pytest.raises(InputError, match="there is no atom 4 among 4"):
        relax(tetrahedron, springs(), RelaxationSettings(fixed=(4,)))
    with pytest.raises(InputError, match="nothing is left to move"):
        relax(tetrahedron, springs(), RelaxationSettings(fixed=(0, 1, 2, 3)))
    with pytest.raises(InputError, match="outer layer or the core is empty"):
        relax(tetrahedron, springs(), RelaxationSettings(scheme="partwise"), outer=())
    with pytest.raises(InputError, match="outer layer names atom 7"):
        relax(tetrahedron, springs(), RelaxationSettings(scheme="shell"), outer=(7,))
    with pytest.raises(InputError, match="Hessian of shape"):
        relax(tetrahedron, springs(), hessian=np.eye(3))
    with pytest.raises(InputError, match="searches along energies"):
        relax(tetrahedron, springs(without_energy=True), RelaxationSettings(optimiser="precon_lbfgs"))
    with pytest.raises(InputError, match="has no core"):
        outer_layer(Atoms("AuS2H2", [[0, 0, 0], [2.3, 0, 0], [-2.3, 0, 0], [2.8, 1.2, 0], [-2.8, 1.2, 0]]))
    with pytest.raises(InputError, match="place 'top' is unknown"):
        stretched_unit(au38, place="top")
    with pytest.raises(InputError, match="no long unit"):
        stretched_unit(Atoms("AuS2H2", [[0, 0, 0], [2.3, 0, 0], [-2.3, 0, 0], [2.8, 1.2, 0], [-2.8, 1.2, 0]]))


def test_forces_that_are_not_finite(springs, tetrahedron):
    class Breaks(springs):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls >= self.breaks_at:
                self.results["forces"] = np.full((4, 3), np.nan)

    broken = Breaks()
    broken.breaks_at = 1
    with pytest.raises(NotFiniteError, match="Au4: energy or forces of call 1 are not finite"):
        relax(tetrahedron, broken)
    later = Breaks()
    later.breaks_at = 4
    made = relax(tetrahedron, later)
    assert made.calls == 4 == len(made.forces_ev_angstrom) + 1, "a call that brings nothing is a call"
    assert made.verdict == "stalled"
