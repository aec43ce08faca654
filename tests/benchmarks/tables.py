"""One command for all figures of the README: how fast a step is beside PyTorch and JAX, what parts cost, how it grows.

    python tests/benchmarks/tables.py [--rounds N] [--seconds S] [--threads T] [--write]

Each library works in a process of its own, in turn with the others, in the environment that a user finds (`--threads
0`). `--write` puts the tables of steps and programs into the README, between the marks. Steps are those of `jit.py`:
value, gradient and Adam in float32, each waited for. Figures are medians; a ratio is the median over the rounds of the
quotient of neighbours.
"""

from __future__ import annotations

import argparse
import itertools
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from benchmarks import autodiff_ops, catalogue, checkpoint, harness, import_time, jit, vmap
else:
    import autodiff_ops
    import checkpoint
    import harness
    import import_time
    import jit
    import vmap

    import catalogue

README = Path(__file__).parents[2] / "README.md"
MARKS = "<!-- speed: begin -->", "<!-- speed: end -->"

# ------------------------------------------------------------------------------------------------- steps


def eager_with_kept_memory(workload: str) -> harness.Work:
    from funcnn import memory

    memory.keep_freed()
    return jit.eager(workload)


def jax_donated(workload: str) -> harness.Work:
    import jax

    program = jit.of_jax(workload)
    step = jax.jit(program.step, donate_argnums=(0, 1))

    def train() -> jit.Losses:
        params, opt_state = jax.tree.map(lambda x: x.copy(), (program.params, program.opt_state))
        while True:
            params, opt_state, value = jax.block_until_ready(step(params, opt_state, program.batch))
            yield value

    next(train())
    return train


SCANNED = 10
"""Steps of one `lax.scan`: what is measured is divided by it."""


def jax_scanned(workload: str) -> harness.Work:
    import jax

    program = jit.of_jax(workload)

    def one(carry: tuple[Any, Any], _: Any) -> tuple[tuple[Any, Any], Any]:
        params, opt_state, value = program.step(carry[0], carry[1], program.batch)
        return (params, opt_state), value

    steps: Any = jax.jit(lambda carry: jax.lax.scan(one, carry, length=SCANNED))

    def train() -> jit.Losses:
        carry = program.params, program.opt_state
        while True:
            carry, values = jax.block_until_ready(steps(carry))
            yield values[-1]

    next(train())
    return train


FIRST, PEERS = "`fn.jit`", ("PyTorch", "`jax.jit`")
STEPS: Mapping[str, Callable[[str], harness.Work]] = {
    FIRST: jit.jitted, "PyTorch": jit.pytorch, "`jax.jit`": jit.jax_jitted, "donated": jax_donated,
    "`lax.scan`": jax_scanned, "eager": jit.eager, "eager, memory kept": eager_with_kept_memory}
"""Who takes the steps; the last two are funcnn without jit."""


def steps(settings: harness.Settings) -> list[str]:
    """The table of training steps."""
    who = [name for name in STEPS if name != FIRST]
    lines = [f"| step, µs | {FIRST} | x the better of {' and '.join(PEERS)} | {' | '.join(who)} | eager x PyTorch |",
             "|---" * (len(who) + 4) + "|"]
    for workload in jit.WORKLOADS:
        contest = {workload: {name: partial(work, workload) for name, work in STEPS.items()}}
        own = harness.measured(contest, settings)[workload]
        figures = {name: 1e6 * median(each.typical for each in slices) for name, slices in own.items()}
        figures["`lax.scan`"] = figures.get("`lax.scan`", np.nan) / SCANNED
        better = harness.ratio(own[FIRST], [own[peer] for peer in PEERS if peer in own])
        eager = harness.ratio(own["eager"], [own["PyTorch"]]) if "PyTorch" in own else np.nan
        lines.append(f"| {described(workload)} | {digits(figures[FIRST])} | **{better:.2f}** | "
                     + " | ".join(digits(figures.get(name, np.nan)) for name in who) + f" | {eager:.2f} |")
    return lines


def described(workload: str) -> str:
    sizes, rows = jit.WORKLOADS[workload]
    return f"{workload}: {'-'.join(map(str, sizes))}, {rows} rows"


def digits(x: float) -> str:
    """A figure as one reads it: three digits that count."""
    return "-" if np.isnan(x) else f"{float(f'{x:.3g}'):,g}" if x < 1e6 else f"{x:,.0f}"


# ------------------------------------------------------------------------------------------- whole programs

