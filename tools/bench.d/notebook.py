"""The peer that patchbay wants to replace: the notebook's loop with TransformerLens.

For every cell: copy.deepcopy of the HookedTransformer, hooks, backward, clipping, a step of AdamW, the twelve
questions. Friendlier to it than the notebook was: the questions are one batch without gradients, and for parameter
sets the two runs' gradients are computed once, not once a cell.
"""
import copy
import os
import sys

sys.stderr = open(os.devnull, "w")  # progress bars and advice

import torch  # noqa: E402
from transformer_lens import HookedTransformer, HookedTransformerConfig, patching  # noqa: E402
from transformer_lens.utils import get_act_name  # noqa: E402

import study  # noqa: E402
from weights import load_file  # noqa: E402
from where import DEVICE, clock, tensor  # noqa: E402

sys.stderr = sys.__stderr__
U = study.UPDATE


def quiet(function, *arguments):
    """Without TransformerLens' progress bar."""
    stream = sys.stderr
    with open(os.devnull, "w") as sys.stderr:
        try:
            return function(*arguments)
        finally:
            sys.stderr = stream


def optimizer_of(model):
    return torch.optim.AdamW(model.parameters(), lr=U["lr"], betas=U["betas"], eps=U["eps"],
                             weight_decay=U["weight_decay"])


def put(setter, target, index, source):
    """patching.py's setters, on a copy: PyTorch forbids changing in place what a backward hook watches."""
    target = target.clone()
    if setter == "layer_head":
        target[:, :, index[1]] = source[:, :, index[1]]
    elif setter == "layer_pos":
        target[:, index[1]] = source[:, index[1]]
    else:
        target[:, index[1]] = source[:, index[1]]  # layer_head_pattern: heads come first
    return target


class Notebook:
    def load(self, checkpoint):
        config = HookedTransformerConfig(**study.SIZES, n_ctx=study.N_CTX, d_vocab=study.D_VOCAB, act_fn="relu",
                                         normalization_type="LN", device=DEVICE.type)
        self.model = HookedTransformer(config)
        missing, unexpected = self.model.load_state_dict(load_file(checkpoint), strict=False)
        missing = [n for n in missing if not n.endswith(("attn.mask", "attn.IGNORE"))]
        if missing or unexpected:
            raise SystemExit(f"the checkpoint does not fit TransformerLens' model: {missing} {unexpected}")
        prompts, answers = study.questions(study.UNIT)
        self.prompts, self.answers = tensor(prompts), tensor(answers)
        self.runs = {which: self.run(tag) for which, tag in
                     (("clean", study.RELIABLE), ("corrupted", study.UNRELIABLE))}

    def loss(self, model, tokens):
        return torch.nn.functional.cross_entropy(model(tokens)[:, 1], tokens[:, 2])

    def run(self, tag):
        tokens = tensor([study.definition(tag, study.UNIT)])
        cache, forward, backward = self.model.get_caching_hooks(incl_bwd=True)
        self.model.zero_grad()
        with self.model.hooks(fwd_hooks=forward, bwd_hooks=backward):
            self.loss(self.model, tokens).backward()
        grads = {n: p.grad.clone() for n, p in self.model.named_parameters()}
        self.model.zero_grad()
        return {"tokens": tokens, "cache": cache, "weights": grads}

    def metric(self, model):
        with torch.no_grad():
            logits = model(self.prompts)[:, 2]
            return logits.gather(1, self.answers[:, None]).mean().item()

    def backward_of_cell(self, model, sweep, index):
        point = get_act_name(sweep.hook, index[0])
        source = self.runs["corrupted"]["cache"][point]
        forward = [(point, lambda x, hook: put(sweep.setter, x, index, source))]
        backward = []
        if sweep.backward:
            gradient = self.runs["clean"]["cache"][point + "_grad"]
            backward = [(point, lambda x, hook: put(sweep.setter, x, index, gradient))]
        with model.hooks(fwd_hooks=forward, bwd_hooks=backward):
            self.loss(model, self.runs["clean"]["tokens"]).backward()

    def sweep(self, name, n_cells=None):
        sweep = study.sweep_named(name)
        metrics = []
        started = clock()
        for index in sweep.cells[:n_cells]:
            model = copy.deepcopy(self.model)
            optimizer = optimizer_of(model)
            if sweep.hook:
                self.backward_of_cell(model, sweep, index)
            else:
                for n, p in model.named_parameters():
                    p.grad = self.runs["clean" if n in index else "corrupted"]["weights"][n].clone()
            torch.nn.utils.clip_grad_norm_(model.parameters(), U["max_grad_norm"])
            optimizer.step()
            metrics.append(self.metric(model))
        return {"seconds": clock() - started, "metrics": metrics}

    def activation(self, which, clean, corrupted, answers, distractors):
        """Plain activation patching by transformer_lens.patching; position 2 is scored."""
        clean, corrupted = tensor(clean), tensor(corrupted)
        answers, distractors = tensor(answers)[:, None], tensor(distractors)[:, None]

        def metric(logits):
            logits = logits[:, 2]
            return (logits.gather(1, answers) - logits.gather(1, distractors)).mean()

        function = {"resid_pre": patching.get_act_patch_resid_pre,
                    "z": patching.get_act_patch_attn_head_out_all_pos}[which]
        with torch.no_grad():
            _, cache = self.model.run_with_cache(clean)
            started = clock()
            grid = quiet(function, self.model, corrupted, cache, metric)
            seconds = clock() - started
        return {"seconds": seconds, "metrics": grid.flatten().tolist()}

    def train(self, checkpoint, batches):
        """Steps as the notebook trains; returns the losses."""
        model = copy.deepcopy(self.model)
        model.load_state_dict(load_file(checkpoint), strict=False)
        optimizer = optimizer_of(model)
        losses = []
        started = clock()
        for step, batch in enumerate(batches):
            optimizer.param_groups[0]["lr"] = study.learning_rate(step)
            tokens, pos, answers = (tensor([row[k] for row in batch]) for k in ("tokens", "pos", "answer"))
            optimizer.zero_grad()
            logits = model(tokens)[torch.arange(len(batch), device=DEVICE), pos]
            loss = torch.nn.functional.cross_entropy(logits, answers)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), U["max_grad_norm"])
            optimizer.step()
            losses.append(loss.item())
        return {"seconds": clock() - started, "losses": losses}
