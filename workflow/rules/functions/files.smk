# Temperatures whose structures come from files of another program, and where these are.

GIVEN = (
    [canonical(t) for t in CONFIG.structures.files.temperatures]
    if CONFIG.structures.source == "files"
    else []
)


def given_files():
    """Structures and trajectories of every given temperature: one file, and one per replica, for each structure.

    Found while the rules are read: an input function that fails would only make Snakemake generate the files.
    """
    from tglassmlp.readers.trajectories import given_in_a_run

    given = CONFIG.structures.files
    try:
        return {
            t: given_in_a_run(
                t,
                given.structures,
                given.trajectories if t in LABELLED else None,
                CONFIG.structures.number,
                CONFIG.dynamics.replicas,
            )
            for t in GIVEN
        }
    except (FileNotFoundError, ValueError) as error:
        raise WorkflowError(f"structures.files: {error}") from None


GIVEN_FILES = given_files()


def given_structures(wildcards):
    """One file for each structure of a temperature."""
    return GIVEN_FILES[wildcards.temperature][0]


def given_trajectories(wildcards):
    """Files of the replicas of the structures of one chunk, structure by structure."""
    return [
        file
        for k in chunk_structures(wildcards)
        for file in GIVEN_FILES[wildcards.temperature][1][k]
    ]