WHOLE = "import sys; sys.path.insert(0, {folder!r}); import tables; tables.train({who!r}, {steps})"
SPIRAL_STEPS = 10_000


def train(who: str, count: int) -> None:
    """Import, set up, and take so many steps of the spiral: a whole program."""
    for _ in itertools.islice(STEPS[who]("spiral")(), count):
        pass


def whole_programs(settings: harness.Settings) -> list[str]:
    """How long programs take from their start to their end, and how much memory a wide net takes."""
    who = [FIRST, *PEERS]
    taken: dict[str, list[float]] = {name: [] for name in who}
    for _ in range(max(3, settings.rounds // 5)):
        for name in who:
            before = time.perf_counter()
            if run(WHOLE.format(folder=str(Path(__file__).parent), who=name, steps=SPIRAL_STEPS)) is None:
                taken[name].append(np.nan)
            taken[name].append(time.perf_counter() - before)
    peak = {name: peak_megabytes(name) for name in who}
    best = median(min(pair) for pair in zip(*[taken[peer] for peer in PEERS], strict=True))
    programs = " | ".join(f"{median(taken[name]):.2f}" for name in who)
    memory = " | ".join(f"{whole:.0f}, {own:.0f}" for whole, own in peak.values())
    return [f"| whole | {' | '.join(who)} |", "|---" * (len(who) + 1) + "|",
            f"| import, set-up and {SPIRAL_STEPS:,} steps of the spiral, s | {programs} |",
            f"| peak memory of *wide*, MB, and beyond that of *spiral* | {memory} |", "",
            f"The whole program takes {median(taken[FIRST]) / best:.2f} x the better of {' and '.join(PEERS)}."]


PEAK = """
import resource, sys
sys.path.insert(0, {folder!r})
import tables
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
tables.train({who!r}, 1)
before = peak()
for _ in zip(range(20), tables.STEPS[{who!r}]("wide")()): pass
print(peak(), peak() - before)
"""


def peak_megabytes(who: str) -> tuple[float, float]:
    """The most memory that 20 steps of the wide net take: of the process, and beyond what it had for the spiral."""
    answer = run(PEAK.format(folder=str(Path(__file__).parent), who=who))
    whole, own = map(float, answer.split()) if answer else (np.nan, np.nan)
    return whole, own


def run(program: str) -> str | None:
    """What a program prints; None where it cannot run here."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


# ------------------------------------------------------------------------------------------------- parts


SEQUENCES = {"attention": ((64, 4), (32, 64, 64)), "gru": ((16, 64), (32, 100, 16))}
"""What makes a layer, and the shape (batch, time, features) of what it reads."""


def sequence(name: str, jitted: bool) -> harness.Work:
    """The gradients of a layer's mean square."""
    import funcnn as fn

    settings, shape = SEQUENCES[name]
    layer = catalogue.existing("layers", name)(*settings)
    params, x = layer.init(fn.random.key(0)), np.random.default_rng(0).normal(size=shape).astype(np.float32)
    loss = fn.value_and_grad(lambda params: np.mean(layer.apply(params, x) ** 2))
    loss = fn.jit(loss) if jitted else loss
    return catalogue.repeat(lambda: loss(params))


def torch_sequence(name: str) -> harness.Work:
    import torch

    harness.set_torch_threads()
    settings, shape = SEQUENCES[name]
    kind = {"attention": torch.nn.MultiheadAttention, "gru": torch.nn.GRU}[name]
    layer, x = kind(*settings, batch_first=True), torch.randn(shape)

    def run() -> None:
        layer.zero_grad()
        y, _ = layer(x, x, x, need_weights=False) if name == "attention" else layer(x)
        (y**2).mean().backward()

    return catalogue.repeat(run)


def torch_optimizer(name: str, options: Mapping[str, Any]) -> harness.Work:
    import torch

    harness.set_torch_threads()
    weight = torch.nn.Parameter(torch.from_numpy(catalogue.PARAMS.copy()))
    optimizer = getattr(torch.optim, name)([weight], **options)
    weight.grad = torch.from_numpy(catalogue.GRADS.copy())
    return catalogue.repeat(optimizer.step)


def jitted_optimizer(name: str, options: dict[str, float]) -> harness.Work:
    import funcnn as fn
    from funcnn import optimizers

    optimizer = catalogue.existing("optimizers", name)(catalogue.S, **options)
    params, grads = {"w": catalogue.PARAMS}, {"w": catalogue.GRADS}

    @fn.jit
    def step(params: Any, state: Any) -> Any:
        updates, state = optimizer.update(grads, state, params)
        return optimizers.apply_updates(params, updates), state

    def train() -> Any:
        carry = params, optimizer.init(params)
        while True:
            carry = step(*carry)
            yield carry

    next(train())
    return train


TORCH_OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"lr": 0.01}), "sgd, momentum": ("SGD", {"lr": 0.01, "momentum": 0.9}),
    "sgd, nesterov": ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True}), "adagrad": ("Adagrad", {"lr": 0.01}),
    "rmsprop": ("RMSprop", {"lr": 0.01}), "adadelta": ("Adadelta", {"lr": 0.01}), "adam": ("Adam", {"lr": 0.01}),
    "adamw": ("AdamW", {"lr": 0.01}), "adamax": ("Adamax", {"lr": 0.01}), "nadam": ("NAdam", {"lr": 0.01})}


