"""kills.py PROGRAM EXPERIMENT COUNT SEED: see tools/kills."""

import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from run_folder import digest


def run(program, experiment, folder, resume, seconds=None):
    """Whether it ended by itself; killed after so many seconds."""
    words = [program, "run", experiment, "--quiet", "--out", str(folder), "--save-every", "0.5"]
    process = subprocess.Popen(words + (["--resume"] if resume else []), stderr=subprocess.PIPE)
    try:
        _, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return False
    if process.returncode:
        sys.exit(f"it failed with {process.returncode}: {said.decode()}")
    return True


def main():
    program, experiment, count, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    dice, work = random.Random(seed), pathlib.Path(tempfile.mkdtemp(prefix="patchbay-kills-"))
    whole, folder, kills = work / "whole", work / "killed", 0
    began = time.monotonic()
    run(program, experiment, whole, False)
    length, wanted = time.monotonic() - began, digest(whole)
    print(f"one run takes {length:.1f} s and has {len(wanted)} files to compare; seed {seed}", flush=True)
    for number in range(1, count + 1):
        shutil.rmtree(folder, ignore_errors=True)
        done = False
        while not done:
            begun = (folder / ".lock").exists()
            if not begun:
                shutil.rmtree(folder, ignore_errors=True)
            # Once each for certain; then again with even chances, so that resuming is killed too.
            kill = kills < number or dice.random() < 0.5
            done = run(program, experiment, folder, begun, dice.uniform(0, length) if kill else None)
            kills += not done
        got = digest(folder)
        wrong = [name for name in wanted if got.get(name) != wanted[name]] + sorted(set(got) - set(wanted))
        if wrong:
            sys.exit(f"run {number}, after {kills} kills in all: different: {', '.join(wrong)} (in {folder})")
        if number % 10 == 0:
            print(f"{number} of {count} identical, {kills} kills", flush=True)
    shutil.rmtree(work)
    print(f"{count} of {count} runs identical to the bit, after {kills} kills")


main()
