"""Where a peer's tensors live, and a clock that waits for what was started there."""
import os
import time

import torch

DEVICE = torch.device(os.environ.get("PB_BENCH_DEVICE", "cpu"))
if DEVICE.type == "cuda":
    # Float32 is float32, as patchbay's.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def clock():
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def tensor(values):
    return torch.tensor(values, device=DEVICE)