def optimizer_contests() -> harness.Contests:
    """One step of each optimizer on a million parameters."""
    contests: dict[str, dict[str, harness.Make]] = {}
    for what, pair in catalogue.OPTIMIZERS.items():
        own = pair["funcnn"]
        assert isinstance(own, partial)
        contests[what] = {"`fn.jit`": partial(jitted_optimizer, *own.args), "eager": own,
                          "by hand": pair["NumPy by hand"]}
        if what in TORCH_OPTIMIZERS:
            contests[what]["PyTorch"] = partial(torch_optimizer, *TORCH_OPTIMIZERS[what])
    return contests


PARTS: harness.Contests = {
    "`grad` of 1,000 operations on 3 numbers": {
        "funcnn": partial(autodiff_ops.funcnn_grad, autodiff_ops.chain, autodiff_ops.SMALL),
        "autograd": partial(autodiff_ops.autograd_grad, autodiff_ops.chain, autodiff_ops.SMALL)},
    "`grad` of gelu of 1,000,000 numbers": {
        "funcnn": partial(autodiff_ops.funcnn_grad, autodiff_ops.gelu, autodiff_ops.LARGE),
        "autograd": partial(autodiff_ops.autograd_grad, autodiff_ops.gelu, autodiff_ops.LARGE)},
    "dropout of 3000x512": {"funcnn": catalogue.dropout, "PyTorch": catalogue.torch_dropout},
    "conv2d, 32 images of 28x28, to 16 channels": {"funcnn": partial(catalogue.conv2d, False),
                                                   "PyTorch": partial(catalogue.torch_conv2d, False)},
    "conv2d and its gradients": {"funcnn": partial(catalogue.conv2d, True),
                                 "PyTorch": partial(catalogue.torch_conv2d, True)},
    **{what: {"funcnn": partial(sequence, name, False), "`fn.jit`": partial(sequence, name, True),
              "PyTorch": partial(torch_sequence, name)}
       for name, what in (("attention", "attention, 32x64 of 64, 4 heads, gradients"),
                          ("gru", "GRU 16-64, 32x100, gradients"))},
    **{f"`vmap`: {what}": {"funcnn": partial(vmap.with_funcnn, what), "PyTorch": partial(vmap.with_torch, what)}
       for what in vmap.PROGRAMS},
    "first call of a jitted step of the spiral": {"funcnn": partial(jit.recorded, "spiral"),
                                                  "`jax.jit`": partial(jit.compiled, "spiral")},
}


def imports(settings: harness.Settings) -> list[str]:
    """What imports take in a fresh process, after NumPy's own."""
    found = import_time.take_turns(settings.rounds)
    times = {"numpy": [own for each in found.values() for own, _, _ in each]}
    times |= {package: [its for _, its, _ in each] for package, each in found.items()}
    return [f"| import, ms | {' | '.join(times)} |", "|---" * (len(times) + 1) + "|",
            f"| after NumPy | {' | '.join(digits(1e3 * median(each)) for each in times.values())} |"]


def files(settings: harness.Settings) -> list[str]:
    """Saving and loading 100 MB."""
    with tempfile.TemporaryDirectory() as folder:
        return table(checkpoint.contests(folder), settings, "ms")


def table(contests: harness.Contests, settings: harness.Settings, unit: str) -> list[str]:
    """A table of contests: a row each, its times in milliseconds, and how many times the first the others take."""
    who = list(dict.fromkeys(itertools.chain(*contests.values())))
    lines = [f"| {unit} | {' | '.join(who)} |", "|---" * (len(who) + 1) + "|"]
    for what, contest in contests.items():
        own = harness.measured({what: contest}, settings).get(what, {})
        if own:
            cells = [digits(1e3 * median(each.typical for each in own[name])) if name in own else "-" for name in who]
            lines.append(f"| {what} | {' | '.join(cells)} |")
    return lines


