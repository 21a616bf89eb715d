"""Tables in Parquet, with the same content as CSV beside them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tglassmlp.storage.atomic import atomic_path
from tglassmlp.storage.reading import Foreign, check_is_file, unreadable
from tglassmlp.storage.run_at_work import check_belongs, stamped

if TYPE_CHECKING:
    # imported where tables are read or written: half a second that most jobs do not need
    import pandas as pd

__all__ = ["read_table", "read_table_provenance", "write_table"]


def write_table(path: str | os.PathLike[str], table: pd.DataFrame, provenance: Mapping[str, Any]) -> None:
    """Write a table as Parquet, with the same content as CSV beside it for people to open."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = Path(path)
    if target.suffix != ".parquet":
        raise ValueError(f"tables are written as .parquet, found {target.name!r}")
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    metadata = {
        **(arrow.schema.metadata or {}),
        b"tglassmlp": json.dumps(stamped(target, provenance), default=str).encode(),
        b"digest": _digest(table).encode(),
    }
    with atomic_path(target) as temporary:
        pq.write_table(arrow.replace_schema_metadata(metadata), temporary, write_page_checksum=True)
    with atomic_path(target.with_suffix(".csv")) as temporary:
        table.to_csv(temporary, index=False)


def _digest(table: pd.DataFrame) -> str:
    """SHA-256 over names, types and values: Parquet's own checksums leave out its footer."""
    digest = hashlib.sha256()
    for name, column in table.items():
        values = column.to_numpy()
        content = values.tobytes() if values.dtype.kind in "biuf" else repr(values.tolist()).encode()
        digest.update(f"{name}:{values.dtype.kind}{values.dtype.itemsize}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


def read_table(path: str | os.PathLike[str], columns: Sequence[str] = ()) -> pd.DataFrame:
    """Read a Parquet table and check that it holds ``columns``.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`tglassmlp.storage.read_arrays`.
    """
    import pyarrow.parquet as pq

    check_is_file(path)
    try:
        arrow = pq.read_table(path, page_checksum_verification=True)
        table = arrow.to_pandas()
        digest = (arrow.schema.metadata or {}).get(b"digest", b"").decode()
        if not digest:
            raise Foreign("carries no checksum of this package")
        if digest != _digest(table):
            raise ValueError("its content differs from its checksum")
        provenance = json.loads((arrow.schema.metadata or {}).get(b"tglassmlp", b"{}"))
    except Exception as error:  # damaged metadata breaks the reader in many ways
        raise ValueError(unreadable(path, "a Parquet table", ["a Parquet table"], error)) from error
    check_belongs(path, provenance)
    missing = [c for c in columns if c not in table.columns]
    if missing:
        raise ValueError(f"{path}: columns {missing} are missing, the table holds {list(table.columns)}")
    return table


def read_table_provenance(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read who made a table and from what, without its rows.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_table`.
    """
    import pyarrow.parquet as pq

    check_is_file(path)
    try:
        metadata = pq.read_schema(path).metadata or {}
        return dict(json.loads(metadata.get(b"tglassmlp", b"{}")))
    except Exception as error:
        raise ValueError(unreadable(path, "a Parquet table", ["a Parquet table"], error)) from error
