#!/usr/bin/env python3
"""Writes tests/ckpt/data: small files as torch.save, safetensors and numpy.savez lay them out.

Needs nothing but Python: classes of the names that PyTorch uses stand in for PyTorch, and Python's own pickle module
does the pickling. The layout was checked byte for byte against files of PyTorch (tests/golden/data).
Run it in this folder; the files are committed, so that the tests need no Python.
"""
import io
import json
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict

torch = types.ModuleType("torch")
utils = types.ModuleType("torch._utils")
sys.modules["torch"], sys.modules["torch._utils"] = torch, utils


def stand_in(module, name):
    return type(name, (), {"__module__": module.__name__, "__qualname__": name})


for storage_name in ("FloatStorage", "DoubleStorage", "LongStorage", "BoolStorage"):
    setattr(torch, storage_name, stand_in(torch, storage_name))


class Size(tuple):
    def __reduce__(self):
        return Size, (tuple(self),)


class device:
    def __reduce__(self):
        return device, ("cuda", 0)


def _rebuild_tensor_v2(*args):
    raise NotImplementedError


def _rebuild_parameter(*args):
    raise NotImplementedError


for module, thing in ((torch, Size), (torch, device), (utils, _rebuild_tensor_v2), (utils, _rebuild_parameter)):
    thing.__module__ = module.__name__
    thing.__qualname__ = thing.__name__
    setattr(module, thing.__name__, thing)


class Storage:
    def __init__(self, kind, code, values):
        self.kind, self.count = getattr(torch, kind), len(values)
        self.data = struct.pack(f"<{len(values)}{code}", *values)


class Tensor:
    def __init__(self, storage, shape, stride, offset=0):
        self.args = (storage, offset, tuple(shape), tuple(stride), False, OrderedDict())

    def __reduce_ex__(self, protocol):
        return utils._rebuild_tensor_v2, self.args


class Parameter:
    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce_ex__(self, protocol):
        return utils._rebuild_parameter, (self.tensor, True, OrderedDict())


class Pickler(pickle._Pickler):  # the C one memoizes strings by another rule
    def __init__(self, file, protocol, legacy):
        super().__init__(file, protocol)
        self.storages, self.legacy = [], legacy

    def persistent_id(self, thing):
        if not isinstance(thing, Storage):
            return None
        if thing not in self.storages:
            self.storages.append(thing)
        key = str(1000 + id_of(self, thing) if self.legacy else id_of(self, thing))
        return ("storage", thing.kind, key, "cpu", thing.count) + ((None,) if self.legacy else ())


def id_of(pickler, storage):
    return pickler.storages.index(storage)


def dump(thing, protocol, legacy=False):
    out = io.BytesIO()
    pickler = Pickler(out, protocol, legacy)
    pickler.dump(thing)
    return out.getvalue(), pickler.storages


def write_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)


def save(path, thing, protocol):
    data, storages = dump(thing, protocol)
    write_zip(path, [("archive/data.pkl", data), ("archive/byteorder", b"little")]
              + [(f"archive/data/{i}", s.data) for i, s in enumerate(storages)] + [("archive/version", b"3\n")])


def save_legacy(path, thing):
    data, storages = dump(thing, 2, legacy=True)
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    with open(path, "wb") as file:
        for head in (0x1950A86A20F9469CFC6C, 1001, system):
            file.write(pickle.dumps(head, 2))
        file.write(data)
        file.write(pickle.dumps([str(1000 + i) for i in range(len(storages))], 2))
        for storage in storages:
            file.write(struct.pack("<q", storage.count) + storage.data)


def save_safetensors(path):
    header = {"__metadata__": {"format": "pt"},
              "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
              "b": {"dtype": "BOOL", "shape": [3], "data_offsets": [16, 19]}}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + struct.pack("<4f3?", 1, 2, 3, 4, True, False, True))


def npy(descr, shape, data):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def state():
    weights = Storage("FloatStorage", "f", [0.5 * i for i in range(6)])
    wide = Storage("DoubleStorage", "d", [0.25, -1e300])
    model = OrderedDict()
    model["w"] = Tensor(weights, (2, 3), (3, 1))
    model["w_transposed"] = Tensor(weights, (3, 2), (1, 3))
    model["row"] = Tensor(weights, (3,), (1,), 3)
    model["parameter"] = Parameter(Tensor(wide, (2,), (1,)))
    model["mask"] = Tensor(Storage("BoolStorage", "?", [True, False]), (2,), (1,))
    model["steps"] = Tensor(Storage("LongStorage", "q", [-7]), (), ())
    model["empty"] = Tensor(Storage("FloatStorage", "f", []), (0, 4), (4, 1))
    model._metadata = OrderedDict([("", {"version": 1})])
    return {"epoch": 12, "model": model, "lr": 3e-4, "betas": (0.9, 0.98), "size": Size((2, 3)), "device": device(),
            "sets": {"Dt3": [34, 72, 300, -1], "seen": {5}}, "name": "caf\u00e9", "big": 1 << 80, "raw": b"\x00\xff",
            "done": False, "nothing": None, "nested": [[1, 2], {"x": [0.5]}]}


if __name__ == "__main__":
    for version in (2, 3, 4, 5):
        save(f"data/protocol_{version}.pt", state(), version)
    save_legacy("data/legacy.pt", state())
    save_safetensors("data/small.safetensors")
    write_zip("data/small.npz", [("a.npy", npy("<f8", (2,), struct.pack("<2d", 1, 2))), ("b.npy", npy("|i1", (), b"\x05"))])
    for version in range(6):
        with open(f"data/values_{version}.pkl", "wb") as file:
            file.write(pickle.dumps({"a": [1, -1, 70000, 1 << 40], "b": ("x", None, True, 0.5), "c": {"d": {}}}, version))
