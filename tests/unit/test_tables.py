"""Tables and numbers recomputed from their files in plain NumPy."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tglassmlp.claims.numbers import collect_numbers
from tglassmlp.configuration import Configuration
from tglassmlp.division import Reported
from tglassmlp.dynamics.relaxation_times import Relaxation, measure_relaxation
from tglassmlp.storage import (
    Array,
    read_json,
    write_arrays,
    write_configurations,
    write_json,
    write_npz,
    write_table,
)
from tglassmlp.tables import structure_factor
from tglassmlp.tables.agreement import agreement_table
from tglassmlp.tables.attention_length import attention_tables
from tglassmlp.tables.bottleneck import bottleneck_tables
from tglassmlp.tables.chord_length import chord_length_table
from tglassmlp.tables.comparison import comparison_table
from tglassmlp.tables.equilibration import equilibration_table
from tglassmlp.tables.length_scales import length_scale_table
from tglassmlp.tables.ovito import particle_properties
from tglassmlp.tables.pearson import pearson_table
from tglassmlp.tables.selection import near_c_b
from tglassmlp.tables.snapshots import snapshot_arrays
from tglassmlp.tables.structure_factor import fit_columns, structure_factor_tables
from tglassmlp.tables.susceptibility import susceptibility_table
from tglassmlp.tables.trends import trend_table
from tglassmlp.tables.unit_systems import UnitSystems

MADE = {"stage": "made up for a test"}
C_B = (0.8, 0.5)
BOX, STRUCTURES, PARTICLES, NETWORKS = 6.0, 6, 24, 4
TEST = (2, 3, 4, 5)
NAMES = ["density/all/L0", "density/all/L2", "energy/all/L2", "energy/type1/L5"]
#: The last network misses the first C_B, the first network the second one.
CONVERGED = np.array([[True, True, True, False], [False, True, True, True]])


def stored(path, arrays, attributes=None):
    write_arrays(
        path, {n: Array(v, tuple("abcde"[: v.ndim])) for n, v in arrays.items()}, MADE, attributes or {}
    )
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A temperature with dynamics (0.40) and one without (0.30), with all their arrays in memory."""
    root = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(17)
    times = np.concatenate([[0], 0.1 * 1.6 ** np.arange(20)])
    curves = {}
    for t in ("0.50", "0.45", "0.40"):
        mean = np.exp(-np.log(2) * (times / (2.0 * np.exp(2.1 / float(t)))) ** 0.7)
        many = np.clip(mean + rng.normal(0, 0.01, (8, len(times))) * (times > 0), 1e-3, 1)
        curves[t] = (times, many)
    relaxation = measure_relaxation(curves, ("0.50", "0.45", "0.40", "0.30"))
    write_json(root / "relaxation.json", relaxation.to_json())
    truth = rng.normal(0.6, 0.2, (2, STRUCTURES, 1, PARTICLES)) + rng.normal(0, 0.05, (2, STRUCTURES, 1, 1))
    half = truth + rng.normal(0, 0.1, (2, STRUCTURES, 2, PARTICLES))
    label = {
        "c_b": np.array(C_B),
        "time": np.array([3.0, 70.0]),
        "half": half,
        "propensity": half.mean(axis=2),
    }
    files = SimpleNamespace(labels=[stored(root / "labels/T0.40.h5", label)], predictions=[], descriptors=[])
    content, positions, attributes = {}, {}, {"names": NAMES}
    for t in ("0.40", "0.30"):
        field = 0.5 * label["propensity"][:, None] + rng.normal(0, 0.1, (2, NETWORKS, STRUCTURES, PARTICLES))
        field = (field + rng.normal(0, 0.05, (2, NETWORKS, STRUCTURES, 1))).astype(np.float32)
        content[t] = {
            "c_b": np.array(C_B),
            "propensity": field,
            "converged": CONVERGED,
            "attention": rng.dirichlet(np.ones(4), (2, NETWORKS)),
            "bottleneck": rng.normal(size=(2, STRUCTURES, PARTICLES, 2)),
        }
        files.predictions.append(stored(root / f"predictions/tmin0.40/T{t}.h5", content[t], attributes))
        where = rng.uniform(0, BOX, (STRUCTURES, PARTICLES, 2))
        positions[t] = where
        for chunk, part in enumerate(np.split(where, 2)):
            values = rng.normal(size=(*part.shape[:2], 4))
            given = {"positions": part, "values": values, "names": np.array(NAMES)}
            path = root / f"descriptors/T{t}/chunk{chunk}.h5"
            files.descriptors.append(stored(path, given, {"box_length": BOX}))
    ridge = label["propensity"] + rng.normal(0, 0.3, label["propensity"].shape)
    ridge[0] = np.nan  # no training at this C_B
    glassmlp = label["propensity"][:, None] + rng.normal(0, 0.2, (2, 2, STRUCTURES, PARTICLES))
    baseline = {"c_b": np.array(C_B), "ridge": ridge, "energy": -ridge, "glassmlp": glassmlp}
    files.baselines = [stored(root / "baseline_predictions/T0.40.h5", baseline)]
    files.relaxation = root / "relaxation.json"
    return SimpleNamespace(
        root=root, files=files, label=label, content=content, baseline=baseline, relaxation=relaxation,
        positions=positions,
    )  # fmt: skip


