"""Starts the processes that PyTorch lives in and hands them work; worker.py is the other end.

Each peer has a process of its own, so that its peak memory is its own, and so that this one stays small.
"""
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

# glibc gives large blocks back to the kernel at once and faults them in again at the next allocation. Keeping them is
# the first thing to tune in a PyTorch loop that allocates a gradient of 65 MB per cell.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 40), "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
               "MALLOC_TOP_PAD_": str(1 << 26)}


def with_packages(folder):
    """What makes an interpreter find a folder's packages first."""
    folders = [folder, os.environ.get("PYTHONPATH")]
    return {"PYTHONPATH": os.pathsep.join(f for f in folders if f)} if folder else {}


class PeerFailed(Exception):
    """A peer is no more; says why."""

    def __init__(self, kind, why):
        super().__init__(f"the peer `{kind}` failed: {why}")
        self.kind = kind


class Peer:
    def __init__(self, kind, threads, device, packages=None):
        """`packages`: a folder of Python packages that this peer has beside the interpreter's own."""
        # Whatever the shell set for OpenMP is not part of the comparison.
        others = ("OMP_", "GOMP_", "MKL_", "OPENBLAS_")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(others)}
        environment |= KEEP_MEMORY if kind == "handmade" else {}
        environment |= {"PB_BENCH_DEVICE": device} | with_packages(packages)
        self.kind = kind
        self.process = subprocess.Popen([sys.executable, str(HERE / "worker.py"), kind, str(threads)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()

    def call(self, name, *arguments):
        """Calls the worker's function. The answer has `value`, `peak_mb`, and `base_mb` before the call."""
        with contextlib.suppress(BrokenPipeError):  # it may have failed before it was asked
            self.process.stdin.write(json.dumps([name, arguments]) + "\n")
            self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or "{}")
        if "value" not in answer:
            raise PeerFailed(self.kind, answer.get("failed", f"it died in `{name}`"))
        return answer
