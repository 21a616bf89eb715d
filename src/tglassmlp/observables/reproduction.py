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
from tglassmlp.observables.bootstrap import combined_error, jackknife_error
from tglassmlp.observables.numbers import PAPER_TOLERANCE
from tglassmlp.observables.tables import SINGLE_DESCRIPTORS
from tglassmlp.observables.trends import SLOWING
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


def _paired(numbers: Numbers, prefix: str, below: float = np.inf) -> tuple[float, float, float, int]:
    """Mean over state points of paired differences, error over structures, over training sets, and number.

    Temperatures share no structures: errors over structures are independent. They share the networks, hence
    the jackknife over folds is that of the mean over temperatures. ``below`` leaves out this T and all above.
    """
    found, folds = [], []
    for name, temperature, _ in _states(numbers, prefix):
        if float(temperature) < below - 1e-9:
            value, error = _get(numbers, name)
            structures = numbers[name].get("error_structures")
            found.append((value, error if structures is None else float(structures), int(numbers[name]["n"])))
            folds.append([float("nan") if x is None else float(x) for x in numbers[name].get("folds", [])])
    if not found:
        return float("nan"), float("nan"), float("nan"), 0
    value, error, count = np.array(found).T
    weight = count / count.sum()
    training = float("nan")
    if len({len(f) for f in folds}) == 1 and folds[0]:
        training = jackknife_error(weight @ np.array(folds))
    return float(weight @ value), float(np.sqrt(((error * weight) ** 2).sum())), training, int(count.sum())


def _parts(structures: float, other: float, name: str) -> str:
    """Both parts of an error, as the page shows them."""
    known = [f"{x:.2g} ({n})" for x, n in ((structures, "structures"), (other, name)) if np.isfinite(x)]
    return "".join(f" ± {k}" for k in known)


def _trend(numbers: Numbers, quantity: str, of: str, range_: str) -> tuple[float, float, str]:
    """Exponent p of value ~ T^-p, its error, and both as text."""
    entry = numbers.get(f"trend/{quantity}/{of}/{range_}")
    value, error = _get(numbers, f"trend/{quantity}/{of}/{range_}")
    if entry is None or not np.isfinite(value):
        return float("nan"), float("nan"), "not determined"
    structures, spread = (
        float("nan") if entry.get(k) is None else float(entry[k]) for k in ("error_structures", "spread")
    )
    return value, error, f"{value:.3g}{_parts(structures, spread, 'networks')}"


def _growth(numbers: Numbers, quantity: str, of: str) -> tuple[float, float, str]:
    """Logarithm of the growth from the highest to the lowest temperature, its error, and a text.

    The growth is that of the power law of T fitted to all temperatures and C_B together.
    """
    exponent, error, text = _trend(numbers, quantity, of, "all")
    if not np.isfinite(exponent):
        return exponent, error, "not determined"
    entry = numbers[f"trend/{quantity}/{of}/all"]
    temperatures = [float(t) for t in entry["temperatures"]]
    hot, cold = max(temperatures), min(temperatures)
    span = float(np.log(hot / cold))
    factor = float(np.exp(exponent * span))
    return (
        exponent * span,
        error * span,
        f"~ T^-p with p = {text}: by {_shown(factor, factor * error * span)} from T = {hot:.2f} to "
        f"{cold:.2f} ({len(temperatures)} temperatures, all C_B together)",
    )


def _slowing(numbers: Numbers, quantity: str, of: str) -> tuple[float, float, str]:
    """Difference of the exponents above and below :data:`SLOWING`."""
    difference, error, text = _trend(numbers, quantity, of, "slowing")
    if not np.isfinite(difference):
        return difference, error, "too few temperatures above or below"
    above, below = (_trend(numbers, quantity, of, r)[2] for r in ("above", "below"))
    return (
        difference,
        error,
        (f"~ T^-p with p = {above} down to T = {SLOWING}, {below} below; difference {text}"),
    )


