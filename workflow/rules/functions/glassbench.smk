# Published temperatures, their files, and how the published division becomes the run's.
from dataclasses import asdict
from pathlib import Path

PUBLISHED = (
    [canonical(t) for t in CONFIG.structures.glassbench.temperatures]
    if CONFIG.structures.source == "glassbench"
    else []
)


def for_chunks(pattern):
    """`pattern` for every chunk of unit systems, its other wildcards kept."""
    return [pattern.replace("{chunk}", chunk) for chunk in CHUNKS]


def split_sizes():
    """Number of training (with validation) and of test structures."""
    parts = CONFIG.structure_split()
    return [len(parts.train) + len(parts.validation), len(parts.test)]


def published_file(wildcards):
    """Folder or archive of one temperature; what is wrong with the path is said before any job starts."""
    from tglassmlp.glassbench import locate

    try:
        return str(
            locate(Path(CONFIG.structures.glassbench.path), wildcards.temperature)
        )
    except FileNotFoundError as error:
        raise WorkflowError(f"structures.glassbench.path: {error}") from None
