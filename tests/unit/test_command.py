"""The command ``tglassmlp``: what it writes, what it refuses, and what it says."""

from __future__ import annotations

import csv
import json
import re

import gsd.hoomd
import numpy as np
import pytest

import tglassmlp as tg
from tglassmlp import compilation
from tglassmlp.command import predict as command
from tglassmlp.command.parser import DEFAULT_NETWORKS, main, parser, species_map

POINT = ["--temperature", "0.40", "--c-b", "0.5"]


@pytest.fixture(scope="module")
def structures():
    return tg.load_dataset().at(0.40).configurations([0, 1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory, structures):
    """Files with one configuration, with two, with types of other names, and of another liquid."""
    place = tmp_path_factory.mktemp("files")
    tg.write_configurations(place / "one.gsd", structures[:1])
    tg.write_configurations(place / "two.gsd", structures)
    foreign(place / "letters.gsd", structures[0], ["B", "A", "C"])
    foreign(place / "unclear.gsd", structures[0], ["large", "small", "middle"])
    equal = tg.Configuration(structures[0].positions, 1 + np.arange(1290) % 3, structures[0].box_length)
    tg.write_configurations(place / "equal.gsd", [equal])
    tg.write_configurations(place / "small.gsd", [tg.Configuration(np.eye(2), [1, 2], 10.0)])
    dense = tg.Configuration(0.9 * structures[0].positions, structures[0].species, 0.9 * 32.8962)
    tg.write_configurations(place / "dense.gsd", [dense])
    (place / "text.gsd").write_text("nothing that is understood")
    return place


def foreign(path, c, types):
    """Write a file as another program would: float32 positions, names of types in an order of its own."""
    frame = gsd.hoomd.Frame()
    frame.configuration.box = [c.box_length, c.box_length, 0, 0, 0, 0]
    frame.configuration.dimensions = 2
    frame.particles.N = c.n_particles
    frame.particles.position = np.column_stack([c.wrapped(), np.zeros(c.n_particles)])
    frame.particles.types = types
    frame.particles.typeid = c.species - 1
    with gsd.hoomd.open(str(path), "w") as file:
        file.append(frame)


def say(capsys, *words):
    """Exit status, output and errors of the command."""
    capsys.readouterr()
    try:
        status = main([str(word) for word in words])
    except SystemExit as stopped:
        status = stopped.code
    out, err = capsys.readouterr()
    return status, out, err


@pytest.fixture(scope="module")
def predicted(folder, structures, tmp_path_factory):
    """The three files of one prediction, and the same prediction by Python."""
    out = tmp_path_factory.mktemp("out") / "new" / "folder"
    assert main(["predict", str(folder / "one.gsd"), *POINT, "--out", str(out)]) == 0
    values = tg.load_networks("laptop").predict(structures[0], temperature=0.40, c_b=0.5)
    return out, values


def test_table_and_gsd_hold_what_python_predicts(predicted, structures):
    out, values = predicted
    name = "one_T0.40_cb0.50"
    assert sorted(p.name for p in out.iterdir()) == [f"{name}.csv", f"{name}.gsd", f"{name}.png"]
    with open(out / f"{name}.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["particle", "species", "x", "y", "propensity", "spread"]
    (c,) = structures[:1]
    own = c.of_species(1)
    columns = {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}
    np.testing.assert_array_equal(columns["particle"], own)
    assert set(columns["species"]) == {1}
    np.testing.assert_allclose(np.column_stack([columns["x"], columns["y"]]), c.wrapped()[own], atol=1e-6)
    np.testing.assert_allclose(columns["propensity"], values.mean(axis=0), atol=2e-6)
    np.testing.assert_allclose(columns["spread"], values.std(axis=0, ddof=1), atol=2e-6)
    with gsd.hoomd.open(str(out / f"{name}.gsd"), "r") as file:
        (frame,) = file
    for key, expected in (("propensity", values.mean(axis=0)), ("propensity_spread", values.std(0, ddof=1))):
        found = frame.log[f"particles/{key}"]
        np.testing.assert_allclose(found[own], expected, rtol=1e-4)
        assert np.isnan(np.delete(found, own)).all()
    record = json.loads(bytes(frame.log["tglassmlp/provenance"]).decode())
    assert (record["networks"], record["temperature"], record["c_b"]) == ("laptop", 0.4, 0.5)
    (again,) = tg.read_configurations(out / f"{name}.gsd")
    np.testing.assert_array_equal(again.positions, c.positions)
    assert again.mixture.same_potential(tg.KA2D)


def test_the_picture_shows_the_prediction(predicted):
    import matplotlib.image

    (picture,) = predicted[0].glob("*.png")
    pixels = matplotlib.image.imread(picture)
    assert min(pixels.shape[:2]) > 900
    red, _, blue = np.moveaxis(pixels[:, : 3 * pixels.shape[1] // 4, :3], -1, 0)
    for active in (red - blue > 0.15, blue - red > 0.15):
        assert 0.02 < active.mean() < 0.6


def test_types_of_other_names_and_one_of_several_frames(folder, predicted, capsys, tmp_path):
    words = ["--species", "B=1,A=2,C=3", "--out", tmp_path, "--limits", "0.3,0.7"]
    status, out, err = say(capsys, "predict", folder / "letters.gsd", *POINT, *words)
    assert status == 0, err
    assert re.search(r"600 of 1290 particles .* 16 networks \(laptop\) at T = 0.40, C_B = 0.50", out)
    assert out.count(str(tmp_path)) == 3
    frame = say(capsys, "predict", folder / "two.gsd", *POINT, "--frame", "-2", "--out", tmp_path)
    assert frame[0] == 0, frame[2]
    assert "replaced" not in frame[2]
    again = say(capsys, "predict", folder / "two.gsd", *POINT, "--frame", "0", "--out", tmp_path)
    assert "two_frame0_T0.40_cb0.50.* of an earlier prediction are replaced" in again[2]
    first = np.genfromtxt(tmp_path / "letters_T0.40_cb0.50.csv", delimiter=",", names=True)
    second = np.genfromtxt(tmp_path / "two_frame0_T0.40_cb0.50.csv", delimiter=",", names=True)
    np.testing.assert_allclose(first["propensity"], predicted[1].mean(axis=0), atol=0.002)  # float32
    np.testing.assert_allclose(second["propensity"], predicted[1].mean(axis=0), atol=2e-6)


@pytest.mark.parametrize(
    ("file", "words", "message"),
    [
        ("absent.gsd", [], r"absent\.gsd"),
        ("two.gsd", [], r"holds 2 frames; choose one of them with --frame K, K = 0 to 1"),
        ("two.gsd", ["--frame", "2"], r"has no frame 2; it holds 2"),
        ("text.gsd", [], r"text\.gsd"),
        ("unclear.gsd", [], r"--species large=1,middle=3,small=2"),
        ("unclear.gsd", ["--species", "large=1,middle=2,small=3"], r"choose networks .*\(--networks\)"),
        ("unclear.gsd", ["--species", "a=1,b=2,c=3"], r"--species a=1,b=2,c=3 names \['a', 'b', 'c'\]"),
        ("equal.gsd", [], r"these networks learnt KA2D .* has shares 0\.333, 0\.333, 0\.333"),
        ("small.gsd", [], r"has shares 0\.500, 0\.500, 0\.000"),
        ("dense.gsd", [], r"number density 1\.4717"),
        ("one.gsd", ["--networks", "guess"], r"no networks called 'guess'.*available: demo, ka2d, laptop"),
        ("one.gsd", ["--networks", "absent.npz"], r"absent\.npz"),
        ("one.gsd", ["--temperature", "0.9"], r"T = 0\.9 lies outside 0\.18 to 0\.4.*--allow-outside"),
        ("one.gsd", ["--temperature", "-1"], r"must be positive .*found -1"),
        ("one.gsd", ["--temperature", "nan"], r"must be positive .*found nan"),
        ("one.gsd", ["--temperature", "0.31234567"], r"at most six decimals"),
        ("one.gsd", ["--c-b", "0.1"], r"C_B = 0\.1 lies outside 0\.5 to 0\.99.*--allow-outside"),
        ("one.gsd", ["--c-b", "1.5"], r"C_B must lie between 0 and 1, found 1\.5"),
        ("one.gsd", ["--out", "{folder}/text.gsd"], r"text\.gsd: --out needs a folder"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(folder, tmp_path, capsys, file, words, message):
    out = ["--out", tmp_path / "out"]
    words = [word.format(folder=folder) for word in words]
    status, shown, err = say(capsys, "predict", folder / file, *POINT, *out, *words)
    assert (status, shown) == (1, "")
    (*_, last) = err.strip().splitlines()
    assert last.startswith("tglassmlp: error: ")
    assert re.search(message, last), last
    assert not re.search(r"mixture=|species=|Traceback", err)
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "required: COMMAND"),
        (["predict", "x.gsd"], "required: --temperature, --c-b"),
        (["predict", *POINT], "required: FILE"),
        (["predict", "x.gsd", "--temp", "0.4", "--c-b", "0.5"], "required: --temperature"),
        (["predict", "x.gsd", "--temperature", "cold", "--c-b", "0.5"], "must be a number, found 'cold'"),
        (["predict", "x.gsd", *POINT, "--species", "A:1"], "must look like A=1,B=2,C=3, found 'A:1'"),
        (["predict", "x.gsd", *POINT, "--species", "A=1,A=2"], "names the type 'A' twice"),
        (["predict", "x.gsd", *POINT, "--limits", "0.5"], "must look like 0.2,0.8"),
        (["predict", "x.gsd", *POINT, "--limits", "0.5,0.5"], "two rising numbers"),
        (["guess"], "invalid choice: 'guess'"),
    ],
)
def test_words_that_are_not_understood(capsys, words, message):
    status, _, err = say(capsys, *words)
    assert status == 2
    assert message in err


def test_shares_that_are_only_near_those_of_the_mixture(structures, folder, capsys, monkeypatch, tmp_path):
    """The networks accept a difference of one per cent in a share; the file written names its own."""
    species = structures[0].species.copy()
    species[np.flatnonzero(species == 3)[:8]] = 2
    near = tg.Configuration(structures[0].positions, species, structures[0].box_length)
    tg.write_configurations(folder / "near.gsd", [near])
    monkeypatch.setattr(command.Networks, "predict", lambda *_: np.full((1, 600), 0.5))
    status, _, err = say(capsys, "predict", folder / "near.gsd", *POINT, "--out", tmp_path)
    assert status == 0
    assert re.search(r"warning: .*near\.gsd: names no mixture.*\(--networks\)", err)
    written = tg.read_mixture(tmp_path / "near_T0.40_cb0.50.gsd")
    assert written.same_potential(tg.KA2D)
    assert written.composition == (600, 338, 352)
    assert ",0.500000,nan\n" in (tmp_path / "near_T0.40_cb0.50.csv").read_text()  # one network has no spread


def test_types_may_have_any_name():
    assert species_map("1=1, 2=3 ,H=O=2") == {"1": 1, "2": 3, "H=O": 2}


def test_outside_of_the_domain_on_demand_with_a_warning(folder, capsys, monkeypatch, tmp_path):
    def told(self, configuration, temperature, c_b):
        import warnings

        from tglassmlp.network.domain import beyond

        for text in 2 * beyond(self.state_features, temperature, c_b):
            warnings.warn(text, tg.PredictionWarning, stacklevel=2)
        return np.full((2, 600), 0.5)

    monkeypatch.setattr(command.Networks, "predict", told)
    words = ["--temperature", "0.9", "--allow-outside", "--out", tmp_path]
    status, _, err = say(capsys, "predict", folder / "one.gsd", *POINT, *words)
    assert status == 0
    assert err.count("tglassmlp: warning: T = 0.9 lies outside 0.18 to 0.4") == 1

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command.Networks, "predict", stopped)
    assert say(capsys, "predict", folder / "one.gsd", *POINT, "--out", tmp_path)[::2] == (
        130,
        "tglassmlp: interrupted\n",
    )

    def lacking(*_):
        raise ModuleNotFoundError("No module named 'freud'", name="freud")

    monkeypatch.setattr(command.Networks, "predict", lacking)
    assert say(capsys, "predict", folder / "one.gsd", *POINT, "--out", tmp_path)[::2] == (
        1,
        "tglassmlp: error: No module named 'freud': install the extra tglassmlp[workflow]\n",
    )


def test_networks_are_listed(capsys):
    status, out, _ = say(capsys, "networks")
    assert status == 0
    assert re.search(r"^laptop\n    16 tGlassMLP of 148 descriptors$", out, flags=re.MULTILINE)
    assert "    meant for T = 0.18 to 0.4, C_B = 0.5 to 0.99" in out


def test_help_names_every_option_and_fits_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    status, out, _ = say(capsys, "predict", "--help")
    assert status == 0
    for option in (
        "--temperature",
        "--c-b",
        "--networks",
        "--species",
        "--frame",
        "--out",
        "--allow-outside",
    ):
        assert option in out
    assert "blue particles are arrested, red ones are active" in out
    assert max(map(len, out.splitlines())) <= 110
    assert say(capsys, "--version")[1] == f"tglassmlp {tg.__version__}\n"
    assert parser().prog == "tglassmlp"


def test_compilation_is_announced_once_and_only_where_nothing_is_kept(tmp_path, monkeypatch):
    import numba

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))

    def kernels():
        def first(x):
            return x + 1.0

        def second(x):
            return x + 2.0

        return [compilation.njit()(f) for f in (first, second)]

    told = []
    for _ in range(2):
        with compilation.announced(lambda: told.append("compiling")):
            assert [kernel(1.0) for kernel in kernels()] == [2.0, 3.0]
        assert told == ["compiling"]  # the second round finds both kept
    kernels()[0](1)  # another type, outside: nobody listens
    assert told == ["compiling"]


def test_networks_that_are_not_named_are_the_same_for_the_command_and_in_python():
    assert tg.load_networks().metadata == tg.load_networks(DEFAULT_NETWORKS).metadata
