"""The hand-optimised peer: gradient patching in PyTorch without hooks, model copies or an optimizer object.

Three variants of it, of which the caller takes the fastest: `loop` goes cell by cell, in place; `loop onednn` too,
with oneDNN for the questions; `vmap N` takes N cells at once with torch.func's per-example gradients. All use the
closed form of AdamW's first step,
    w' = w (1 - lr decay) - lr g / (|g| + eps / c), where c is the clipping factor,
evaluate the twelve questions as one batch of three tokens, and unembed only the scored position.
"""
import torch
from torch.func import grad, vmap

import plain
import study
from where import DEVICE, clock, tensor

U = study.UPDATE


def clipping(norm):
    return torch.clamp(U["max_grad_norm"] / (norm + 1e-6), max=1.0)


class Handmade:
    def load(self, checkpoint):
        self.w = plain.load(checkpoint)
        for weight in self.w.values():
            weight.requires_grad_(True)
        self.names = list(self.w)
        self.base = {n: v.detach() for n, v in self.w.items()}
        self.after = {n: torch.empty_like(v) for n, v in self.base.items()}
        self.scratch = torch.empty(max(v.numel() for v in self.base.values()), device=DEVICE)
        prompts, answers = study.questions(study.UNIT)
        self.prompts, self.answers = tensor(prompts), tensor(answers)
        self.runs = {which: self.run(tag) for which, tag in
                     (("clean", study.RELIABLE), ("corrupted", study.UNRELIABLE))}

    def loss(self, w, tokens, patch=None):
        logits = plain.forward(w, tokens, 1, patch)
        return torch.nn.functional.cross_entropy(logits, tokens[:, 2])

    def run(self, tag):
        """One definition's activations, gradients at the same points, and parameters' gradients."""
        values = {}

        def keep(point, layer, x):
            x.retain_grad()
            values[point, layer] = x
            return x

        tokens = tensor([study.definition(tag, study.UNIT)])
        loss = self.loss(self.w, tokens, keep)
        points = list(values)
        grads = torch.autograd.grad(loss, [values[p] for p in points] + [self.w[n] for n in self.names])
        return {"tokens": tokens, "values": {p: values[p].detach() for p in points},
                "grads": dict(zip(points, grads)), "weights": dict(zip(self.names, grads[len(points):]))}

    # What is patched: a mask at one point of one layer.

    def mask(self, sweep, index):
        """The layer's mask of one cell: [1, pos, 1], [1, 1, head, 1] or [1, head, 1, 1]."""
        shape = {"resid_pre": (1, study.N_TOKENS, 1), "z": (1, 1, plain.HEADS, 1),
                 "pattern": (1, plain.HEADS, 1, 1)}[sweep.hook]
        mask = torch.zeros(shape, dtype=torch.bool, device=DEVICE)
        mask.view(-1)[index[1]] = True
        return mask

    def patched_loss(self, w, sweep, masks):
        """The loss with masks[layer] patched; PyTorch's semantics: what is replaced passes no gradient.

        A replaced gradient comes from a term that is 0 and has that gradient.
        """
        extra = []

        def patch(point, layer, x):
            if point != sweep.hook or masks[layer] is None:
                return x
            if sweep.backward:
                wanted = torch.where(masks[layer], self.runs["clean"]["grads"][point, layer], 0.0)
                extra.append((wanted * (x - x.detach())).sum())
            return torch.where(masks[layer], self.runs["corrupted"]["values"][point, layer], x)

        loss = self.loss(w, self.runs["clean"]["tokens"], patch)
        return loss + sum(extra) if extra else loss

    # Variant `loop`.

    def metric_after(self, grads, linear):
        norm = torch.stack(torch._foreach_norm([grads[n] for n in self.names])).norm()
        eps = (U["eps"] / clipping(norm)).item()
        for name, g in grads.items():
            w, after = self.base[name], self.after[name]
            size = self.scratch[:w.numel()].view(w.shape)
            torch.abs(g, out=size).add_(eps)
            torch.mul(w, 1 - U["lr"] * U["weight_decay"], out=after).addcdiv_(g, size, value=-U["lr"])
        logits = plain.forward(self.after, self.prompts, 2, linear=linear)
        return logits.gather(1, self.answers[:, None]).mean().item()

    def loop(self, sweep, linear):
        metrics = []
        for cell in sweep.cells:
            if sweep.hook:
                masks = [self.mask(sweep, cell) if layer == cell[0] else None
                         for layer in range(study.SIZES["n_layers"])]
                found = torch.autograd.grad(self.patched_loss(self.w, sweep, masks), [self.w[n] for n in self.names])
                grads = dict(zip(self.names, found))
            else:
                grads = self.chosen(cell)
            with torch.no_grad():
                metrics.append(self.metric_after(grads, linear))
        return metrics

    def chosen(self, cell):
        """Gradients of the cell's parameters from the clean run, all others from the corrupted one."""
        of_set = set(cell)
        return {n: self.runs["clean" if n in of_set else "corrupted"]["weights"][n] for n in self.names}

    # Variant `vmap`.

    def metrics_after(self, grads):
        """grads: name -> [cells, ...]."""
        squares = sum(g.flatten(1).square().sum(1) for g in grads.values())
        eps = U["eps"] / clipping(squares.sqrt())
        after = {}
        for name, g in grads.items():
            size = g.abs().add_(eps.view(-1, *[1] * (g.dim() - 1)))
            step = g.div_(size).mul_(-U["lr"])
            after[name] = step.add_(self.base[name], alpha=1 - U["lr"] * U["weight_decay"])
        logits = vmap(lambda w: plain.forward(w, self.prompts, 2))(after)
        return logits.gather(2, self.answers[None, :, None].expand(len(logits), -1, 1)).mean((1, 2)).tolist()

    def vmap(self, sweep, size):
        metrics = []
        with torch.no_grad():
            for begin in range(0, len(sweep.cells), size):
                cells = sweep.cells[begin:begin + size]
                grads = self.gradients_of(sweep, cells) if sweep.hook else self.chosen_of(cells)
                metrics += self.metrics_after(grads)
        return metrics

    def gradients_of(self, sweep, cells):
        masks = []
        for layer in range(study.SIZES["n_layers"]):
            here = [self.mask(sweep, c) if c[0] == layer else torch.zeros_like(self.mask(sweep, c)) for c in cells]
            masks.append(torch.stack(here) if any(c[0] == layer for c in cells) else None)
        used = [m for m in masks if m is not None]

        def loss(w, *given):
            left = iter(given)
            return self.patched_loss(w, sweep, [None if m is None else next(left) for m in masks])

        return vmap(grad(loss), in_dims=(None, *[0] * len(used)))(self.base, *used)

    def chosen_of(self, cells):
        each = [self.chosen(cell) for cell in cells]
        return {n: torch.stack([grads[n] for grads in each]) for n in self.names}

    def sweep(self, name, variant, n_cells=None):
        sweep = study.sweep_named(name)
        if n_cells:
            sweep = study.Sweep(**{**sweep.__dict__, "cells": sweep.cells[:n_cells]})
        started = clock()
        if variant.startswith("vmap"):
            metrics = self.vmap(sweep, int(variant.split()[-1]))
        else:
            metrics = self.loop(sweep, plain.linear_onednn if variant == "loop onednn" else plain.linear)
        return {"seconds": clock() - started, "metrics": metrics}