def _claims(numbers: Numbers, t_mins: Sequence[str], paper: Published, own: bool) -> Iterable[Claim]:
    main = f"tglassmlp/tmin{t_mins[0]}"

    def compare(
        figure: str, claim: str, second: str, first: str = main, margin: float = 0.0, below: float = np.inf
    ) -> Claim:
        d, structures, training, n = _paired(numbers, f"comparison/{first}/{second}", below)
        ours = f"difference {d:.3g}{_parts(structures, training, 'training sets')} over {n} state points"
        e = combined_error(structures, training)
        return Claim(
            figure, claim, ours if n else "no common state points",
            judge(d, e, -margin, margin or 0.05) if n else UNSEEN,
        )  # fmt: skip

    def growth(figure: str, claim: str, quantity: str, of: str, name: str, visible: float) -> Claim:
        logarithm, error, text = _growth(numbers, quantity, of)
        verdict = judge(logarithm, error, visible=float(np.log(visible)))
        return Claim(figure, f"{claim} (effect: by {visible:g})", f"{name} {text}", verdict)

    def slowing(figure: str, claim: str, quantity: str, name: str) -> Claim:
        difference, error, text = _slowing(numbers, quantity, main)
        verdict = judge(difference, error, visible=1.0)
        return Claim(figure, f"{claim} (T < {SLOWING})", f"{name} {text}", verdict, general=False)

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
        "Figure 2", "the correlation improves on cooling", "pearson", main,
        "correlation over the ceiling of the same replicas", 1.05,
    )  # fmt: skip
    for t_min in t_mins:
        yield _susceptibility(numbers, t_min)
    yield growth("Figure 4", "chi_4 grows on cooling (dynamics)", "chi4", "md", "chi_4 without noise", 2.0)
    yield growth("Figure 6", "predicted chi_4 grows down to T_g", "chi4", main, "chi_4", 2.0)
    yield slowing("Figure 6", "predicted chi_4 grows little at the lowest T", "chi4", "chi_4")
    yield growth("Figure 7", "xi_4 grows on cooling", "xi4", main, "xi_4", 1.5)
    yield slowing("Figure 7", "xi_4 grows little at the lowest T", "xi4", "xi_4")
    yield growth("Figure 8", "the chord length grows on cooling", "chord_length", main, "chord length", 1.2)
    yield _chords(numbers, t_mins[0])
    yield growth(
        "Figure 9", "attention moves to larger lengths on cooling", "attention_length", main, "<L>", 1.05
    )
    yield growth(
        "Figure 11", "active and arrested particles separate better on cooling", "bottleneck_separation",
        main, "separation", 1.1,
    )  # fmt: skip
    yield _same_trend(numbers, main)
    yield from _relaxation_times(numbers)
    yield growth("Figure 14", "A rises on cooling", "a", main, "A", 1.5)
    yield slowing("Figure 14", "A saturates at the lowest T", "a", "A")
    for t_min in t_mins:
        yield _selection(numbers, t_min, paper)


def _selection(numbers: Numbers, t_min: str, paper: Published) -> Claim:
    """How many networks pass the paper's test; a run all of whose networks fail it has failed.

    With the output C_i - C_B the mean is C_B for a network that has learnt nothing, so passing says little:
    only networks whose output is C_i confirm the claim.
    """
    claim = (
        f"a part of the networks, {paper.kept[0]} of {paper.kept[1]}, have a mean within {PAPER_TOLERANCE:g} "
        f"of C_B at T_g, uncorrected (T_min = {t_min})"
    )
    found = {
        output: numbers[f"selection/{output}/tmin{t_min}"]
        for output in ("propensity", "deviation")
        if numbers.get(f"selection/{output}/tmin{t_min}", {}).get("value") is not None
    }
    kept = numbers.get(f"kept_networks/tmin{t_min}", {"value": None, "n": None})
    text = [f"{x['value']} of {x['n']} (output {output})" for output, x in found.items()]
    if kept["value"] is not None:
        text.append(f"{kept['value']} of {kept['n']} are used")
    passes = {output: int(x["value"]) > 0 for output, x in found.items()}
    if not passes:
        verdict = "for comparison"
    elif not passes.get("propensity", True) or not any(passes.values()):
        verdict = "disagrees"
    else:
        verdict = "agrees" if "propensity" in passes else "for comparison"
    return Claim("Section II", claim, "; ".join(text) or "not known", verdict, general=False)


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


