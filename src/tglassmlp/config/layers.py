"""Several sources of one configuration, laid over each other by one rule.

A mapping of settings is merged key by key, everything else is replaced whole, that is numbers, names, lists,
mappings with free keys (``equilibration.exchange_weights``) and a mixture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from tglassmlp.config.run import Config
from tglassmlp.settings.group import models_in

__all__ = [
    "laid_over",
    "laid_over_each_other",
    "plain_mapping",
]


def laid_over_each_other(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Content of a configuration from several sources, later ones laid over earlier ones."""
    content: dict[str, Any] = {}
    for layer in layers:
        content = laid_over(content, layer, Config)
    return content


def laid_over(base: Mapping[str, Any], over: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """``over`` laid over ``base``; both are mappings of the settings of ``model``."""
    result = dict(base)
    for key, value in over.items():
        field = model.model_fields.get(str(key))
        section = None if field is None else next(models_in(field.annotation), None)
        merged = section is not None and not getattr(section, "laid_over_whole", False)
        if merged and isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = laid_over(result[key], value, section)  # type: ignore[arg-type]
        else:
            result[key] = value
    return result


def plain_mapping(value: Any) -> Any:
    """Return mappings and lists as plain ones with texts for keys; RecursionError for what holds itself."""
    if isinstance(value, Mapping):
        return {str(k): plain_mapping(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_mapping(v) for v in value]
    return value
