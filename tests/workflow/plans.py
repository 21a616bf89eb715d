"""What a change of the configuration makes again: plans of Snakemake, compared job by job.

python tests/workflow/plans.py REPOSITORY < changes.json > again.json, in an empty folder. Each change is a
mapping of keys (`equilibration.checks.trend`) to values. With --files the files
of every rule are listed. With --jobs the jobs of dry runs are counted instead, in the folder
of a run: each dry run names configuration files, words of the command line and a file that is missing.
A process of its own, since planning a workflow changes the environment and the logging of the process.
"""

from __future__ import annotations

import copy
import functools
import gc
import json
import shutil
import sys
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml
from snakemake.api import SnakemakeApi, Workflow
from snakemake.exceptions import WorkflowError
from snakemake.io import strip_wildcard_constraints
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    OutputSettings,
    Quietness,
    ResourceSettings,
    StorageSettings,
)

PARSED: dict[str, tuple[Any, dict[int, int]]] = {}


def parsed_once(parse: Any) -> Any:
    """Read each file of rules once for all plans: that takes most of the time of a plan."""

    def read(path: Any, workflow: Any, linemap: dict[int, int], **rest: Any) -> Any:
        key = path.get_path_or_uri(secret_free=True)
        if key not in PARSED:
            PARSED[key] = parse(path, workflow, linemap=linemap, **rest), dict(linemap)
        found, lines = PARSED[key]
        linemap |= lines
        return found

    return read


module = sys.modules[Workflow.__module__]
module.parse = parsed_once(module.parse)  # type: ignore[attr-defined]


def changed(config: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Configuration with some keys set; `temperatures.1.sweeps` goes into lists."""
    result = copy.deepcopy(config)
    for key, value in change.items():
        *path, last = key.split(".")
        place: Any = result
        for name in path:
            place = place[int(name)] if isinstance(place, list) else place[name]
        place[int(last) if isinstance(place, list) else last] = value
    return result


def written(config: dict[str, Any]) -> Path:
    """Write a configuration to a file: words of the command line cannot say null."""
    path = Path("changed.yaml").resolve()
    path.write_text(yaml.safe_dump(config))
    return path


def files(repository: Path, config: dict[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Outputs, log and benchmark table of every rule, with wildcards in braces."""
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=2),
            config_settings=ConfigSettings(configfiles=[written(config)], replace_workflow_config=True),
            storage_settings=StorageSettings(),
            snakefile=repository / "Snakefile",
        )
        workflow.dag(dag_settings=DAGSettings())
        inner = workflow._workflow
        return {
            rule.name: {
                "output": [strip_wildcard_constraints(str(file)) for file in rule.output],
                "retries": rule._restart_times or 0,  # the property asks for settings of an execution
                "log": [strip_wildcard_constraints(str(file)) for file in rule.log],
                "benchmark": [strip_wildcard_constraints(str(rule.benchmark))] if rule.benchmark else [],
            }
            for rule in inner.rules
        }


def built(
    api: SnakemakeApi, repository: Path, settings: ConfigSettings, targets: Collection[str] = ()
) -> Any:  # fmt: skip
    """Workflow of a run with the plan of its jobs, all or those of some targets."""
    workflow = api.workflow(
        resource_settings=ResourceSettings(cores=2),
        config_settings=settings,
        storage_settings=StorageSettings(),
        snakefile=repository / "Snakefile",
    )
    workflow.dag(dag_settings=DAGSettings(targets=set(targets)))
    inner = workflow._workflow
    inner._prepare_dag(forceall=False, ignore_incomplete=True, lock_warn_only=True)
    inner._build_dag()
    return inner


def plan(repository: Path, config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every job of a run by its outputs: rule, what Snakemake remembers of it, and the jobs it waits for."""
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        settings = ConfigSettings(configfiles=[written(config)], replace_workflow_config=True)
        inner = built(api, repository, settings)
        dag, memory = inner.dag, inner.persistence
        names = {job: str(job.output[0]) for job in dag.jobs if job.output}
        return {
            name: {
                "rule": job.rule.name,
                "params": memory._params(job),
                "input": sorted(map(str, job.input)),
                "output": sorted(map(str, job.output)),
                # an ancient input lets a job start, and its making does not make the job again
                "behind": [
                    names[other]
                    for other, files in dag._dependencies[job].items()
                    if other in names and not all(file.is_ancient for file in files)
                ],
            }
            for job, name in names.items()
        }


def again(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Rules made again, where it begins (`first`) and with everything behind (`all`), and `files`."""
    own = {name for name, job in after.items() if name not in before or differs(before[name], job)}

    @functools.cache
    def upstream(name: str) -> bool:
        return any(other in own or upstream(other) for other in after[name]["behind"])

    touched = {name for name in after if name in own or upstream(name)}
    first = {after[name]["rule"] for name in own if not upstream(name)}
    rules = {after[name]["rule"] for name in touched}
    return {"first": sorted(first), "all": sorted(rules), "files": sorted(touched)}


def differs(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether Snakemake makes a job again for its own sake."""
    return any(one[part] != other[part] for part in ("rule", "params", "input", "output"))


def jobs(repository: Path, dry_run: dict[str, Any]) -> dict[str, Any]:
    """Jobs per rule that a dry run would announce, or what it is refused for."""
    words = dry_run.get("config", {})
    settings = ConfigSettings(configfiles=[Path(name) for name in dry_run["configfiles"]], config=words)
    missing = Path(dry_run["missing"]) if "missing" in dry_run else None
    aside = missing.rename(missing.with_name("aside")) if missing else None
    try:
        with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
            needed = built(api, repository, settings).dag.needrun_jobs()
            return dict(Counter(job.rule.name for job in needed))
    except WorkflowError as error:
        return {"refused": str(error)}
    finally:
        if missing and aside:
            aside.rename(missing)


def main() -> None:
    repository = Path(sys.argv[1])
    if not Path("config.yaml").exists():
        shutil.copy(repository / "config.yaml", "config.yaml")
    if "--jobs" in sys.argv:
        json.dump([jobs(repository, dry_run) for dry_run in json.load(sys.stdin)], sys.stdout)
        return
    base = yaml.safe_load((repository / "config" / "smoke.yaml").read_text())
    if "--files" in sys.argv:
        json.dump(files(repository, base), sys.stdout)
        return
    before = plan(repository, base)
    # a plan leaves few circles of objects behind, and looking for them takes a quarter of its time
    gc.set_threshold(500_000, 50, 50)
    found = []
    for change in json.load(sys.stdin):
        try:
            found.append(again(before, plan(repository, changed(base, change))))
        except WorkflowError as error:
            found.append({"refused": str(error)})
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
