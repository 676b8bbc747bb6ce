"""Section gemm: what the machine can do at most."""
from bench import number, table
from gemm_shapes import LARGE, SHAPES


def run(bench):
    lines = ["## The machine's GEMM peak", "",
             "GFLOP/s in float32, the best call; the peak is the largest number of a thread count.", ""]
    rows, shapes = [], SHAPES + (LARGE if bench.on_gpu and not bench.quick else [])
    for threads in sorted(bench.thread_counts):
        with bench.peer("gemm", threads) as peer:
            found = peer.call("measure", 0.3 if bench.quick or bench.on_gpu else 1.5, shapes)["value"]
        rows += [[name, threads, *map(number, rates)] for name, rates in found.items()]
        bench.peak[threads] = max(max(rates) for rates in found.values())
    lines += table(["library", "threads"] + [" x ".join(map(str, s)) for s in shapes], rows)
    bench.write_figures("gemm", {"peak": max(bench.peak.values())})
    peaks = ", ".join(f"{number(p)} with {n} thread{'s' * (n > 1)}" for n, p in bench.peak.items())
    return lines + [f"Peak: {peaks}.", ""]
