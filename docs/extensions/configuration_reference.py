"""The reference of configuration keys, written from the JSON schema of the typed configuration.

The directive ``{config-keys}`` takes a section (``structures``), or nothing for the keys outside sections. It
writes one entry per key: its meaning, the values allowed, the default of the package and the values in
``config.yaml`` and ``config/paper.yaml``. A key can be linked with ``{confval}`structures.number```.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tglassmlp.config import load, plain
from tglassmlp.config.schema import schema

REPOSITORY = Path(__file__).resolve().parents[2]

#: The configurations whose values are shown, and how the manual calls them.
SHOWN = (("config.yaml", "demo"), ("config/paper.yaml", "paper"))

#: Stands for the absence of a value.
ABSENT = object()


@dataclass(frozen=True)
class Key:
    """One key of the configuration.

    Attributes
    ----------
    path
        Names from the top down, with ``[]`` behind the name of a list of groups: ``temperatures[].value``.
    meaning
        What the key says, as a phrase.
    allowed
        The values allowed, as a phrase.
    default
        Default as JSON, ``None`` where a value is required.
    group
        Whether it holds further keys.
    """

    path: str
    meaning: str
    allowed: str
    default: str | None
    group: bool


def resolved(part: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Follow the reference of a schema; what stands beside the reference wins."""
    if "$ref" not in part:
        return part
    target = definitions[part["$ref"].rsplit("/", 1)[-1]]
    return {**target, **{key: value for key, value in part.items() if key != "$ref"}}


def number(value: float) -> str:
    """Return a limit as people write it: 1000000, 0.01, 1e-06, 1e+15."""
    text = f"{value:.12g}"
    whole = float(value).is_integer() and abs(value) < 1e7
    return f"{int(value)}" if whole else text


def interval(part: dict[str, Any]) -> str:
    """Range of a number as a phrase, empty if there is none."""
    low, above = part.get("minimum"), part.get("exclusiveMinimum")
    high, below = part.get("maximum"), part.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f"from {number(low)} to {number(high)}"
    words = [
        (above, "above"),
        (low, "at least"),
        (below, "below"),
        (high, "at most"),
    ]
    return ", ".join(f"{word} {number(value)}" for value, word in words if value is not None)


def phrase(part: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Values that a schema allows, as a phrase.

    Raises
    ------
    ValueError
        If the schema is of a kind that this function does not know.
    """
    part = resolved(part, definitions)
    if "enum" in part:
        return " or ".join(f"`{value}`" for value in part["enum"])
    if "const" in part:
        return f"`{part['const']}`"
    if "anyOf" in part:
        return " or ".join(phrase(option, definitions) for option in part["anyOf"])
    kind = part.get("type")
    if kind in ("number", "integer"):
        noun = "a number" if kind == "number" else "a whole number"
        return " ".join(filter(None, (noun, interval(part))))
    if kind == "string":
        pattern = part.get("pattern")
        return f"text that matches `{pattern}`" if pattern else "text"
    if kind == "boolean":
        return "`true` or `false`"
    if kind == "null":
        return "`null`"
    if kind == "array":
        if "prefixItems" in part:
            inner = ", ".join(phrase(item, definitions) for item in part["prefixItems"])
            return f"a list of {inner}"
        inner = phrase(part["items"], definitions)
        least = part.get("minItems", 0)
        size = f" with at least {least} {'entry' if least == 1 else 'entries'}" if least else ""
        return f"a list{size}, each {inner}"
    if kind == "object":
        if "properties" in part:
            return "a group of keys"
        return f"names with values, each {phrase(part['additionalProperties'], definitions)}"
    raise ValueError(f"no words for the schema {json.dumps(part)[:200]}")


def groups(part: dict[str, Any], definitions: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Find the groups of keys inside a value: ``[]`` if they are entries of a list, and their schema."""
    part = resolved(part, definitions)
    if "properties" in part:
        yield "", part
    for option in part.get("anyOf", []):
        yield from groups(option, definitions)
    if isinstance(part.get("items"), dict):
        for _, inner in groups(part["items"], definitions):
            yield "[]", inner


def keys(content: dict[str, Any] | None = None) -> list[Key]:
    """Every key of the configuration in the order of the typed model, groups before what they hold.

    Parameters
    ----------
    content
        JSON schema, by default that of the configuration.
    """
    content = schema() if content is None else content
    definitions = content["$defs"]

    def below(group: dict[str, Any], place: str, defaults: Any) -> Iterator[Key]:
        for name, part in group["properties"].items():
            path = f"{place}{name}"
            whole = resolved(part, definitions)
            inside = list(groups(part, definitions))
            value = defaults.get(name, ABSENT) if isinstance(defaults, dict) else ABSENT
            if value is ABSENT:
                value = whole.get("default", ABSENT)
            default = None if value is ABSENT or (inside and isinstance(value, dict)) else json.dumps(value)
            meaning = whole.get("description", "")
            yield Key(path, meaning, phrase(part, definitions), default, bool(inside))
            for mark, inner in inside:
                yield from below(inner, f"{path}{mark}.", value if mark == "" else None)

    return list(below(content, "", None))


def sections(found: list[Key]) -> list[str]:
    """Names of the groups at the top, in order."""
    return [key.path for key in found if key.group and "." not in key.path]


def value_at(configuration: dict[str, Any], path: str) -> Any:
    """Value of a key in a plain configuration; :data:`ABSENT` inside lists and where a group is null."""
    place: Any = configuration
    for part in path.split("."):
        if part.endswith("[]") or not isinstance(place, dict) or part not in place:
            return ABSENT
        place = place[part]
    return place


def plain_text(value: Any) -> str:
    """Return a value as it would be written in YAML on one line."""
    return json.dumps(value)


def entry(key: Key, configurations: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Lines of Markdown that describe a key."""
    meaning = re.sub(r"([<\[*])", r"\\\1", key.meaning[:1].upper() + key.meaning[1:])
    lines = [f":::{{confval}} {key.path}"]
    if key.group:
        lines += ["", f"{meaning}.", "", "Allowed: " + key.allowed + ".", ":::", ""]
        return lines
    lines += [":type: " + key.allowed]
    lines += [
        f":default: `{key.default}`" if key.default is not None else ":default: none; a value is required"
    ]
    lines += ["", f"{meaning}."]
    said = [(title, value_at(c, key.path)) for title, c in configurations]
    said = [(title, plain_text(v)) for title, v in said if v is not ABSENT and plain_text(v) != key.default]
    if said:
        lines += ["", "; ".join(f"{title}: `{text}`" for title, text in said) + "."]
    return [*lines, ":::", ""]


class ConfigKeys(SphinxDirective):
    """Entries of all keys of a section, or of those at the top that are in none."""

    optional_arguments = 1
    has_content = False

    def run(self) -> list[nodes.Node]:
        """Write the entries as Markdown and let the parser of the page read them."""
        section = self.arguments[0] if self.arguments else None
        found = keys()
        if section is None:
            chosen = [key for key in found if not key.group and "." not in key.path]
        else:
            marks = (f"{section}.", f"{section}[].")
            chosen = [key for key in found if key.path == section or key.path.startswith(marks)]
        if not chosen:
            raise self.error(
                f"the configuration has no section {section!r}; it has {', '.join(sections(found))}"
            )
        shown = [(title, plain(load(REPOSITORY / name))) for name, title in SHOWN]
        lines = [line for key in chosen for line in entry(key, shown)]
        for name, _ in SHOWN:
            self.env.note_dependency(str(REPOSITORY / name))
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("config-keys", ConfigKeys)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
