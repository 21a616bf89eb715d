"""Jobs of a plan, one after the other in this process: most of the time of a toy run is starting Python.

python tests/workflow/one_process.py REPOSITORY CONFIG... -- TARGET..., in the folder of the run, which has a
config.yaml. The plan is Snakemake's, every job runs the script of its rule with what Snakemake would hand it.
What is left out is what Snakemake does around a script: a process of its own, benchmark tables, and its own
memory of what was made.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from typing import Any

from plans import built
from snakemake.api import SnakemakeApi
from snakemake.script import Snakemake
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness


def main() -> None:
    repository, words = Path(sys.argv[1]), sys.argv[2:]
    cut = words.index("--")
    settings = ConfigSettings(configfiles=[Path(word) for word in words[:cut]])
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        for level in built(api, repository, settings, words[cut + 1 :]).dag.toposorted():
            for job in sorted(level, key=lambda job: [str(file) for file in job.output]):
                run(repository, job)


def run(repository: Path, job: Any) -> None:
    """Make what one job makes."""
    rule = job.rule
    if rule.script is None:
        return  # a name for other rules' files
    for file in (*job.output, *job.log):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    handed = Snakemake(
        job.input, job.output, job.params, job.wildcards, job.threads, job.resources, job.log,
        {}, rule.name, None, str(repository / "scripts"),
    )  # fmt: skip
    script = repository / "scripts" / f"{rule.name}.py"
    print(f"{rule.name} {dict(job.wildcards)}", file=sys.stderr, flush=True)
    runpy.run_path(str(script), init_globals={"snakemake": handed}, run_name="__main__")
    missing = [str(file) for file in job.output if not os.path.exists(file)]
    assert not missing, f"{rule.name} did not make {missing}"


if __name__ == "__main__":
    main()
