"""Names of products: a path says what it means, and what is meant says its path."""

import itertools
import re
from pathlib import Path

import pytest

from tglassmlp import paths
from tglassmlp.paths import PRODUCTS

VALUES = {
    "temperature": ("0.23", "1.00", "0.075", "12.123456"),
    "t_min": ("0.40", "0.215"),
    "cb": ("0.50", "0.075"),
    "chunk": ("0", "17"),
    "fold": ("2",),
    "structure": ("0", "31"),
    "seed": ("1",),
    "ensemble": ("unit", "large"),
    "proof": ("equilibration", "equilibration_of_all"),
    "figure": ("fig01_network", "movie2"),
    "table": ("pearson", "length_scales"),
    "variant": ("T_min=0.40", "two words.v2"),
    "format": ("png", "mp4"),
}


def combinations(product):
    names = product.wildcards
    return [dict(zip(names, chosen, strict=True)) for chosen in itertools.product(*map(VALUES.get, names))]


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("run", ["results/demo", "/tmp/T0.11/unit/labels/chunk9/results/tmin0.30", "."])
def test_what_a_path_means_has_that_path(name, run):
    for values in combinations(PRODUCTS[name]):
        path = PRODUCTS[name].path(run, **values)
        assert paths.meaning(path) == (name, values)
        assert paths.meaning(Path(path)) == (name, values)
        # what stands behind a marker is read without the product too
        marked = {k: v for k, v in values.items() if k in paths.MARKERS}
        if name != "GLASSBENCH_TIMES":
            assert paths.values_of(path).items() >= marked.items()


def test_no_two_products_share_a_path():
    for name, product in PRODUCTS.items():
        for values in combinations(product):
            path = product.path("run", **values)
            fitting = [n for n, other in PRODUCTS.items() if other.match(path) is not None]
            # the sheet and the movie lie among the figures and come before them
            assert fitting[0] == name
            assert len(fitting) == 1 or set(fitting) <= {"CONTACT_SHEET", "MOVIE", "FIGURE"}


def test_patterns_keep_what_is_not_known():
    assert (
        paths.PREDICTIONS.pattern("r", ensemble="unit") == "r/unit/predictions/tmin{t_min}/T{temperature}.h5"
    )
    assert paths.PREDICTIONS.pattern("r", t_min=0.4) == "r/{ensemble}/predictions/tmin0.40/T{temperature}.h5"
    assert paths.RELAXATION.pattern("r") == paths.RELAXATION.path("r") == "r/relaxation/relaxation.json"


def test_lists_run_in_the_order_they_are_named():
    found = paths.PREDICTIONS.paths("r", ensemble="unit", t_min=["0.40", "0.45"], temperature=[0.3, 0.2])
    assert [tuple(re.findall(r"\d\.\d+", p)) for p in found] == [
        ("0.40", "0.30"), ("0.40", "0.20"), ("0.45", "0.30"), ("0.45", "0.20"),
    ]  # fmt: skip
    assert paths.PREDICTIONS.paths("r", ensemble="unit", t_min=[], temperature=[0.3]) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ensemble": "unit"}, "needs a value of temperature"),
        ({"ensemble": "small", "temperature": 0.3}, "ensemble = 'small'"),
        ({"ensemble": "unit", "temperature": 0.3, "chunk": 1}, "no wildcard 'chunk'"),
        ({"ensemble": "unit", "temperature": float("nan")}, "finite"),
    ],
)
def test_refusals(values, message):
    with pytest.raises(ValueError, match=message):
        paths.LABELS.path("r", **values)


@pytest.mark.parametrize(
    "path",
    [
        "r/unit/labels/T0.3.h5x",
        "r/unit/labels/T0.30.parquet",
        "xlabels/T0.30.h5",
        "r/unit/T0.30/chunk1.h5",
        "a",
    ],
)
def test_other_files_mean_nothing(path):
    with pytest.raises(ValueError, match="no product"):
        paths.meaning(path)


def test_folder_of_one_ensemble_may_be_left_out():
    assert paths.meaning("my/labels/T0.30.h5") == ("LABELS", {"temperature": "0.30"})
    assert paths.meaning("labels/T0.30.h5") == ("LABELS", {"temperature": "0.30"})


def test_temperature_and_the_like_of_any_path():
    path = "/data/T0.11/large/predictions/tmin0.40/T0.23.h5"
    assert (paths.temperature_of(path), paths.t_min_of(path)) == (0.23, "0.40")
    assert paths.temperature_of(Path("T0.5/chunk12.equilibration.json")) == 0.5
    assert paths.values_of(Path("T0.5/chunk12.equilibration.json"))["chunk"] == "12"
    assert paths.values_of("networks/equi_time/tmin0.40/cb0.075.history.parquet")["cb"] == "0.075"
    assert paths.by_temperature(["T0.3/a", "T0.2/a", "T0.30/b"]) == {
        0.3: ["T0.3/a", "T0.30/b"],
        0.2: ["T0.2/a"],
    }
    for reader in (paths.temperature_of, paths.t_min_of):
        with pytest.raises(ValueError, match="in this path"):
            reader("results/demoT0.30/numbers.json")


def test_files_beside_the_products():
    run = paths.run_folder("demo")
    assert paths.log(run, "map_labels", "t_min") == "results/demo/logs/map_labels/tmin{t_min}.log"
    job = "predict/{ensemble}_tmin{t_min}_T{temperature}.tsv"
    assert paths.benchmark(run, "predict", "ensemble", "t_min", "temperature") == f"{run}/benchmarks/{job}"
    assert (
        paths.state(run, "train_full", "t_min", suffix=".npz") == f"{run}/.state/train_full/tmin{{t_min}}.npz"
    )
    log = paths.log(run, "collect_numbers")
    assert log.endswith("/all.log")
    assert paths.progress_of(log) == Path(run, ".state/progress/collect_numbers/all.json")
    assert paths.is_data(run, f"{run}/unit/labels/T0.30.h5")
    assert not paths.is_data(run, log)
    assert not paths.is_data("/logs/run", "/logs/run/.state/x.npz")
    assert paths.is_data("/logs/run", "/logs/run/numbers.json")


def test_jobs_of_a_run_by_their_files(tmp_path):
    for file in (
        "logs/map_labels/tmin0.40.log",
        "logs/report.log",
        ".state/progress/train_full/tmin0.40.job",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert [paths.job_of(file) for file in paths.logs(tmp_path)] == [("map_labels", "tmin0.40")]
    assert [paths.job_of(file) for file in paths.jobs_at_work(tmp_path)] == [("train_full", "tmin0.40")]
