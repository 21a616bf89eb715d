"""Read YAML with the safe loader; what is written twice or holds itself is refused."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from tglassmlp.config.problems import ConfigError
from tglassmlp.settings.messages import shown

__all__ = [
    "assigned",
    "read_yaml",
]


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read one YAML mapping with the safe loader; repeated keys are refused.

    Raises
    ------
    ConfigError
        If the file is missing, is not YAML, repeats a key or is not a mapping.
    """
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8-sig"), Loader=_UniqueKeyLoader)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such config file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{path}: not readable YAML: {_one_line(error)}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected a mapping of keys, found {shown(content)}")
    return content


def _one_line(error: Exception) -> str:
    """Return what the reader of YAML says, without its name for a text whose file is named already."""
    return " ".join(str(error).split()).replace('in "<unicode string>", ', "in ")


class _UniqueKeyLoader(yaml.SafeLoader):
    """Safe loader that refuses repeated keys instead of silently keeping the last, and what holds itself.

    Both are looked for in the text as it is written: merge keys (``<<: *other``) add keys afterwards, which
    those written out stand above.
    """

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None:
            self._refuse_circles(node, set(), set())
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                continue  # no name; refused when it is made
            merge = key_node.tag == "tag:yaml.org,2002:merge"
            # keys are names: 1 and "1" are the same
            name = "<<" if merge else str(self.construct_object(key_node, deep=True))
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {name!r} appears twice", key_node.start_mark
                )
            seen.add(name)
        return node

    def _refuse_circles(self, node: yaml.Node, above: set[int], done: set[int]) -> None:
        """Refuse a list or mapping that an alias puts inside itself."""
        if id(node) in above:
            raise yaml.constructor.ConstructorError(
                None, None, "an alias (*name) stands inside what it repeats", node.start_mark
            )
        if isinstance(node, yaml.ScalarNode) or id(node) in done:
            return
        inner = node.value
        if isinstance(node, yaml.MappingNode):
            inner = [part for pair in node.value for part in pair]
        for part in inner:
            self._refuse_circles(part, above | {id(node)}, done)
        done.add(id(node))


def assigned(assignments: Iterable[str]) -> dict[str, Any]:
    """Keys and values given as ``key=value``, the values in YAML.

    Raises
    ------
    ConfigError
        For words that are no key and value, or name a key twice.
    """
    content: dict[str, Any] = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--config {text}: found no key=value")
        if key.strip() in content:
            raise ConfigError(f"--config {text}: key {key.strip()!r} appears twice")
        try:
            content[key.strip()] = yaml.load(value, Loader=_UniqueKeyLoader)
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise ConfigError(f"--config {text}: not readable YAML: {_one_line(error)}") from None
    return content