def row_of(table, **wanted):
    found = table
    for name, value in wanted.items():
        found = (
            found[np.isclose(found[name], value)] if isinstance(value, float) else found[found[name] == value]
        )
    assert len(found) == 1, (wanted, len(found))
    return found.iloc[0]


def correlation(a, b):
    return np.corrcoef(np.ravel(a), np.ravel(b))[0, 1]


def test_times_are_measured_or_those_of_superposition(made):
    f = made.files
    table = susceptibility_table(f.labels, f.predictions, [], f.relaxation, Reported(TEST))
    table = table[table["method"] == "tglassmlp"]
    row = row_of(table, temperature=0.40, c_b=0.5)
    assert (row["time"], row["time_error"], row["time_from"]) == (70.0, 0.0, "dynamics")
    assert row["tau"] == pytest.approx(made.relaxation.times["0.40"].tau)
    row = row_of(table, temperature=0.30, c_b=0.8)
    tau, error = made.relaxation.tau(0.30)
    time = float(made.relaxation.master.ratio(0.8)) * tau
    assert (row["time"], row["tau"], row["time_from"]) == (
        pytest.approx(time),
        pytest.approx(tau),
        "superposition",
    )
    assert error > 0
    assert row["time_error"] == pytest.approx(time * error / tau)


def test_pearson_of_networks_single_values_and_of_their_mean_field(made):
    f = made.files
    table = pearson_table(f.labels, f.predictions, f.baselines, f.relaxation, TEST, 30)
    y = made.label["propensity"][:, list(TEST)]
    field = made.content["0.40"]["propensity"][:, :, list(TEST)].astype(float)
    assert set(table["temperature"]) == {0.40}, "only where there is dynamics"
    for k, usable in enumerate(([0, 1, 2], [1, 2, 3])):
        row = row_of(table, method="tglassmlp", c_b=C_B[k])
        each = [correlation(field[k, n], y[k]) for n in usable]
        assert row["value"] == pytest.approx(np.mean(each))
        assert row["spread"] == pytest.approx(np.std(each, ddof=1))
        assert row["value_mean_field"] == pytest.approx(correlation(field[k, usable].mean(axis=0), y[k]))
        assert row["error"] == pytest.approx(np.hypot(row["error_structures"], row["spread"]))
        assert (row["n_networks"], row["n_unconverged"]) == (3, 1)
        assert (row["n_structures"], row["n_particles"]) == (4, PARTICLES)
        a, b = made.label["half"][k, list(TEST)].transpose(1, 0, 2)
        r = correlation(a, b)
        ceiling = row_of(table, method="ceiling", c_b=C_B[k])
        assert ceiling["value"] == pytest.approx(np.sqrt(2 * r / (1 + r)))
        assert (ceiling["n_structures"], ceiling["n_particles"]) == (4, PARTICLES)
        assert 0 < ceiling["error"] < 0.3
    assert len(table[(table["method"] == "ridge") & (table["c_b"] == 0.8)]) == 0
    row = row_of(table, method="energy", c_b=0.5)
    assert row["value"] == pytest.approx(-correlation(made.baseline["ridge"][1, list(TEST)], y[1]))
    assert np.isnan(row["spread"])


