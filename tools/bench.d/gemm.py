"""The machine's GEMM peak: the best that torch.mm or oneDNN's dnnl_sgemm reaches."""
import ctypes
import ctypes.util

import torch

from where import DEVICE, clock

CALLS = 20 if DEVICE.type == "cuda" else 1  # between two looks at the clock


def by_torch(a, b, c):
    torch.mm(a, b, out=c)


def onednn():
    path = ctypes.util.find_library("dnnl")
    if not path or DEVICE.type != "cpu":
        return None
    library = ctypes.CDLL(path)

    def multiply(a, b, c):
        (m, k), n = a.shape, b.shape[1]
        f, i, p = ctypes.c_float, ctypes.c_int64, ctypes.c_void_p
        library.dnnl_sgemm(ctypes.c_char(b"N"), ctypes.c_char(b"N"), i(m), i(n), i(k), f(1.0), p(a.data_ptr()), i(k),
                           p(b.data_ptr()), i(n), f(0.0), p(c.data_ptr()), i(n))

    return multiply


class Gemm:
    def measure(self, seconds, shapes):
        """GFLOP/s for each library and shape: the best of as many calls as fit into `seconds`."""
        found = {}
        for name, multiply in (("torch.mm", by_torch), ("oneDNN", onednn())):
            if not multiply:
                continue
            found[name] = []
            for m, n, k in shapes:
                a, b = torch.randn(m, k, device=DEVICE), torch.randn(k, n, device=DEVICE)
                c = torch.empty(m, n, device=DEVICE)
                best, end = float("inf"), clock() + seconds
                while clock() < end:
                    started = clock()
                    for _ in range(CALLS):
                        multiply(a, b, c)
                    best = min(best, (clock() - started) / CALLS)
                found[name].append(2e-9 * m * n * k / best)
        return found
