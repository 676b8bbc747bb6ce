"""Reads .safetensors files of float32 or float64, so that a peer needs PyTorch alone."""
import json
from pathlib import Path

import torch

TYPES = {"F32": torch.float32, "F64": torch.float64}


def load_file(path):
    """Name -> tensor."""
    data = Path(path).read_bytes()
    size = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:size]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            values = bytearray(data[size + begin:size + end])
            tensors[name] = torch.frombuffer(values, dtype=TYPES[entry["dtype"]]).view(entry["shape"])
    return tensors
