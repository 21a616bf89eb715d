"""The paper's claims, figure by figure, each judged by a run's numbers.

Claims are of two kinds. Statements about supercooled liquids and about the method (heterogeneity grows on
cooling, one network is as good as many) may be judged for any liquid. Numbers belong to the system that
they were measured on, and in a run of another one they are listed and not compared: see
:mod:`tglassmlp.published`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tglassmlp.claims.reading import (
    Numbers,
    growth_of,
    number_of,
    paired,
    shown,
    slowing_of,
    states,
    trend,
    with_parts,
)
from tglassmlp.claims.run_numbers import PAPER_TOLERANCE
from tglassmlp.claims.verdict import FOREIGN, UNSEEN, Claim, judge, within
from tglassmlp.methods import NETWORK, SINGLE_DESCRIPTORS
from tglassmlp.observables.bootstrap import combined_error
from tglassmlp.published import Published
from tglassmlp.state_point import is_same

__all__ = ["claims"]


def claims(numbers: Numbers, t_mins: Sequence[str], paper: Published, own: bool) -> Iterable[Claim]:
    """All claims, figure by figure.

    Parameters
    ----------
    numbers
        ``numbers`` of ``numbers.json``.
    t_mins
        Canonical T_min of the models, the main one first.
    paper
        Published numbers.
    own
        Whether the run is of the system that they belong to.
    """
    main = f"{NETWORK.name}/tmin{t_mins[0]}"

    def compare(
        figure: str, claim: str, second: str, first: str = main, margin: float = 0.0, below: float = np.inf
    ) -> Claim:
        d, structures, training, n = paired(numbers, f"comparison/{first}/{second}", below)
        ours = f"difference {d:.3g}{with_parts(structures, training, 'training sets')} over {n} state points"
        e = combined_error(structures, training)
        return Claim(
            figure, claim, ours if n else "no common state points",
            judge(d, e, -margin, margin or 0.05) if n else UNSEEN,
        )  # fmt: skip

    def growth(figure: str, claim: str, quantity: str, of: str, name: str, visible: float) -> Claim:
        logarithm, error, text = growth_of(numbers, quantity, of)
        verdict = judge(logarithm, error, visible=float(np.log(visible)))
        return Claim(figure, f"{claim} (effect: by {visible:g})", f"{name} {text}", verdict)

    def slowing(figure: str, claim: str, quantity: str, name: str) -> Claim:
        difference, error, text = slowing_of(numbers, quantity, main)
        verdict = judge(difference, error, visible=1.0)
        return Claim(figure, f"{claim} (T < {paper.slowing})", f"{name} {text}", verdict, general=False)

    value, _ = number_of(numbers, f"parameters/tmin{t_mins[0]}")
    low, high = paper.parameters
    text = shown(value) if not value >= 1000 else f"{value:.0f}"
    verdict = UNSEEN if not np.isfinite(value) else "agrees" if low < value < high else "disagrees"
    yield Claim("Figure 1", f"slightly above {low} parameters", text, verdict, general=False)
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
        yield _selection(numbers, t_min, paper, own)


def _selection(numbers: Numbers, t_min: str, paper: Published, own: bool) -> Claim:
    """How many networks pass the paper's test; a run all of whose networks fail it has failed.

    With the output C_i - C_B the mean is C_B for a network that has learnt nothing, so passing says little:
    only networks whose output is C_i confirm the claim.
    """
    share = f"{paper.kept[0]} of {paper.kept[1]}" + ("" if own else f" of {paper.name}")
    claim = (
        f"a part of the networks, {share}, have a mean within {PAPER_TOLERANCE:g} of C_B at T_g, uncorrected "
        f"(T_min = {t_min})"
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
    return Claim("Section II", claim, "; ".join(text) or "not known", verdict)


def _relaxation_times(numbers: Numbers) -> Iterable[Claim]:
    """Whether ln tau is straight in 1/T where it is known, and what that makes of the glass transition."""
    curvature, error = number_of(numbers, "extrapolation/curvature")
    names = [n for n in numbers if n.startswith("activation_energy/T")]
    slopes = [number_of(numbers, n) for n in names]
    text = ", ".join(
        f"{shown(*s)} ({n.removeprefix('activation_energy/T')})" for n, s in zip(names, slopes, strict=True)
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
        f"curvature {shown(curvature, error)}; slopes {text or 'not determined'}",
        verdict,
    )
    tau, tau_error = number_of(numbers, "glass_transition/tau")
    decades = tau_error / tau / np.log(10.0)
    note = str(numbers.get("glass_transition/tau", {}).get("note", "")).partition(";")[0]
    within = f", uncertain by {decades:.1f} decades" if np.isfinite(decades) else ""
    yield Claim(
        "Figure 13", "tau extrapolated to T_g", f"{shown(tau)} {note}{within}".strip(), "no value published"
    )
    own, own_error = number_of(numbers, "glass_transition/temperature")
    note = str(numbers.get("glass_transition/temperature", {}).get("note", ""))
    yield Claim(
        "Figure 13",
        "T_g is where relaxation is 10^12 times slower than in the simple liquid",
        f"T_g = {shown(own, own_error)} {note}",
        "no value published",
    )


def _published(numbers: Numbers, main: str, paper: Published, temperature: float) -> Claim:
    """Pearson correlation at one temperature against that of GlassMLP in the published benchmark."""
    claim = f"at T = {temperature:.2f} as good as the published GlassMLP (GlassBench, within 0.05)"
    benchmark = paper.correlations[temperature]
    known = [
        (float(numbers[n]["time"]), *number_of(numbers, n))
        for n, t, _ in states(numbers, f"pearson/{main}")
        if is_same(t, temperature) and numbers[n].get("time") and np.isfinite(number_of(numbers, n)[0])
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
    text = f"difference {shown(float(ours.mean()), spread)} at t = " + ", ".join(f"{t:g}" for t, _ in pairs)
    verdict = judge(float(ours.mean()), spread, -0.05, 0.05)
    return Claim("Figure 2", claim, text, verdict, general=False)


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
    known = {way: number_of(numbers, f"agreement/chord_difference{way}/tmin{t_min}/all") for way in ways}
    known = {way: v for way, v in known.items() if np.isfinite(v[0])}
    if not known:
        return Claim("Figure 8", claim, "no common temperature", UNSEEN)
    decisive = list(known)[-1]
    text = [f"{shown(*known[way])} ({ways[way]})" for way in reversed(known)]
    return Claim("Figure 8", claim, "difference " + ", ".join(text), judge(*known[decisive], visible=0.5))


def _same_trend(numbers: Numbers, main: str) -> Claim:
    """Whether xi_4 and the chord length depend on temperature in the same way, network by network."""
    claim = "xi_4 and the chord length follow the same trend"
    difference, error, text = trend(numbers, "xi4_less_chord_length", main, "all")
    if not np.isfinite(difference):
        return Claim("Figure 12", claim, "not determined at two temperatures", UNSEEN)
    xi, chord = (trend(numbers, q, main, "all")[2] for q in ("xi4", "chord_length"))
    text = f"value ~ T^-p: p = {xi} and {chord}; difference {text}"
    inside = abs(difference) < 2 * error
    verdict = "disagrees" if not inside else "agrees" if 2 * error < 0.5 else UNSEEN
    return Claim("Figure 12", claim, text, verdict)


def _single(numbers: Numbers, main: str) -> Claim:
    """Paired lead over each single descriptor; the smallest one is judged."""
    claim = "better than every single descriptor"
    leads = []
    for name in SINGLE_DESCRIPTORS:
        d, structures, training, n = paired(numbers, f"comparison/{main}/{name}")
        if n and np.isfinite(d):
            leads.append((d, structures, training, n, name))
    if not leads:
        return Claim("Figure 2", claim, "no single descriptor measured", UNSEEN)
    d, structures, training, n, name = min(leads)
    text = (
        f"smallest lead {d:.3g}{with_parts(structures, training, 'training sets')} ({name}, {n} state points)"
    )
    return Claim("Figure 2", claim, text, judge(d, combined_error(structures, training), visible=0.05))


def _susceptibility(numbers: Numbers, t_min: str) -> Claim:
    """Agreement of predicted chi_4 with that of dynamics, of the same structures."""
    claim = f"chi_4 of dynamics is reproduced (T_min = {t_min}, within a factor of 2)"
    prefix = f"agreement/chi4_log_ratio/tmin{t_min}"
    mean, error = number_of(numbers, f"{prefix}/all")
    if not np.isfinite(mean):
        return Claim("Figure 4", claim, "not determined", UNSEEN)
    each = [
        f"{np.exp(number_of(numbers, n)[0]):.2g} at T = {t}"
        for n, t, _ in states(numbers, prefix)
        if np.isfinite(number_of(numbers, n)[0])
    ]
    factor = float(np.exp(mean))
    text = f"predicted over measured (without noise), all C_B: {', '.join(each)}; "
    text += f"mean {shown(factor, factor * error)}"
    return Claim("Figure 4", claim, text, within(mean, error, float(np.log(2))))
