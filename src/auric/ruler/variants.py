"""The table of variants: which settings of ELFnet a model exploration changes, one row per variant.

Columns and their rules are those of `workflow/schemas/variants.schema.yaml`; an empty cell leaves a setting as the study has it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from auric.configuration import Schema, faults_of, load_yaml
from auric.errors import InputError, suggestion
from auric.given import given_text

BASE = "base"
"""The variant with nothing changed."""
OUTSIDE = ("weighting", "pixels", "repeat")
"""Columns that are no settings of the network and its training."""


class Variant(NamedTuple):
    """A variant: its name, and the settings that it changes."""

    name: str
    changes: dict[str, Any]


def read_variants(path: str | Path, schema: str | Path) -> list[Variant]:
    """Read the tab-separated table; lines that are empty or start with # are skipped.

    Args:
        path: The table.
        schema: JSON schema of one row.

    Raises:
        InputError: If the table cannot be read or anything in it is not as the schema says; if a name comes twice, if `base` is
            missing or changes something, or if two variants are the same.
    """
    rules: Schema = load_yaml(schema)
    remedy = "set ruler.exploration.variants to an existing table, or leave it empty"
    lines = given_text(path, remedy, what="table").splitlines()
    numbered = [(n, line) for n, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("#")]
    if len(numbered) < 2:
        raise InputError(f"{path}: the table has no rows; it needs a line of columns and at least the variant '{BASE}'")
    header = [name.strip() for name in numbered[0][1].split("\t")]
    for name in header:
        if name not in rules["properties"]:
            raise InputError(f"{path}: unknown column '{name[:40]}'; {suggestion(name, list(rules['properties']))}")
        if header.count(name) > 1:
            raise InputError(f"{path}: column '{name}' is given twice; remove one")
    found: list[Variant] = []
    for n, line in numbered[1:]:
        found.append(_variant(header, line.split("\t"), f"{path}, line {n}", rules, found))
    if {variant.name: variant.changes for variant in found}.get(BASE) != {}:
        raise InputError(
            f"{path}: a variant '{BASE}' without changes is needed, with which the others are compared; add it"
        )
    return found


def _variant(header: list[str], cells: list[str], where: str, rules: Schema, before: list[Variant]) -> Variant:
    if len(cells) > len(header):
        raise InputError(f"{where}: {len(cells)} cells for {len(header)} columns; columns are separated by one tab")
    texts = dict(zip(header, (cell.strip() for cell in cells), strict=False))
    row = {name: _value(text, rules["properties"][name]) for name, text in texts.items() if text}
    if faults := faults_of(row, rules):
        raise InputError(f"{where}: {faults[0]}")
    variant = Variant(row.pop("name"), row)
    for other in before:
        if other.name == variant.name:
            raise InputError(f"{where}: the name '{variant.name}' is given twice; names must differ")
        if other.changes == variant.changes:
            raise InputError(
                f"{where}: '{variant.name}' is the same as '{other.name}'; change a setting, or its repeat"
            )
    return variant


def _value(text: str, rules: Schema) -> Any:
    """What a cell says, in the type that the schema wants; text that is nothing of the kind stays text and is told as a fault."""
    kind = rules.get("type", "string")
    try:
        if kind == "array":
            return [int(part) for part in text.split()]
        if kind == "boolean":
            return {"true": True, "false": False}[text.lower()]
        return {"integer": int, "number": float, "string": str}[kind](text)
    except (ValueError, KeyError):
        return text


def told(changes: Mapping[str, Any]) -> str:
    """Changed settings in words: `batch_size 64, dropout 0.3`; nothing changed is `nothing`."""
    words = [
        f"{name} {' '.join(map(str, value)) if isinstance(value, list) else value}" for name, value in changes.items()
    ]
    return ", ".join(words) or "nothing"
