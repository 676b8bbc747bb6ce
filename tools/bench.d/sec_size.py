"""Section size: what patchbay's cells cost as layers, width and number of cells grow."""
import random

import study
from bench import Times, number, table
from program import experiment

LAYER_COUNTS = [2, 4, 6, 8, 12, 16, 24]
WIDTHS = [128, 256, 512, 1024, 2048]
CELL_COUNTS = [1, 2, 6, 24, 100, 500, 2000]

WHY_SIZE = """\
A cell's work is proportional to the number of parameters: each takes part in one product for every scored or \
earlier position of the questions, in the pass of the patched example, and in one step of the optimizer. Layers \
and d_model add parameters in proportion (d_head, heads and d_mlp stay), so the column per million parameters \
would be constant but for what does not grow: start-up of each product and thread, attention, layer norm and the \
report of a cell, which weigh most in small models; and for caches, which large models leave."""
WHY_CELLS = """\
Cells are independent: time is proportional to their number, behind what a sweep costs by itself (batches that are \
not full, threads without a cell), which few cells do not share. Cells beyond 24 patch several heads together."""


def many_cells(n):
    """n different cells of z: the first are single heads, the others some heads together."""
    rng, heads = random.Random(5), study.grid(study.SIZES["n_layers"], study.SIZES["n_heads"])
    cells = [[head] for head in heads]
    seen = {str(c) for c in cells}
    while len(cells) < n:
        some = sorted(rng.sample(heads, rng.randint(2, 6)))
        if str(some) not in seen:
            seen.add(str(some))
            cells.append(some)
    return cells[:n]


def scaled(bench, sizes, cells=None):
    """The z sweep on a model of these sizes with initial weights."""
    sweep = study.sweep_named("z").experiment() | ({"cells": cells} if cells else {})
    return experiment("size", bench.checkpoint, [sweep], model=sizes)


def measure(bench, sizes, cells, n_cells):
    times, peak = Times(), 0.0
    for _ in range(max(1, bench.repeats // 2)):
        done = bench.program.run(scaled(bench, sizes, cells))
        times.add(done.seconds())
        peak = max(peak, done.peak_mb)
    return [times.text(n_cells), peak, times.median / n_cells]


def model_rows(bench, label, sizes_of, values):
    rows = []
    for value in values:
        sizes = study.SIZES | sizes_of(value)
        bench.say(f"size: {label} {value}")
        text, peak, per_cell = measure(bench, sizes, None, sizes["n_layers"] * sizes["n_heads"])
        millions = sum(study.parameters_of(sizes).values()) * 1e-6
        rate, share = bench.share_of_peak(per_cell, sizes)
        rows.append([value, number(millions), sizes["n_layers"] * sizes["n_heads"], text,
                     number(1e3 * per_cell / millions), rate, share, number(peak), number(4 * millions)])
    return rows


def cell_rows(bench, counts):
    rows, per_cell = [], 0.0
    for n in counts:
        if per_cell * n > bench.limit:
            rows.append([n, f"not measured: more than {bench.limit} s", ""])
            continue
        bench.say(f"size: {n} cells")
        text, peak, per_cell = measure(bench, study.SIZES, many_cells(n), n)
        rows.append([n, text, number(peak)])
    return rows


def run(bench):
    header = ["parameters, M", "cells", "ms per cell", "ms per cell and M parameters", "GFLOP/s", "of the peak",
              "peak memory, MB", "weights, MB"]
    few = slice(None, None, 3) if bench.quick else slice(None)
    lines = ["## Cost against size", "",
             "patchbay alone, z by layer and head, initial weights; everything else as in the seed model.", ""]
    lines += table(["layers"] + header, model_rows(bench, "layers", lambda n: {"n_layers": n}, LAYER_COUNTS[few]))
    lines += table(["d_model"] + header, model_rows(bench, "d_model", lambda n: {"d_model": n}, WIDTHS[few]))
    lines += [WHY_SIZE, ""]
    lines += table(["cells", "ms per cell", "peak memory, MB"], cell_rows(bench, CELL_COUNTS[few]))
    return lines + [WHY_CELLS, ""]
