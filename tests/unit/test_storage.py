"""Files: round trips, provenance, and refusal of every truncated or damaged file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import gsd.hoomd
import numpy as np
import pandas as pd
import pytest

from tglassmlp import (
    KA2D,
    Configuration,
    Mixture,
    potential_energies,
    read_configurations,
    read_mixture,
    species,
    storage,
    write_configurations,
)
from tglassmlp.provenance import collect
from tglassmlp.storage import Array
from tglassmlp.storage.seal import seal

ORIGIN = collect("structures", seed=7)


def frames() -> list[Configuration]:
    rng = np.random.default_rng(0)
    return [Configuration(rng.normal(0, 20, (30, 2)), rng.integers(1, 4, 30), 10.4) for _ in range(3)]


def write_gsd(path: Path) -> None:
    write_configurations(path, frames(), ORIGIN)


def read_gsd(path: Path) -> list[Configuration]:
    """The frames are no mixture."""
    return read_configurations(path, mixture=None)


def write_hdf5(path: Path) -> None:
    names = np.array([f"density/all/L{k}" for k in range(40)])
    arrays = {
        "a": Array(np.arange(6000.0).reshape(3, 2000), ("structure", "particle")),
        "names": Array(names, ("descriptor",)),
    }
    storage.write_arrays(path, arrays, ORIGIN, {"names": names.tolist()})


def write_parquet(path: Path) -> None:
    storage.write_table(path, pd.DataFrame({"t": np.arange(500.0), "name": ["x"] * 500}), ORIGIN)


def write_npz(path: Path) -> None:
    storage.write_npz(path, {"layer/weights": np.arange(400.0)}, {"names": ["a"]})


def write_json(path: Path) -> None:
    storage.write_json(path, {"tau": 1.5, "values": list(range(50)), "provenance": ORIGIN})


KINDS = {
    "gsd": (write_gsd, read_gsd),
    "h5": (write_hdf5, lambda p: (storage.read_arrays(p), storage.read_attributes(p))),
    "parquet": (write_parquet, storage.read_table),
    "npz": (write_npz, storage.read_npz),
    "json": (write_json, storage.read_json),
}


# ---------------------------------------------------------------------------------------------- round trips


def test_configurations_come_back_exactly(tmp_path):
    path = tmp_path / "frames.gsd"
    write_gsd(path)
    back = read_gsd(path)
    assert len(back) == 3
    for c, original in zip(back, frames(), strict=True):
        np.testing.assert_array_equal(c.positions, original.positions)
        np.testing.assert_array_equal(c.species, original.species)
        assert c.box_length == original.box_length


def test_other_programs_can_read_the_configurations(tmp_path):
    """What OVITO and HOOMD-blue see: wrapped float32 positions, images, types and extra properties."""
    path = tmp_path / "frames.gsd"
    extra = [{"propensity": np.linspace(0, 1, 30)} for _ in range(3)]
    write_configurations(path, frames(), ORIGIN, extra)
    with gsd.hoomd.open(name=str(path), mode="r") as file:
        frame = file[1]
    c = frames()[1]
    assert frame.configuration.dimensions == 2
    assert np.all(np.abs(frame.particles.position[:, :2]) <= c.box_length / 2 * (1 + 1e-6))
    unwrapped = frame.particles.position[:, :2] + frame.particles.image[:, :2] * c.box_length
    np.testing.assert_allclose(unwrapped, c.positions, atol=1e-5)
    np.testing.assert_array_equal(frame.log["particles/propensity"], extra[1]["propensity"])


def test_configurations_of_other_programs_are_read(tmp_path):
    path = tmp_path / "other.gsd"
    frame = gsd.hoomd.Frame()
    frame.particles.N = 2
    frame.particles.position = [[1.0, 2.0, 0.0], [-1.0, 0.5, 0.0]]
    frame.particles.image = [[0, 0, 0], [1, -1, 0]]
    frame.particles.types = ["A", "B"]
    frame.particles.typeid = [1, 0]
    frame.configuration.box = [8.0, 8.0, 0.0, 0.0, 0.0, 0.0]
    frame.configuration.dimensions = 2
    with gsd.hoomd.open(name=str(path), mode="w") as file:
        file.append(frame)
    (c,) = read_configurations(path, mixture=None, species={"A": 1, "B": 2})
    np.testing.assert_allclose(c.positions, [[1.0, 2.0], [7.0, -7.5]])
    assert c.species.tolist() == [2, 1]


def three_dimensional(frame):
    frame.configuration.dimensions = 3
    frame.configuration.box = [8.0, 8.0, 8.0, 0.0, 0.0, 0.0]
    frame.particles.position = [[1.0, 2.0, 3.0]]


def oblong(frame):
    frame.configuration.box = [8.0, 9.0, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("change", "said"), [(three_dimensional, "three-dimensional"), (oblong, "a square one")]
)
def test_configurations_of_another_kind_are_refused(tmp_path, change, said):
    path = tmp_path / "other.gsd"
    frame = gsd.hoomd.Frame()
    frame.particles.N = 1
    frame.particles.position = [[1.0, 2.0, 0.0]]
    frame.configuration.box = [8.0, 8.0, 0.0, 0.0, 0.0, 0.0]
    frame.configuration.dimensions = 2
    change(frame)
    with gsd.hoomd.open(name=str(path), mode="w") as file:
        file.append(frame)
    with pytest.raises(ValueError, match=said):
        read_configurations(path)


def test_empty_trajectory_is_refused(tmp_path):
    path = tmp_path / "empty.gsd"
    with gsd.hoomd.open(name=str(path), mode="w"):
        pass
    with pytest.raises(ValueError, match="no frame"):
        read_configurations(path)


def test_arrays_come_back_with_axes_units_and_attributes(tmp_path):
    import h5py

    path = tmp_path / "a.h5"
    values = np.random.default_rng(0).normal(size=(4, 5, 2)).astype(np.float32)
    storage.write_arrays(
        path,
        {
            "displacements": Array(values, ("structure", "particle", "axis"), "sigma", "later minus initial"),
            "names": Array(np.array(["density/all/L0", "energy/type2/L1.5"]), ("descriptor",)),
            "nothing": Array(np.zeros((0, 3)), ("k", "m")),
        },
        ORIGIN,
        {"temperature": 0.4},
    )
    back = storage.read_arrays(path)
    np.testing.assert_array_equal(back["displacements"], values)
    assert back["displacements"].dtype == np.float32
    assert back["names"].tolist() == ["density/all/L0", "energy/type2/L1.5"]
    assert back["nothing"].shape == (0, 3)
    attributes = storage.read_attributes(path)
    assert attributes["temperature"] == 0.4
    assert attributes["provenance"]["seed"] == 7
    with h5py.File(path) as file:
        assert list(file["displacements"].attrs["axes"]) == ["structure", "particle", "axis"]
        assert file["displacements"].attrs["unit"] == "sigma"


def test_missing_array_is_named(tmp_path):
    path = tmp_path / "a.h5"
    write_hdf5(path)
    with pytest.raises(ValueError, match=r"array 'b' is missing, the file holds \['a', 'names'\]"):
        storage.read_arrays(path, ["b"])


def test_nan_is_refused_unless_allowed(tmp_path):
    path = tmp_path / "a.h5"
    storage.write_arrays(path, {"a": Array(np.array([1.0, np.nan]), ("k",))}, ORIGIN)
    with pytest.raises(ValueError, match="not finite"):
        storage.read_arrays(path)
    assert np.isnan(storage.read_arrays(path, finite=False)["a"][1])


def test_axes_must_match_the_values():
    with pytest.raises(ValueError, match="2 axes, 1 are named"):
        Array(np.zeros((2, 2)), ("structure",))


def test_tables_come_back_and_have_a_csv(tmp_path):
    path = tmp_path / "t.parquet"
    table = pd.DataFrame({"temperature": [0.5, 0.4], "tau": [400.0, 1300.0], "how": ["threshold", "overlap"]})
    storage.write_table(path, table, ORIGIN)
    pd.testing.assert_frame_equal(storage.read_table(path, ["tau"]), table)
    pd.testing.assert_frame_equal(pd.read_csv(path.with_suffix(".csv")), table)
    with pytest.raises(ValueError, match=r"columns \['chi'\] are missing"):
        storage.read_table(path, ["chi"])
    with pytest.raises(ValueError, match=r"written as \.parquet"):
        storage.write_table(tmp_path / "t.csv", table, ORIGIN)


def test_npz_comes_back_without_pickle(tmp_path):
    path = tmp_path / "n.npz"
    write_npz(path)
    arrays, metadata = storage.read_npz(path)
    np.testing.assert_array_equal(arrays["layer/weights"], np.arange(400.0))
    assert metadata == {"names": ["a"]}
    np.savez(path, metadata=np.array(json.dumps({})), evil=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="not a readable NPZ file of this package"):
        storage.read_npz(path)


def test_files_of_another_program_are_not_called_damaged(tmp_path):
    np.savez(tmp_path / "mine.npz", x=np.zeros(3))
    with pytest.raises(
        ValueError, match=r"mine\.npz: is an NPZ file of another program: it holds the arrays \['x'\]"
    ):
        storage.read_npz(tmp_path / "mine.npz")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "mine.parquet")
    with pytest.raises(
        ValueError, match=r"mine\.parquet: is a Parquet table of another program: it carries no"
    ):
        storage.read_table(tmp_path / "mine.parquet")


def test_json_refuses_nan_and_writes_numpy_numbers(tmp_path):
    path = tmp_path / "j.json"
    storage.write_json(path, {"a": np.float64(0.5), "b": np.arange(3)})
    assert storage.read_json(path) == {"a": 0.5, "b": [0, 1, 2]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        storage.write_json(path, {"a": float("nan")})
    assert storage.read_json(path) == {"a": 0.5, "b": [0, 1, 2]}, "the older file must stay"


# ------------------------------------------------------------------------------------------- whole or absent


def test_a_failing_writer_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "old.json"
    storage.write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        storage.write_json(path, {"a": object()})
    with pytest.raises(ZeroDivisionError), storage.atomic_path(path) as temporary:
        temporary.write_text(f"half {1 / 0}")
    assert storage.read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["old.json"]


@pytest.mark.parametrize("kind", KINDS)
def test_missing_file(tmp_path, kind):
    with pytest.raises(FileNotFoundError):
        KINDS[kind][1](tmp_path / f"absent.{kind}")
    with pytest.raises(FileNotFoundError, match="is a folder"):
        KINDS[kind][1](tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_truncated_files_are_refused_by_name(tmp_path, kind, share):
    write, read = KINDS[kind]
    path = tmp_path / f"cut.{kind}"
    write(path)
    read(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=f"cut.{kind}"):
        read(path)


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bits_are_noticed(tmp_path, kind):
    """A changed bit anywhere is an error that names the file, or changes nothing that is read."""
    write, read = KINDS[kind]
    path = tmp_path / f"flip.{kind}"
    write(path)
    clean = path.read_bytes()
    good = shown(read(path))
    rng = np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(clean), 150):
        dirty = bytearray(clean)
        dirty[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(dirty))
        try:
            assert shown(read(path)) == good, f"byte {place} changed what was read"
        except ValueError as error:
            refused += path.name in str(error)
    assert refused > 0


def shown(read):
    """Content exactly, configurations too."""
    if isinstance(read, list) and isinstance(read[0], Configuration):
        return [(c.positions.tolist(), c.species.tolist(), c.box_length) for c in read]
    return repr(read)


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_of_zeros_are_noticed(tmp_path, kind):
    """What a file system may leave after a crash: a stretch of zeros. The checksum of HDF5 lets them pass."""
    write, read = KINDS[kind]
    path = tmp_path / f"hole.{kind}"
    write(path)
    clean = path.read_bytes()
    good = shown(read(path))
    size, refused = 512, 0
    for start in range(0, len(clean), size):
        path.write_bytes(clean[:start] + bytes(len(clean[start : start + size])) + clean[start + size :])
        try:
            assert shown(read(path)) == good, f"zeros from byte {start} changed what was read"
        except ValueError as error:
            refused += path.name in str(error)
    assert refused > 0


def test_a_lost_chunk_of_arrays_is_noticed(run_folder):
    path = run_folder / "a.h5"
    values = np.random.default_rng(0).normal(size=70_000)
    storage.write_arrays(path, {"a": Array(values, ("k",))}, ORIGIN)
    content = path.read_bytes()
    import h5py

    with h5py.File(path) as file:
        chunk = file["a"].id.get_chunk_info(0)
    end = chunk.byte_offset + chunk.size
    path.write_bytes(content[: chunk.byte_offset] + bytes(chunk.size) + content[end:])
    with pytest.raises(ValueError, match=r"a\.h5: array 'a' cannot be read.*delete this file and repeat"):
        storage.read_arrays(path)


def test_a_json_file_changed_by_hand_or_without_its_checksum_is_refused(tmp_path):
    path = tmp_path / "tau.json"
    storage.write_json(path, {"tau": 1.5, "provenance": ORIGIN})
    text = path.read_text()
    path.write_text(text.replace("1.5", "1.6"))
    with pytest.raises(ValueError, match="differs from its checksum"):
        storage.read_json(path)
    path.write_text(text.replace("sha256", "sha255"))
    with pytest.raises(ValueError, match="differs from its checksum"):
        storage.read_json(path)


# ------------------------------------------------------------------------------------- within a run's folder


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    folder = tmp_path / "results" / "small"
    folder.mkdir(parents=True)
    monkeypatch.setenv("TGLASSMLP_RUN_FOLDER", str(folder))
    monkeypatch.setenv("TGLASSMLP_RUN_IDENTITY", "0123456789abcdef")
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_place_or_run_is_refused(run_folder, monkeypatch, kind):
    write, read = KINDS[kind]
    own, other = run_folder / f"T0.40.{kind}", run_folder / f"T0.50.{kind}"
    write(own)
    read(own)
    other.write_bytes(own.read_bytes())
    with pytest.raises(ValueError, match=rf"T0\.50\.{kind}: holds what belongs to T0\.40\.{kind} of a run"):
        read(other)
    monkeypatch.setenv("TGLASSMLP_RUN_IDENTITY", "fedcba9876543210")
    with pytest.raises(ValueError, match=r"another seed or system.*move this file away and repeat"):
        read(own)
    monkeypatch.delenv("TGLASSMLP_RUN_FOLDER")
    read(other)  # outside a workflow a copy is a copy


BINARY = Mixture("b", ((1.0, 0.8), (0.8, 0.88)), ((1.0, 1.5), (1.5, 0.5)), (13, 7), 4.1)


@pytest.mark.parametrize("kind", KINDS)
def test_files_of_a_run_name_its_mixture_and_those_of_another_are_refused(run_folder, monkeypatch, kind):
    for name in ("TGLASSMLP_RUN_FOLDER", "TGLASSMLP_RUN_IDENTITY", "TGLASSMLP_RUN_MIXTURE"):
        monkeypatch.setenv(name, "")  # work_for writes into the environment; this brings it back
    write, read = KINDS[kind]
    path = run_folder / f"T0.40.{kind}"
    storage.work_for(run_folder, "0123456789abcdef", BINARY)
    write(path)
    read(path)
    if kind == "h5":
        made = storage.read_attributes(path)["provenance"]["mixture"]
        assert made == {"name": "b", "fingerprint": species.identity(BINARY)}
    storage.work_for(run_folder, "0123456789abcdef", replace(BINARY, name="c"))
    read(path)  # a name makes no other liquid
    storage.work_for(run_folder, "0123456789abcdef", KA2D)
    with pytest.raises(ValueError, match=rf"T0\.40\.{kind}: is of the mixture b .*this run simulates KA2D"):
        read(path)
    monkeypatch.setenv("TGLASSMLP_RUN_FOLDER", "")
    read(path)


def test_a_users_file_of_another_mixture_is_noticed_in_a_run(run_folder, monkeypatch):
    for name in ("TGLASSMLP_RUN_FOLDER", "TGLASSMLP_RUN_IDENTITY", "TGLASSMLP_RUN_MIXTURE"):
        monkeypatch.setenv(name, "")
    positions = np.random.default_rng(0).uniform(0, 4.1, (20, 2))
    c = Configuration(positions, BINARY.species(), 4.1)
    path = run_folder / "chunk0.gsd"
    storage.write_configurations(path, [c], {}, mixture=BINARY)  # made outside a workflow, put into a run
    read_gsd(path)
    storage.work_for(run_folder, "0123456789abcdef", KA2D)
    with pytest.raises(ValueError, match=r"is of the mixture b .*this run simulates KA2D"):
        read_gsd(path)


@pytest.mark.parametrize("kind", KINDS)
def test_only_files_of_the_run_at_work_are_to_be_deleted(run_folder, tmp_path, kind):
    """Somebody's own file may be the only copy: outside the run's folder nobody is told to delete it."""
    write, read = KINDS[kind]
    inside, outside = run_folder / f"a.{kind}", tmp_path / f"a.{kind}"
    for path in (inside, outside):
        write(path)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=rf"a\.{kind}: .*{storage.ADVICE}"):
        read(inside)
    with pytest.raises(ValueError, match=rf"a\.{kind}: .*keep this file") as error:
        read(outside)
    assert "delete" not in str(error.value)
    assert outside.exists()


def test_a_file_of_the_package_is_installed_again(monkeypatch):
    monkeypatch.delenv("TGLASSMLP_RUN_FOLDER", raising=False)
    inside = Path(storage.__file__).parent.parent / "data" / "networks" / "laptop.npz"
    assert storage.advice(inside) == "it came with the package: install tglassmlp again"


OTHERS = {
    "run.pdb": (b"CRYST1   10.0   10.0   10.0  90.00  90.00  90.00\n", "a PDB file"),
    "run.xyz": (b"2\n\nA 0 0 0\nB 1 0 0\n", "an XYZ file"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OTHERS)
def test_readers_say_what_a_file_of_another_kind_is(tmp_path, kind, name):
    content, noun = OTHERS[name]
    path = tmp_path / f"mine.{kind}"
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=rf"mine\.{kind}: is {noun}[,;] .*(was expected|is not read)"
    ) as error:
        KINDS[kind][1](path)
    assert "delete" not in str(error.value)


def test_links_do_not_lead_out_of_the_run(run_folder, tmp_path):
    outside = tmp_path / "home"
    outside.mkdir()
    (outside / "precious").write_text("kept")
    (run_folder / "tables").symlink_to(outside)
    with pytest.raises(ValueError, match="a symbolic link leads to"):
        storage.write_json(run_folder / "tables" / "a.json", {"a": 1})
    (run_folder / "b.json").symlink_to(outside / "precious")
    storage.write_json(run_folder / "b.json", {"a": 1})  # replaces the link, not what it points to
    assert (outside / "precious").read_text() == "kept"
    assert [p.name for p in outside.iterdir()] == ["precious"]


def test_a_run_may_lie_behind_a_link(run_folder, tmp_path, monkeypatch):
    linked = tmp_path / "linked"
    linked.symlink_to(run_folder)
    monkeypatch.setenv("TGLASSMLP_RUN_FOLDER", str(linked))
    storage.write_json(linked / "tables" / "a.json", {"a": 1})
    assert storage.read_json(linked / "tables" / "a.json") == {"a": 1}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "the disk is full"),
        (RuntimeError("Unable to flush file (errno = 28, No space left on device)"), "the disk is full"),
        (OSError(30, "Read-only file system"), "mounted read-only"),
        (PermissionError(13, "Permission denied"), "make that folder writable"),
    ],
)
def test_a_disk_that_refuses_is_explained_with_the_file(tmp_path, error, said):
    path = tmp_path / "new.json"
    with pytest.raises(OSError, match=rf"{said}.*repeat the command.*new\.json"), storage.atomic_path(path):
        raise error
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------- configurations

HOT = replace(
    KA2D,
    name="hot",
    sigma=tuple(tuple(1.03 * x for x in row) for row in KA2D.sigma),
    epsilon=tuple(tuple(3.0 * x for x in row) for row in KA2D.epsilon),
)


def liquid(seed=0, mixture=KA2D) -> Configuration:
    """A tenth of KA2D, on a lattice."""
    r = np.random.default_rng(seed)
    side = KA2D.box_length / np.sqrt(10)
    x = np.stack(np.meshgrid(np.arange(12), np.arange(12)), axis=-1).reshape(-1, 2)[:129] * side / 12
    return Configuration(x, r.permutation(KA2D.scaled(10).species()), side, mixture)


def test_configurations_carry_the_mixture_of_their_file(tmp_path):
    path, bare = tmp_path / "hot.gsd", liquid(mixture=None)
    write_configurations(path, [bare, bare], mixture=HOT)
    for found in (
        read_configurations(path, mixture=HOT),
        read_configurations(path, mixture=None),
        storage.read_configurations(path),
        storage.read_configurations(path, replace(HOT, name="mine")),
    ):
        assert [c.mixture for c in found] == [HOT, HOT]
    (first, _) = read_configurations(path, mixture=read_mixture(path))
    np.testing.assert_array_equal(potential_energies(first), potential_energies(bare, HOT))
    assert not np.allclose(potential_energies(first), potential_energies(bare, KA2D))
    with pytest.raises(ValueError, match="holds the mixture 'hot', which is not the 'KA2D' expected"):
        read_configurations(path)


def test_a_file_without_a_mixture_is_of_the_one_that_is_named(tmp_path):
    path = tmp_path / "bare.gsd"
    write_configurations(path, [liquid(mixture=None)])
    assert storage.named_mixture(path) is None
    assert read_configurations(path, mixture=HOT)[0].mixture == HOT
    assert read_configurations(path, mixture=KA2D)[0].mixture == KA2D
    assert read_configurations(path)[0].mixture is None  # nobody has named one
    assert read_configurations(path, mixture=None)[0].mixture is None


def test_the_mixture_that_configurations_carry_is_written(tmp_path):
    path = tmp_path / "carried.gsd"
    write_configurations(path, [liquid(mixture=HOT)] * 2)
    assert read_mixture(path) == HOT
    for others, message in (
        ([liquid(mixture=None)], "configuration 1 carries no mixture, others do"),
        ([liquid(mixture=KA2D)], "different mixtures, hot and KA2D"),
    ):
        with pytest.raises(ValueError, match=message):
            write_configurations(tmp_path / "mixed.gsd", [liquid(mixture=HOT), *others])
    with pytest.raises(ValueError, match="of the mixture hot, but mixture=KA2D was given"):
        write_configurations(tmp_path / "wrong.gsd", [liquid(mixture=HOT)], mixture=KA2D)
    assert not (tmp_path / "wrong.gsd").exists()


def test_carried_mixtures_of_other_shares_are_written_as_they_are(tmp_path):
    path = tmp_path / "other.gsd"
    c = Configuration(liquid().positions, np.repeat([1, 2, 3], 43), 10.4, KA2D)
    write_configurations(path, [c])
    assert read_mixture(path).composition == (43, 43, 43)
    for found in (read_configurations(path)[0], storage.read_configurations(path)[0]):
        assert found.mixture is not None
        assert found.mixture.same_potential(KA2D)
    with pytest.raises(ValueError, match="shares of species"):
        read_configurations(path, mixture=KA2D)
    alone = Configuration([[0.0, 0.0], [1.1, 0.0]], [1, 1], 10.0, KA2D)
    with pytest.warns(UserWarning, match="will name no mixture, since KA2D has 3 species"):
        write_configurations(path, [alone])
    assert storage.named_mixture(path) is None


def edited(path: Path, change) -> None:
    """Write a file again with its frames changed, and with a checksum that is right."""
    with gsd.hoomd.open(name=str(path), mode="r") as file:
        frames = list(file)
    for frame in frames:
        change(frame)
    with gsd.hoomd.open(name=str(path), mode="w") as file:
        file.extend(frames)
    seal(path)


def box_of_the_log(frame):
    frame.log["tglassmlp/box_length"] = np.array([11.0])


def box_of_the_frame(frame):
    frame.configuration.box = [11.0, 11.0, 0.0, 0.0, 0.0, 0.0]


def not_finite(frame):
    frame.log["tglassmlp/box_length"] = np.array([np.nan])


def shares(frame):
    frame.particles.typeid = np.zeros(frame.particles.N, np.uint32)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (box_of_the_log, "its exact box length 11 is not the one that other programs see, 10.40"),
        (box_of_the_frame, "its exact box length 10.40.* is not the one that other programs see, 11"),
        (not_finite, "its exact box length nan"),
        (shares, "its species have the shares 1: 100.0%, 2: 0.0%, 3: 0.0%.* KA2D has 1: 46.5%"),
    ],
)
def test_files_of_the_package_are_held_against_themselves(tmp_path, change, said):
    path = tmp_path / "edited.gsd"
    write_configurations(path, [liquid()], mixture=KA2D)
    edited(path, lambda frame: None)
    assert read_configurations(path)[0].box_length == liquid().box_length
    edited(path, change)
    with pytest.raises(ValueError, match=f"frame 0: {said}"):
        read_configurations(path)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"mixture": "KA2D"}, TypeError, r"tglassmlp.Mixture \(tglassmlp.KA2D\) or None, found 'KA2D'"),
        ({"mixture": {}}, TypeError, "found dict"),
        ({"properties": []}, ValueError, "one mapping for each configuration, found 0 for 1"),
        ({"properties": [{}, {}]}, ValueError, "found 2 for 1"),
        ({"properties": {"a": np.zeros(129)}}, TypeError, "list with a mapping .*found dict"),
        ({"properties": [np.zeros(129)]}, TypeError, r"properties\[0\] must be a mapping"),
        ({"properties": [{1: np.zeros(129)}]}, TypeError, "names of properties must be texts, found 1"),
        ({"properties": [{"tglassmlp/position": np.zeros((129, 2))}]}, ValueError, "the package's own"),
        ({"properties": [{"tglassmlp": np.zeros(129)}]}, ValueError, "the package's own"),
        ({"properties": [{"a": np.zeros(128)}]}, ValueError, "shape"),
    ],
)
def test_arguments_of_the_writer_are_checked(tmp_path, arguments, error, said):
    with pytest.raises(error, match=said):
        write_configurations(tmp_path / "a.gsd", [liquid()], **arguments)
    assert not (tmp_path / "a.gsd").exists()


def test_a_list_of_configurations_is_written(tmp_path):
    with pytest.raises(TypeError, match=r"found a single one; write \[configuration\]"):
        write_configurations(tmp_path / "a.gsd", liquid())
    with pytest.raises(TypeError, match="found ndarray at place 0"):
        write_configurations(tmp_path / "a.gsd", [liquid().positions])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"mixture": "KA2D"}, "mixture must be a tglassmlp.Mixture"),
        ({"species": ["A", "B"]}, "species must be a mapping .*found list"),
        ({"species": {1: 2}}, "must map names of types"),
    ],
)
@pytest.mark.parametrize("name", ["a.gsd", "a.npz", "none.gsd"])
def test_arguments_of_the_reader_are_not_blamed_on_the_file(tmp_path, arguments, said, name):
    write_configurations(tmp_path / "a.gsd", [liquid()])
    (tmp_path / "a.npz").write_bytes(b"PK")
    for read in (read_configurations, storage.read_configurations):
        with pytest.raises(TypeError, match=said):
            read(tmp_path / name, **arguments)
