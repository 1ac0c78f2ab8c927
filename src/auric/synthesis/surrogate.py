"""The model of the model (figure 6 of doi:10.1002/aisy.201900029): a small tree that says what a fitted model has learned.

Recipes are drawn with all conditions and ligands at random, the model (the teacher) says what would come of them, and a tree of depth
four at most, which looks ahead (`auric.synthesis.lookahead`), learns its answers. The share of the teacher's successes is kept between 20 and 80 %, as a tree of one answer says nothing.
How well the tree speaks for the teacher is told on 1,000 fresh recipes; how well the teacher knows the world is another question.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from rdkit import Chem

from auric.graphs.smiles import parsed
from auric.synthesis.descriptors import NAMES, RATIO, describe
from auric.synthesis.lookahead import Node, grow
from auric.synthesis.models import Classifier
from auric.synthesis.proposals import draw_conditions
from auric.synthesis.records import MOLECULES, WATER
from auric.synthesis.scores import f1, matthews

EXAMPLES, FRESH, DEPTH = 11_095, 1_000, 4
SHARES = (0.2, 0.8)
LEAF = 0.01
"""Least share of the examples in a leaf."""
GROUPS = {
    "carboxyl": "[CX3](=O)[OX2H]", "hydroxyl": "[CX4][OX2H]", "amine": "[NX3;!$(N-C=O);!$(N-a)]",
    "branched_at_sulfur": "[SX2H]-[CX4](-[#6])-[#6]",
}  # fmt: skip
"""Groups of a ligand by SMARTS; a tree may ask for them."""
SEEN = (
    RATIO,
    "reducing_agent_mmol_l",
    "gold_mmol_l",
    "temperature_celsius",
    "ph",
    "aromatic",
    "weight_g_mol",
    "logp",
    "rotatable_bonds",
    *GROUPS,
)
"""What a tree may split on."""
YES_NO = ("aromatic", *GROUPS)
WORDS = {
    RATIO: "the ratio of ligand to gold", "reducing_agent_mmol_l": "the reducing agent (mM)", "gold_mmol_l": "the gold (mM)",
    "temperature_celsius": "the temperature (°C)", "ph": "the pH", "weight_g_mol": "the ligand's weight (g/mol)", "logp": "the ligand's logP",
    "rotatable_bonds": "the ligand's rotatable bonds",
}  # fmt: skip
ADJECTIVES = {
    "aromatic": ("the ligand is aliphatic", "the ligand is aromatic"),
    "carboxyl": ("the ligand has no carboxyl group", "the ligand has a carboxyl group"),
    "hydroxyl": ("the ligand has no hydroxyl group", "the ligand has a hydroxyl group"),
    "amine": ("the ligand has no amine", "the ligand has an amine"),
    "branched_at_sulfur": ("the sulfur's carbon is not branched", "the sulfur's carbon is branched"),
}
NODE_COLUMNS = ("data", "model", "node", "parent", "side", "feature", "threshold", "words", "share", "examples")
RULE_COLUMNS = ("data", "model", "rule", "success", "share", "examples")
FIDELITY_COLUMNS = ("data", "model", "examples", "fresh", "teacher_share", "depth", "leaves", "f1", "mcc")


@dataclass(frozen=True)
class Surrogate:
    """A tree that stands for a model.

    Attributes:
        tree: Fitted on the columns `SEEN`.
        examples: How many recipes it learned from.
        teacher_share: Share of the teacher's successes among them.
        f1: Of its answers on fresh recipes, the teacher's being the truth.
        mcc: Matthews' correlation, likewise.
        fresh: How many fresh recipes.
    """

    tree: Node
    examples: int
    teacher_share: float
    f1: float
    mcc: float
    fresh: int

    def thresholds(self, feature: str) -> np.ndarray:
        """Where the tree splits on a column of `SEEN`; not where it asks whether there is a value."""
        mine = SEEN.index(feature)
        return np.array([node.limit for node, *_ in walk(self.tree) if node.feature == mine and node.limit < np.inf])


def learn_surrogate(
    model: Classifier,
    records: pd.DataFrame,
    *,
    examples: int = EXAMPLES,
    fresh: int = FRESH,
    depth: int = DEPTH,
    seed: int = 0,
) -> Surrogate:
    """Fit a tree to what a model says.

    Args:
        model: Fitted on the records.
        records: Give the ranges of conditions, and the ligands, solvents and reducing agents.
        examples: Recipes to learn from.
        fresh: Recipes to be judged on.
        depth: Largest depth.
        seed: Of what is drawn.
    """
    rng = np.random.default_rng(seed)
    table, answers = _taught(model, records, examples, rng)
    tree = grow(seen(table), answers, depth=depth, least=max(1, int(LEAF * examples)))
    others, theirs = _taught(model, records, fresh, rng)
    said = tree.predict(seen(others))
    return Surrogate(
        tree, examples, float(answers.mean()), float(f1(theirs, said)), float(matthews(theirs, said)), fresh
    )


def seen(recipes: pd.DataFrame) -> np.ndarray:
    """What a tree sees of recipes, shape (n, len(SEEN)); a missing pH is NaN."""
    features = describe(recipes)
    ligands = {each: parsed(each) for each in set(recipes["ligand"])}
    groups = {
        name: {each: float(ligands[each].HasSubstructMatch(Chem.MolFromSmarts(pattern))) for each in ligands}
        for name, pattern in GROUPS.items()
    }
    columns = [
        features.column(name) if name in NAMES else np.array([groups[name][each] for each in recipes["ligand"]])
        for name in SEEN
    ]
    return np.stack(columns, axis=1)


def draw_examples(records: pd.DataFrame, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Recipes with conditions at random within the range of the records, and their molecules at random."""
    table = draw_conditions(records, count, rng).assign(
        **{name: rng.choice(sorted(set(records[name])), count) for name in MOLECULES}
    )
    aqueous = [WATER in solvent.split(".") for solvent in table["solvent"]]
    return table.assign(ph=table["ph"].where(aqueous))