# ------------------------------------------------------------------------------------------------ scaling


def net_step(rows: int, width: int, depth: int, leaves: int, jitted: bool) -> Callable[[], Any]:
    """A step of a net of so many layers of this width, with `leaves` small arrays of parameters besides."""
    import funcnn as fn
    from funcnn import optimizers
    from funcnn.activations import tanh
    from funcnn.layers import dense

    net: Any = dense(16, width)
    for _ in range(depth):
        net = net >> tanh >> dense(width, width)
    x, optimizer = np.random.default_rng(0).random((rows, 16), np.float32), optimizers.adam(0.001)
    others = {f"b{i}": np.zeros(4, np.float32) for i in range(leaves)}
    params: Any = {"net": net.init(fn.random.key(0)), "others": others}

    def loss(params: Any) -> Any:
        return np.mean(net.apply(params["net"], x) ** 2) + sum(np.sum(b) for b in params["others"].values())

    def step(params: Any, state: Any) -> Any:
        _, grads = fn.value_and_grad(loss)(params)
        updates, state = optimizer.update(grads, state, params)
        return optimizers.apply_updates(params, updates), state

    step, state = fn.jit(step) if jitted else step, optimizer.init(params)
    step(params, state)
    return lambda: step(params, state)


BASE = {"rows": 256, "width": 128, "depth": 2, "leaves": 4}


def scaling(jitted: bool) -> list[str]:
    """What a step costs as one thing is doubled, again and again, and the others stay."""
    lines = ["| doubled | times, ms | from one to the next |", "|---|---|---|"]
    for what, first in BASE.items():
        sizes = [first * 2**k for k in range(5)]
        times = [quick(net_step(**BASE | {what: size}, jitted=jitted)) for size in sizes]
        lines.append(grown(what, sizes, times))
    return [*lines, steps_in_a_fold(jitted)]


def grown(what: str, sizes: list[int], times: list[float]) -> str:
    """A row: sizes, times, and how many times as long each takes as the one before."""
    growth = ", ".join(f"{b / a:.2f}" for a, b in itertools.pairwise(times))
    return f"| {what}: {', '.join(map(str, sizes))} | {', '.join(digits(1e3 * t) for t in times)} | {growth} |"


def steps_in_a_fold(jitted: bool) -> str:
    """The time of many steps after one another, which must be that of one for each."""
    step = net_step(**BASE, jitted=jitted)
    counts = [50, 100, 200, 400]
    times = []
    for count in counts:
        before = time.perf_counter()
        for _ in range(count):
            step()
        times.append(time.perf_counter() - before)
    return grown("steps", counts, times)


def quick(f: Callable[[], Any], seconds: float = 0.3) -> float:
    """The median time of a call."""
    times: list[float] = []
    while sum(times) < seconds or len(times) < 5:
        before = time.perf_counter()
        f()
        times.append(time.perf_counter() - before)
    return median(times)


# ------------------------------------------------------------------------------------------------- the README


def written(text: str, tables: str) -> str:
    """The README with these tables between the marks."""
    begin, end = MARKS
    return re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n{tables}\n{end}", text, flags=re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="how often each takes its turn")
    parser.add_argument("--seconds", type=float, default=0.3, help="how long a turn is")
    parser.add_argument("--threads", type=int, default=0, help="threads of BLAS and PyTorch; 0 is what they take")
    parser.add_argument("--write", action="store_true", help="put the table of steps into the README")
    options = vars(parser.parse_args())
    write = options.pop("write")
    settings = harness.Settings(**options)
    where = f"{harness.machine().splitlines()[0]}; {harness.machine().splitlines()[1]}"
    front = [*steps(settings), "", *whole_programs(settings), "", f"Measured on {where}."]
    print("\n".join(front), flush=True)
    if write:
        README.write_text(written(README.read_text(), "\n".join(front)))
    contests = {"Parts": PARTS, "Optimizers, a step of 1e6 float32 parameters": optimizer_contests()}
    for title, own in contests.items():
        print(f"\n{title}\n\n" + "\n".join(table(own, settings, "ms")), flush=True)
    print("\nImports and files\n\n" + "\n".join([*imports(settings), "", *files(settings)]), flush=True)
    for title, jitted in (("Scaling, fn.jit", True), ("Scaling, eager", False)):
        print(f"\n{title}\n\n" + "\n".join(scaling(jitted)), flush=True)


if __name__ == "__main__":
    main()
