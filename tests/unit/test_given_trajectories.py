"""Structures and trajectories of other programs as files of a run: what is taken, and what is refused."""

from __future__ import annotations

import gzip
import shutil

import gsd.hoomd
import numpy as np
import pytest
import yaml

import tglassmlp as tg
from tglassmlp.config import ConfigError, load
from tglassmlp.config.layers import laid_over_each_other
from tglassmlp.readers.lammps import write_potential
from tglassmlp.readers.trajectories import files_by_number, given_in_a_run, read_replicas, read_structure

MIXTURE = tg.Mixture("b", ((1, 0.8), (0.8, 0.88)), ((1, 1.5), (1.5, 0.5)), (4, 2), 6.0)
SPECIES = np.array([1, 2, 1, 1, 2, 1])
START = np.array([[0, 0], [1, 1], [-2, 1], [2.5, -1], [-1, -2], [2.9, 2.9]])
STEPS = (0, 10, 30)


def moved(replica):
    """Displacements ``[frame, N, 2]`` of a file: particle 5 leaves the box, the centre of mass moves."""
    rng = np.random.default_rng(replica)
    return np.cumsum(np.concatenate([np.zeros((1, 6, 2)), rng.uniform(0, 1.5, (2, 6, 2))]), axis=0)


def true(replica):
    """Displacements relative to the centre of mass."""
    return moved(replica) - moved(replica).mean(axis=1, keepdims=True)


def dump(path, positions, columns="id type xu yu", steps=STEPS, order=None, box=6.0):
    """Write a dump; ``x y ix iy`` folds positions, and ``x y`` loses the images."""
    text = ""
    for step, x in zip(steps, positions, strict=True):
        text += f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n6\nITEM: BOX BOUNDS pp pp pp\n"
        text += f"{-box / 2} {box / 2}\n" * 2 + f"-0.5 0.5\nITEM: ATOMS {columns}\n"
        images = np.floor(x / box + 0.5).astype(int)
        for k in np.roll(np.arange(6), step) if order is None else order:
            xu, yu = x[k]
            xw, yw = x[k] - images[k] * box
            values = (k + 1, SPECIES[k], xu, yu, xw, yw, *images[k])
            known = dict(zip(["id", "type", "xu", "yu", "x", "y", "ix", "iy"], values, strict=True))
            text += " ".join(str(known[c]) for c in columns.split()) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.fixture
def start():
    return tg.Configuration(START, SPECIES, 6.0, MIXTURE)


@pytest.mark.parametrize("columns", ["id type xu yu", "type id x y ix iy", "id type x y"])
def test_displacements_are_true_ones(tmp_path, start, columns):
    files = [dump(tmp_path / f"r{r}.dump.gz", START + moved(r), columns) for r in range(2)]
    structure = read_structure(files[0], MIXTURE)
    assert structure.species.tolist() == SPECIES.tolist()
    times, found = read_replicas(files, structure, MIXTURE, time_step=0.005)
    np.testing.assert_allclose(times, [0, 0.05, 0.15])
    np.testing.assert_allclose(found, [true(0), true(1)], atol=1e-6)
    assert np.abs(START[5] + moved(0)[-1, 5]).max() > 3, "the test moves a particle out of its box"


def test_gsd_and_extended_xyz(tmp_path, start):
    tg.write_configurations(tmp_path / "a.xyz", [start.with_positions(START + d) for d in moved(0)])
    text = (tmp_path / "a.xyz").read_text()
    for k in range(3):
        text = text.replace('pbc="T T F"\n', f'pbc="T T F" Time={k * 0.5} \n', 1)
    (tmp_path / "a.xyz").write_text(text)
    with gsd.hoomd.open(tmp_path / "a.gsd", "w") as file:
        for step, d in zip(STEPS, moved(0), strict=True):
            frame, images = gsd.hoomd.Frame(), np.floor((START + d) / 6 + 0.5)
            frame.configuration.step, frame.configuration.dimensions = step, 2
            frame.configuration.box = [6, 6, 0, 0, 0, 0]
            frame.particles.N, frame.particles.types, frame.particles.typeid = 6, ["A", "B"], SPECIES - 1
            frame.particles.position = np.c_[START + d - 6 * images, np.zeros(6)]
            frame.particles.image = np.c_[images, np.zeros(6)]
            file.append(frame)
    times, found = read_replicas([tmp_path / "a.xyz"], start, MIXTURE)
    np.testing.assert_allclose(times, [0, 0.5, 1])
    np.testing.assert_allclose(found[0], true(0), atol=1e-6)
    times, found = read_replicas([tmp_path / "a.gsd"], start, MIXTURE, time_step=0.01)
    np.testing.assert_allclose(times, [0, 0.1, 0.3])
    np.testing.assert_allclose(found[0], true(0), atol=1e-5)


