"""ranks.py PROGRAM EXPERIMENT REPEATS KILLS SEED: see tools/ranks."""

import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

TABLES = ["sweeps/z.csv", "sweeps/z.units.csv", "sweeps/z.npz", "probes.csv", "sets.csv", "manifest.yaml"]
FEW = ["--set", "probe.units=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]"]
MPIRUN = ["mpirun", "--oversubscribe", "--bind-to", "none"]


class Runner:
    def __init__(self, program, experiment, work):
        self.work = work
        self.words = [program, "run", experiment, "--quiet", "--threads", "1"]
        self.as_root = ["--allow-run-as-root"] if os.geteuid() == 0 else []

    def start(self, n, name, *, options=(), more=()):
        launch = MPIRUN + self.as_root + list(options) + ["-n", str(n)] if n > 1 else []
        return subprocess.Popen(launch + self.words + ["--out", str(self.work / name), *more],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def run(self, n, name, *, more=(), resume=False):
        """Seconds."""
        if resume:
            more = [*more, "--resume"]
        else:
            shutil.rmtree(self.work / name, ignore_errors=True)
        began = time.monotonic()
        process = self.start(n, name, more=more)
        said = process.communicate()[1]
        if process.returncode:
            sys.exit(f"{n} ranks failed with {process.returncode}: {said.decode()}")
        return time.monotonic() - began

    def compare(self, name, with_name="alone"):
        for table in TABLES:
            if (self.work / name / table).read_bytes() != (self.work / with_name / table).read_bytes():
                sys.exit(f"{table} of {name} is not that of a run alone (in {self.work})")


def rank_of(pid):
    try:
        words = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    ranks = [word.partition(b"=")[2] for word in words if word.startswith(b"OMPI_COMM_WORLD_RANK=")]
    return int(ranks[0]) if ranks else None


def find_rank(launcher, rank):
    """The process that is this rank: a child of mpirun."""
    for pid in pathlib.Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split():
        if rank_of(pid) == rank:
            return int(pid)
    return None


def is_done(folder):
    """Rank 0 may have had time to report how far it came before mpirun ended it."""
    log = folder / "log.txt"
    return (folder / "report.html").exists() and "ended early" not in log.read_text()


def kill_one(runner, recovery, rank, seconds):
    """By 3 ranks; whether it was in time."""
    name, killed = "killed", False
    shutil.rmtree(runner.work / name, ignore_errors=True)
    process = runner.start(3, name, options=["--enable-recovery"] if recovery else [], more=FEW)
    time.sleep(seconds)
    pid = find_rank(process.pid, rank) if process.poll() is None else None
    if pid:
        os.kill(pid, signal.SIGKILL)
        killed = True
    process.communicate()
    if not is_done(runner.work / name):
        time.sleep(1)  # mpirun does not wait for those that it ends
        begun = (runner.work / name / "journal").exists()
        runner.run(1, name, more=FEW, resume=begun)
    runner.compare(name, "few")
    return killed


def main():
    program, experiment, repeats, kills, seed = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
    work = pathlib.Path(tempfile.mkdtemp(prefix="patchbay-ranks-"))
    runner, dice = Runner(program, experiment, work), random.Random(seed)
    runner.run(1, "alone")
    for n in 2, 4:
        runner.run(n, "shared")
        runner.compare("shared")
        print(f"{n} ranks: the tables of 1", flush=True)
    ratios = []
    for _ in range(repeats):
        one, two = runner.run(1, "timed"), runner.run(2, "timed")
        ratios.append(one / two / 2)
        print(f"1 rank {one:.2f} s, 2 ranks {two:.2f} s: efficiency {100 * ratios[-1]:.1f} %", flush=True)
    if ratios:
        print(f"efficiency at 2 ranks: {100 * statistics.median(ratios):.1f} % (median of {repeats})", flush=True)
    if kills:
        runner.run(1, "few", more=FEW)
    length, in_time = runner.run(3, "timed", more=FEW) if kills else 0, 0
    for i in range(kills):
        in_time += kill_one(runner, i % 2, dice.randrange(3), dice.uniform(0, length))
    shutil.rmtree(work)
    if kills:
        print(f"{kills} of {kills} runs of 3 ranks, {in_time} with one killed: the tables of a run alone")


main()