def test_predicted_structures_enter_numbers_of_networks_and_no_others(made, tmp_path):
    """Dynamics of structures 0 to 3 only, tests 1 and 3; 4 and 5 are predicted at T = 0.40, 5 at T = 0.30."""
    f = made.files
    kept = {name: v if v.ndim == 1 else v[:, :4] for name, v in made.label.items()}
    label = stored(tmp_path / "labels/T0.40.h5", kept)
    baselines = {name: v if v.ndim == 1 else v[..., :4, :] for name, v in made.baseline.items()}
    baseline = stored(tmp_path / "baseline_predictions/T0.40.h5", baselines)
    reported = Reported((1, 3), {"0.40": [4, 2], "0.30": [5, 1]})
    table = susceptibility_table([label], f.predictions, [baseline], f.relaxation, reported)
    for t, chosen in ((0.40, [1, 3, 4, 5]), (0.30, [1, 3, 5])):
        row = row_of(table, method="tglassmlp", c_b=0.5, temperature=t)
        means = made.content[f"{t:.2f}"]["propensity"][1][1:][:, chosen].astype(float).mean(axis=-1)
        assert row["value"] == pytest.approx(PARTICLES * means.var(axis=-1, ddof=1).mean())
        assert row["n_structures"] == len(chosen)
    assert set(table[table["method"] != "tglassmlp"]["n_structures"]) == {2}
    files = [label], f.predictions, f.descriptors
    lengths = chord_length_table(*files, f.relaxation, reported, spacing=1.1, n_resamples=20)
    assert row_of(lengths, method="tglassmlp", c_b=0.5, temperature=0.40)["n_structures"] == 4
    assert row_of(lengths, method="md", c_b=0.5)["n_structures"] == 2
    noisy = row_of(lengths, method="tglassmlp", c_b=0.5, temperature=0.40)["value_with_noise"]
    assert np.isfinite(noisy), "the noise of replicas is laid over the structures that have some"
    unit, tests_only = (UnitSystems(*files, r) for r in (reported, Reported((1, 3))))
    chords = [
        r for r in trend_table(unit, [], [], {}, "0.40", spacing=1.1).to_dict("records")
        if r["quantity"] == "chord_length"
    ]  # fmt: skip
    assert chords
    assert np.isfinite(chords[0]["exponent"])
    # networks are held against dynamics on the structures of both
    assert agreement_table(unit, 1.1).equals(agreement_table(tests_only, 1.1))


def test_susceptibility_of_networks_and_of_dynamics_without_noise(made):
    f = made.files
    table = susceptibility_table(f.labels, f.predictions, f.baselines, f.relaxation, Reported(TEST))
    field = made.content["0.30"]["propensity"][:, :, list(TEST)].astype(float)
    for k, usable in enumerate(([0, 1, 2], [1, 2, 3])):
        row = row_of(table, method="tglassmlp", c_b=C_B[k], temperature=0.30)
        each = [PARTICLES * field[k, n].mean(axis=1).var(ddof=1) for n in usable]
        assert row["value"] == pytest.approx(np.mean(each))
        assert row["spread"] == pytest.approx(np.std(each, ddof=1))
        assert row["mean_propensity"] == pytest.approx(field[k, usable].mean())
        assert np.isnan(row["value_without_noise"])
        row = row_of(table, method="md", c_b=C_B[k])
        one, two = made.label["half"][k, list(TEST)].mean(axis=2).T
        assert row["value_without_noise"] == pytest.approx(PARTICLES * np.cov(one, two, ddof=1)[0, 1])
        mean = made.label["propensity"][k, list(TEST)].mean(axis=1)
        assert row["value"] == pytest.approx(PARTICLES * mean.var(ddof=1))
        assert (row["n_structures"], row["n_particles"], row["n_networks"]) == (4, PARTICLES, 1)
    assert set(table["method"]) == {"md", "tglassmlp", "glassmlp"}, "means of ridge regression are not chi_4"


