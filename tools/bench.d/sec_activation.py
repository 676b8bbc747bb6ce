"""Section activation: plain activation patching beside transformer_lens.patching."""
import random

import study
from bench import ratio, table

LIMIT = 1e-3  # of the logit difference
PANELS = {"resid_pre": ("layer_pos", ["layer", "pos"]), "z": ("layer_head", ["layer", "head"])}


def make_pairs(n):
    """Questions about one alias and about another: 2 alias(71) = 22, 2 alias(72) = 24, ..."""
    rng = random.Random(3)
    pairs = {}
    while len(pairs) < n:
        factor, a, b = rng.choice(study.FACTORS), rng.randrange(study.MOD), rng.randrange(study.MOD)
        right, wrong = factor * a % study.MOD, factor * b % study.MOD
        if right != wrong:
            pairs[factor, a, b] = {
                "clean": [factor, study.MOD + a, study.EQUALS, right], "pos": 2, "answer": right, "distractor": wrong,
                "corrupted": [factor, study.MOD + b, study.EQUALS, wrong]}
    return list(pairs.values())


def patching(bench, hook, pairs):
    setter, over = PANELS[hook]
    sweep = {"name": hook, "kind": "activation", "hook": hook, "setter": setter, "over": over, "forward": "clean"}
    return {"name": f"activation-{hook}", "model": {"load": str(bench.checkpoint)},
            "data": {"plugin": "tokens", "pairs": pairs}, "probe": {"unit": "all" if len(pairs) > 1 else "0"},
            "metric": "logit_difference", "sweeps": [sweep]}


def compare(bench, hook, n, threads):
    """Times, cells and the largest difference of one panel on n pairs."""
    pairs, metrics = make_pairs(n), {}
    columns = [[p[k] for p in pairs] for k in ("clean", "corrupted", "answer", "distractor")]
    with bench.peer("notebook", threads) as peer:
        peer.call("load", str(bench.checkpoint))

        def patchbay():
            done = bench.program.run(patching(bench, hook, pairs))
            metrics["patchbay"] = done.metrics()
            return done.seconds()

        def lens():
            value = peer.call("activation", hook, *columns)["value"]
            metrics["lens"] = value["metrics"]
            return value["seconds"]

        times = bench.interleave({"patchbay": patchbay, "lens": lens})
    worst = bench.agree(f"activation patching, {hook}", metrics["patchbay"], metrics["lens"], LIMIT)
    return times, len(metrics["lens"]), worst


def faster_threads(bench, n):
    tried, pairs = {}, make_pairs(n)
    columns = [[p[k] for p in pairs] for k in ("clean", "corrupted", "answer", "distractor")]
    for threads in bench.thread_counts:
        with bench.peer("notebook", threads) as peer:
            peer.call("load", str(bench.checkpoint))
            tried[threads] = [peer.call("activation", "z", *columns)["value"]["seconds"] for _ in range(3)][-1]
    return min(tried, key=tried.get)


def run(bench):
    if bench.without_lens:
        return ["## Plain activation patching", "", f"Left out: {bench.without_lens}", ""]
    lines = ["## Plain activation patching", "",
             "Clean activations in the corrupted run, no update; the logit difference at the third token. "
             "TransformerLens: patching.py under torch.no_grad. Milliseconds per cell.", ""]
    rows = []
    for n in (1, 32):
        threads = faster_threads(bench, n)
        for hook in PANELS:
            bench.say(f"activation patching: {hook}, {n} pairs")
            times, cells, worst = compare(bench, hook, n, threads)
            rows.append([f"{hook} by {' and '.join(PANELS[hook][1])}", n, cells, times["patchbay"].text(cells),
                         times["lens"].text(cells), threads, ratio(times["lens"], times["patchbay"]), f"{worst:.1e}"])
    return lines + table(["panel", "pairs", "cells", "patchbay", "TransformerLens", "its threads", "/ patchbay",
                          "largest difference"], rows)
