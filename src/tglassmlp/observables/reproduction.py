"""The paper's claims beside a run's numbers, figure by figure, with a verdict by arithmetic.

A verdict compares a number with its error: ``agrees`` or ``disagrees`` beyond two standard errors,
``undecided`` within them, ``not determined`` where the run gives no number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Claim", "judge", "report"]

Numbers = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Claim:
    """One claim of the paper: figure, sentence, our number and the verdict."""

    figure: str
    claim: str
    ours: str
    verdict: str


def judge(value: float, error: float, expected: float = 0.0) -> str:
    """Verdict on "value is greater than expected"."""
    if not np.isfinite(value):
        return "not determined"
    difference, width = value - expected, 2 * (error if np.isfinite(error) else 0.0)
    if difference > width:
        return "agrees"
    return "disagrees" if difference < -width else "undecided"


def _get(numbers: Numbers, name: str) -> tuple[float, float]:
    entry = numbers.get(name)
    if entry is None or entry["value"] is None:
        return float("nan"), float("nan")
    return float(entry["value"]), float("nan") if entry["error"] is None else float(entry["error"])


def _shown(value: float, error: float = float("nan")) -> str:
    if not np.isfinite(value):
        return "not determined"
    return f"{value:.3g}" + (f" ± {error:.2g}" if np.isfinite(error) else "")


def _states(numbers: Numbers, prefix: str) -> list[tuple[str, str, str]]:
    """(name, temperature, rest) of all numbers below a prefix, from high to low temperature."""
    found = []
    for name in numbers:
        if name.startswith(prefix + "/T"):
            temperature, _, rest = name[len(prefix) + 2 :].partition("/")
            found.append((name, temperature, rest))
    return sorted(found, key=lambda x: (-float(x[1]), x[2]))


def _difference(numbers: Numbers, first: str, second: str) -> tuple[float, float, int]:
    """Mean difference of two methods over their common state points, its error and their number."""
    values: dict[str, list[float]] = {}
    errors: dict[str, list[float]] = {}
    for name, temperature, rest in _states(numbers, first):
        a, ea = _get(numbers, name)
        b, eb = _get(numbers, f"{second}/T{temperature}/{rest}")
        if np.isfinite(a) and np.isfinite(b):
            values.setdefault(temperature, []).append(a - b)
            errors.setdefault(temperature, []).append(float(np.hypot(np.nan_to_num(ea), np.nan_to_num(eb))))
    if not values:
        return float("nan"), float("nan"), 0
    # state points of one temperature share their structures, those of different temperatures do not
    each = [float(np.mean(e)) for e in errors.values()]
    everything = [v for group in values.values() for v in group]
    return float(np.mean(everything)), float(np.sqrt(np.sum(np.square(each))) / len(each)), len(everything)


def _growth(numbers: Numbers, prefix: str) -> tuple[float, float, str]:
    """Logarithm of the value at the lowest over that at the highest temperature, its error, and a text."""
    known = [
        (t, *_get(numbers, n)) for n, t, _ in _states(numbers, prefix) if np.isfinite(_get(numbers, n)[0])
    ]
    if len(known) < 2:
        return float("nan"), float("nan"), "not determined at two temperatures"
    (hot, a, ea), (cold, b, eb) = known[0], known[-1]
    if a <= 0 or b <= 0:
        return float("nan"), float("nan"), "not positive at two temperatures"
    error = float(np.hypot(np.nan_to_num(ea) / a, np.nan_to_num(eb) / b))
    text = f"{_shown(a, ea)} at T = {hot}, {_shown(b, eb)} at T = {cold}; ratio {b / a:.3g}"
    return float(np.log(b / a)), error, text


def _claims(numbers: Numbers, t_mins: Sequence[str]) -> Iterable[Claim]:
    main = f"tglassmlp/tmin{t_mins[0]}"

    def compare(figure: str, claim: str, second: str, first: str = main, margin: float = 0.0) -> Claim:
        d, e, n = _difference(numbers, f"pearson/{first}", f"pearson/{second}")
        ours = f"difference {_shown(d, e)} over {n} state points" if n else "no common state points"
        return Claim(figure, claim, ours, judge(d, e, -margin) if n else "not determined")

    def growth(figure: str, claim: str, prefix: str, name: str) -> Claim:
        logarithm, error, text = _growth(numbers, prefix)
        return Claim(figure, claim, f"{name}: {text}", judge(logarithm, error))

    value, _ = _get(numbers, f"parameters/tmin{t_mins[0]}")
    yield Claim(
        "Figure 1", "slightly above 1000 parameters", _shown(value) if value < 1000 else f"{value:.0f}",
        "not determined" if not np.isfinite(value) else "agrees" if 1000 < value < 1200 else "disagrees",
    )  # fmt: skip
    yield compare(
        "Figure 2", "as good as GlassMLP trained at each state point (within 0.03)", "glassmlp", margin=0.03
    )
    yield compare("Figure 2", "better than GlassMLP transferred from one state point", "glassmlp_transferred")
    if len(t_mins) > 1:
        yield compare(
            "Figure 2", f"trained down to T = {t_mins[1]} only, nearly as good (within 0.05)", main,
            f"tglassmlp/tmin{t_mins[1]}", 0.05,
        )  # fmt: skip
    yield _single(numbers, main)
    yield _susceptibility(numbers, main)
    yield growth("Figure 4", "chi_4 grows on cooling (dynamics)", "chi4_maximum/md", "maximum of chi_4")
    yield growth("Figure 6", "predicted chi_4 grows down to T_g", f"chi4_maximum/{main}", "maximum of chi_4")
    yield growth("Figure 7", "xi_4 grows on cooling", f"xi4/{main}", "xi_4")
    yield growth("Figure 8", "the chord length grows on cooling", f"chord_length/{main}", "chord length")
    d, e, n = _difference(numbers, "chord_length/md", f"chord_length/{main}")
    yield Claim(
        "Figure 8", "chords of dynamics are slightly longer than predicted ones",
        f"difference {_shown(d, e)} over {n} temperatures" if n else "not determined", judge(d, e),
    )  # fmt: skip
    yield growth(
        "Figure 9", "attention moves to larger lengths on cooling", f"attention_length/{main}", "<L>"
    )
    yield growth(
        "Figure 11", "active and arrested particles separate better on cooling",
        f"bottleneck_separation/{main}", "separation",
    )  # fmt: skip
    energy, error = _get(numbers, "arrhenius/energy")
    yield Claim(
        "Figure 13",
        "ln tau follows an Arrhenius line",
        f"energy {_shown(energy, error)}",
        judge(energy, error),
    )
    tau, tau_error = _get(numbers, "glass_transition/tau")
    note = str(numbers.get("glass_transition/tau", {}).get("note", ""))
    yield Claim(
        "Figure 13",
        "tau extrapolated to T_g",
        f"{_shown(tau, tau_error)} {note}".strip(),
        "no value published",
    )
    cubic = [
        n for n, _, _ in _states(numbers, f"cubic_coefficient/{main}") if np.isfinite(_get(numbers, n)[0])
    ]
    yield Claim(
        "Figure 14", "A rises, then saturates", f"determined at {len(cubic)} temperatures",
        "see the figure" if len(cubic) > 2 else "not determined",
    )  # fmt: skip
    for t_min in t_mins:
        entry = numbers.get(f"kept_networks/tmin{t_min}", {"value": None, "n": None})
        yield Claim(
            "Section II",
            f"4 of 16 networks kept (T_min = {t_min})",
            f"{entry['value']} of {entry['n']}",
            "for comparison",
        )


def _single(numbers: Numbers, main: str) -> Claim:
    """Pearson correlation against the best single descriptor, at the C_B of the comparison."""
    differences = []
    for name, temperature, _ in _states(numbers, "pearson/best_single_descriptor"):
        best, error = _get(numbers, name)
        own = [_get(numbers, n) for n, t, _ in _states(numbers, f"pearson/{main}") if t == temperature]
        at = str(numbers[name].get("at", ""))
        exact = [
            _get(numbers, n)
            for n, t, r in _states(numbers, f"pearson/{main}")
            if t == temperature and r == at
        ]
        value, own_error = (exact or own or [(float("nan"), float("nan"))])[0]
        differences.append((value - best, float(np.hypot(np.nan_to_num(error), np.nan_to_num(own_error)))))
    if not differences:
        return Claim("Figure 2", "better than every single descriptor", "not determined", "not determined")
    worst = min(differences)
    return Claim(
        "Figure 2", "better than every single descriptor at the relaxation time",
        f"smallest lead {_shown(*worst)} over {len(differences)} temperatures", judge(*worst),
    )  # fmt: skip


def _susceptibility(numbers: Numbers, main: str) -> Claim:
    """Agreement of the maximum of chi_4 with that of dynamics."""
    ratios = []
    for name, temperature, _ in _states(numbers, "chi4_maximum/md"):
        (a, ea), (b, eb) = _get(numbers, name), _get(numbers, f"chi4_maximum/{main}/T{temperature}")
        if np.isfinite(a) and np.isfinite(b) and a > 0:
            ratios.append((b / a, b / a * float(np.hypot(np.nan_to_num(ea) / a, np.nan_to_num(eb) / b))))
    if not ratios:
        return Claim("Figure 4", "chi_4 of dynamics is reproduced", "not determined", "not determined")
    inside = all(abs(r - 1) < 2 * e for r, e in ratios)
    # an error of half the value or more agrees with anything
    verdict = "disagrees" if not inside else "agrees" if max(e for _, e in ratios) < 0.5 else "undecided"
    text = ", ".join(_shown(*r) for r in ratios)
    return Claim("Figure 4", "chi_4 of dynamics is reproduced", f"ratio of the maxima {text}", verdict)


def report(
    numbers: Numbers, run: str, scale: str, t_mins: Sequence[str], link: Callable[[str], str] = str
) -> str:
    """Markdown page: claims, numbers and verdicts.

    Parameters
    ----------
    numbers
        ``numbers`` of ``numbers.json``.
    run, scale
        Name of the run and a sentence on its size.
    t_mins
        Canonical T_min of the models, the main one first.
    link
        Turns a figure's name into what the page shows.
    """
    lines = [
        "# What of the paper is reproduced",
        "",
        f"Generated from `results/{run}/numbers.json`. {scale}",
        "",
        "A verdict is arithmetic: *agrees* or *disagrees* beyond two standard errors, *undecided* within. "
        "Errors are those of structures and networks together (`docs/observables.md`).",
        "",
        "| figure | the paper | this run | verdict |",
        "| --- | --- | --- | --- |",
    ]
    for c in _claims(numbers, t_mins):
        lines.append(f"| {link(c.figure)} | {c.claim} | {c.ours} | {c.verdict} |")
    return "\n".join(lines) + "\n"
