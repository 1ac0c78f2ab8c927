"""Configuration: read, checked against its schema, completed with the schema's defaults.

Schemas are the one place where settings are described; the settings page is generated from them. Unknown keys are
refused, with the nearest known one, and so are keys given twice.
"""

import math
from collections.abc import Mapping
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from auric.errors import InputError, suggestion
from auric.given import given_text

Schema = dict[str, Any]
YAML_LIMIT_BYTES = 2_000_000
DEEPEST = 50
MOST_VALUES = 200_000


class _UniqueKeys(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML in which a key given twice is an error; plain YAML silently takes the last. The loader in C is ten times faster."""


def _mapping_without_repeats(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    mapping: dict[Any, Any] = loader.construct_mapping(node)  # first: it refuses keys that are no plain values
    seen = set()
    for key in (loader.construct_object(key) for key, _ in node.value):
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key '{key}' is given twice", node.start_mark)
        seen.add(key)
    return mapping


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_repeats)


def load_yaml(path: str | Path) -> Any:
    """Read YAML.

    Raises:
        InputError: If the file is missing, no regular one, too large, not UTF-8, not YAML, or nested or repeated beyond measure.
    """
    text = given_text(path, "name an existing configuration file", limit=YAML_LIMIT_BYTES)
    try:
        _check_nesting(text)
        return yaml.load(text, Loader=_UniqueKeys)  # noqa: S506  (a SafeLoader)
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:  # the latter of wrong tags
        raise InputError(f"{path}: not readable as YAML ({error}); correct it") from None


def _check_nesting(text: str) -> None:
    """Refuse YAML that is nested deeper than any configuration, or whose aliases make much of little.

    Raises:
        ValueError: If it is.
    """
    sizes, names, kept = [0], list[str | None](), dict[str | None, int]()
    for event in yaml.parse(text, Loader=_UniqueKeys):
        if isinstance(event, yaml.CollectionStartEvent):
            sizes.append(1)
            names.append(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            size, name = sizes.pop(), names.pop()
            sizes[-1] += size
            if name is not None:
                kept[name] = size
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in names:
                raise ValueError(f"'{event.anchor}' holds itself")
            sizes[-1] += kept.get(event.anchor, 1)
        elif isinstance(event, yaml.ScalarEvent):
            sizes[-1] += 1
        if len(sizes) > DEEPEST or sizes[-1] > MOST_VALUES:
            raise ValueError(f"more than {DEEPEST} levels, or than {MOST_VALUES} values")


def load_configuration(path: str | Path, schema: str | Path) -> dict[str, Any]:
    """Read a study's configuration, check it and fill in defaults.

    Raises:
        InputError: If anything in it is not as the schema says; the message names key, value and what is expected.
    """
    content = load_yaml(path)
    rules = load_yaml(schema)
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected settings such as 'study: demo'; the file holds none")
    faults = faults_of(content, rules)
    if faults:
        raise InputError(f"{path}: {faults[0]}")
    complete: dict[str, Any] = with_defaults(content, rules)
    _check_bins(path, complete["ruler"])
    return complete


def faults_of(instance: Any, schema: Schema) -> list[str]:
    """What is wrong with an instance, one sentence per fault, each naming key, value and what is expected."""
    errors = _Validator(schema).iter_errors(instance)
    return [_sentence(error) for error in sorted(errors, key=lambda error: [str(part) for part in error.absolute_path])]


def with_defaults(instance: Any, schema: Schema) -> Any:
    """A copy of an instance in which missing keys have the schema's defaults, at all depths."""
    if schema.get("type") == "array" and isinstance(instance, list):
        return [with_defaults(item, schema.get("items", {})) for item in instance]
    if schema.get("type") != "object" or not isinstance(instance, dict):
        return deepcopy(instance)
    complete = {key: deepcopy(value) for key, value in instance.items()}
    for key, rules in schema.get("properties", {}).items():
        if key not in complete and "default" in rules:
            complete[key] = deepcopy(rules["default"])
        if key in complete:
            complete[key] = with_defaults(complete[key], rules)
    return complete


def settings_page(path: str | Path) -> str:
    """The settings as a Markdown page, made of their schema.

    Raises:
        InputError: If the file is missing, or holds no schema that says what its settings are.
    """
    schema = load_yaml(path)
    if faults := faults_of(schema, _SHOWN):
        raise InputError(f"{path}: no schema of settings ({faults[0]}); give workflow/schemas/config.schema.yaml")
    lines = [f"# {schema['title']}", "", "<!-- Generated from the schema by `auric settings`; edit the schema. -->", ""]
    lines += [schema["description"], "", "| key | default | meaning |", "|---|---|---|"]
    lines += _settings_rows(schema, "")
    return "\n".join(lines) + "\n"


_SHOWN: Schema = {
    "type": "object",
    "required": ["title", "description", "properties"],
    "properties": {
        "title": {"type": "string", "description": "the title of the page"},
        "description": {"type": "string", "description": "the text under the title"},
        "properties": {"$ref": "#/$defs/settings"},
    },
    "$defs": {
        "settings": {"type": "object", "additionalProperties": {"$ref": "#/$defs/setting"}},
        "setting": {
            "type": "object",
            "properties": {"properties": {"$ref": "#/$defs/settings"}, "enum": {"type": "array"}},
            "anyOf": [
                {"required": ["description"]},
                {"required": ["properties"], "properties": {"type": {"const": "object"}}},
            ],
        },
    },
}
"""What of a schema the page shows."""


def _settings_rows(schema: Schema, prefix: str) -> list[str]:
    rows = []
    for key, rules in schema["properties"].items():
        if rules.get("type") == "object" and "properties" in rules:
            rows += _settings_rows(rules, f"{prefix}{key}.")
            continue
        default = f"`{_inline(rules['default'])}`" if "default" in rules else "required"
        choices = f" One of {', '.join(f'`{choice}`' for choice in rules['enum'])}." if "enum" in rules else ""
        rows.append(f"| `{prefix}{key}` | {default} | {rules['description']}{choices} |")
    return rows


def _inline(value: Any) -> str:
    return str(yaml.safe_dump(value, default_flow_style=True, width=1000)).strip().removesuffix("...").strip()


# Plain JSON schema takes 2.0 for a whole number, and YAML's .nan and .inf for numbers.
_Validator = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
            "number": lambda _, value: (
                isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            ),
        }
    ),
)


