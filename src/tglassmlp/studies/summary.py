"""Table of all studies: correlations over all test particles of a state point, with paired errors.

Errors are by resampling whole structures, paired between both methods.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tglassmlp.correlation import correlation_of_sums
from tglassmlp.network import models
from tglassmlp.state_point import key

__all__ = ["markdown", "summary"]

MOMENTS: Final = ("n", "x", "y", "xx", "yy", "xy")


def _correlation(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson correlation from sums ``[..., 6]``; 0 without variance."""
    return np.nan_to_num(correlation_of_sums(sums), nan=0.0)


def summary(rows: pd.DataFrame, n_resamples: int = 500, seed: int = 0) -> pd.DataFrame:
    """Table of all studies.

    Parameters
    ----------
    rows
        Rows of :func:`tglassmlp.studies.training.run_variant`, of all variants and seeds.
    n_resamples
        Resamplings of whole structures, drawn for each temperature on its own.
    seed
        Of the resampling.

    Returns
    -------
    pandas.DataFrame
        For each variant and region (``learnt``: temperatures of at least T_min, ``below``): Pearson
        correlation of the mean field of the networks, averaged over state points and seeds (``value``), that
        of ridge regression, their difference, errors of all three over structures (bootstrap) and of the
        value over seeds (standard error), slope of the regression of measured on predicted propensities and
        ratio of predicted to measured variance (both of the mean field), networks kept, seconds of processor
        time of one seed.
    """
    rng = np.random.default_rng(seed)
    out = []
    learnt = rows["temperature"].map(key) >= rows["t_min"].map(key)
    rows = rows.assign(region=np.where(learnt, "learnt", "below"))
    for names, group in rows.groupby(["study", "variant", "region"], sort=False):
        study, variant, region = map(str, names)
        record: dict[str, Any] = {
            "study": study, "variant": variant, "t_min": group["t_min"].iloc[0], "region": region,
            "seeds": group["seed"].nunique(), "kept": group.groupby("seed")["kept"].first().mean(),
            "seconds": group.groupby("seed")["seconds"].first().mean(),
        }  # fmt: skip
        own = [m for m in models.MODELS if m in set(group["method"])]
        if not own:
            out.append({**record, "method": "none kept"})
            continue
        values: dict[tuple[str, int], NDArray] = {}
        plain: dict[str, NDArray] = {}
        draws: dict[Any, NDArray] = {}
        for t in sorted(set(group["temperature"])):
            count = group["structure"][group["temperature"] == t].nunique()
            draws[t] = rng.integers(0, count, (n_resamples, count))
        ratio, slope = [], []
        for method in (own[0], "ridge"):
            every = group[group["method"] == method]
            for s in sorted(set(every["seed"].astype(int))):
                mine, points = every[every["seed"] == s], []
                for (t, _), here in mine.groupby(["temperature", "c_b"]):
                    sums = here.sort_values("structure")[list(MOMENTS)].to_numpy(dtype=float)
                    points.append(
                        np.concatenate(
                            [[_correlation(sums.sum(axis=0))], _correlation(sums[draws[t]].sum(axis=1))]
                        )
                    )
                    n, x, y, xx, yy, xy = sums.sum(axis=0)
                    if method != "ridge":
                        variance = xx / n - (x / n) ** 2
                        ratio.append(variance / (yy / n - (y / n) ** 2))
                        slope.append((xy / n - x * y / n**2) / variance)
                values[method, s] = np.mean(points, axis=0)
            plain[method] = np.mean([v for (m, _), v in values.items() if m == method], axis=0)
        each = [v[0] for (m, _), v in values.items() if m == own[0]]
        difference = plain[own[0]] - plain["ridge"]
        record |= {
            "method": own[0], "value": plain[own[0]][0], "error": plain[own[0]][1:].std(ddof=1),
            "error_seeds": np.std(each, ddof=1) / np.sqrt(len(each)) if len(each) > 1 else np.nan,
            "ridge": plain["ridge"][0], "ridge_error": plain["ridge"][1:].std(ddof=1),
            "difference": difference[0], "difference_error": difference[1:].std(ddof=1),
            "slope": np.mean(slope), "variance_ratio": np.mean(ratio),
        }  # fmt: skip
        out.append(record)
    return pd.DataFrame(out)


def markdown(table: pd.DataFrame) -> str:
    """Write :func:`summary`'s table as lines of Markdown."""
    lines = [
        "| study | variant | T_min | temperatures | Pearson | ridge | difference | slope | variance ratio "
        "| kept |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for _, r in table.iterrows():
        start = f"| {r['study']} | {r['variant']} | {r['t_min']:.2f} | {r['region']} |"
        if r["method"] == "none kept":
            lines.append(f"{start} none kept | | | | | 0 |")
            continue
        seeds = "" if r["error_seeds"] != r["error_seeds"] else f" ({r['error_seeds']:.3f} seeds)"
        lines.append(
            f"{start} {r['value']:.3f} ± {r['error']:.3f}{seeds} | {r['ridge']:.3f} | "
            f"{r['difference']:+.3f} ± {r['difference_error']:.3f} | {r['slope']:.2f} | "
            f"{r['variance_ratio']:.2f} | "
            f"{r['kept']:.0f} |"
        )
    return "\n".join(lines)
