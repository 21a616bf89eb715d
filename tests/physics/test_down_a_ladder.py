"""Down a ladder of temperatures: every rung is proved, and structures are those of independent starts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tglassmlp import KA2D, Configuration
from tglassmlp.equilibration.checks import measure_temperature
from tglassmlp.equilibration.heat_capacity import check_heat_capacity
from tglassmlp.equilibration.reweighting import check_reweighting
from tglassmlp.equilibration.settings import CheckLimits, EquilibrationSettings
from tglassmlp.equilibration.significance import two_samples
from tglassmlp.equilibration.structures import equilibrate_structures
from tglassmlp.equilibration.verdict import judge

MIXTURE = KA2D.scaled(10)  # 129 particles
SETTINGS = EquilibrationSettings(exchange_weights={"1-2": 0.0}, block_seconds=1e6)

#: CAMPAIGN=quick: three rungs at high temperature and few structures.
QUICK = os.environ.get("CAMPAIGN") == "quick"
#: Temperature and sweeps of every rung.
RUNGS = (
    {0.80: 800, 0.70: 1000, 0.60: 1600}
    if QUICK
    else {0.50: 3000, 0.45: 4500, 0.40: 6500, 0.35: 10000, 0.30: 16000, 0.25: 26000}
)
STRUCTURES = 8 if QUICK else 24
#: Heated starts of a small system hardly lie below, and eight structures fluctuate.
LIMITS = CheckLimits(heated_below=-6.0, overlap=0.3 if QUICK else 0.2)


def led(ladder: bool) -> dict[float, list[tuple[Configuration, pd.DataFrame]]]:
    """Structures of all temperatures, going on from those above or by themselves."""
    found: dict[float, list[tuple[Configuration, pd.DataFrame]]] = {}
    above: dict[int, Configuration] = {}
    for temperature, sweeps in RUNGS.items():
        numbers = range(STRUCTURES)
        made = equilibrate_structures(
            temperature, numbers, sweeps, 11 + ladder, SETTINGS, MIXTURE, above=above if ladder else None
        )
        found[temperature] = made
        above = dict(zip(numbers, (c for c, _ in made), strict=True))
    return found


def means(made: list[tuple[Configuration, pd.DataFrame]], column: str, starts: set[str]) -> np.ndarray:
    """Mean of a column in the measured part of every structure with one of these starts."""
    records = [record for _, record in made if record.start.iloc[0] in starts]
    return np.array([record[record.measured][column].dropna().mean() for record in records])


@pytest.mark.campaign
def test_structures_of_a_ladder_are_those_of_independent_starts():
    """Energies of both ways agree, every rung passes its checks, and neighbouring rungs theirs."""
    ladder, independent = led(True), led(False)
    report, proofs = [], {True: [], False: []}
    for temperature in RUNGS:
        row = {"temperature": temperature}
        for way, of in ((True, ladder), (False, independent)):
            made = of[temperature]
            records = pd.concat([r for _, r in made], ignore_index=True)
            proof = measure_temperature(records, [c for c, _ in made], temperature, MIXTURE)
            _, verdict = judge(proof, LIMITS)
            assert verdict["passed"], verdict["failed"]
            proofs[way].append(proof)
        highest = temperature == max(RUNGS)
        from_above = {"quenched"} if highest else {"ladder"}
        for column in ("energy", "inherent_energy"):
            down = means(ladder[temperature], column, from_above)
            alone = means(independent[temperature], column, {"quenched", "heated"})
            assert (down.size, alone.size) == (STRUCTURES // 2, STRUCTURES)
            row |= {
                column: float(down.mean()),
                f"{column}_error": float(down.std(ddof=1) / np.sqrt(down.size)),
                f"{column}_independent": float(alone.mean()),
                f"{column}_independent_error": float(alone.std(ddof=1) / np.sqrt(alone.size)),
                f"{column}_deviation": two_samples(down, alone),
            }
            assert row[f"{column}_deviation"] < 4.0, row
        row["normalised_overlap"] = proofs[True][-1]["normalised_overlap"]
        report.append(row)
    table = pd.DataFrame(report).set_index("temperature")
    for way, name in ((True, "ladder"), (False, "independent")):
        slopes, failed = check_heat_capacity(proofs[way], LIMITS)
        differences, also = check_reweighting(proofs[way], LIMITS)
        assert not failed + also
        assert len(slopes) == len(differences) == len(RUNGS) - 1
        print(f"\n{name}: slopes and fluctuations, differences and reweighting of neighbouring temperatures")
        print(slopes.drop(columns="advice").to_string(index=False))
        print(differences.drop(columns="advice").to_string(index=False))
    print(f"\n{STRUCTURES} structures of {sum(MIXTURE.composition)} particles, half of them down the ladder")
    print(table.T.to_string(float_format=lambda x: f"{x:.4f}"))
    path = Path("results", *(["quick"] if QUICK else []), "ladder.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(table.reset_index().to_dict("records"), indent=1) + "\n")


@pytest.mark.campaign
def test_a_rung_has_forgotten_the_one_above():
    """Energies of structures and of those that they went on from are not correlated, beyond chance."""
    numbers = range(0, 2 * STRUCTURES, 2)
    (high, _), (low, sweeps), *_ = RUNGS.items()
    settings = SETTINGS, MIXTURE
    upper = equilibrate_structures(high, numbers, RUNGS[high], 21, *settings)
    above = dict(zip(numbers, (c for c, _ in upper), strict=True))
    lower = equilibrate_structures(low, numbers, sweeps, 21, *settings, above=above)
    assert {record.start.iloc[0] for _, record in lower} == {"ladder"}
    pair = [means(made, "inherent_energy", {"quenched", "ladder"}) for made in (upper, lower)]
    correlation = float(np.corrcoef(*pair)[0, 1])
    print(f"inherent energies of T = {low:g} and of the rung above: correlation {correlation:.2f}")
    # of independent Gaussian numbers, Fisher's z has the standard deviation 1/sqrt(n - 3)
    assert abs(np.arctanh(correlation)) * np.sqrt(STRUCTURES - 3) < 4.0
