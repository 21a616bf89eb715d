"""The paper's claims beside a run's numbers, figure by figure, with a verdict by arithmetic.

A verdict compares a number with its error: ``agrees`` or ``disagrees`` beyond two standard errors. Within
them it is ``undecided`` if the effect in question would have been seen, and ``cannot be shown at this scale``
if two standard errors exceed that effect, or if the run gives no number at all.

Claims are of two kinds. Statements about supercooled liquids and about the method (heterogeneity grows on
cooling, one network is as good as many) may be judged for any liquid. Numbers belong to the system that
they were measured on, and in a run of another one they are listed and not compared: see
:mod:`tglassmlp.published`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np

from tglassmlp.mixture import Mixture
from tglassmlp.published import PAPER, Published, published_for, system_key

__all__ = ["Claim", "Picture", "judge", "publish", "report"]

Numbers = Mapping[str, Mapping[str, Any]]

UNSEEN: Final = "cannot be shown at this scale"

#: Verdict on a number of another system.
FOREIGN: Final = "not compared"


@dataclass(frozen=True)
class Claim:
    """One claim of the paper: figure, sentence, our number and the verdict.

    ``general``: a statement about any liquid or about the method; otherwise a number of the paper's system.
    """

    figure: str
    claim: str
    ours: str
    verdict: str
    general: bool = True


@dataclass(frozen=True)
class Picture:
    """A figure as the page shows it: what the paper calls it, file, and caption."""

    label: str
    file: str
    caption: str


def judge(value: float, error: float, expected: float = 0.0, visible: float | None = None) -> str:
    """Verdict on "value is greater than expected".

    Parameters
    ----------
    value, error
        Our number and its standard error (NaN: not known, which decides nothing).
    expected
        What it is compared with.
    visible
        Size of the effect in question: with two standard errors above it nothing can be shown.
    """
    if not np.isfinite(value):
        return UNSEEN
    if not np.isfinite(error):
        return "undecided"
    difference = value - expected
    if abs(difference) > 2 * error:
        return "agrees" if difference > 0 else "disagrees"
    return UNSEEN if visible is not None and 2 * error > visible else "undecided"


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


def _paired(numbers: Numbers, prefix: str, below: float = np.inf) -> tuple[float, float, int]:
    """Mean over state points of paired differences, its error and the number of state points.

    Temperatures share no structures, their errors are independent; ``below`` leaves out this T and all above.
    """
    found = [
        (*_get(numbers, name), int(numbers[name]["n"]))
        for name, temperature, _ in _states(numbers, prefix)
        if float(temperature) < below - 1e-9
    ]
    if not found:
        return float("nan"), float("nan"), 0
    value, error, count = np.array(found).T
    total = count.sum()
    return float(value @ count / total), float(np.sqrt(((error * count) ** 2).sum()) / total), int(total)


def _temperatures(numbers: Numbers, prefix: str) -> list[tuple[str, float, float]]:
    """Temperature, value and error of all positive numbers below a prefix, from high to low temperature."""
    found = [(t, *_get(numbers, n)) for n, t, _ in _states(numbers, prefix)]
    return [(t, v, e) for t, v, e in found if np.isfinite(v) and v > 0]


def _slope(points: Sequence[tuple[str, float, float]]) -> tuple[float, float]:
    """Slope of ln(value) against -ln T and its error, least squares weighted by the relative errors.

    The error grows with the scatter about the line where that exceeds the errors.
    """
    x = -np.log([float(t) for t, _, _ in points])
    y = np.log([v for _, v, _ in points])
    relative = np.array([e / v for _, v, e in points])
    if len(points) < 2:
        return float("nan"), float("nan")
    known = np.isfinite(relative) & (relative > 0)
    weight = 1 / np.where(known, relative, 1.0) ** 2 if known.all() else np.ones(len(points))
    x = x - np.average(x, weights=weight)
    slope = float((weight * x * y).sum() / (weight * x * x).sum())
    error = float(np.sqrt(1 / (weight * x * x).sum()))
    if len(points) > 2:
        rest = y - np.average(y, weights=weight) - slope * x
        scatter = float((weight * rest**2).sum() / (len(points) - 2))
        error *= float(np.sqrt(max(1.0, scatter))) if known.all() else float(np.sqrt(scatter))
    elif not known.all():
        error = float("nan")
    return slope, error


def _growth(numbers: Numbers, prefix: str) -> tuple[float, float, str]:
    """Logarithm of the growth from the highest to the lowest temperature, its error, and a text.

    The growth is that of the power law of T fitted to all temperatures.
    """
    known = _temperatures(numbers, prefix)
    if len(known) < 2:
        reasons = [str(numbers[n].get("note", "")) for n, _, _ in _states(numbers, prefix)]
        reason = next((r for r in reasons if r), "")
        return (
            float("nan"),
            float("nan"),
            f"determined at {len(known)} temperatures" + (f" ({reason})" if reason and not known else ""),
        )
    (hot, a, ea), (cold, b, eb) = known[0], known[-1]
    slope, error = _slope(known)
    span = float(np.log(float(hot) / float(cold)))
    factor = float(np.exp(slope * span))
    text = (
        f"{_shown(a, ea)} at T = {hot}, {_shown(b, eb)} at T = {cold}; "
        f"growth by {_shown(factor, factor * error * span)} (fit to {len(known)} temperatures)"
    )
    return slope * span, error * span, text


def _slowing(numbers: Numbers, prefix: str, at: float) -> tuple[float, float, str]:
    """Difference of the slopes of ln(value) against -ln T above and below a temperature."""
    known = _temperatures(numbers, prefix)
    above = [k for k in known if float(k[0]) > at - 1e-9]
    below = [k for k in known if float(k[0]) < at + 1e-9]
    if min(len(above), len(below)) < 2:
        return float("nan"), float("nan"), f"{len(above)} temperatures above, {len(below)} below"
    (first, e1), (second, e2) = _slope(above), _slope(below)
    text = f"value ~ T^-p with p = {_shown(first, e1)} down to T = {at}, {_shown(second, e2)} below"
    return first - second, float(np.hypot(e1, e2)), text


def _claims(numbers: Numbers, t_mins: Sequence[str], paper: Published, own: bool) -> Iterable[Claim]:
    main = f"tglassmlp/tmin{t_mins[0]}"

    def compare(
        figure: str, claim: str, second: str, first: str = main, margin: float = 0.0, below: float = np.inf
    ) -> Claim:
        d, e, n = _paired(numbers, f"comparison/{first}/{second}", below)
        ours = f"difference {_shown(d, e)} over {n} state points" if n else "no common state points"
        return Claim(figure, claim, ours, judge(d, e, -margin, margin or 0.05) if n else UNSEEN)

    def growth(figure: str, claim: str, prefix: str, name: str, visible: float) -> Claim:
        logarithm, error, text = _growth(numbers, prefix)
        verdict = judge(logarithm, error, visible=float(np.log(visible)))
        return Claim(figure, f"{claim} (effect: by {visible:g})", f"{name}: {text}", verdict)

    def slowing(figure: str, claim: str, prefix: str, name: str) -> Claim:
        difference, error, text = _slowing(numbers, prefix, paper.slowing)
        verdict = judge(difference, error, visible=1.0)
        return Claim(figure, f"{claim} (T < {paper.slowing})", f"{name}: {text}", verdict, general=False)

    value, _ = _get(numbers, f"parameters/tmin{t_mins[0]}")
    low, high = paper.parameters
    shown = _shown(value) if not value >= 1000 else f"{value:.0f}"
    verdict = UNSEEN if not np.isfinite(value) else "agrees" if low < value < high else "disagrees"
    yield Claim("Figure 1", f"slightly above {low} parameters", shown, verdict, general=False)
    yield compare(
        "Figure 2", "as good as GlassMLP trained at each state point (within 0.03)", "glassmlp", margin=0.03
    )
    yield compare("Figure 2", "better than GlassMLP transferred from one state point", "glassmlp_transferred")
    if len(t_mins) > 1:
        yield compare(
            "Figure 2", f"trained down to T = {t_mins[1]} only, nearly as good below (within 0.05)", main,
            f"tglassmlp/tmin{t_mins[1]}", 0.05, float(t_mins[1]),
        )  # fmt: skip
    yield compare("not in the paper", "better than ridge regression on the same data", "ridge")
    for t_min in t_mins[1:]:
        yield compare(
            "not in the paper", f"the same below T = {t_min}, both trained down to there only",
            f"ridge_transferred/tmin{t_min}", f"tglassmlp/tmin{t_min}", below=float(t_min),
        )  # fmt: skip
    yield _single(numbers, main)
    for temperature in paper.correlations:
        yield _published(numbers, main, paper, temperature) if own else _benchmark(paper, temperature)
    yield growth(
        "Figure 2", "the correlation improves on cooling", f"pearson_maximum/{main}", "maximum", 1.05
    )
    for t_min in t_mins:
        yield _susceptibility(numbers, t_min)
    yield growth("Figure 4", "chi_4 grows on cooling (dynamics)", "chi4_maximum/md", "maximum of chi_4", 2.0)
    chi = f"chi4_maximum/{main}"
    yield growth("Figure 6", "predicted chi_4 grows down to T_g", chi, "maximum of chi_4", 2.0)
    yield slowing("Figure 6", "predicted chi_4 grows little at the lowest T", chi, "maximum of chi_4")
    yield growth("Figure 7", "xi_4 grows on cooling", f"xi4/{main}", "xi_4", 1.5)
    yield slowing("Figure 7", "xi_4 grows little at the lowest T", f"xi4/{main}", "xi_4")
    chord = f"chord_length/{main}"
    yield growth("Figure 8", "the chord length grows on cooling", chord, "chord length", 1.2)
    yield _chords(numbers, main)
    attention = f"attention_length/{main}"
    yield growth("Figure 9", "attention moves to larger lengths on cooling", attention, "<L>", 1.05)
    yield growth(
        "Figure 11", "active and arrested particles separate better on cooling",
        f"bottleneck_separation/{main}", "separation", 1.1,
    )  # fmt: skip
    yield _same_trend(numbers, main)
    yield from _relaxation_times(numbers)
    cubic = f"cubic_coefficient/{main}"
    yield growth("Figure 14", "A rises on cooling", cubic, "A", 1.5)
    yield slowing("Figure 14", "A saturates at the lowest T", cubic, "A")
    for t_min in t_mins:
        entry = numbers.get(f"kept_networks/tmin{t_min}", {"value": None, "n": None})
        yield Claim(
            "Section II",
            f"{paper.kept[0]} of {paper.kept[1]} networks kept (T_min = {t_min})",
            f"{entry['value']} of {entry['n']}",
            "for comparison",
            general=False,
        )


def _relaxation_times(numbers: Numbers) -> Iterable[Claim]:
    """Whether ln tau is straight in 1/T where it is known, and what that makes of the glass transition."""
    curvature, error = _get(numbers, "extrapolation/curvature")
    names = [n for n in numbers if n.startswith("activation_energy/T")]
    slopes = [_get(numbers, n) for n in names]
    text = ", ".join(
        f"{_shown(*s)} ({n.removeprefix('activation_energy/T')})" for n, s in zip(names, slopes, strict=True)
    )
    spread = max((s for s, _ in slopes), default=float("nan")) - min((s for s, _ in slopes), default=0.0)
    # a straight line would be bent visibly if the slope changed by a fifth over the range measured
    largest = max((s for s, _ in slopes), default=float("nan"))
    visible = 0.2 * largest * abs(curvature) / spread if spread > 0 else float("nan")
    if not (np.isfinite(curvature) and np.isfinite(error)):
        verdict = UNSEEN
    elif abs(curvature) > 2.0 * error:
        verdict = "disagrees"
    else:
        verdict = "agrees" if 2.0 * error < visible else UNSEEN
    yield Claim(
        "Figure 13",
        "ln tau follows an Arrhenius line at the temperatures with dynamics",
        f"curvature {_shown(curvature, error)}; slopes {text or 'not determined'}",
        verdict,
    )
    tau, tau_error = _get(numbers, "glass_transition/tau")
    decades = tau_error / tau / np.log(10.0)
    note = str(numbers.get("glass_transition/tau", {}).get("note", "")).partition(";")[0]
    within = f", uncertain by {decades:.1f} decades" if np.isfinite(decades) else ""
    yield Claim(
        "Figure 13", "tau extrapolated to T_g", f"{_shown(tau)} {note}{within}".strip(), "no value published"
    )
    own, own_error = _get(numbers, "glass_transition/temperature")
    note = str(numbers.get("glass_transition/temperature", {}).get("note", ""))
    yield Claim(
        "Figure 13",
        "T_g is where relaxation is 10^12 times slower than in the simple liquid",
        f"T_g = {_shown(own, own_error)} {note}",
        "no value published",
    )


def _published(numbers: Numbers, main: str, paper: Published, temperature: float) -> Claim:
    """Pearson correlation at one temperature against that of GlassMLP in the published benchmark."""
    claim = f"at T = {temperature:.2f} as good as the published GlassMLP (GlassBench, within 0.05)"
    benchmark = paper.correlations[temperature]
    known = [
        (float(numbers[n]["time"]), *_get(numbers, n))
        for n, t, _ in _states(numbers, f"pearson/{main}")
        if abs(float(t) - temperature) < 1e-9 and numbers[n].get("time") and np.isfinite(_get(numbers, n)[0])
    ]
    if len(known) < 2:
        return Claim("Figure 2", claim, f"no dynamics at T = {temperature:.2f}", UNSEEN, general=False)
    time, value, error = np.array(sorted(known)).T
    pairs = [
        (t, p)
        for t, p in zip(benchmark["time"], benchmark["GlassMLP"], strict=True)
        if time[0] <= t <= time[-1]
    ]
    if not pairs:
        text = f"dynamics from t = {time[0]:.3g} to {time[-1]:.3g}: no published time"
        return Claim("Figure 2", claim, text, UNSEEN, general=False)
    at = np.log([t for t, _ in pairs])
    ours = np.interp(at, np.log(time), value) - np.array([p for _, p in pairs])
    # times of one temperature share their structures: their errors do not average out
    spread = float(np.interp(at, np.log(time), np.nan_to_num(error)).mean())
    text = f"difference {_shown(float(ours.mean()), spread)} at t = " + ", ".join(f"{t:g}" for t, _ in pairs)
    return Claim("Figure 2", claim, text, judge(float(ours.mean()), spread, -0.05, 0.05), general=False)


def _benchmark(paper: Published, temperature: float) -> Claim:
    """List published correlations in a run of another system."""
    benchmark = paper.correlations[temperature]
    time, value = benchmark["time"], benchmark["GlassMLP"]
    claim = (
        f"GlassMLP of GlassBench at T = {temperature:.2f}: correlation {value[0]:g} at t = {time[0]:g} "
        f"to {value[-1]:g} at t = {time[-1]:g}"
    )
    return Claim("Figure 2", claim, "not drawn", FOREIGN, general=False)


def _chords(numbers: Numbers, main: str) -> Claim:
    """Chord length of dynamics against prediction, noise of the replicas removed where it is known."""
    claim = "chords of dynamics are slightly longer than predicted ones"
    plain, e, n = _difference(numbers, "chord_length/md", f"chord_length/{main}")
    text = f"as they are {_shown(plain, e)} over {n} temperatures" if n else "no common temperature"
    clean, ec, nc = _difference(numbers, "chord_length_without_noise/md", f"chord_length/{main}")
    if nc:
        text = f"difference {_shown(clean, ec)} without the noise of the replicas; {text}"
        plain, e = clean, ec
    equal, ee, ne = _difference(numbers, "chord_length/md", f"chord_length_with_noise/{main}")
    if ne:
        text += f"; prediction with that noise {_shown(equal, ee)}"
    return Claim("Figure 8", claim, text, judge(plain, e, visible=0.5))


def _same_trend(numbers: Numbers, main: str) -> Claim:
    """Whether xi_4 and the chord length depend on temperature in the same way."""
    claim = "xi_4 and the chord length follow the same trend"
    (a, ea), (b, eb) = (_slope(_temperatures(numbers, f"{name}/{main}")) for name in ("xi4", "chord_length"))
    difference, error = a - b, float(np.hypot(ea, eb))
    if not np.isfinite(difference):
        return Claim("Figure 12", claim, "not determined at two temperatures", UNSEEN)
    text = f"value ~ T^-p: p = {_shown(a, ea)} and {_shown(b, eb)}"
    inside = abs(difference) < 2 * error
    verdict = "disagrees" if not inside else "agrees" if 2 * error < 0.5 else UNSEEN
    return Claim("Figure 12", claim, text, verdict)


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
        return Claim(
            "Figure 2", "better than every single descriptor", "no single descriptor measured", UNSEEN
        )
    worst = min(differences)
    return Claim(
        "Figure 2", "better than every single descriptor at the relaxation time",
        f"smallest lead {_shown(*worst)} over {len(differences)} temperatures", judge(*worst, visible=0.05),
    )  # fmt: skip


def _susceptibility(numbers: Numbers, t_min: str) -> Claim:
    """Agreement of the maximum of chi_4 with that of dynamics."""
    claim = f"chi_4 of dynamics is reproduced (T_min = {t_min}, within a factor of 2)"
    logs = []
    for name, temperature, _ in _states(numbers, "chi4_maximum/md"):
        (a, ea), (b, eb) = (
            _get(numbers, name),
            _get(numbers, f"chi4_maximum/tglassmlp/tmin{t_min}/T{temperature}"),
        )
        if np.isfinite(a) and np.isfinite(b) and min(a, b) > 0:
            logs.append((np.log(b / a), float(np.hypot(np.nan_to_num(ea) / a, np.nan_to_num(eb) / b))))
    if not logs:
        return Claim("Figure 4", claim, "not determined", UNSEEN)
    value, error = np.array(logs).T
    mean, width = float(value.mean()), float(np.sqrt((error**2).sum()) / len(logs))
    text = "ratio of the maxima " + ", ".join(f"{np.exp(v):.2g}" for v in value)
    text += f"; mean {_shown(float(np.exp(mean)), float(np.exp(mean)) * width)}"
    if 2 * width > np.log(2):
        return Claim("Figure 4", claim, text, UNSEEN if abs(mean) < 2 * width else "disagrees")
    verdict = "agrees" if abs(mean) + 2 * width < np.log(2) or abs(mean) < 2 * width else "undecided"
    return Claim("Figure 4", claim, text, "disagrees" if abs(mean) - 2 * width > np.log(2) else verdict)


def report(
    numbers: Numbers,
    run: str,
    scale: str,
    t_mins: Sequence[str],
    mixture: Mixture,
    central_species: int,
    pictures: Sequence[Picture] = (),
) -> str:
    """Markdown page: claims, numbers and verdicts, then the pictures.

    In a run of another system than the paper's, statements are judged and the paper's numbers only listed.

    Parameters
    ----------
    numbers
        ``numbers`` of ``numbers.json``.
    run, scale
        Name of the run and a sentence on its size.
    t_mins
        Canonical T_min of the models, the main one first.
    mixture, central_species
        The run's mixture, and the species whose particles are labelled.
    pictures
        Figures to show, with files relative to the page.
    """
    own = published_for(system_key(mixture, central_species))
    found = _claims(numbers, t_mins, own or PAPER, own is not None)
    claims = [c if own or c.general else replace(c, verdict=FOREIGN) for c in found]
    verdicts = [c.verdict for c in claims]
    counted = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(sorted(verdicts)))
    files = {p.label: p.file for p in pictures}
    system = f"{mixture.name} with N = {sum(mixture.composition)}"
    lines = [
        "# What of the paper is reproduced" if own else f"# What the paper says, asked of {mixture.name}",
        "",
        f"Generated from `results/{run}/numbers.json`, not written by hand. {scale}",
        "",
    ]
    if not own:
        lines += [
            "**This run is of another system than the paper's.** The paper and GlassBench are of "
            f"{PAPER.name}, labelled on species 1; this run is of {system}, labelled on species "
            f"{central_species}. Statements about supercooled liquids and about the method are judged "
            "for this liquid, by this run's numbers alone; sizes of effects in brackets are those that the "
            f"paper's system shows. Numbers of {PAPER.name} stand in a table of their own and are "
            f"*{FOREIGN}*.",
            "",
        ]
    lines += [
        "A verdict is arithmetic: *agrees* or *disagrees* beyond two standard errors. Within them it is "
        f"*undecided* if the effect in question would have been seen, and *{UNSEEN}* if two standard errors "
        "exceed that effect or the run gives no number. Errors are those of structures and networks together "
        "(`docs/observables.md`); a growth is that of the power law of T fitted to all temperatures. "
        f"Count: {counted}.",
        "",
        "| figure | the paper | this run | verdict |",
        "| --- | --- | --- | --- |",
    ]

    def row(c: Claim) -> str:
        name = f"[{c.figure}]({files[c.figure]})" if c.figure in files else c.figure
        return f"| {name} | {c.claim} | {c.ours} | {c.verdict} |"

    lines += [row(c) for c in claims if own or c.general]
    if not own:
        lines += [
            "",
            f"Numbers of {PAPER.name}, not of {mixture.name}:",
            "",
            f"| figure | the paper, of {PAPER.name} | this run, of {mixture.name} | |",
            "| --- | --- | --- | --- |",
            *(row(c) for c in claims if not c.general),
        ]
    for picture in pictures:
        lines += ["", f"![{picture.label}]({picture.file})", "", picture.caption]
    return "\n".join(lines) + "\n"


def publish(run: str | PathLike[str], page: str | PathLike[str], width: int = 1100) -> int:
    """Copy a run's ``reproduction.md`` to another place, its figures small enough for version control.

    Parameters
    ----------
    run
        The run's folder.
    page
        The copy; its figures go into a folder beside it of the same name, which is made anew.
    width
        Largest width of a figure in pixels; colours are reduced to 256.

    Returns
    -------
    int
        Bytes written.

    Raises
    ------
    FileNotFoundError
        If the run has no page of claims, or a figure is missing.
    """
    import re
    import shutil

    from PIL import Image

    from tglassmlp.storage import atomic_path

    run, page = Path(run), Path(page)
    text = (run / "reproduction.md").read_text()
    files = sorted(set(re.findall(r"\]\(figures/([\w.]+)\)", text)))
    missing = [f for f in files if not (run / "figures" / f).exists()]
    if missing:
        raise FileNotFoundError(f"{run}/figures lacks {', '.join(missing)}")
    folder = page.with_suffix("")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    written = 0
    for name in files:
        with Image.open(run / "figures" / name) as image:
            scale = min(1.0, width / image.width)
            size = round(image.width * scale), round(image.height * scale)
            small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
            small.quantize(256, dither=Image.Dither.NONE).save(folder / name, optimize=True)
        written += (folder / name).stat().st_size
    text = text.replace("](figures/", f"]({folder.name}/")
    with atomic_path(page) as temporary:
        temporary.write_text(text)
    return written + page.stat().st_size