def test_structure_factor_of_networks_from_the_definition(made):
    f = made.files
    curves, fits = structure_factor_tables(
        f.labels, f.predictions, f.descriptors, f.relaxation, fit_q_max=4.0, table_q_max=2.5
    )
    n = np.array([[1, 0], [0, 1]])  # the shell |n| = 1
    for method, k, usable in (("md", 0, None), ("tglassmlp", 0, [0, 1, 2]), ("tglassmlp", 1, [1, 2, 3])):
        field = made.label["propensity"][:, None] if usable is None else made.content["0.40"]["propensity"]
        each = []
        for network in usable or [0]:
            d = field[k, network].astype(float) - field[k, network].astype(float).mean()
            phase = np.exp(2j * np.pi / BOX * (made.positions["0.40"] @ n.T))
            power = np.abs((d[:, :, None] * phase).sum(axis=1)) ** 2 / PARTICLES
            each.append(power.mean())
        here = curves[
            (curves["method"] == method) & (curves["temperature"] == 0.40) & (curves["c_b"] == C_B[k])
        ]
        row = here.iloc[0]
        assert row["q"] == pytest.approx(2 * np.pi / BOX)
        assert row["s4"] == pytest.approx(np.mean(each), rel=1e-5)
        assert row["modes"] == 2 * STRUCTURES
        spread = np.std(each, ddof=1) if usable else 0.0
        assert row["error"] == pytest.approx(
            np.hypot(np.mean(each) / np.sqrt(2 * STRUCTURES), spread), rel=1e-4
        )
        assert row["n_networks"] == len(each)
    assert set(fits["form"]) == {"ornstein-zernike", "cubic"}
    assert (fits["box_length"] == BOX).all()
    none, _ = structure_factor_tables(
        f.labels, f.predictions, f.descriptors, f.relaxation, minimum_systems=STRUCTURES + 1
    )
    assert len(none) == 0
    enough, _ = structure_factor_tables(
        f.labels, f.predictions, f.descriptors, f.relaxation, minimum_systems=STRUCTURES
    )
    assert len(enough)


def test_fits_of_single_networks_are_limited_by_half_the_box(made, monkeypatch):
    asked = []
    real = structure_factor.fit_structure_factor

    def note(q, s4, modes, q_max, cubic, longest, *rest):
        asked.append((q_max, cubic, longest))
        np.testing.assert_allclose(modes, 2 * STRUCTURES * np.array([1, 1, 1, 2]))
        return real(q, s4, modes, q_max, cubic, longest, *rest)

    monkeypatch.setattr(structure_factor, "fit_structure_factor", note)
    f = made.files
    structure_factor_tables(
        f.labels, f.predictions[:1], f.descriptors, f.relaxation, fit_q_max=1.9, table_q_max=2.5
    )
    assert set(asked) == {(1.9, cubic, BOX / 2) for cubic in (False, True)}
    assert len(asked) == 2 * (2 + 3 + 3), "dynamics and three networks at each of two C_B"


def test_row_of_fits_is_determined_if_most_networks_are():
    good = [SimpleNamespace(form="cubic", determined=True, reason="", n_points=9, goodness=1.0 + k,
                            xi=2.0 + k, xi_error=0.3, chi=5.0, chi_error=0.1, a=a, a_error=0.2) for k, a in
            ((0, 1.0), (1, np.nan), (2, 4.0))]  # fmt: skip
    nan = np.nan
    bad = SimpleNamespace(form="cubic", determined=False, reason="why", n_points=9, goodness=nan, xi=nan,
                          xi_error=nan, chi=nan, chi_error=nan, a=nan, a_error=nan)  # fmt: skip
    row = fit_columns([*good[:2], bad])
    assert row["determined"]
    assert (row["n_determined"], row["goodness"], row["xi"]) == (2, 1.5, 2.5)
    assert row["xi_error"] == pytest.approx(np.hypot(0.3, np.std([2, 3], ddof=1)))
    assert np.isnan(row["a"]), "one of three networks is not most of them"
    row = fit_columns([*good, bad])
    assert np.isnan(row["a"]), "nor are two of four"
    assert fit_columns(good)["a"] == pytest.approx(2.5)
    row = fit_columns([good[0], bad])
    assert not row["determined"]
    assert (row["reason"], row["n_determined"]) == ("why", 1)
    assert np.isnan(row["xi"])