def refused(message, files, start, **more):
    with pytest.raises(ValueError, match=message):
        read_replicas(files, start, MIXTURE, **{"time_step": 0.005, **more})


def test_refusals(tmp_path, start):
    good = dump(tmp_path / "good.dump", START + moved(0))
    other = dump(tmp_path / "other.dump", START + 0.01 + moved(0))
    refused(r"other\.dump: does not start from its structure: in its first frame particle", [other], start)
    same = tmp_path / "same.dump"
    shutil.copy(good, same)
    refused(r"same\.dump: holds the same motion as .*good\.dump", [good, same], start)
    short = dump(tmp_path / "short.dump", START + moved(1)[:2], steps=STEPS[:2])
    refused(r"short\.dump: has 2 frames to t = 0\.05, .*good\.dump has 3 to 0\.15", [good, short], start)
    refused(
        r"good\.dump: frame 0 names no time; .*structures\.files\.time_step", [good], start, time_step=None
    )
    refused(
        r"good\.dump: ends at t = 0\.15, expected the dynamics_time of the run, 0\.2",
        [good],
        start,
        duration=0.2,
    )
    refused(r"good\.dump: ends at t = 0\.3, expected", [good], start, time_step=0.01, duration=0.15)
    assert read_replicas([good], start, MIXTURE, time_step=0.005, duration=0.1501)[0][-1] == pytest.approx(
        0.15
    )
    without = dump(tmp_path / "without.dump", START + moved(0), "type xu yu")
    refused(r"without\.dump: a dump without the column id does not tell", [without], start)
    back = dump(tmp_path / "back.dump", START + moved(0), steps=(0, 30, 10))
    refused(r"back\.dump: the time of frame 2 is 0\.05, expected more than 0\.15", [back], start)
    far = moved(0) * 2
    refused(
        r"far\.dump: positions are wrapped and particle \d moves .* write unwrapped positions",
        [dump(tmp_path / "far.dump", START + far, "id type x y")], start,
    )  # fmt: skip
    text = good.read_text().split("ITEM: TIMESTEP\n30\n")
    (tmp_path / "ids.dump").write_text(
        f"{text[0]}ITEM: TIMESTEP\n30\n" + text[1].replace("\n6 1 ", "\n60 1 ")
    )
    refused(
        r"ids\.dump: frames 0 and 2 hold other particles: identifier 6 is in one",
        [tmp_path / "ids.dump"],
        start,
    )
    one = dump(tmp_path / "one.dump", START + moved(0)[:1], steps=(0,))
    refused(r"one\.dump: holds 1 frames, expected at least 2", [one], start)
    refused("box has the side 6.1", [dump(tmp_path / "b.dump", START + moved(0), box=6.1)], start)
    more = tg.Mixture("b", MIXTURE.sigma, MIXTURE.epsilon, (8, 4), 6.0)
    with pytest.raises(ValueError, match=r"holds 6 particles, the unit system of b has 12"):
        read_structure(good, more)


def test_rows_without_identifiers_must_keep_their_order(tmp_path, start):
    """Images tell how far a particle went, but only if it is known which one it is."""
    shuffled = [START, START[[3, 1, 2, 0, 4, 5]]]
    text = ""
    for time, positions in enumerate(shuffled):
        text += f'6\nLattice="6 0 0 0 6 0 0 0 1" Properties=species:S:1:pos:R:3:map_shift:I:3 Time={time}\n'
        text += "".join(f"{s} {x} {y} 0 0 0 0\n" for s, (x, y) in zip(SPECIES, positions, strict=True))
    (tmp_path / "a.xyz").write_text(text)
    refused(
        r"a\.xyz: has no identifiers, and the particle of row 1 moves 2\.5",
        [tmp_path / "a.xyz"],
        start,
        time_step=None,
    )


