"""Mean correlations of all temperatures, relaxation times, master curve and extrapolation."""

import pandas as pd

from tglassmlp.dynamics.correlations import of_species, summarise_curves
from tglassmlp.dynamics.relaxation_times import measure_relaxation
from tglassmlp.paths import by_temperature
from tglassmlp.progress import job
from tglassmlp.provenance import collect
from tglassmlp.storage import read_chunks, write_json, write_table

with job(snakemake.log[0]):
    settings = dict(snakemake.params.settings)
    tables, curves = [], {}
    files = by_temperature(snakemake.input)
    for temperature in snakemake.params.labelled:
        joined = ["species", "propensity", "half", "scattering", "displacement2"]
        found = read_chunks(files[float(temperature)], joined, ["times"])
        tables.append(summarise_curves(float(temperature), **found))
        central = of_species(found["propensity"], found["species"], settings["central_species"])
        curves[temperature] = (found["times"], central.mean(axis=-1))
    points, threshold = settings["extrapolation_temperatures"], settings["relaxation_threshold"]
    form = settings["extrapolation"]
    result = measure_relaxation(curves, snakemake.params.temperatures, threshold, points, form)
    for name, entry in result.times.items():
        error = "" if entry.tau_error is None else f" +- {entry.tau_error:.3g}"
        print(f"T = {name}: tau = {entry.tau:.4g}{error} ({entry.how})")
    provenance = collect("relaxation", settings=settings)
    write_table(snakemake.output.curves, pd.concat(tables, ignore_index=True), provenance)
    write_json(snakemake.output.relaxation, {**result.to_json(), "provenance": provenance})