def _sentence(error: ValidationError) -> str:
    place = ".".join(str(part) for part in error.absolute_path)
    rules: Mapping[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties":
        known = list(rules.get("properties", {}))
        unknown = next(key for key in error.instance if key not in known)
        return f"unknown key '{f'{place}.' if place else ''}{unknown}'; {suggestion(str(unknown), known)}"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"key '{f'{place}.' if place else ''}{missing}' is missing; add it"
    if error.validator == "enum":
        return f"{place}: {error.instance!r} is not offered; {suggestion(str(error.instance), [str(c) for c in rules['enum']])}"
    if error.instance is None:
        return f"{place}: the key has no value; give it one or delete the key"
    limit = "" if error.validator == "pattern" else f" ({error.validator} {error.validator_value})"
    expected = rules.get("description", f"a value that is a {rules.get('type', 'usable one')}")
    if error.validator == "type" and rules.get("type") in ("number", "integer") and isinstance(error.instance, str):
        expected += " Write it as a number without quotes, with a decimal point before an exponent (1.0e-5)."
    return f"{place}: {str(error.instance)[:80]!r} cannot be used{limit}; expected: {expected}"


def _check_bins(path: str | Path, ruler: Mapping[str, Any]) -> None:
    """What a schema cannot say: bins rise, and each has a weight."""
    edges, weights = ruler["bin_edges_angstrom"], ruler["bin_weights"]
    if any(low >= high for low, high in pairwise(edges)):
        raise InputError(f"{path}: ruler.bin_edges_angstrom must rise, got {edges}; sort them")
    if len(weights) != len(edges) - 1:
        raise InputError(
            f"{path}: ruler.bin_weights has {len(weights)} weights for {len(edges) - 1} bins; give one weight per bin"
        )
