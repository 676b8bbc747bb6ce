"""Section gemm: what the machine can do at most."""
from bench import number, table
from gemm_shapes import SHAPES
from peer import Peer


def run(bench):
    lines = ["## The machine's GEMM peak", "",
             "GFLOP/s in float32, the best call; the peak is the largest number of a thread count.", ""]
    rows = []
    for threads in sorted({1, bench.threads}):
        with Peer("gemm", threads) as peer:
            found = peer.call("measure", 0.3 if bench.quick else 1.5)["value"]
        rows += [[name, threads, *map(number, rates)] for name, rates in found.items()]
        bench.peak[threads] = max(max(rates) for rates in found.values())
    lines += table(["library", "threads"] + [" x ".join(map(str, s)) for s in SHAPES], rows)
    peaks = ", ".join(f"{number(p)} with {n} thread{'s' * (n > 1)}" for n, p in bench.peak.items())
    return lines + [f"Peak: {peaks}.", ""]