def walk(tree: Node) -> list[tuple[Node, int, str]]:
    """Nodes of a tree from the root, each with the place of its parent in the list (-1) and the side it is on."""
    found: list[tuple[Node, int, str]] = []

    def visit(node: Node | None, parent: int, side: str) -> None:
        if node is None:
            return
        place = len(found)
        found.append((node, parent, side))
        visit(node.below, place, "yes")
        visit(node.above, place, "no")

    visit(tree, -1, "")
    return found


def nodes(surrogate: Surrogate) -> list[dict[str, object]]:
    """Nodes of the tree from the root, each with its parent (-1), the side it is on, what it asks (leaves: nothing) and the share of successes."""
    found: list[dict[str, object]] = []
    for place, (node, parent, side) in enumerate(walk(surrogate.tree)):
        leaf = node.feature < 0
        name = "" if leaf else SEEN[node.feature]
        asked = "" if leaf else _asked(name, node.limit, above=False)
        found.append({"node": place, "parent": parent, "side": side, "feature": name, "threshold": "" if leaf else node.limit,
                      "words": asked, "share": node.share, "examples": node.examples})  # fmt: skip
    return found


def rules(surrogate: Surrogate) -> list[dict[str, object]]:
    """One sentence for each leaf, the fullest first."""
    every = nodes(surrogate)
    by = {row["node"]: row for row in every}
    found = []
    for leaf in (row for row in every if not row["feature"]):
        path: list[tuple[str, float, bool]] = []
        row = leaf
        while row["parent"] != -1:
            above = by[row["parent"]]
            path.insert(0, (str(above["feature"]), float(str(above["threshold"])), row["side"] == "no"))
            row = above
        given = {feature for feature, _, over in path if not over}
        parts = [_asked(feature, limit, above=over, given=feature in given) for feature, limit, over in path]
        success = float(str(leaf["share"])) > 0.5
        said = "one cluster is likely" if success else "a mixture is likely"
        text = f"If {' and '.join(parts)}, {said}." if parts else f"Always: {said}."
        found.append({"rule": text, "success": int(success), "share": leaf["share"], "examples": leaf["examples"]})
    return sorted(found, key=lambda row: -int(str(row["examples"])))


def _asked(name: str, threshold: float, *, above: bool, given: bool = False) -> str:
    """One condition in words; `given`: another says already that there is a value."""
    if name in YES_NO:
        return ADJECTIVES[name][int(above)]
    if threshold == np.inf:
        return f"{WORDS[name]} is {'not given' if above else 'given'}"
    unknown = " or not given" if above and name == "ph" and not given else ""
    return f"{WORDS[name]} is {'above' if above else 'at most'} {threshold:.3g}{unknown}"


def _taught(
    model: Classifier, records: pd.DataFrame, count: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, np.ndarray]:
    """Recipes and the teacher's answers, the rarer answer making up at least 20 % if the teacher gives it at all."""
    table = draw_examples(records, count, rng)
    answers = (model.predict_proba(describe(table))[:, 1] > 0.5).astype(int)
    for _ in range(10):
        rare = int(answers.mean() < 0.5)
        wanted = int(np.ceil(SHARES[0] * count))
        if (answers == rare).sum() >= wanted:
            break
        more = draw_examples(records, count, rng)
        theirs = (model.predict_proba(describe(more))[:, 1] > 0.5).astype(int)
        taken = np.flatnonzero(theirs == rare)[: wanted - int((answers == rare).sum())]
        dropped = np.flatnonzero(answers != rare)[: len(taken)]
        table = pd.concat([table.drop(table.index[dropped]), more.iloc[taken]], ignore_index=True)
        answers = np.concatenate([np.delete(answers, dropped), theirs[taken]])
    return table, answers
