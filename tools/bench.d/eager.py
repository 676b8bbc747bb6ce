"""PyTorch eager's training step, without hooks: plain.py's model, clip_grad_norm_ and AdamW, fused or by foreach."""
import torch

import plain
import study
from where import DEVICE, clock, tensor

T = study.TRAINING


class Eager:
    def train(self, checkpoint, batches, kind, dtype="float32"):
        """Steps over batches of {tokens, pos, answer}; `kind` is an option of torch.optim.AdamW: fused or foreach."""
        w = {n: v.requires_grad_(True) for n, v in plain.load(checkpoint, getattr(torch, dtype)).items()}
        optimizer = torch.optim.AdamW(w.values(), lr=T["lr"], betas=T["betas"], eps=T["eps"],
                                      weight_decay=T["weight_decay"], **{kind: True})
        data = [tuple(tensor([row[k] for row in batch]) for k in ("tokens", "pos", "answer")) for batch in batches]
        losses = []
        started = clock()
        for step, (tokens, pos, answers) in enumerate(data):
            optimizer.param_groups[0]["lr"] = study.learning_rate(step)
            optimizer.zero_grad()
            logits = plain.forward(w, tokens, (torch.arange(len(tokens), device=DEVICE), pos))
            loss = torch.nn.functional.cross_entropy(logits, answers)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(w.values(), T["max_grad_norm"], foreach=True)
            optimizer.step()
            losses.append(loss.detach())
        losses = torch.stack(losses).tolist()  # read once: a GPU does not wait for the host at every step
        return {"seconds": clock() - started, "losses": losses}