def _chords(numbers: Numbers, t_min: str) -> Claim:
    """Chord length of dynamics against prediction: the same structures and noise of the same replicas."""
    claim = "chords of dynamics are slightly longer than predicted ones"
    ways = {
        "": "as they are",
        "_without_noise": "noise removed from dynamics",
        "_with_noise": "that noise laid over the prediction",
    }
    known = {way: _get(numbers, f"agreement/chord_difference{way}/tmin{t_min}/all") for way in ways}
    known = {way: v for way, v in known.items() if np.isfinite(v[0])}
    if not known:
        return Claim("Figure 8", claim, "no common temperature", UNSEEN)
    decisive = list(known)[-1]
    text = [f"{_shown(*known[way])} ({ways[way]})" for way in reversed(known)]
    return Claim("Figure 8", claim, "difference " + ", ".join(text), judge(*known[decisive], visible=0.5))


def _same_trend(numbers: Numbers, main: str) -> Claim:
    """Whether xi_4 and the chord length depend on temperature in the same way, network by network."""
    claim = "xi_4 and the chord length follow the same trend"
    difference, error, text = _trend(numbers, "xi4_less_chord_length", main, "all")
    if not np.isfinite(difference):
        return Claim("Figure 12", claim, "not determined at two temperatures", UNSEEN)
    xi, chord = (_trend(numbers, q, main, "all")[2] for q in ("xi4", "chord_length"))
    text = f"value ~ T^-p: p = {xi} and {chord}; difference {text}"
    inside = abs(difference) < 2 * error
    verdict = "disagrees" if not inside else "agrees" if 2 * error < 0.5 else UNSEEN
    return Claim("Figure 12", claim, text, verdict)


def _single(numbers: Numbers, main: str) -> Claim:
    """Paired lead over each single descriptor; the smallest one is judged."""
    claim = "better than every single descriptor"
    leads = []
    for name in SINGLE_DESCRIPTORS:
        d, structures, training, n = _paired(numbers, f"comparison/{main}/{name}")
        if n and np.isfinite(d):
            leads.append((d, structures, training, n, name))
    if not leads:
        return Claim("Figure 2", claim, "no single descriptor measured", UNSEEN)
    d, structures, training, n, name = min(leads)
    text = f"smallest lead {d:.3g}{_parts(structures, training, 'training sets')} ({name}, {n} state points)"
    return Claim("Figure 2", claim, text, judge(d, combined_error(structures, training), visible=0.05))


def _susceptibility(numbers: Numbers, t_min: str) -> Claim:
    """Agreement of predicted chi_4 with that of dynamics, of the same structures."""
    claim = f"chi_4 of dynamics is reproduced (T_min = {t_min}, within a factor of 2)"
    prefix = f"agreement/chi4_log_ratio/tmin{t_min}"
    mean, error = _get(numbers, f"{prefix}/all")
    if not np.isfinite(mean):
        return Claim("Figure 4", claim, "not determined", UNSEEN)
    each = [
        f"{np.exp(_get(numbers, n)[0]):.2g} at T = {t}"
        for n, t, _ in _states(numbers, prefix)
        if np.isfinite(_get(numbers, n)[0])
    ]
    factor = float(np.exp(mean))
    text = f"predicted over measured (without noise), all C_B: {', '.join(each)}; "
    text += f"mean {_shown(factor, factor * error)}"
    return Claim("Figure 4", claim, text, _within(mean, error, float(np.log(2))))


def _within(value: float, error: float, limit: float) -> str:
    """Verdict on "|value| is less than the limit"."""
    if not np.isfinite(error):
        return "undecided"
    if abs(value) - 2 * error > limit:
        return "disagrees"
    if abs(value) + 2 * error < limit:
        return "agrees"
    return UNSEEN if 2 * error > limit else "undecided"


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
        "exceed that effect or the run gives no number. Errors are those over structures and over networks "
        "or training sets together, methods compared on the same structures, and growth is that of a power "
        "law of T fitted to all temperatures and C_B together, for every network (`docs/statistics.md`). "
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
