"""Try whether the bounds of `linclf.optim.certificate` are true, on random problems whose optimum other solvers find.

    python scripts/bounds.py [--problems 20000] [--seed 0] [--jobs 2]

Each problem draws a loss, a bias policy, the penalty, row weights, dense or CSR rows, the number of classes, rows that are separable
or not, and weights to start from. Smooth losses are solved by two of SciPy's solvers, losses with kinks as quadratic programs. A
bound above the optimum, beyond the rounding of that solver, is an error.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy import sparse
from scipy.optimize import minimize

from linclf.losses import LOSSES, Array, signs
from linclf.optim.certificate import bound_and_finish
from linclf.optim.linalg import Stored
from linclf.optim.objective import Objective

BIASES = {"free": (True, False), "penalised": (True, True), "none": (False, False)}  # fit_bias, reg_bias
ROUNDING = 1e-8  # of the other solvers, relative


def least_objective(
    objective: Objective, X: Stored, y: Array, m: int, *, fit_bias: bool, weights: Array | None
) -> float:
    """The least objective: of m outputs, with or without a bias."""
    solve = smooth_optimum if objective.loss.smoothed is None else quadratic_program
    return solve(objective, X, y, m, fit_bias=fit_bias, weights=weights)


def smooth_optimum(
    objective: Objective, X: Stored, y: Array, m: int, *, fit_bias: bool, weights: Array | None
) -> float:
    """The least objective of a smooth loss, as two of SciPy's solvers find it."""
    d = X.shape[1]

    def value(z: Array) -> tuple[float, Array]:
        whole = z.reshape(d + 1, m)
        b = whole[-1] if fit_bias else np.zeros(m)
        total, dW, db = objective.value_and_gradient(X, y, np.ascontiguousarray(whole[:-1]), b, weights)
        return float(total), np.vstack([dW, db if fit_bias else np.zeros(m)]).ravel()

    rough = minimize(value, np.zeros((d + 1) * m), jac=True, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-13})
    return float(min(rough.fun, minimize(value, rough.x, jac=True, method="CG", options={"gtol": 1e-13}).fun))


def quadratic_program(
    objective: Objective, X: Stored, y: Array, m: int, *, fit_bias: bool, weights: Array | None
) -> float:
    """The least objective of a loss with kinks: SciPy solves it with a slack for each term of the loss."""
    n, name, reg = len(y), objective.loss.name, float(objective.reg)
    v = np.ones(n) if weights is None else weights
    rows = np.hstack([X if isinstance(X, np.ndarray) else X.toarray(), np.ones((n, int(fit_bias)))])
    D, slacks = rows.shape[1], 1 if name == "crammer-singer" else m
    penalised = np.ones((D, m))
    penalised[D - (fit_bias and not objective.reg_bias) :] = 0
    t, terms = signs(np.zeros((n, m)), y), []  # each: coefficients of weights and slacks, whose product is at least 1
    for i, row in enumerate(rows):
        for j in range(m):
            if name == "hinge" or j != y[i]:
                a, slack = np.zeros((D, m)), np.zeros(n * slacks)
                a[:, j] = t[i, j] * row if name == "hinge" else -row
                if name != "hinge":
                    a[:, y[i]] += row
                slack[i * slacks + j % slacks] = 1
                terms.append(np.concatenate([a.ravel(), slack]))
    A = np.array(terms)
    cost = np.concatenate([np.zeros(D * m), np.repeat(v / v.sum(), slacks)])
    square = np.concatenate([reg * penalised.ravel(), np.zeros(n * slacks)])
    found = minimize(
        lambda u: (cost @ u + square @ (u * u) / 2, cost + square * u),
        (cost > 0).astype(float),
        jac=True,
        method="SLSQP",
        bounds=[(None, None)] * (D * m) + [(0, None)] * (n * slacks),
        constraints={"type": "ineq", "fun": lambda u: A @ u - 1, "jac": lambda u: A},
        options={"ftol": 1e-14, "maxiter": 500},
    )
    z = found.x[: D * m].reshape(D, m)
    W, b = np.ascontiguousarray(z[: X.shape[1]]), z[X.shape[1]] if fit_bias else np.zeros(m)
    return float(np.sum(objective.terms(X, y, W, b, weights)))


def try_problem(number: int, seed: int = 0) -> tuple[str, float]:
    """Draw a problem and bound it at random weights, and after a few steps; return what it is, and by how much, relative to the
    optimum, the larger bound exceeds it: negative for a true bound."""
    rng = np.random.default_rng([seed, number])
    loss = LOSSES[str(rng.choice(list(LOSSES)))]
    bias = str(rng.choice(list(BIASES)))
    many = rng.random() < (0.003 if loss.name in ("svm", "hinge") else 0.05)  # a program of 400 slacks takes 10 seconds
    n, d, K = int(rng.integers(4, 40)), int(rng.integers(1, 6)), int(rng.integers(2, 21 if many else 5))
    n = max(n, K)
    y = rng.permutation(np.arange(n) % K)
    X = rng.standard_normal((n, d)) + rng.choice([0, 0.3, 5]) * rng.standard_normal((K, d))[y]
    if rng.random() < 0.3:
        X[rng.random(X.shape) < 0.7] = 0
    reg = float(10 ** rng.uniform(-6, 1) if loss.smoothed is None else 10 ** rng.uniform(-4, 1))
    weights = rng.uniform(0.1, 3, n) if rng.random() < 0.3 else None
    fit_bias, reg_bias = BIASES[bias]
    objective, m = Objective(loss, reg, reg_bias), loss.n_outputs(K)
    start = rng.choice([0, 1, 10]) * rng.standard_normal((d, m)), fit_bias * rng.standard_normal(m)
    x = sparse.csr_matrix(X) if rng.random() < 0.3 else X
    run = partial(bound_and_finish, objective, x, y, start=start, weights=weights, fit_bias=fit_bias)
    bounds = [run()[2].lower_bound, run(percent=float(rng.choice([1e-3, 1, 30])), most_steps=200)[2].lower_bound]
    least = least_objective(objective, X, y, m, fit_bias=fit_bias, weights=weights)
    what = f"problem {number}: {loss.name}, bias {bias}, reg {reg:.2g}, {n} x {d}, {K} classes"
    return what, (max(bounds) - least) / least


def main() -> None:
    """Try the problems, print those whose bound is not true, and how near the bounds came."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    wrong, excess = 0, []
    with ProcessPoolExecutor(options.jobs) as pool:
        for what, over in pool.map(partial(try_problem, seed=options.seed), range(options.problems), chunksize=50):
            excess.append(over)
            if over > ROUNDING:
                wrong += 1
                print(f"{what}: the bound is {over:.2g} above the optimum")
    near = np.quantile(-np.array(excess), [0.5, 0.9])
    print(
        f"{len(excess)} problems, {wrong} bounds above the optimum; half of them within {near[0]:.2g} of it, 90 % within {near[1]:.2g}"
    )
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
