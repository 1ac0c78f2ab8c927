"""Makes au25_twisted.extxyz: Au25(SCH3)18 with each of its six units turned by a quarter about its own axis.

In the known isomer a unit lies across the core's edge below it and joins the corners left and right; here it lies along that edge and joins
its two ends. Every corner is joined once in both, so that core, units and bonds are the same in number: a topological isomer, built from
typical distances and not relaxed. It serves images, which see gold, and is no claim that the isomer exists.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from auric.files import write_frames
from auric.structures import LIGANDS, build_staple_cluster, ideal_core

core = ideal_core("Au13", "6xn2")
staples = []
for staple, (axis, sign) in zip(core.staples, [(axis, sign) for axis in range(3) for sign in (1, -1)], strict=True):
    first, second = np.argsort(-sign * core.positions_angstrom[:, axis], kind="stable")[:2]
    staples.append(replace(staple, anchors=(int(first), int(second))))
atoms = build_staple_cluster(replace(core, staples=tuple(staples)), LIGANDS["CH3"])
atoms.info = {"name": "au25_twisted", "charge": -1, "multiplicity": 1, "source": "built, units turned by a quarter"}
write_frames(Path(__file__).parent / "au25_twisted.extxyz", [atoms])
