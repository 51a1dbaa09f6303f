"""Try gradcheck on random right functions, none of which may be called WRONG, and on mutants of them, none of which may be called RIGHT.

    python scripts/random_gradients.py --count 1000 --seed 0

Each function is a form of arguments, a loss of linclf, a scale, a penalty, a precision, and a size of the input. A mutant changes its
gradient by 1 % or more of the largest entry, in one entry, a row, a column or all of it.
"""

import inspect
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import click
import numpy as np

from linclf.errors import InputError
from linclf.gradcheck import check_gradient
from linclf.losses import LOSSES, Array, Loss

Function = Callable[..., Any]
Made = Callable[[Array, Array, Array, float], tuple[float, Array]]  # (W, X, codes, reg) -> value and gradient by W


def base(rng: np.random.Generator) -> tuple[str, Loss, Made]:
    """A right function of W (D, m), X (N, D), codes and reg, and what it is."""
    loss = LOSSES[str(rng.choice(list(LOSSES)))]
    penalty, total = float(rng.choice([0.0, 0.5, 1.0])), bool(rng.random() < 0.2)
    size, dtype = float(rng.choice([0.01, 1.0, 1.0, 5.0])), np.dtype(rng.choice(["float64", "float64", "float32"]))
    power = float(rng.choice([2.0, 2.0, 3.0]))

    def made(W: Array, X: Array, y: Array, reg: float) -> tuple[float, Array]:
        X = (size * X).astype(dtype)
        values, d = loss((X @ W.astype(dtype)), y)
        scale = 1 if total else 1 / len(y)
        value = scale * float(values.sum()) + penalty * reg * float((np.abs(W) ** power).sum())
        return value, scale * (X.T @ d) + penalty * reg * power * np.sign(W) * np.abs(W) ** (power - 1)

    return (
        f"{loss.name}, {'sum' if total else 'mean'}, penalty {penalty:g} |W|^{power:g}, inputs x {size:g}, {dtype}",
        loss,
        made,
    )


def codes(y: Array) -> Array:
    """Codes of labels in any encoding."""
    if y.ndim == 2 and min(y.shape) > 1:
        return np.asarray(y.argmax(axis=1))
    flat = y.reshape(-1)
    return flat.astype(int) if flat.min() >= 0 else (flat > 0).astype(int)


def formed(rng: np.random.Generator, loss: Loss, made: Made) -> tuple[str, Function]:
    """The function in a random form."""
    if loss.binary and rng.random() < 0.7:
        return _one_output(rng, made)

    def rows(W: Array, X: Array, y: Array, reg: float) -> tuple[float, Array]:
        return made(W, X, codes(y), reg)

    def columns(W: Array, X: Array, y: Array, reg: float) -> tuple[float, Array]:
        value, gradient = made(W.T, X.T, y, reg)
        return value, gradient.T

    def rows_first(X: Array, W: Array, y: Array) -> tuple[float, Array]:
        return made(W, X, y, 0.0)

    def keyword(W: Array, X: Array, y: Array, *, reg: float) -> tuple[float, Array]:
        return made(W, X, y, reg)

    def turned(W: Array, X: Array, y: Array) -> tuple[float, Array]:
        value, gradient = made(W.T, X, y, 0.0)
        return value, gradient.T

    def one_hot(W: Array, X: Array, targets: Array) -> tuple[float, Array]:
        if targets.shape != (len(X), W.shape[1]) or W.shape[1] == 1:
            raise ValueError("targets are one-hot")
        return made(W, X, codes(targets), 0.0)

    def scores(scores: Array, y: Array) -> tuple[float, Array]:
        return made(scores, np.eye(len(scores)), codes(y), 0.0)

    function: Any = [rows, columns, rows_first, keyword, turned, one_hot, scores][int(rng.integers(7))]
    return function.__name__, function


def _one_output(rng: np.random.Generator, made: Made) -> tuple[str, Function]:
    def vector(w: Array, X: Array, y: Array, reg: float) -> tuple[float, Array]:
        value, gradient = made(w[:, None], X, codes(y), reg)
        return value, gradient[:, 0]

    def theta(theta: Array, X: Array, y: Array) -> tuple[float, Array]:
        value, gradient = made(theta.reshape(-1, 1), X, codes(y), 0.0)
        return value, gradient.reshape(theta.shape)

    def column(theta: Array, X: Array, y: Array) -> tuple[float, Array]:
        if theta.ndim != 2 or theta.shape[1] != 1 or y.ndim != 2:
            raise ValueError("theta and y are columns")
        return made(theta, X, codes(y), 0.0)

    def predictions(pred: Array, true: Array) -> tuple[float, Array]:
        if pred.ndim != 1:
            raise ValueError("pred is a vector")
        value, gradient = made(pred[:, None], np.eye(len(pred)), codes(true), 0.0)
        return value, gradient[:, 0]

    function: Any = [vector, theta, column, predictions][int(rng.integers(4))]
    return function.__name__, function


def mutated(rng: np.random.Generator, function: Function) -> tuple[str, Function]:
    """The function with a gradient that is wrong by 1 % or more somewhere."""
    size, kind, place = float(rng.choice([0.01, 0.1, 1.0])), int(rng.integers(6)), int(rng.integers(1000))

    def change(g: Array) -> Array:
        g = np.array(g, np.float64, order="C")
        largest, flat = np.abs(g).max(), g.reshape(-1)
        if kind == 0:
            flat[place % g.size] += 1.5 * size * largest
        elif kind == 1:
            g *= 1 + 1.5 * size
        elif kind == 2:
            g += 1.5 * size * largest
        elif kind == 3:
            g[place % len(g)] += 1.5 * size * largest
        elif kind == 4:
            g.T[place % len(g.T)] -= 1.5 * size * largest
        else:
            flat[np.abs(flat).argmax()] *= -1
        return g

    def mutant(*arguments: Array, **named: float) -> tuple[float, Array]:
        value, gradient = function(*arguments, **named)
        return value, change(gradient)

    mutant.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    mutant.__name__ = function.__name__
    kinds = ("an entry", "all of it", "a constant", "a row", "a column", "the sign of the largest entry")
    return f"{kinds[kind]} by {150 * size:g} %", mutant


@click.command(help=__doc__)
@click.option("--count", default=1000, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(count: int, seed: int) -> None:
    """Try right functions and mutants; print every false verdict and all counts."""
    right, wrong, times = Counter[str](), Counter[str](), []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        what, loss, made = base(rng)
        form, function = formed(rng, loss, made)
        began = time.perf_counter()
        found = check_gradient(function, seed=number)
        times.append(time.perf_counter() - began)
        right[found.verdict] += 1
        if found.verdict in ("WRONG", "GRADIENT RIGHT, VALUE WRONG"):
            click.echo(f"{number}: right, called {found.verdict}: {form}, {what}: {found.worst[:1]}")
        change, mutant = mutated(rng, function)
        try:
            found = check_gradient(mutant, seed=number)
        except InputError:  # in a form that nothing else confirms
            wrong["refused"] += 1
            continue
        wrong[found.verdict] += 1
        if found.passed:
            click.echo(f"{number}: wrong, called {found.verdict}: {form}, {what}: {change}")
    click.echo(f"{count} right functions: {dict(right)}")
    click.echo(f"{count} mutants: {dict(wrong)}")
    click.echo(f"a right function takes {np.median(times):.3f} s in the median, {max(times):.2f} s at most")


if __name__ == "__main__":
    main()
