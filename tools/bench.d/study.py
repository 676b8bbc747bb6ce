"""What both sides compute: the seed model, the probe of one integer, the sweeps. Knows nothing of any engine."""
import itertools
import os
from dataclasses import dataclass, field

SIZES = {"n_layers": 6, "d_model": 1024, "d_head": 128, "n_heads": 4, "d_mlp": 256}
if os.environ.get("PB_GPU_CHECK_EMULATE"):  # a GPU that is emulated takes its time
    SIZES = {"n_layers": 2, "d_model": 64, "d_head": 16, "n_heads": 2, "d_mlp": 32}
MOD = 120
EQUALS, RELIABLE, UNRELIABLE, PADDING = 2 * MOD, 2 * MOD + 1, 2 * MOD + 2, 2 * MOD + 3
D_VOCAB, N_CTX = 2 * MOD + 4, 5
UNIT = 71
FACTORS = [2, 3, 5, 6, 10, 15]
UPDATE = {"lr": 1e-4, "betas": [0.9, 0.98], "eps": 1e-8, "weight_decay": 0.1, "max_grad_norm": 1.0}
# A learning rate that grows slowly: at the full one float32 losses drift apart within 200 steps, PyTorch's own too.
TRAINING = UPDATE | {"warmup_steps": 1000}
N_TOKENS = 4  # of a definition


def definition(tag, n):
    return [tag, MOD + n, n, PADDING]


def questions(n):
    """Twelve prompts up to `=`, which is what the answer is read from, and the twelve answers."""
    prompts = [[d, MOD + n, EQUALS] for d in FACTORS] + [[MOD + n, d, EQUALS] for d in FACTORS]
    return prompts, [d * n % MOD for d in FACTORS] * 2


def parameters_of(sizes=None):
    """Name -> number of elements, of every parameter in TransformerLens' names."""
    s = sizes or SIZES
    d, h, e, m = s["d_model"], s["n_heads"], s["d_head"], s["d_mlp"]
    counts = {"embed.W_E": D_VOCAB * d, "pos_embed.W_pos": N_CTX * d}
    for block in range(s["n_layers"]):
        at = f"blocks.{block}."
        counts |= {at + "ln1.w": d, at + "ln1.b": d, at + "ln2.w": d, at + "ln2.b": d}
        counts |= {f"{at}attn.W_{x}": d * h * e for x in "QKVO"}
        counts |= {f"{at}attn.b_{x}": h * e for x in "QKV"} | {at + "attn.b_O": d}
        counts |= {at + "mlp.W_in": d * m, at + "mlp.b_in": m, at + "mlp.W_out": m * d, at + "mlp.b_out": d}
    return counts | {"ln_final.w": d, "ln_final.b": d, "unembed.W_U": d * D_VOCAB, "unembed.b_U": D_VOCAB}


def floor_gflop(sizes=None):
    """The least that one cell costs: a product with every parameter, for 12 questions of 3 positions."""
    return 12 * 3 * 2 * sum(parameters_of(sizes).values()) * 1e-9


def learning_rate(step):
    """Of step 0, 1, ..., as patchbay's warm-up has it."""
    return TRAINING["lr"] * min(1.0, (step + 1) / TRAINING["warmup_steps"])


@dataclass
class Sweep:
    """One sweep. `cells` are index tuples, or for a sweep over parameters lists of parameters' names."""
    name: str
    title: str
    hook: str = ""
    setter: str = ""
    over: list = field(default_factory=list)
    backward: bool = False
    cells: list = field(default_factory=list)

    def experiment(self):
        """The sweep as patchbay's experiment file has it."""
        if not self.hook:
            sets = {f"{i}": " + ".join(names) for i, names in enumerate(self.cells)}
            return {"name": self.name, "setter": "params", "sets": sets}
        sweep = {"name": self.name, "hook": self.hook, "setter": self.setter, "over": self.over,
                 "forward": "corrupted", "gradient": "torch"}
        return sweep | ({"backward": "clean"} if self.backward else {})


def grid(*axes):
    return [list(cell) for cell in itertools.product(*(range(n) for n in axes))]


def sixty_sets():
    """Ten sets of parameters in each of six blocks."""
    names = list(parameters_of())
    ends = [[""], ["attn."], ["mlp."], ["ln1.", "ln2."], ["attn.W_Q", "attn.b_Q", "attn.W_K", "attn.b_K"],
            ["attn.W_V", "attn.b_V", "attn.W_O", "attn.b_O"]] + [[f"attn.W_{x}", f"attn.b_{x}"] for x in "QKVO"]
    return [[n for n in names if any(n.startswith(f"blocks.{block}.{end}") for end in parts)]
            for block in range(SIZES["n_layers"]) for parts in ends]


LAYERS, HEADS = SIZES["n_layers"], SIZES["n_heads"]
SWEEPS = [
    Sweep("z", "z by layer and head", "z", "layer_head", ["layer", "head"], False, grid(LAYERS, HEADS)),
    Sweep("resid_pre", "resid_pre by layer and position, forward and backward", "resid_pre", "layer_pos",
          ["layer", "pos"], True, grid(LAYERS, N_TOKENS)),
    Sweep("pattern", "pattern by layer and head", "pattern", "layer_head_pattern", ["layer", "head"], False,
          grid(LAYERS, HEADS)),
    Sweep("params", "parameter sets", cells=sixty_sets()),
]


def sweep_named(name):
    return next(s for s in SWEEPS if s.name == name)
