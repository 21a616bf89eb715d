"""Every make target and every command of the documents in the quick form in which `make commands` runs it.

A target that is not run here is not documented, and a command that is quoted in a document is run here:
`tests/unit/test_documented_commands.py` compares the lists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SMOKE = "CONFIG=config/smoke.yaml"
SNAKEMAKE = "snakemake --configfile config/smoke.yaml --cores 1"
RESULTS = "results/smoke"


@dataclass(frozen=True)
class Command:
    """One command line, said in a fresh clone.

    Attributes
    ----------
    line
        As a user says it.
    says
        Regular expression that its output must hold.
    absent
        Regular expression of a line that says what is missing on this machine: then the command is skipped.
    seconds
        Longest time it may take.
    """

    line: str
    says: str = ""
    absent: str = r"(?!)"
    seconds: int = 900


#: Commands that share one run, one after the other: Snakemake works on it once at a time.
ON_THE_RUN = (
    # in CI the run is there from the tests, and only the page of claims is made again
    Command(f"rm -f {RESULTS}/reproduction.md; make run {SMOKE}", rf"Figures: {RESULTS}/figures/"),
    Command(f"make demo {SMOKE}", f"report: {RESULTS}/report.html"),
    Command(f"make run TARGET=descriptors {SMOKE}", r"descriptors: (\d+) of \1 files are there"),
    Command(f"make status {SMOKE}", rf"{RESULTS}: finished"),
    Command(f"make verify {SMOKE}", r"[1-9]\d* files read, 0 damaged"),
    Command(f"rm {RESULTS}/report.html; make report {SMOKE}", f"writing {RESULTS}/report.html"),
    Command(f"make reproduction {SMOKE}", r"docs/reproduction.md and docs/reproduction/ from run smoke"),
    Command(f"{SNAKEMAKE} {RESULTS}/ovito/T0.60.gsd", r"1 of 1 steps \(100%\) done"),
    Command(f"{SNAKEMAKE} {RESULTS}/glassbench/KA2D_results/times_0.60.dat", r"1 of 1 steps \(100%\) done"),
    # one study for real, and the plan of all
    Command(f"{SNAKEMAKE} {RESULTS}/studies/attention-none/seed0.parquet", r"1 of 1 steps \(100%\) done"),
    Command(f"{SNAKEMAKE} -n -- studies", r"collect_studies +1"),
    Command(f"{SNAKEMAKE} --config run=smoke", "Nothing to be done|Report|finished"),
    Command(f"{SNAKEMAKE} --unlock", "Unlocked working directory"),
    Command(f"{SNAKEMAKE} --rulegraph", "digraph"),
    Command(
        "snakemake -n --cores 1 --configfile config/smoke.yaml --config engine=hoomd run=smoke_hoomd",
        r"run_isoconfigurational_dynamics +[1-9]",
    ),
    Command(
        "snakemake -n --cores 1 --configfile config/smoke.yaml --config engine=hoomd run=smoke_hybrid "
        "equilibration='{method: hybrid}'",
        r"equilibrate_structures +[1-9]",
    ),
    Command(
        "snakemake -n --cores 1 --configfile config/smoke.yaml --config engine=cuda run=smoke_cuda "
        "structures='{engine: native}'",
        r"run_isoconfigurational_dynamics +[1-9]",
    ),
    Command(
        "snakemake -n --profile workflow/profiles/slurm --configfile config/smoke.yaml "
        "--config run=smoke_slurm",
        r"run_isoconfigurational_dynamics +[1-9]",
    ),
    Command(
        f"python -m tglassmlp.network.publish {RESULTS}/networks/full/tmin0.60.npz --name smoke "
        "--folder shipped",
        "shipped/smoke.npz and its card shipped/smoke.md",
    ),
    Command(
        f"python benchmarks/compare_engines.py {RESULTS}/unit/structures/T0.60/chunk0.gsd --temperature 0.60 "
        "--time 1 --replicas 2 --figure engines.png",
        "largest force",
        absent="HOOMD-blue is not installed",
    ),
)

#: Commands that share nothing, the longest first.
ALONE = (
    Command(f"make reproduce {SMOKE} REPRODUCE=quick", r"[1-9]\d* entries of .*, 0 of them different"),
    Command("make campaign CAMPAIGN=quick", r"[1-9]\d* passed"),
    Command("make compare OLD=HEAD COMPARE=quick", r"[1-9]\d* checksums, 0 of them different"),
    Command("make faults FAULTS=quick", r"2 passed"),
    # the whole takes minutes: one figure from the data set, and what it needs
    Command(
        "make figures TARGET=results/figures/figures/fig13_relaxation.png",
        r"fig13_relaxation.png: (\d+) of \1 files? (is|are) there",
    ),
    Command("make help", r"make commands +run every target"),
    Command("make install"),
    Command(f"make estimate {SMOKE}", "together"),
    Command("make schema"),
    Command("make format"),
    Command("make lint", "Congratulations|0 errors|no issues found"),
    Command("make dist DIST=quick", r"\.whl: [\d.]+ MB, [1-9]\d* files, tried"),
    Command("make docs", "the manual: build/manual/index.html"),
    Command("make bench BENCH=quick", r"rows in \d+ s: results/quick/benchmarks.json"),
    Command("BENCH=quick python -m benchmarks threads", r"2 rows in \d+ s"),
    Command("make fuzz FUZZ=quick", r"[1-9]\d* passed"),
    Command("BENCH=quick python -m benchmarks.gpu_check --host", r"all is well after \d+ s"),
    Command(
        'make mutation MUTATION="dynamics --only labels.py --number 1 --record results/mutation_quick.json"',
        r"dynamics: \d of 1 killed",
    ),
    # a configuration to predict, from the data set
    Command(
        "echo 'import tglassmlp as tg; c = tg.load_dataset().at(0.40).configuration(0); "
        'tg.write_configurations("configuration.gsd", [c])\' > write_one.py; python write_one.py; '
        "tglassmlp predict configuration.gsd --temperature 0.40 --c-b 0.5 --out predicted; "
        "rm write_one.py configuration.gsd",
        r"600 of 1290 particles predicted by 16 networks \(laptop\)",
    ),
    Command("tglassmlp networks", r"laptop\n +16 tGlassMLP of 148 descriptors"),
    Command("python -m tglassmlp.dataset plan datasets/ka2d/plan.yaml", r"T0.40_unit_structures_0000"),
    Command("python -m tglassmlp.dataset verify datasets/ka2d", "nothing is damaged"),
    Command("make slurm SLURM=quick", r"1 passed", absent="no Slurm here"),
    Command(
        "python benchmarks/hoomd_replicas.py --device cpu --planes 1 --seconds 0.2",
        "particle-steps/s",
        absent="HOOMD-blue is not installed",
    ),
)

#: After all others.
LAST = (Command("make clean"),)

#: Targets that .ci/run says itself.
BY_CI = ("make test", "make commands")

#: Quoted commands that nothing here can run.
ELSEWHERE = {
    "conda activate": "another environment",
    "conda env": "another environment",
    "conda install": "another environment",
    "pip install": "into another environment",
    "pip download": "for machines without internet",
    "python -m venv": "another environment",
    "python -c": "asks that environment for HOOMD-blue",
}


def keys(line: str) -> set[str]:
    """What a command line is an example of: `make bench`, `snakemake studies`, `python -m benchmarks` ..."""
    found = set()
    for part in re.split(r"[;&|]", re.sub(r"\"[^\"]*\"", "QUOTED", line)):
        words = part.split("#")[0].split()
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words.pop(0)
        if not words:
            continue
        program, rest = words[0].rsplit("/", 1)[-1], words[1:]
        if program == "make":
            found |= {f"make {word}" for word in rest if re.fullmatch(r"[a-z]+", word)}
        elif program == "snakemake":
            kinds = (
                "--rulegraph",
                "--unlock",
                "studies",
                "ovito",
                "glassbench",
                "engine=hoomd",
                "engine=cuda",
                "--profile",
            )
            chosen = [kind for kind in kinds if any(kind in word for word in rest)]
            found.add(f"snakemake {chosen[0] if chosen else 'RUN'}")
        elif program in ("python", "python3"):
            found.add(" ".join(["python", *(rest[:2] if rest[:1] == ["-m"] else rest[:1])]))
        elif program == "tglassmlp" and rest:
            found.add(f"tglassmlp {rest[0]}")
        elif program in ("conda", "pip"):
            found.add(f"{program} {rest[0]}" if rest else program)
    return found


def quoted(text: str) -> set[str]:
    """Commands of a Markdown text: in backticks, and in indented or fenced blocks."""
    program = r"(?:make|snakemake|python3?|conda|pip|tglassmlp) "
    inline = re.findall(rf"`((?:[A-Z_]+=\S+ )*{program}[^`]*)`", text)
    blocks = re.findall(rf"^\s*(?:\$ )?((?:[A-Z_]+=\S+ )*{program}.*)$", text, flags=re.MULTILINE)
    fenced = re.findall(r"^```.*?\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    inside = "\n".join([*fenced, *re.findall(r"^(?: {4}|\t).*$", text, flags=re.MULTILINE)])
    return {line for line in (*inline, *blocks) if line in inside or line in inline}


def targets(makefile: str) -> set[str]:
    """Targets of a Makefile that its help shows."""
    return set(re.findall(r"^([a-z]+):.*## ", makefile, flags=re.MULTILINE))


def everything() -> tuple[Command, ...]:
    """All commands that are run."""
    return (*ON_THE_RUN, *ALONE, *LAST)


def documents(repository: Path) -> list[Path]:
    """Texts whose commands are run."""
    return [
        repository / "README.md",
        repository / "ARCHITECTURE.md",
        *sorted((repository / "docs").rglob("*.md")),
    ]
