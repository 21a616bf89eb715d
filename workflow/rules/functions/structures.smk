# Inputs, parameters and resources of the stage (structures).

from tglassmlp import cost, engines
from tglassmlp.division import chunk_ranges
from tglassmlp.equilibration.schedule import start_of
from tglassmlp.equilibration.settings import decisive


def structure_engine(ensemble):
    """Name of the engine that makes the structures of an ensemble."""
    return engines.structure_engine(
        CONFIG.structure_engine(),
        CONFIG.equilibration.method,
        cost.particles(CONFIG, ensemble),
        CONFIG.equilibration.exchanges,
    )


def structure_environment(ensemble):
    """Conda environment in which that engine runs."""
    capabilities = engines.engine(structure_engine(ensemble)).capabilities
    return f"../../envs/{capabilities.environment}.yaml"


def structure_gpus(ensemble):
    """Graphics cards of a job that makes structures of an ensemble."""
    copies = 1 if ensemble == "unit" else CONFIG.large_systems.tiles**2
    return cost.structure_gpus(CONFIG, copies)


def equilibration_settings(ensemble="unit"):
    """What decides the numbers of the equilibration, without its checks; the engine unless it is the usual one."""
    chosen = {
        k: v
        for k, v in decisive(section("equilibration")).items()
        if k not in ("checks", "on_failure", "extended_check", "start")
    }
    name = structure_engine(ensemble)
    return chosen if name == engines.usual() else {**chosen, "engine": name}


EXTENDED_TEMPERATURES = [canonical(t) for t in CONFIG.extended_temperatures()]


def extended_files(product):
    """Input function: files of every structure that goes on at this temperature."""
    check = CONFIG.equilibration.extended_check
    return lambda wildcards: files_of(
        product, temperature=wildcards.temperature, structure=range(check.structures)
    )


def extended_source(wildcards):
    """File of a structure that goes on, and its place there."""
    chunk, place = divmod(int(wildcards.structure), CONFIG.structures.chunk)
    source = file_of(
        paths.STRUCTURES,
        ensemble="unit",
        temperature=wildcards.temperature,
        chunk=chunk,
    )
    return source, place


def extended_sweeps(wildcards):
    """Sweeps that a structure goes on for."""
    sweeps = temperature_entry(wildcards.temperature)["sweeps"]
    return max(2, round(sweeps * CONFIG.equilibration.extended_check.factor))


def needed_by_extension(wildcards):
    """Minutes that one structure which goes on needs."""
    sweeps = temperature_entry(wildcards.temperature)["sweeps"]
    return round(10 + cost.extended_seconds(CONFIG, sweeps) * 5 / 3 / 60)


def proofs(temperature):
    """Proofs of equilibrium of a temperature: of what is learnt from, and of all structures if there are others."""
    return list(paths.PROOFS[: 1 + bool(CONFIG.predicted_at(temperature))])


#: The proof of all structures of each temperature.
STRONGEST_PROOFS = [
    file_of(paths.EQUILIBRATION, temperature=t, proof=proofs(t)[-1])
    for t in TEMPERATURES
]


def proven(product):
    """Input function: files of a product for the structures that a proof is of."""
    return lambda wildcards: every_chunk(
        product,
        [wildcards.temperature],
        predicted=wildcards.proof != paths.PROOFS[0],
    )


def measured_equilibration(wildcards):
    """Measured checks of structures, which a job that makes data of them holds against the limits.

    Structures that networks only predict are proven with all others of their temperature. When more of them are
    asked for, this proof is made again, and what was made of the earlier ones stays: hence `ancient`.
    """
    if wildcards.ensemble == "large":
        return file_of(
            paths.LARGE_EQUILIBRATION,
            temperature=wildcards.temperature,
            chunk=wildcards.chunk,
        )
    learnt = wildcards.chunk in chunks("unit", wildcards.temperature)
    proof = file_of(
        paths.EQUILIBRATION,
        temperature=wildcards.temperature,
        proof=paths.PROOFS[not learnt],
    )
    return proof if learnt else ancient(proof)


def chunk_structures(wildcards):
    """Numbers of the structures of one chunk."""
    every = CONFIG.structure_chunks(wildcards.temperature, predicted=True)
    return list(every[int(wildcards.chunk)])


def rungs_above(wildcards):
    """Number, chunk and place at the temperature above of each structure of a chunk that goes on from there."""
    rung = CONFIG.rung_above(wildcards.temperature)
    return [
        [number, *CONFIG.structure_place(rung, number)]
        for number in chunk_structures(wildcards)
        if start_of(number, rung is not None) == "ladder"
    ]


def chunks_above(wildcards):
    """Chunks of the temperature above that hold those structures."""
    return sorted({chunk for _, chunk, _ in rungs_above(wildcards)})


def structures_above(wildcards):
    """Files of the structures of the temperature above that those of a chunk go on from."""
    rung = CONFIG.rung_above(wildcards.temperature)
    return [
        file_of(paths.STRUCTURES, ensemble="unit", temperature=rung, chunk=chunk)
        for chunk in chunks_above(wildcards)
    ]


def proofs_above(wildcards):
    """Proofs of equilibrium of those structures: a rung starts when the one above is proved.

    They let it start and are no part of what it makes, hence `ancient`.
    """
    rung = CONFIG.rung_above(wildcards.temperature)
    learnt = chunks("unit", rung) if rung else []
    needed = sorted({str(c) not in learnt for c in chunks_above(wildcards)})
    return [
        ancient(
            file_of(paths.EQUILIBRATION, temperature=rung, proof=paths.PROOFS[further])
        )
        for further in needed
    ]


def ladder():
    """Parameter of rules that continue structures: number, place of the file and place in it of each."""

    def places(wildcards):
        files = chunks_above(wildcards)
        return [
            [number, files.index(chunk), place]
            for number, chunk, place in rungs_above(wildcards)
        ]

    return {"above": places} if CONFIG.equilibration.start == "ladder" else {}


def chunk_systems(wildcards):
    """Numbers of the large systems of one chunk."""
    return list(
        chunk_ranges(CONFIG.large_systems.number, CONFIG.large_systems.chunk)[
            int(wildcards.chunk)
        ]
    )


def large_sweeps(wildcards):
    """Sweeps that re-equilibrate a large system."""
    sweeps = temperature_entry(wildcards.temperature)["sweeps"]
    return max(1, round(sweeps * CONFIG.large_systems.sweeps_factor))


def large_particles():
    """Particles of one large system."""
    return cost.particles(CONFIG, "large")


def needed_by_equilibration(wildcards):
    """Minutes that one chunk needs: the estimate and two thirds more."""
    seconds = cost.equilibration_seconds(
        CONFIG, wildcards.temperature, chunk_structures(wildcards)
    )
    return round(10 + seconds * 5 / 3 / 60)


def needed_by_large_systems(wildcards):
    """Minutes that one chunk of large systems needs."""
    sweeps = temperature_entry(wildcards.temperature)["sweeps"]
    seconds = cost.large_seconds(CONFIG, sweeps, len(chunk_systems(wildcards)))
    return round(10 + seconds * 5 / 3 / 60)
