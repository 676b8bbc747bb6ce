"""The model in plain PyTorch functions, without hooks: what somebody writes who wants it fast.

Weights are kept as the GEMMs want them: W_Q, W_K, W_V as [d_model, heads * d_head], W_O as [heads * d_head, d_model].
"""
import math

import torch
import torch.nn.functional as F

import study
from weights import load_file
from where import DEVICE

HEADS = study.SIZES["n_heads"]


def load(path, dtype=torch.float32):
    """Name -> tensor in this file's layout."""
    weights = {}
    for name, tensor in load_file(path).items():
        last = name.rsplit(".", 1)[-1]
        if name not in study.parameters_of():
            continue
        if last in ("W_Q", "W_K", "W_V"):
            tensor = tensor.permute(1, 0, 2).flatten(1)
        elif last == "W_O":
            tensor = tensor.flatten(0, 1)
        elif last in ("b_Q", "b_K", "b_V"):
            tensor = tensor.flatten()
        weights[name] = tensor.to(DEVICE, dtype, copy=True).contiguous()
    return weights


def linear(w, x, weight, bias):
    return torch.addmm(w[bias], x.reshape(-1, x.shape[-1]), w[weight]).view(*x.shape[:-1], -1)


def linear_onednn(w, x, weight, bias):
    """The same by oneDNN, which is the faster one on CPUs where torch.addmm's library takes its slower paths."""
    flat = torch.ops.mkldnn._linear_pointwise(x.reshape(-1, x.shape[-1]), w[weight].t(), w[bias], "none", [], "")
    return flat.view(*x.shape[:-1], -1)


def norm(w, x, name):
    return F.layer_norm(x, x.shape[-1:], w[name + ".w"], w[name + ".b"], 1e-5)


def attention(w, x, at, layer, patch, linear):
    b, p, _ = x.shape
    q, k, v = (linear(w, x, f"{at}W_{n}", f"{at}b_{n}").view(b, p, HEADS, -1).transpose(1, 2) for n in "QKV")
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    later = torch.ones(p, p, dtype=torch.bool, device=x.device).triu(1)
    pattern = scores.masked_fill(later, -math.inf).softmax(-1)
    if patch:
        pattern = patch("pattern", layer, pattern)
    z = (pattern @ v).transpose(1, 2)
    if patch:
        z = patch("z", layer, z)
    return linear(w, z.reshape(b, p, -1), at + "W_O", at + "b_O")


def forward(w, tokens, rows=None, patch=None, linear=linear):
    """Logits. `rows` picks what is scored before the unembedding: one position, or pairs (example, position)."""
    b, p = tokens.shape
    x = w["embed.W_E"][tokens] + w["pos_embed.W_pos"][:p]
    for layer in range(study.SIZES["n_layers"]):
        at = f"blocks.{layer}."
        if patch:
            x = patch("resid_pre", layer, x)
        x = x + attention(w, norm(w, x, at + "ln1"), at + "attn.", layer, patch, linear)
        hidden = linear(w, norm(w, x, at + "ln2"), at + "mlp.W_in", at + "mlp.b_in").relu()
        x = x + linear(w, hidden, at + "mlp.W_out", at + "mlp.b_out")
    if isinstance(rows, int):
        x = x[:, rows]
    elif rows is not None:
        x = x[rows]
    return linear(w, norm(w, x, "ln_final"), "unembed.W_U", "unembed.b_U")
