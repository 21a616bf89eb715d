# Published temperatures, their files, and how the published division becomes the run's.
from pathlib import Path

PUBLISHED = (
    [canonical(t) for t in CONFIG.structures.glassbench.temperatures]
    if CONFIG.structures.source == "glassbench"
    else []
)


def split_sizes():
    """Number of training (with validation) and of test structures."""
    parts = CONFIG.structure_split()
    return [len(parts.train) + len(parts.validation), len(parts.test)]


def published_files():
    """Folder or archive of every published temperature.

    Found while the rules are read: an input function that fails would only make Snakemake generate the files.
    """
    if not PUBLISHED:
        return {}
    from tglassmlp.readers.glassbench import locate

    try:
        return {
            t: str(locate(Path(CONFIG.structures.glassbench.path), t))
            for t in PUBLISHED
        }
    except (FileNotFoundError, ValueError) as error:
        raise WorkflowError(f"structures.glassbench.path: {error}") from None


PUBLISHED_FILES = published_files()


def published_file(wildcards):
    """Folder or archive of one temperature."""
    return PUBLISHED_FILES[wildcards.temperature]
