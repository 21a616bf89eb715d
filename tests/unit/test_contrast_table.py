"""Table and figure of the contrast: predictions of known amplitude beside made-up dynamics."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tglassmlp.figures import captions, drawing
from tglassmlp.network.residual import drawn
from tglassmlp.storage import Array, write_arrays, write_table
from tglassmlp.tables.contrast import CONTRAST_COLUMNS, contrast_table

sys.path.insert(0, str(Path(__file__).parents[1]))
import synthetic_run
from test_figures import META

BOX, S, P, FIELDS = 20.0, 16, 300, 6
TEST = list(range(8, 16))
A, R = 0.1, 0.7


def fields_of(rng, positions, deviation, number=1):
    """Fields with a long and strong correlation."""
    return np.array([[drawn(x, BOX, deviation, 2.0, 0.8, rng) for x in positions] for _ in range(number)])


def write(root, temperature, rng, scale=1.0, with_residual=True):
    """Dynamics of amplitude A, a prediction that knows the share R of it, wrong in contrast by ``scale``."""
    x = rng.random((S, P, 2)) * BOX
    mean = fields_of(rng, x, R * A)[0]
    rest = np.sqrt(1 - R**2) * A
    truth = 0.7 + mean + fields_of(rng, x, rest)[0]
    half = truth[:, None] + 0.05 * rng.normal(size=(S, 2, P))
    t = f"{temperature:.2f}"
    write_arrays(
        root / f"unit/labels/T{t}.h5",
        {
            "c_b": Array(np.array([0.7]), ("c",)),
            "time": Array(np.array([100.0]), ("c",)),
            "propensity": Array(half.mean(axis=1)[None], tuple("csp")),
            "half": Array(half[None], tuple("cshp")),
        },
        {},
        {"temperature": temperature},
    )
    arrays = {"values": Array(np.zeros((S, P, 1)), tuple("spm")), "names": Array(np.array(["a"]), ("m",))}
    arrays["positions"] = Array(x, tuple("spd"))
    write_arrays(root / f"unit/descriptors/T{t}/chunk0.h5", arrays, {}, {"box_length": BOX})
    predicted = 0.7 + scale * mean
    noise = 1e-3 * rng.normal(size=(2, *mean.shape))  # two networks that differ a little
    held = {
        "c_b": Array(np.array([0.7]), ("c",)),
        "converged": Array(np.ones((1, 3), bool) & [True, True, False], tuple("cn")),
        "propensity": Array(
            np.concatenate([predicted + noise, np.zeros((1, S, P))])[None].astype(np.float32), tuple("cnsp")
        ),
    }
    if with_residual:
        sample = predicted + fields_of(rng, x, rest, FIELDS)
        held["drawn"] = Array(sample[None].astype(np.float32), tuple("cfsp"))
        held["deviation"] = Array(np.array([rest]), ("c",))
    write_arrays(root / f"unit/predictions/tmin0.40/T{t}.h5", held, {}, {"temperature": temperature})


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    root = tmp_path_factory.mktemp("contrast")
    synthetic_run.build(
        root, temperatures=("0.50", "0.45", "0.40"), n_particles=40, tiles=1, n_structures=4, n_large=1,
        networks=2,
    )  # fmt: skip
    for path in root.glob("unit/*/*"):
        if path.is_file():
            path.unlink()
    for path in root.glob("unit/*/*/*.h5"):
        path.unlink()
    rng = np.random.default_rng(0)
    write(root, 0.40, rng)
    write(root, 0.35, rng, scale=0.5)
    write(root, 0.30, rng, with_residual=False)
    kinds = ("labels", "predictions/tmin0.40", "descriptors")
    found = contrast_table(
        *(sorted(root.glob(f"unit/{k}/**/*.h5")) for k in kinds), root / "relaxation/relaxation.json", TEST
    )
    return root, found.set_index("temperature")


def test_amplitudes_of_predictions_are_held_against_those_of_dynamics_without_noise(table):
    _, found = table
    assert list(found.reset_index()[CONTRAST_COLUMNS].columns) == CONTRAST_COLUMNS
    assert found["region"].to_dict() == {0.40: "learnt", 0.35: "below", 0.30: "below"}
    assert found["n_structures"].to_dict() == {0.40: 8, 0.35: 16, 0.30: 16}
    assert (found["n_networks"] == 2).all()  # the third misses C_B
    right, pale, bare = (found.loc[t] for t in (0.40, 0.35, 0.30))

    def near(row, name, value):
        assert row[name] == pytest.approx(value, abs=4 * row[f"{name}_error"]), name
        most = 10.0 if "chi4" in name else 0.5 * max(value, 0.1)  # chi_4 of 8 structures says little
        assert 0 < row[f"{name}_error"] < most, name

    near(right, "slope", 1.0)
    near(pale, "slope", 2.0)
    near(right, "variance", R**2)
    near(pale, "variance", (0.5 * R) ** 2)
    near(right, "s4", R**2)
    near(right, "variance_drawn", 1.0)
    near(right, "s4_drawn", 1.0)
    near(right, "chi4_drawn", 1.0)
    near(right, "coverage_68", 0.68)
    near(right, "coverage_95", 0.95)
    assert pale["coverage_95"] < right["coverage_95"]
    assert bare["n_fields"] == 0
    assert np.isnan(bare[["variance_drawn", "chi4_drawn", "s4_drawn", "coverage_68"]].astype(float)).all()


def test_ratios_are_those_of_the_plain_sums(table):
    """Variance and chi_4, recomputed from the files in another way."""
    import h5py

    root, found = table
    with (
        h5py.File(root / "unit/labels/T0.30.h5") as f,
        h5py.File(root / "unit/predictions/tmin0.40/T0.30.h5") as g,
    ):
        half, p = f["half"][0], g["propensity"][0, :2].mean(axis=0)
    a, b = half[:, 0], half[:, 1]
    assert found.loc[0.30, "variance"] == pytest.approx(p.var() / np.cov(a.ravel(), b.ravel(), ddof=0)[0, 1])
    chi4 = p.mean(axis=1).var(ddof=1) / np.cov(a.mean(axis=1), b.mean(axis=1))[0, 1]
    assert found.loc[0.30, "chi4"] == pytest.approx(chi4, rel=1e-5)
    y = half.mean(axis=1)
    assert found.loc[0.30, "slope"] == pytest.approx(np.cov(p.ravel(), y.ravel(), ddof=0)[0, 1] / p.var())


def test_the_figure_is_drawn_and_says_what_is_not_known(table, tmp_path):
    root, found = table
    write_table(root / "tables/contrast.parquet", found.reset_index(), {"stage": "made up for a test"})
    files = {"contrast": [root / "tables/contrast.parquet"]}
    drawing.render("contrast", files, META, [tmp_path / "contrast.png"], tmp_path / "contrast.parquet")
    assert (tmp_path / "contrast.png").read_bytes().startswith(b"\x89PNG")
    assert len(pd.read_parquet(tmp_path / "contrast.parquet")) == 3
    assert "below T_min" in captions.caption("contrast", META)
