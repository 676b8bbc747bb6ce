"""starve.py BUILD EVERY once|rest: see tools/starve."""

import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from run_folder import digest

SECONDS = 60  # longer is a hang
# All stages and sweeps of the quickstart, on a model as small as they allow.
SMALLER = ["model.n_layers=2", "model.d_model=16", "model.n_heads=2", "model.d_head=8", "model.d_mlp=16", "data.mod=16",
           "train.0.epochs=1", "train.1.epochs=1", "train.2.epochs=1", "train.0.optimizer.warmup_steps=1"]
MEMORY = re.compile(r"memory", re.IGNORECASE)
RUNTIME = re.compile(r"^OMP: Error .*[Mm]emory", re.MULTILINE)


class Subject:
    def __init__(self, build, work):
        self.work, self.program = work, build / "core" / "patchbay"
        self.shim = build / "tests" / "starved" / "starve.so"
        # The program starts itself once more to set these, which would make two runs of one.
        self.environment = {**os.environ, "GOMP_SPINCOUNT": "1000", "OMP_PROC_BIND": "false",
                            "PATCHBAY_BACKEND_PATH": str(work)}

    def run(self, folder, resume=False, **starve):
        words = [self.program, "run", "configs/quickstart.yaml", "--quiet", "--threads", "2", "--save-every", "0"]
        words += ["--out", folder]
        for value in SMALLER:
            words += ["--set", value]
        if resume:
            words.append("--resume")
        environment = dict(self.environment)
        if starve:
            environment.update(LD_PRELOAD=str(self.shim), **starve)
        try:
            done = subprocess.run(words, env=environment, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return None, ""
        return done.returncode, done.stderr.decode(errors="replace")


def difference(wanted, folder):
    got = digest(folder)
    return [name for name in wanted if got.get(name) != wanted[name]] + sorted(set(got) - set(wanted))


def judge(subject, wanted, site, rest):
    """How a run ends whose allocation at this site fails: (outcome, what is wrong or None, what it said)."""
    folder = subject.work / site
    starve = {"STARVE_SITE": site, **({"STARVE_REST": "1"} if rest else {})}
    code, said = subject.run(folder, **starve)
    wrong = None
    if code is None:
        wrong = f"it hung for {SECONDS} s"
    elif code == 0:
        different = difference(wanted, folder)
        wrong = f"it ended well, with other results: {', '.join(different)}" if different else None
    elif code == -signal.SIGABRT and RUNTIME.search(said):
        pass  # LLVM's OpenMP runtime ends a process that it has no memory for; GCC's ends it with 1
    elif code not in (1, 2):
        wrong = f"it ended with {code}"
    elif not MEMORY.search(said):
        wrong = "it does not say that memory ran out"
    if not wrong and code and (folder / "config.yaml").exists():
        code_then, said_then = subject.run(folder, resume=True)
        different = difference(wanted, folder)
        if code_then:
            wrong = f"--resume ended with {code_then}: {said_then.strip()}"
        elif different:
            wrong = f"--resume led to other results: {', '.join(different)}"
    shutil.rmtree(folder, ignore_errors=True)
    return ("hung" if code is None else f"exit {code}"), wrong, said


def places(build, frames):
    """The frames of the program itself as functions and lines, where the build knows them."""
    mine = [f.split("+")[1] for f in frames if f.startswith("patchbay+")]
    words = ["addr2line", "-f", "-s", "-e", build / "core" / "patchbay"]
    words += [f"{int(m, 16) - 1:x}" for m in mine]  # of the call, which is in front of where it returns to
    try:
        lines = subprocess.run(words, capture_output=True, text=True, check=False).stdout.split("\n")
    except FileNotFoundError:
        return frames
    return [f for f in frames[:3] if not f.startswith("patchbay+")] + lines[0:2 * len(mine):2]


def list_sites(subject, build):
    path, whole = subject.work / "sites", subject.work / "whole"
    code, said = subject.run(whole, STARVE_LIST=str(path))
    if code:
        sys.exit(f"it fails without any want: {said}")
    sites = {}
    for line in path.read_text().splitlines():
        site, size, *frames = line.split()
        if any(f.startswith("patchbay+") for f in frames):
            sites.setdefault(site, (int(size), frames))
    return sites, digest(whole)


def main():
    build, every, rest = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2]), sys.argv[3] == "rest"
    work = pathlib.Path(tempfile.mkdtemp(prefix="patchbay-starve-"))
    subject = Subject(build, work)
    sites, wanted = list_sites(subject, build)
    chosen = list(sites)[::every]
    print(f"{len(sites)} sites, {len(chosen)} of them tried; {len(wanted)} files to compare", flush=True)
    tally, offenders = collections.Counter(), 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        judged = pool.map(lambda site: (site, *judge(subject, wanted, site, rest)), chosen)
        for site, outcome, wrong, said in judged:
            tally[outcome] += 1
            if wrong:
                offenders += 1
                size, frames = sites[site]
                print(f"\n{site}: {wrong}\n  {size} bytes at {' < '.join(places(build, frames))}")
                print("".join(f"  | {line}\n" for line in said.strip().split("\n")[:8]), end="", flush=True)
    shutil.rmtree(work)
    print(f"\n{len(chosen)} sites: " + ", ".join(f"{n} x {outcome}" for outcome, n in sorted(tally.items())))
    print(f"{offenders} of them wrong")
    sys.exit(offenders > 0)


main()
