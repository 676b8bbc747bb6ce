#!/bin/sh
# notebook.sh BUILD: the snippets of docs/notebook.md, in their order, on small runs; what they make is looked at
# behind them. Exit 77 where there is no python3 with numpy and pandas.
set -eu
build=$(cd "$1" && pwd) source=$(cd "$(dirname "$0")/../.." && pwd)
python=
for candidate in python3 /usr/bin/python3; do
	[ -n "$python" ] || ! "$candidate" -c 'import numpy, pandas' 2>/dev/null || python=$candidate
done
[ -n "$python" ] || { echo "no python3 with numpy and pandas"; exit 77; }
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cd "$stage"

cat >small.yaml <<'YAML'
name: notebook
model: {n_layers: 2, d_model: 32, n_heads: 2, d_mlp: 16}
data: {plugin: oocl, mod: 16}
train:
  - {name: a, split: arithmetic, steps: 4, batch_size: 8, optimizer: {lr: 1.0e-3}, save: model_0}
  - {name: b, split: X1, steps: 6, batch_size: 8, optimizer: {lr: 1.0e-3}, evaluate: {accuracy: DtQ1}, save: model_1}
probe: {model: model_1, select: {metric: cross_entropy, before: model_0, after: model_1}}
sweeps:
  - {name: z by head, hook: z, setter: layer_head, over: [layer, head], forward: corrupted, estimate: true}
  - {name: by position, hook: resid_pre, setter: layer_pos, over: [layer, pos], forward: corrupted, backward: clean}
  - {name: parts, setter: params, sets: blocks}
YAML
sed -e 's/^probe:.*/probe: {units: [3, 5], model: [model_0, model_1]}/' small.yaml >units.yaml

# Everything between ```python and ```, and what must be true then.
sed -n '/^```python$/,/^```$/{/^```/d;p}' "$source/docs/notebook.md" >snippets.py
[ "$(grep -c '^```python$' "$source/docs/notebook.md")" -ge 9 ] || { echo "snippets are missing" >&2; exit 1; }
cat >checks.py <<'PYTHON'

assert len(grids) == len(results["sweeps"]) >= 3
for s in results["sweeps"]:
    grid, frame = grids[s["name"]], frame_of(s)
    labels = [axis["labels"] for axis in s["axes"]]
    n = 1
    for own in labels:
        n *= len(own)
    assert len(frame) == n and frame["score"].notna().any()
    mean = load_sweep(run / "sweeps" / f"{s['file']}.npz", "score_mean") if "over" in s else grid
    assert np.array_equal(mean.to_numpy(), frame["score"].to_numpy(), equal_nan=True)
    assert [list(mean.index.get_level_values(i).unique()) for i in range(len(labels))] == labels
    if "over" in s:
        assert grid.index.names[0] == "unit" and len(grid) == n * s["over"]["n"]
        first = s["over"]["members"][0]
        one = grid.xs(first["name"], level="unit")
        assert np.array_equal(one.to_numpy(), numbers(first["cells"]["score"]), equal_nan=True)
    else:
        csv = pd.read_csv(run / "sweeps" / f"{s['file']}.csv", float_precision="round_trip")
        assert np.array_equal(csv["metric"].to_numpy(), frame["metric"].to_numpy(), equal_nan=True)
assert list(table["set"]) == results["sweeps"][-1]["axes"][0]["labels"] and len(table) > 2
assert set(curves) == {"a", "b"} and len(curves["b"]) > 0 and "loss" in curves["a"]
assert len(results["patterns"]) == len(results["updates"]) == (4 if "probes" in results else 1)
assert np.allclose(clean.sum(axis=3), 1, atol=1e-5) and clean.shape == (2, 2, 4, 4)
assert (sizes["clean"] > 0).all() and sizes.loc["embed.W_E", "elements"] == results["updates"][-1]["elements"][0]
assert "probes" in results or units["selected"].sum() == 1
PYTHON
cat checks.py >>snippets.py

for name in small units; do
	rm -rf runs
	"$build/core/patchbay" run $name.yaml --out runs/quickstart >run.log 2>&1 || { cat run.log >&2; exit 1; }
	"$python" snippets.py >out 2>&1 || { cat out >&2; echo "$name.yaml failed" >&2; exit 1; }
	[ -f runs/quickstart/figures/units.svg ] || [ $name = units ] || { echo "no units.svg" >&2; exit 1; }
done