def test_files_are_found_by_their_numbers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        "T0.90/s2_r0.dump",
        "T0.90/s10_r0.dump",
        "T0.90/s10_r1.dump",
        "T0.90/s2_r1.dump",
        "T0.90/sx_r1.dump",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    pattern = "T{temperature}/s{structure}_r{replica}.dump"
    assert list(files_by_number(pattern, "0.90")) == [(2, 0), (2, 1), (10, 0), (10, 1)]
    starts, replicas = given_in_a_run("0.90", None, pattern, 2, 2)
    assert starts == ["T0.90/s2_r0.dump", "T0.90/s10_r0.dump"]
    assert replicas[1] == ["T0.90/s10_r0.dump", "T0.90/s10_r1.dump"]
    with pytest.raises(FileNotFoundError, match=r"no file fits T1\.20/s\{structure\}"):
        files_by_number(pattern, "1.20")
    with pytest.raises(
        ValueError, match=r"hold 2 structures with trajectories, the run asks for 3 \(structures\.num"
    ):
        given_in_a_run("0.90", None, pattern, 3, 2)
    with pytest.raises(
        ValueError, match=r"structure 2 has 2 trajectories .* asks for 4 \(dynamics\.replicas\)"
    ):
        given_in_a_run("0.90", None, pattern, 2, 4)
    (tmp_path / "T0.90/s02_r0.dump").touch()
    with pytest.raises(ValueError, match="have the same numbers"):
        files_by_number(pattern, "0.90")


HOWTO = ["config.yaml", "docs/lammps/howto.yaml"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files": None}, r"structures\.files: found null; allowed: temperatures and paths of the files"),
        (
            {"temperatures": [1.2, 0.7]},
            r"structures\.files\.temperatures\[1\]: found 0\.7; allowed: a temperature of",
        ),
        (
            {"trajectories": None},
            r"structures\.files\.trajectories: found null; allowed: a path: T = 1\.2 has a dyn",
        ),
        (
            {"trajectories": "T{temperature}/s{structure}.gsd"},
            r"allowed: a path that holds \{replica\}, \{structure\}",
        ),
        (
            {"structures": None},
            r"structures\.files\.structures: found null; allowed: a path: T = 0\.8 has no dyn",
        ),
    ],
)
def test_contradictions_in_the_configuration(repository, change, message):
    files = [repository / name for name in HOWTO]
    content = yaml.safe_load(files[1].read_text())
    if "files" in change:
        content["structures"]["files"] = None
    else:
        content["structures"]["files"].update(change)
    with pytest.raises(ConfigError, match=message):
        load(laid_over_each_other([yaml.safe_load(files[0].read_text()), content]))


def test_the_potential_of_a_mixture_as_lammps_input(tmp_path):
    """Lennard-Jones and the splines of the table together are the potential of the package."""
    write_potential(tmp_path / "potential.in", MIXTURE, points=11)
    lines = (tmp_path / "potential.in").read_text().splitlines()
    assert lines[1] == "pair_style hybrid/overlay lj/cut 2.5 table spline 11"
    assert lines[4:6] == [
        "pair_coeff 1 2 lj/cut 1.5 0.8 2.0", "pair_coeff 1 2 table potential.table PAIR_1_2 2.0",
    ]  # fmt: skip
    section = (tmp_path / "potential.table").read_text().split("PAIR_1_2\n")[1].splitlines()
    assert section[1].startswith(f"N 11 RSQ {0.1 * 0.8!r} 2.0 FPRIME ")
    _, r, energy, force = np.array([row.split() for row in section[3:14]], dtype=float).T
    lennard_jones = 4 * 1.5 * ((0.8 / r) ** 12 - (0.8 / r) ** 6)
    np.testing.assert_allclose(energy + lennard_jones, MIXTURE.pair_energy(r, 1, 2), rtol=1e-9, atol=1e-12)
    # a parabola in r^2 runs through all points, and the force is its slope
    parabola = np.polynomial.Polynomial.fit(r**2, energy, 2)
    np.testing.assert_allclose(parabola(r**2), energy, atol=1e-12)
    np.testing.assert_allclose(-parabola.deriv()(r**2) * 2 * r, force, atol=1e-11)
    ends = np.array(section[1].split()[6:], dtype=float)
    turn = parabola.deriv()(r**2) + 2 * r**2 * parabola.deriv(2)(r**2)
    np.testing.assert_allclose(ends, -2 * turn[[0, -1]], atol=1e-11)
