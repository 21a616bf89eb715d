"""All benchmarks: a table on the terminal and ``results/benchmarks.json``.

    python -m benchmarks [NAME ...] [--output FILE]

With BENCH=quick in the environment (``make bench BENCH=quick``) everything has the size of a toy, in under a
minute; those numbers mean nothing and go to ``results/quick/benchmarks.json``, which no estimate reads.

Every module of this folder that has a function ``rows()`` is one; it returns records with ``name``,
``value``, ``unit``, ``cores`` and, where a peer was measured in the same run, ``peer``, ``peer_value``
and ``ratio``.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import time
from pathlib import Path
from typing import Any

from benchmarks.scale import QUICK

from tglassmlp.provenance import collect
from tglassmlp.storage import write_json

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Modules of this folder that define ``rows``."""
    return sorted(
        p.stem for p in FOLDER.glob("*.py") if p.stem != "__main__" and "\ndef rows(" in p.read_text()
    )


def number(value: Any) -> str:
    """Three digits are all that a benchmark is good for."""
    return "" if value is None else f"{value:.3g}"


def line(row: dict[str, Any]) -> str:
    peer = f"{row['peer']}: {number(row.get('peer_value'))}" if row.get("peer") else ""
    ratio = f"{row['ratio']:.2f} x" if row.get("ratio") is not None else ""
    value = f"{number(row['value'])} {row['unit']}"
    return f"{row['name']:<74}  {value:>14}  {row.get('cores', 1):>2}  {ratio:>9}  {peer}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*names(), []], help="benchmarks to run; all by default")
    folder = Path("results", "quick") if QUICK else Path("results")
    parser.add_argument("--output", type=Path, default=folder / "benchmarks.json")
    arguments = parser.parse_args()
    print(f"{'what':<74}  {'value':>14}  cores   ratio  peer", flush=True)
    rows: list[dict[str, Any]] = []
    start = time.monotonic()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or names():
        for row in importlib.import_module(f"benchmarks.{name}").rows():
            rows.append({"benchmark": name, **row})
            print(line(row), flush=True)
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    write_json(arguments.output, {"rows": rows, "machine": machine, "provenance": collect("figures")})
    print(f"{len(rows)} rows in {time.monotonic() - start:.0f} s: {arguments.output}")


if __name__ == "__main__":
    main()
