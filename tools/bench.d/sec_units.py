"""Section units: many integers in one command."""
import random

import study
from bench import Times, number, table
from program import experiment


def with_units(bench, n):
    """The z sweep over n integers, as the experiment file says it."""
    # The dataset's sets are lists of integers, so a set of any size can be made for the purpose.
    integers = sorted(random.Random(1).sample(range(study.MOD), 30))
    sweeps = bench.again(study.sweep_named("z").experiment())
    return experiment("units", bench.checkpoint, sweeps, probe={"units": "Dt3"},
                      data={"plugin": "oocl", "mod": study.MOD, "sets": {"Dt3": integers[:n]}})


def run(bench):
    lines = ["## Many integers in one command", ""]
    able, text = bench.program.accepts(with_units(bench, 30))
    if not able:
        bench.say("units: this program does not take `probe.units`; left out")
        return lines + ["Not measured: this build of the program does not take `probe: {units: SETNAME}`.", ""]
    cells = len(study.sweep_named("z").cells)
    counts = [1, 10, 30]
    times, first, peaks = {n: Times() for n in counts}, {n: Times() for n in counts}, {}
    for _ in range(bench.repeats):
        for n in counts:
            bench.say(f"units: {n}")
            done = bench.program.run(with_units(bench, n))
            times[n].add(done.seconds())
            first[n].add(done.sweep()["seconds"])
            peaks[n] = done.peak_mb
        bench.write_figures("units", {"cells": counts[-1] * cells, "patchbay": times[counts[-1]].median,
                                      "first": first[counts[-1]].median})
    rows = [[n, n * cells, times[n].text(n * cells), number(times[n].median)]
            + ([number(first[n].median)] if bench.on_gpu else []) + [number(peaks[n])] for n in counts]
    return lines + table(["integers", "cells", "ms per cell", "seconds"]
                         + (["seconds, the process's first"] if bench.on_gpu else []) + ["peak memory, MB"], rows)
