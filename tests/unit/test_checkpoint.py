import numpy as np
import pytest

from tglassmlp.simulation import checkpoint


def test_round_trip_is_exact(tmp_path):
    path = tmp_path / "state" / "run.npz"
    assert checkpoint.load(path, "abc") is None
    arrays = {"x": np.random.default_rng(1).normal(size=(5, 2)), "rng": np.array([2**64 - 1, 3], np.uint64)}
    checkpoint.save(path, arrays, {"step": 7, "d": 0.1 + 0.2}, "abc")
    found, record = checkpoint.load(path, "abc")
    assert record == {"step": 7, "d": 0.1 + 0.2}
    for name, values in arrays.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)
    checkpoint.remove(path)
    checkpoint.remove(path)
    assert checkpoint.load(path, "abc") is None


def test_foreign_checkpoint_is_refused_and_kept(tmp_path):
    path = tmp_path / "run.npz"
    checkpoint.save(path, {"x": np.arange(3)}, {}, "abc")
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"run\.npz.*other settings.*move it away"):
        checkpoint.load(path, "xyz")
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_damaged_checkpoint_is_refused_and_kept(tmp_path, damage):
    path = tmp_path / "run.npz"
    checkpoint.save(path, {"x": np.arange(1000.0)}, {}, "abc")
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "empty":
        content = bytearray()
    else:
        content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"run\.npz.*damaged.*move it away"):
        checkpoint.load(path, "abc")
    assert path.read_bytes() == bytes(content)


def test_removal_takes_what_killed_processes_left(tmp_path):
    path, other = tmp_path / "run[1].npz", tmp_path / "run1.npz"
    for file in (path, other):
        checkpoint.save(file, {"x": np.arange(3)}, {}, "a")
        file.with_name(f".{file.name}.k3j.npz").write_bytes(b"half")
    checkpoint.remove(path)
    assert sorted(f.name for f in tmp_path.iterdir()) == [".run1.npz.k3j.npz", "run1.npz"]
    checkpoint.remove(path)
