"""JSON schema of the configuration."""

from __future__ import annotations

import json
from typing import Any

from tglassmlp.config.run import Config

__all__ = [
    "schema",
    "schema_text",
]


def schema() -> dict[str, Any]:
    """JSON schema of the configuration, for editors and for ``workflow/schemas/config.schema.json``."""
    content = Config.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "tglassmlp run", **content}


def schema_text() -> str:
    """Text of the schema file, as it is kept in the repository."""
    return json.dumps(schema(), indent=2) + "\n"
