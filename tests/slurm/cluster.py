"""A Slurm of one machine in one folder: munged, slurmctld and slurmd, started for a test and ended."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "srun", "scontrol")

CONFIGURATION = """\
ClusterName=trial
SlurmctldHost={host}({address})
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller}
SlurmdPort={daemon}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobs.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2
MpiDefault=none
ReturnToService=2
MinJobAge=3600
KillWait=10
SlurmdTimeout=300
InactiveLimit=0
OverTimeLimit=0
NodeName={host} NodeAddr={address} CPUs={cores} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE DefaultTime=10 State=UP
"""


class Absent(RuntimeError):
    """Slurm cannot be started here; the message says why."""


def _port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Cluster:
    """Daemons with all their files in ``folder``; a context that ends them."""

    def __init__(self, folder: Path, cores: int, memory: int = 16000) -> None:
        self.folder, self.cores, self.memory = folder, cores, memory
        self.daemons: list[subprocess.Popen[bytes]] = []

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which Slurm's commands find this cluster."""
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "SBATCH", "TGLASSMLP_"))
        }
        return inherited | {"PATH": f"{self.folder / 'bin'}:{_path()}"}

    def __enter__(self) -> Cluster:
        lacking = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
        if lacking:
            raise Absent(f"not installed: {', '.join(lacking)} (Debian: slurm-wlm, munge)")
        if os.geteuid() != 0:
            raise Absent("slurmd needs root")
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        folder = self.folder
        for name in ("state", "spool"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        key = folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        (folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                host=socket.gethostname().split(".")[0], address="127.0.0.1", user="root", folder=folder,
                controller=_port(), daemon=_port(), cores=self.cores, memory=self.memory,
            )
        )  # fmt: skip
        # Snakemake's executor drops SLURM_CONF, and a real cluster has its configuration in one known place
        (folder / "bin").mkdir(exist_ok=True)
        for name in (*PROGRAMS, "scancel", "sinfo", "sacct"):
            program = shutil.which(name, path=_path())
            if program:
                wrapper = folder / "bin" / name
                wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {program} "$@"\n')
                wrapper.chmod(0o755)
        self._daemon(
            "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket",
            f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge.log",
            f"--seed-file={folder}/munge.seed",
        )  # fmt: skip
        self._wait(lambda: (folder / "munge.socket").exists(), "munged")
        self._daemon("slurmctld", "-D", "-i", "-f", str(folder / "slurm.conf"))
        self._wait(lambda: self.ask("scontrol", "ping").returncode == 0, "slurmctld")
        self._daemon("slurmd", "-D", "-f", str(folder / "slurm.conf"))
        self._wait(lambda: "idle" in self.ask("sinfo", "-h", "-o", "%t").stdout, "slurmd")

    def _daemon(self, *command: str) -> None:
        with open(self.folder / f"{command[0]}.out", "wb") as out:
            self.daemons.append(
                subprocess.Popen(
                    command, env=self.environment, stdout=out, stderr=out, start_new_session=True
                )
            )

    def _wait(self, ready, name: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.daemons[-1].poll() is not None:
                break
            if ready():
                return
            time.sleep(0.3)
        said = (self.folder / f"{name}.out").read_text(errors="replace")[-800:]
        raise Absent(f"{name} does not start here: {said}")

    def ask(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run one of Slurm's commands."""
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )

    def jobs(self) -> list[dict[str, str]]:
        """Jobs that have ended, as Slurm recorded them."""
        record = self.folder / "jobs.txt"
        lines = record.read_text().splitlines() if record.is_file() else []
        return [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]

    def __exit__(self, *_: object) -> None:
        if len(self.daemons) == 3:
            self.ask("scancel", "--user=root")
            time.sleep(1)
        for daemon in reversed(self.daemons):
            if daemon.poll() is None:
                daemon.send_signal(signal.SIGTERM)
                try:
                    daemon.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(daemon.pid, signal.SIGKILL)
        self.daemons.clear()


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
