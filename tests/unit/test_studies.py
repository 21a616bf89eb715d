"""Studies: variants of a run, trained by its own stages and compared with ridge regression."""

import network_case as case
import numpy as np
import pandas as pd
import pytest

from tglassmlp.studies.summary import markdown, summary
from tglassmlp.studies.training import Files, run_variant
from tglassmlp.studies.variants import Variant, variants


def test_every_variant_has_its_own_file_and_known_switches(repository):
    from tglassmlp.config import load, plain

    config = plain(load(repository / "config.yaml"))
    found = variants(config, [0.5, 0.45, 0.4], 0.45, config["descriptors"]["lengths"], 4)
    assert len({v.slug for v in found}) == len(found) > 20
    for v in found:
        assert set(v.network) <= set(config["network"])
        assert set(v.training) <= set(config["training"])
    assert {v.study for v in found} >= {"steps", "attention", "lengths", "structures", "T_min", "phase 2"}
    assert [v.t_min for v in found if v.study == "T_min"] == [0.4]  # 0.5 alone cannot learn a temperature


def test_what_the_run_does_is_no_variant_of_it(repository):
    from tglassmlp.config import load, plain

    for file, with_phase2, softened in (("config.yaml", True, True), ("config/laptop.yaml", False, False)):
        config = plain(load(repository / file))
        assert bool(config["training"]["phase2"]) == with_phase2
        found = {v.slug: v for v in variants(config, [0.4, 0.35, 0.3], 0.35, [0.0, 1.0], 4)}
        assert ("phase-2-none" in found) == with_phase2
        assert ("network-outliers-as-they-are" in found) == softened
        assert ("network-outliers-softened" in found) != softened
        assert found["phase-2-labels-as-they-are"].training["phase2"]
        assert "steps-0-of-step-1-blind" in found
        assert "steps-0.5-of-step-1-blind" not in found


def test_summary_is_the_correlation_over_all_particles_and_its_paired_difference():
    r = np.random.default_rng(0)
    rows, expected = [], {}
    for t, region in ((0.5, "learnt"), (0.4, "below")):
        y = r.normal(size=(5, 200))
        for method, noise in (("tglassmlp", 0.8), ("ridge", 1.2)):
            x = y + noise * r.normal(size=y.shape) + 3
            expected[method, region] = np.corrcoef(x.ravel(), y.ravel())[0, 1]
            for s in range(5):
                sums = {"structure": s, "n": 200, "x": x[s].sum(), "y": y[s].sum()}
                sums |= {"xx": (x[s] ** 2).sum(), "yy": (y[s] ** 2).sum(), "xy": (x[s] * y[s]).sum()}
                rows.append({"method": method, "temperature": t, "c_b": 0.5, **sums})
    table = pd.DataFrame(rows).assign(study="a", variant="b", seed=0, t_min=0.45, kept=3, seconds=1.0)
    found = summary(table).set_index("region")
    for region in ("learnt", "below"):
        row = found.loc[region]
        assert row["value"] == pytest.approx(expected["tglassmlp", region])
        assert row["ridge"] == pytest.approx(expected["ridge", region])
        assert row["difference"] == pytest.approx(row["value"] - row["ridge"])
        assert 0 < row["difference_error"] < row["error"] + row["ridge_error"]
    text = markdown(found.reset_index())
    assert f"{expected['tglassmlp', 'below']:.3f} ±" in text


def test_a_variant_is_trained_and_compared(tmp_path):
    run = case.write_run(tmp_path)
    files = Files(
        [str(p) for p in sorted(tmp_path.glob("descriptors/T*/chunk*.h5"))],
        [str(p) for p in sorted(tmp_path.glob("labels/T*.h5"))],
        str(tmp_path / "scaling.json"),
    )
    label_settings = {"lowest_ratio": 0.7, "minimum_labelled": 2, "minimum_predicted": 2}
    variant = Variant("lengths", "L0", training={"phase2": []}, lengths=(0.0,), structures=2)
    rows = run_variant(variant, files, run, label_settings, 0.45, 0.35, 0)
    assert set(rows["method"]) == {"tglassmlp", "ridge"}
    assert set(rows["temperature"]) == {0.5, 0.45, 0.4}
    assert set(rows["structure"]) == {4, 5, 6, 7}  # the test half
    table = summary(rows).set_index("region")
    assert table.loc["below", "value"] > 0.1  # half the columns still tell something
    strict = {**run, "training": {**run["training"], "full_tolerance": 1e-9}}
    none = run_variant(variant, files, strict, label_settings, 0.45, 0.35, 0)
    assert set(summary(none)["method"]) == {"none kept"}
