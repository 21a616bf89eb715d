"""Compare the files of a finished run with docs/data-format.md."""

import re
from pathlib import Path

import h5py
import pyarrow.parquet as pq

from tglassmlp.paths import WILDCARDS


def _pattern(name):
    parts = re.split(r"\{(\w+)\}", name)
    return re.compile("".join(f"(?:{WILDCARDS[p]})" if k % 2 else re.escape(p) for k, p in enumerate(parts)))


def documented(document):
    """File pattern -> {array or column: axes, or None for columns}, and those that not every file has."""
    found = {}
    for section in re.split(r"^### ", document.read_text(), flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        body = re.split(r"^## ", body, flags=re.MULTILINE)[0]
        rows, optional = {}, set()
        for line in body.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if len(cells) >= 4 and cells[0].startswith("`"):
                axes = tuple(a.strip() for a in cells[1].split(",")) if len(cells) == 5 else None
                for name in re.findall(r"`([^`]+)`", cells[0]):
                    rows[name] = axes
                    if re.search(r"\bonly\b", cells[-1]):
                        optional.add(name)
        for file in re.findall(r"`([^`]+)`", title):
            if rows:
                found[file] = rows, optional
    return found


def differences(root, document):
    """What the document does not say about the HDF5 and Parquet files below ``root``, or says wrongly."""
    sections = documented(Path(document))
    wanted = {name: rows for name, (rows, _) in sections.items()}
    problems, seen = set(), {name: set() for name in wanted}
    for path in sorted(Path(root).rglob("*")):
        relative = path.relative_to(root).as_posix()
        if path.suffix not in (".h5", ".parquet") or relative.startswith(("tables/", "figures/", ".")):
            continue
        name = next((n for n in wanted if _pattern(n).fullmatch(relative)), None)
        if name is None:
            problems.add(f"{relative} is not described")
            continue
        for array, axes in _content(path).items():
            general = next((a for a in wanted[name] if _pattern(a).fullmatch(array)), None)
            if general is None:
                problems.add(f"{name}: {array} is not described")
                continue
            seen[name].add(general)
            if axes is not None and axes != wanted[name][general]:
                problems.add(f"{name}: {array} has axes {axes}, described are {wanted[name][general]}")
    for name, arrays in seen.items():
        missing = sorted(set(wanted[name]) - arrays - sections[name][1])
        if arrays and missing:
            problems.add(f"{name}: {', '.join(missing)} described but in no file")
    return sorted(problems)


def _content(path):
    if path.suffix == ".parquet":
        return dict.fromkeys(pq.read_schema(path).names)
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: tuple(item.attrs["axes"])}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found
