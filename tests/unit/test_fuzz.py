"""Fuzzing: whatever the bytes or settings, a reader gives what was written or a documented error.

A small number of examples belongs to the tests; `make fuzz` runs many more and reports how many.
"""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_glassbench import SMALL, structure
from test_storage import KINDS, shown

from tglassmlp import config
from tglassmlp.readers.glassbench import read_glassbench, write_glassbench

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "25"))
COUNTS: dict[str, dict[str, int]] = {}


def fuzzed(examples: int = EXAMPLES):
    """As many examples as asked for, without a limit on time; the same ones in every run of the tests."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize="FUZZ_EXAMPLES" not in os.environ,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def count(name: str, outcome: str) -> None:
    COUNTS.setdefault(name, {}).setdefault(outcome, 0)
    COUNTS[name][outcome] += 1


@pytest.fixture(scope="module", autouse=True)
def record():
    """Write the counts where `make fuzz` asks for them."""
    yield
    path = os.environ.get("FUZZ_RECORD")
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps(COUNTS, indent=1) + "\n")


# -------------------------------------------------------------------------------------------------- bytes


WAYS = ("flip", "cut", "zero", "replace", "repeat", "remove")
EDITS = st.lists(
    st.tuples(st.sampled_from(WAYS), st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=64)),
    min_size=1,
    max_size=3,
)


def disturbed(clean: bytes, edits: list[tuple[str, float, bytes]]) -> bytes:
    """Bytes with bits flipped, stretches removed, repeated, zeroed or replaced, or cut short."""
    content = bytearray(clean)
    for way, share, new in edits:
        start, size = int(share * len(content)), len(new)
        stretch = slice(start, start + size)
        if way == "flip" and content:
            content[start] ^= 1 << new[0] % 8
        elif way == "cut":
            del content[start:]
        elif way == "zero":
            content[stretch] = bytes(len(content[stretch]))
        elif way == "replace":
            content[stretch] = new
        elif way == "repeat":
            content[start:start] = content[stretch]
        elif way == "remove":
            del content[stretch]
    return bytes(content)


def answer(read: Callable[[], Any], refusal: type[Exception] = ValueError) -> tuple[Any, str | None]:
    """What is read, or what is said; any other error than a refusal goes on."""
    try:
        return read(), None
    except refusal as error:
        return None, str(error)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """One file of each kind, its bytes and what is read from it."""
    folder = tmp_path_factory.mktemp("clean")
    found = {}
    for kind, (write, read) in KINDS.items():
        path = folder / f"clean.{kind}"
        write(path)
        found[kind] = path.read_bytes(), shown(read(path))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_disturbed_files_are_refused_or_read_as_before(tmp_path, written, kind):
    clean, good = written[kind]
    read = KINDS[kind][1]
    path = tmp_path / f"fuzz.{kind}"

    @fuzzed()
    @given(EDITS)
    def run(edits: list) -> None:
        path.write_bytes(disturbed(clean, edits))
        found, said = answer(lambda: shown(read(path)))
        assert found == good if said is None else path.name in said
        count(f"{kind} reader", "read as before" if said is None else "refused")

    run()


@pytest.mark.parametrize("kind", KINDS)
def test_any_bytes_are_refused(tmp_path, kind):
    read = KINDS[kind][1]
    path = tmp_path / f"noise.{kind}"

    @fuzzed()
    @given(content=st.binary(max_size=400))
    def run(content: bytes) -> None:
        path.write_bytes(content)
        _, said = answer(lambda: read(path))
        # JSON without a checksum is other people's: a number, a list or a mapping without provenance
        assert kind == "json" if said is None else path.name in said
        count(f"{kind} reader, noise", "read: valid JSON" if said is None else "refused")

    run()


@pytest.fixture(scope="module")
def published(tmp_path_factory, lattice):
    folder = tmp_path_factory.mktemp("glassbench")
    write_glassbench(folder, 0.3, [structure(lattice, 2, "train")])
    return folder


def test_disturbed_glassbench_files_are_refused_or_valid(published):
    path = next(published.glob("KA2D_trajectories/T0.30/train/*_tc01.npz"))
    clean = path.read_bytes()
    (before,) = read_glassbench(published, 0.3, mixture=SMALL)

    @fuzzed()
    @given(EDITS)
    def run(edits: list) -> None:
        path.write_bytes(disturbed(clean, edits))
        found, said = answer(lambda: list(read_glassbench(published, 0.3, mixture=SMALL)))
        if said is None:
            np.testing.assert_array_equal(found[0].displacements, before.displacements)
            np.testing.assert_array_equal(found[0].initial.positions, before.initial.positions)
        assert said is None or path.name in said
        count("GlassBench reader", "read as before" if said is None else "refused")

    try:
        run()
    finally:
        path.write_bytes(clean)


@st.composite
def arrays(draw) -> np.ndarray:
    dtype = draw(st.sampled_from((np.float64, np.float32, np.int64, np.uint8, np.complex128, "U3", "bool")))
    shape = draw(st.sampled_from(((), (0,), (1,), (2,), (129,), (129, 2), (129, 3), (2, 129, 2), (129, 0))))
    value = draw(st.sampled_from((0, 1, -1, 3, math.nan, math.inf, 1e300)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NaN as a whole number
        return np.full(shape, value).astype(dtype)


def test_glassbench_files_with_any_arrays_are_refused_or_valid(published):
    path = next(published.glob("KA2D_trajectories/T0.30/train/*_tc01.npz"))
    clean = path.read_bytes()
    known = dict(np.load(path))

    @fuzzed()
    @given(name=st.sampled_from(sorted(known)), values=arrays())
    def run(name: str, values: np.ndarray) -> None:
        np.savez(path, **{**known, name: values})
        found, said = answer(lambda: list(read_glassbench(published, 0.3, mixture=SMALL)))
        assert np.all(np.isfinite(found[0].displacements)) if said is None else "_tc0" in said
        count("GlassBench reader, other arrays", "read: valid" if said is None else "refused")

    try:
        run()
    finally:
        path.write_bytes(clean)


# ------------------------------------------------------------------------------------------------- config

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(("..", "../x", "/etc", "a/b", "demo\n", "-1", "1e999", ".", "con", "a" * 100)),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


def places(content: Any, path: tuple = ()) -> list[tuple]:
    """Every key path of a configuration."""
    found = [path] if path else []
    children = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for key, value in children:
        found += places(value, (*path, key))
    return found


def test_any_setting_is_refused_with_words_or_gives_a_run_inside_its_folder(repository):
    text = (repository / "config" / "smoke.yaml").read_text()
    every = places(yaml.safe_load(text))

    @fuzzed(4 * EXAMPLES)
    @given(st.sampled_from(every), VALUES)
    def run(place: tuple, value: Any) -> None:
        content = yaml.safe_load(text)
        inner = content
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = value
        found, said = answer(lambda: config.load(content), config.ConfigError)
        count("config loader, settings", "valid" if said is None else "refused")
        if said is not None:
            assert said.startswith("this configuration cannot be run")
            return
        here = Path("results").resolve()
        assert (here / found.run).resolve().parent == here
        assert config.load(config.plain(found)) == found

    run()


def test_any_text_is_refused_or_a_mapping(tmp_path, repository):
    clean = (repository / "config" / "smoke.yaml").read_bytes()
    path = tmp_path / "fuzz.yaml"

    @fuzzed(2 * EXAMPLES)
    @given(st.one_of(EDITS, st.binary(max_size=200)))
    def run(change: Any) -> None:
        path.write_bytes(change if isinstance(change, bytes) else disturbed(clean, change))
        _, said = answer(lambda: config.load(path), config.ConfigError)
        count("config loader, text", "valid" if said is None else "refused")

    run()
