"""A real Slurm of three nodes on one machine, for as long as a test lasts: munge, one controller, three slurmd, all in one folder."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")
NODES = ("n1", "n2", "n3")
CPUS, MEMORY_MB = 2, 7000
"""Of each node, as Slurm is told; the machine may have less."""
PATIENCE_S = 60.0

CONFIGURATION = """
ClusterName=auric
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={controller_port}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdLogFile={folder}/slurmd.%n.log
SlurmdSpoolDir={folder}/spool.%n
StateSaveLocation={folder}/state
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=10
InactiveLimit=0
KillWait=5
MinJobAge=600
SchedulerParameters=sched_interval=5,batch_sched_delay=1,bf_interval=5
NodeName=n[1-3] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first_port}-{last_port}] CPUs={cpus} RealMemory={memory_mb} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Cluster:
    """What a test may do with it.

    Attributes:
        folder: Holds all of it.
        environment: What programs need to find it (`SLURM_CONF`).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configuration = folder / "slurm.conf"
        self.environment = {
            "SLURM_CONF": str(self.configuration),
            "PATH": os.pathsep.join([str(folder / "bin"), os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]),
        }
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}
        self._others: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start all daemons and wait until every node is idle.

        Raises:
            TimeoutError: If they do not answer in time; logs lie in the folder.
        """
        ports = _free_ports(len(NODES) + 1)
        host = socket.gethostname().split(".")[0]
        text = CONFIGURATION.format(
            folder=self.folder, host=host, controller_port=ports[0], first_port=ports[1], last_port=ports[-1], cpus=CPUS,
            memory_mb=MEMORY_MB,
        )  # fmt: skip
        self.configuration.write_text(text, encoding="utf-8")
        (self.folder / "state").mkdir()
        # Inside a job Snakemake's plugin takes Slurm's variables out of the environment; a site has its configuration in /etc.
        (self.folder / "bin").mkdir()
        wrapped = self.folder / "bin/srun"
        wrapped.write_text(
            f'#!/bin/sh\nSLURM_CONF={self.configuration} exec {shutil.which("srun")} "$@"\n', encoding="utf-8"
        )
        wrapped.chmod(0o755)
        key = self.folder / "munge.key"
        key.write_bytes(bytes(range(256)) * 4)
        key.chmod(0o400)
        self._others.append(self._daemon(
            "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={self.folder}/munge.socket",
            f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log", f"--seed-file={self.folder}/munged.seed",
        ))  # fmt: skip
        _wait(lambda: (self.folder / "munge.socket").exists(), "munge")
        self._others.append(self._daemon("slurmctld", "-D", "-f", str(self.configuration)))
        for node in NODES:
            self.start_node(node)
        _wait(lambda: set(self.states().values()) == {"idle"}, "the nodes")

    def start_node(self, node: str) -> None:
        """Bring a node up, again."""
        (self.folder / f"spool.{node}").mkdir(exist_ok=True)
        self._nodes[node] = self._daemon("slurmd", "-D", "-N", node, "-f", str(self.configuration))

    def lose_node(self, node: str) -> list[int]:
        """Take a node away as a power cut does: its daemon and all that runs on it.

        Returns:
            The processes that ran on it, of which none is left.
        """
        daemon = self._nodes.pop(node)
        daemon.kill()  # first, so that it begins nothing more
        daemon.wait()
        lost = self.processes(node)
        _kill(lost)
        self.call("scontrol", "update", f"nodename={node}", "state=down", "reason=lost")
        return lost

    def processes(self, node: str) -> list[int]:
        """Slurm's own processes of the jobs on a node, and all that came of them."""
        return _with_descendants(_listening_in(self.folder / f"spool.{node}"))

    def states(self) -> dict[str, str]:
        """State of each node, without the marks that Slurm adds; nothing while the controller does not answer."""
        found = self.call("sinfo", "--noheader", "--Node", "--format=%N %t")
        return dict(line.split() for line in found.splitlines() if len(line.split()) == 2)

    def jobs(self) -> list[str]:
        """Numbers of jobs that wait or run."""
        return self.call("squeue", "--noheader", "--format=%A").split()

    def arrays(self) -> dict[str, int]:
        """Numbers of all arrays so far, and how many tasks each has had."""
        rows = self.call("squeue", "--states=all", "--array", "--noheader", "--format=%F %K").splitlines()
        counts = Counter(words[0] for row in rows if len(words := row.split()) == 2 and words[1].isdigit())
        return dict(counts)

    def call(self, *command: str) -> str:
        """What a program of Slurm prints; nothing if it fails."""
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, **self.environment}, check=False
        )
        return done.stdout if done.returncode == 0 else ""

    def stop(self) -> None:
        """End all of it; no process is left."""
        for daemon in self._nodes.values():  # they begin nothing more
            daemon.kill()
            daemon.wait()
        for node in NODES:
            _kill(self.processes(node))
        for daemon in reversed(self._others):
            daemon.terminate()
        for daemon in self._others:
            try:
                daemon.wait(timeout=10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def _daemon(self, *command: str) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{command[0]}.out").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **self.environment})


@contextmanager
def cluster_in(folder: Path) -> Iterator[Cluster]:
    """A cluster that runs inside the block."""
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def at_work_in(folder: Path) -> list[int]:
    """Processes whose working directory is a folder or lies in it."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            place = (path / "cwd").readlink()
        except OSError:
            continue
        if place.is_relative_to(folder):
            found.append(int(path.name))
    return found


def _listening_in(folder: Path) -> list[int]:
    """Processes that hold a socket in a folder, as the step daemons of Slurm do in the spool of their node."""
    sockets = {
        f"socket:[{words[6]}]"
        for line in Path("/proc/net/unix").read_text().splitlines()
        if len(words := line.split()) > 7 and Path(words[7]).is_relative_to(folder)
    }
    found = []
    for path in Path("/proc").glob("[0-9]*/fd"):
        try:
            links = {str(file.readlink()) for file in path.iterdir()}
        except OSError:
            continue
        if links & sockets:
            found.append(int(path.parent.name))
    return found


def _with_descendants(processes: list[int]) -> list[int]:
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = list(processes)
    for process in found:  # grows on the way
        found += [child for child, parent in parents.items() if parent == process and child not in found]
    return found


def _kill(processes: list[int]) -> None:
    """Kill all, and wait until they are gone."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    _wait(lambda: not any(_lives(process) for process in processes), "the end of what was killed")


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def absent() -> list[str]:
    """Programs of Slurm that are not installed here."""
    return [
        name for name in DAEMONS if shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None
    ]


def _free_ports(count: int) -> list[int]:
    """So many consecutive ports that nobody listens on."""
    for first in range(17000, 18000, count):
        sockets = [socket.socket() for _ in range(count)]
        try:
            for offset, one in enumerate(sockets):
                one.bind(("127.0.0.1", first + offset))
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
        return list(range(first, first + count))
    raise OSError(f"no {count} consecutive free ports from 17000 to 18000")


def _wait(done, what: str) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {PATIENCE_S:g} s")
        time.sleep(0.5)