def sites_of(positions, values, limit, side, share=0.5):
    """Mobile sites of one structure, by walking over particles and empty sites."""
    step = BOX / side
    cell = (positions // step).astype(int)
    mobile = np.zeros((side, side), dtype=bool)
    for i in range(side):
        for j in range(side):
            here = (cell == [i, j]).all(axis=1)
            if not here.any():
                away = positions - (np.array([i, j]) + 0.5) * step
                away -= BOX * np.round(away / BOX)
                here = np.arange(len(values)) == np.hypot(*away.T).argmin()
            mobile[i, j] = (values[here] < limit).mean() > share
    return mobile


def chords_of(mobile):
    """Lengths of the runs along rows and columns of a periodic lattice."""
    found = []
    for line in (*mobile, *mobile.T):
        n = len(line)
        if line.all():
            found.append(n)
            continue
        for start in range(n):
            if line[start] and not line[start - 1]:
                length = 1
                while line[(start + length) % n]:
                    length += 1
                found.append(length)
    return found


def chord_by_walking(positions, field, side):
    limit = np.median(field)
    lattices = [sites_of(x, v, limit, side) for x, v in zip(positions, field, strict=True)]
    lengths = [c for m in lattices for c in chords_of(m)]
    return np.sum(lengths) * BOX / side, len(lengths), np.mean(lattices)


def test_chord_lengths_with_and_without_the_noise_of_the_replicas(made):
    f = made.files
    table = chord_length_table(
        f.labels, f.predictions, f.descriptors, f.relaxation, Reported(TEST), spacing=1.1, n_resamples=20
    )
    side = 5
    where = made.positions["0.40"][list(TEST)]
    half = made.label["half"][:, list(TEST)]
    for k, usable in enumerate(([0, 1, 2], [1, 2, 3])):
        row = row_of(table, method="tglassmlp", c_b=C_B[k], temperature=0.40)
        field = made.content["0.40"]["propensity"][k][:, list(TEST)].astype(float)
        each = [chord_by_walking(where, field[n], side) for n in usable]
        assert row["value"] == pytest.approx(np.mean([total / number for total, number, _ in each]))
        share = np.mean([s for _, _, s in each])
        assert row["mobile_share"] == pytest.approx(share)
        # without correlations a run of mobile sites goes on with the probability of a mobile site
        assert row["random"] == pytest.approx(
            BOX / side * sum(n * share ** (n - 1) * (1 - share) for n in range(1, 400))
        )
        # noise of the mean of two halves is half their difference, with either sign
        noise = (half[k, :, 0] - half[k, :, 1]) / 2
        laid = []
        for n in usable:
            plus, minus = (chord_by_walking(where, field[n] + sign * noise, side) for sign in (1, -1))
            laid.append((plus[0] + minus[0]) / (plus[1] + minus[1]))
        assert row["value_with_noise"] == pytest.approx(np.mean(laid))
        assert np.isnan(row["value_without_noise"])
        row = row_of(table, method="md", c_b=C_B[k])
        total, number, share = chord_by_walking(where, made.label["propensity"][k, list(TEST)], side)
        assert (row["value"], row["mobile_share"]) == (pytest.approx(total / number), pytest.approx(share))
        assert np.isnan(row["value_with_noise"])
        assert row["error_structures"] > 0
        assert (row["n_structures"], row["lattice_spacing"]) == (4, pytest.approx(BOX / side))
    assert np.isnan(row_of(table, temperature=0.30, c_b=0.5)["value_with_noise"])


def test_attention_lengths_are_means_of_the_networks_lengths(made):
    f = made.files
    for mean, member in ((True, 0.5), (False, 1.0)):
        curves, lengths = attention_tables(f.predictions, f.relaxation, mean)
        for k, usable in enumerate(([0, 1, 2], [1, 2, 3])):
            w = made.content["0.30"]["attention"][k]
            p = np.stack([w[:, 0], member * (w[:, 1] + w[:, 2]), w[:, 3]], axis=1)
            p /= p.sum(axis=1, keepdims=True)
            each = (p @ [0.0, 2.0, 5.0])[usable]
            row = row_of(lengths, temperature=0.30, c_b=C_B[k])
            assert row["value"] == pytest.approx(each.mean())
            assert row["error"] == pytest.approx(each.std(ddof=1))
            here = curves[(curves["temperature"] == 0.30) & (curves["c_b"] == C_B[k])]
            assert here["length"].tolist() == [0, 2, 5]
            np.testing.assert_allclose(here["value"], p[usable].mean(axis=0))
            np.testing.assert_allclose(here["error"], p[usable].std(axis=0, ddof=1))


def test_bottleneck_of_test_particles_beside_dynamics(made):
    f = made.files
    points, rows = bottleneck_tables(f.labels, f.predictions, f.relaxation, TEST, n_particles=30)
    from tglassmlp.observables.bottleneck import separation

    row = row_of(rows, temperature=0.40, c_b=0.8)
    units, y = made.content["0.40"]["bottleneck"][0][list(TEST)], made.label["propensity"][0, list(TEST)]
    assert row["separation"] == pytest.approx(separation(units.reshape(-1, 2), y.ravel()))
    each = [separation(u, v) for u, v in zip(units, y, strict=True)]
    assert row["error"] == pytest.approx(np.std(each, ddof=1) / np.sqrt(4))
    assert row["n"] == 4 * PARTICLES
    row = row_of(rows, temperature=0.30, c_b=0.8)
    assert row["source"] == "predicted"
    assert np.isnan(row["separation"])
    # the network shown, the first, misses the second C_B
    assert not row_of(rows, temperature=0.40, c_b=0.5)["converged"]
    assert len(points) == 60
    for t, field in (
        (0.40, made.label["propensity"][0]),
        (0.30, made.content["0.30"]["propensity"][0, :3].mean(axis=0)),
    ):
        here = points[points["temperature"] == t]
        assert set(here["structure"]) == set(TEST)
        s, p = here["structure"].to_numpy(), here["particle"].to_numpy()
        np.testing.assert_allclose(here["propensity"], field[s, p], rtol=1e-6)
        np.testing.assert_allclose(
            here[["unit1", "unit2"]], made.content[f"{t:.2f}"]["bottleneck"][0][s, p], rtol=1e-6
        )


def test_equilibration_has_standard_errors_over_structures(tmp_path):
    rows = [(s, "quenched", 1, e, o) for s, e, o in ((0, -2.0, 0.5), (1, -2.6, 0.3), (2, -2.3, 0.1))]
    table = pd.DataFrame(rows, columns=["structure", "start", "sweep", "energy", "overlap"])
    write_table(tmp_path / "T0.40/chunk0.parquet", table.iloc[:2], MADE)
    write_table(tmp_path / "T0.40/chunk1.parquet", table.iloc[2:], MADE)
    found = equilibration_table([tmp_path / f"T0.40/chunk{k}.parquet" for k in (0, 1)])
    row = found.iloc[0]
    assert len(found) == 1
    assert (row["energy"], row["error"]) == (pytest.approx(-2.3), pytest.approx(0.3 / np.sqrt(3)))
    assert (row["overlap"], row["overlap_error"]) == (pytest.approx(0.3), pytest.approx(0.2 / np.sqrt(3)))
    assert (row["temperature"], row["n_structures"]) == (0.40, 3)


def test_the_c_b_that_most_temperatures_have_is_compared():
    rows = [(0.5, 0.5), (0.5, 0.6), (0.5, 0.3), (0.4, 0.6), (0.4, 0.3), (0.3, 0.6), (0.3, 0.3), (0.3, 0.45)]
    table = pd.DataFrame(rows, columns=["temperature", "c_b"])
    assert set(near_c_b(table, 0.5)["c_b"]) == {0.6}
    assert set(near_c_b(table, 0.4)["c_b"]) == {0.3}
    assert len(near_c_b(table, 0.5)) == 3


def test_length_scales_are_those_of_unit_systems_at_one_c_b():
    shared = {"method": "md", "t_min": "", "temperature": [0.5, 0.5, 0.5], "c_b": [0.5, 0.5, 0.8]}
    xi = pd.DataFrame({**shared, "form": ["ornstein-zernike", "cubic", "ornstein-zernike"],
                       "determined": True, "xi": [3.0, 4.0, 5.0], "xi_error": [0.3, 0.4, 0.5]})  # fmt: skip
    chord = pd.DataFrame({**shared, "ensemble": ["unit", "large", "unit"], "value": [6.0, 7.0, 8.0],
                          "error": [0.6, 0.7, 0.8], "value_without_noise": [9.0, 1.0, np.nan],
                          "error_without_noise": [0.9, 0.1, np.nan]})  # fmt: skip
    attention = pd.DataFrame({**shared, "value": [2.0, 2.5, 2.2], "error": 0.2}).iloc[[0, 2]]
    found = length_scale_table(xi, chord, attention, threshold=0.55).set_index("quantity")
    values = {
        "xi_4": (3.0, 0.3),
        "chord": (6.0, 0.6),
        "chord_without_noise": (9.0, 0.9),
        "attention": (2.0, 0.2),
    }
    assert {q: (row["value"], row["error"]) for q, row in found.iterrows()} == values
    assert (found["c_b"] == 0.5).all()


@pytest.fixture(scope="module")
def frames(made):
    """Structures with as many particles of species 1 as the fields have, in two files."""
    rng = np.random.default_rng(5)
    species = np.repeat([1, 2, 3], [PARTICLES, 10, 12])
    found = []
    for _ in range(STRUCTURES):
        kinds = rng.permutation(species)
        found.append(Configuration(rng.uniform(-BOX, 2 * BOX, (len(kinds), 2)), kinds, BOX))
    files = []
    for k in range(2):
        files.append(made.root / f"structures/T0.40/chunk{k}.gsd")
        write_configurations(files[-1], found[3 * k : 3 * k + 3], MADE)
    return SimpleNamespace(files=files, configurations=found)


def test_snapshots_show_one_structure_and_the_mean_of_the_networks_that_reach_c_b(made, frames):
    fields = {
        "MD": made.files.labels[0],
        "tGlassMLP": made.files.predictions[0],
        "GlassMLP@glassmlp": made.files.baselines[0],
    }
    found = snapshot_arrays(frames.files, fields, 4, [0.5])
    c = frames.configurations[4]
    inside = found["positions"]
    shift = (inside - c.positions) / BOX
    np.testing.assert_allclose(shift, np.round(shift), atol=1e-5)
    assert np.abs(inside).max() <= BOX
    assert np.ptp(inside, axis=0).max() <= BOX
    np.testing.assert_array_equal(found["central"], np.flatnonzero(c.species == 1))
    expected = {
        "MD": made.label["propensity"][1, 4],
        "tGlassMLP": made.content["0.40"]["propensity"][1, 1:, 4].mean(axis=0),
        "GlassMLP": made.baseline["glassmlp"][1, :, 4].mean(axis=0),
    }
    assert set(found["fields"]) == set(expected)
    for title, value in expected.items():
        c_b, shown = found["fields"][title]
        assert c_b.tolist() == [0.5]
        np.testing.assert_allclose(shown[0], value, rtol=1e-5)
    with pytest.raises(ValueError, match="structure 6"):
        snapshot_arrays(frames.files, fields, 6, [0.5])


def test_exported_quantities_belong_to_their_particles(made, frames):
    descriptors = [f for f in made.files.descriptors if "T0.40" in str(f)]
    configurations, properties = particle_properties(
        frames.files, made.files.predictions[0], descriptors, made.files.labels, [1, 4, 99],
        descriptors=("energy/all/L2", "energy/type1/L5"),
    )  # fmt: skip
    from tglassmlp.storage import read_arrays

    values = np.concatenate([read_arrays(p, ["values"])["values"] for p in descriptors])
    assert len(configurations) == len(properties) == 2
    for s, mine in zip((1, 4), properties, strict=True):
        central = frames.configurations[s].species == 1
        expected = {
            "propensity_cb0_8": made.content["0.40"]["propensity"][0, :3, s].mean(axis=0),
            "propensity_cb0_5": made.content["0.40"]["propensity"][1, 1:, s].mean(axis=0),
            "measured_cb0_8": made.label["propensity"][0, s],
            "measured_cb0_5": made.label["propensity"][1, s],
            "descriptor_energy_all_L2": values[s, :, 2],
            "descriptor_energy_type1_L5": values[s, :, 3],
        }
        assert set(mine) == set(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(mine[name][central], value, rtol=1e-5)
            assert np.isnan(mine[name][~central]).all()


def test_numbers_are_those_of_the_tables_and_files(made):
    f, root = made.files, made.root
    written = {
        "pearson": pearson_table(f.labels, f.predictions, f.baselines, f.relaxation, TEST, 30),
        "comparison": comparison_table(f.labels, f.predictions, f.baselines, TEST, 30),
        "susceptibility": susceptibility_table(
            f.labels, f.predictions, f.baselines, f.relaxation, Reported(TEST)
        ),
        "correlation_length": structure_factor_tables(
            f.labels, f.predictions, f.descriptors, f.relaxation, fit_q_max=4.0
        )[1],
        "chord_length": chord_length_table(
            f.labels, f.predictions, f.descriptors, f.relaxation, Reported(TEST), n_resamples=20
        ).assign(ensemble="unit"),
        "attention_length": attention_tables(f.predictions, f.relaxation)[1],
        "bottleneck_separation": bottleneck_tables(f.labels, f.predictions, f.relaxation, TEST)[1],
    }
    for name, table in written.items():
        write_table(root / f"tables/{name}.parquet", table, MADE)
    kinds = pd.DataFrame({"temperature": 0.4, "c_b": np.arange(9, 0, -1) / 10, "kind": list("xxxxtttrr")})
    write_table(root / "label_map/tmin0.40.parquet", kinds, MADE)
    write_npz(root / "full/tmin0.40.npz", {"w": np.zeros((2, 10, 3)), "b": np.zeros((2, 3))}, {})
    chosen = pd.DataFrame(
        {"network": [0, 1, 2] * 2, "c_b": [0.8] * 3 + [0.5] * 3, "temperature": 0.30,
         "mean_prediction": [0.81, 0.78, 0.9, 0.53, 0.5, 0.5],
         "deviation": [0.01, 0.02, 0.1, 0.03, 0.0, 0.0], "kept": [True, True, False, True, False, False]}
    )  # fmt: skip
    write_table(root / "selection/tmin0.40.parquet", chosen, MADE)
    numbers = collect_numbers(
        {name: root / f"tables/{name}.parquet" for name in written}, f.relaxation,
        [root / "label_map/tmin0.40.parquet"], [root / "full/tmin0.40.npz"],
        [root / "selection/tmin0.40.parquet"], 0.30,
    )  # fmt: skip
    value = {name: entry["value"] for name, entry in numbers.items()}
    assert [value[f"state_points/tmin0.40/{k}"] for k in ("measured", "extrapolated", "network_only")] == [
        4,
        3,
        2,
    ]
    assert value["parameters/tmin0.40"] == 33
    assert (value["kept_networks/tmin0.40"], numbers["kept_networks/tmin0.40"]["n"]) == (1, 3)
    assert value["largest_deviation_of_mean/tmin0.40"] == pytest.approx(0.03), "of kept networks"
    # decades, not e-folds
    relaxation = Relaxation.from_json(read_json(f.relaxation))
    tau, error = relaxation.tau(0.30)
    decades = numbers["glass_transition/decades"]
    assert decades["value"] == pytest.approx(
        np.log(tau / relaxation.times["0.50"].tau) / np.log(10), rel=1e-5
    )
    assert decades["error"] == pytest.approx(error / tau / np.log(10), rel=1e-5)
    assert numbers["glass_transition/tau"]["value"] == pytest.approx(tau, rel=1e-5)
    assert numbers["glass_transition/tau"]["error"] == pytest.approx(error, rel=1e-5)
    for t in ("0.50", "0.45", "0.40"):
        assert value[f"tau/T{t}"] == pytest.approx(relaxation.times[t].tau, rel=1e-5)
    slope = np.log(relaxation.times["0.40"].tau / relaxation.times["0.45"].tau) / (1 / 0.40 - 1 / 0.45)
    assert value["activation_energy/T0.45-0.40"] == pytest.approx(slope, rel=1e-5)
    # the largest value of each temperature, with its own error
    table = written["susceptibility"]
    mine = table[(table["method"] == "tglassmlp") & (table["temperature"] == 0.30)]
    top = mine.loc[mine["value"].idxmax()]
    entry = numbers["chi4_maximum/tglassmlp/tmin0.40/T0.30"]
    assert (entry["value"], entry["error"]) == (
        pytest.approx(top["value"], rel=1e-5), pytest.approx(top["error"], rel=1e-5)
    )  # fmt: skip
    mine = written["pearson"][written["pearson"]["method"] == "tglassmlp"]
    entry = numbers["pearson_maximum/tglassmlp/tmin0.40/T0.40"]
    assert entry["value"] == pytest.approx(mine["value"].max(), rel=1e-5)
    row = row_of(mine, c_b=0.5)
    entry = numbers["pearson/tglassmlp/tmin0.40/T0.40/cb0.50"]
    assert (entry["value"], entry["n"], entry["time"]) == (pytest.approx(row["value"], rel=1e-5), 4, 70.0)
    best = numbers["pearson/best_single_descriptor/T0.40"]
    assert (best["value"], best["note"]) == (
        pytest.approx(row_of(written["pearson"], method="energy", c_b=0.5)["value"], rel=1e-5), "energy"
    )  # fmt: skip
    row = row_of(written["chord_length"], method="md", c_b=0.5)
    entry = numbers["chord_length/md/T0.40/cb0.50"]
    assert (entry["value"], entry["error"], entry["n"]) == (
        pytest.approx(row["value"], rel=1e-5), pytest.approx(row["error"], rel=1e-5), 4
    )  # fmt: skip
    row = row_of(written["chord_length"], method="tglassmlp", c_b=0.5, temperature=0.40)
    entry = numbers["chord_length_with_noise/tglassmlp/tmin0.40/T0.40/cb0.50"]
    assert entry["value"] == pytest.approx(row["value_with_noise"], rel=1e-5)
    row = row_of(written["attention_length"], c_b=0.5, temperature=0.30)
    entry = numbers["attention_length/tglassmlp/tmin0.40/T0.30/cb0.50"]
    assert (entry["value"], entry["error"], entry["n"]) == (
        pytest.approx(row["value"], rel=1e-5), pytest.approx(row["spread"], rel=1e-5), 3
    )  # fmt: skip
