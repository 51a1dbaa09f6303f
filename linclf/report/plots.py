"""Plots, drawn with matplotlib (extra `plot`), which is imported only when a plot is drawn."""

import functools
import io
import os
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from linclf.errors import InputError
from linclf.model.metrics import METRICS
from linclf.storage.decode import JsonObject
from linclf.storage.files import write_bytes

if TYPE_CHECKING:  # a sweep needs neither
    from linclf.gradcheck import GradientCheck
    from linclf.inspect.explain import Picture

P = ParamSpec("P")
MAX_PANELS = 60
COLOUR_QUANTILE = 0.995  # the share of pixels within the range of colours; larger ones are clipped
MAX_NAME_LENGTH = 36  # of a feature next to its bar
_COLOUR_OF_POSITIVE = {True: "tab:red", False: "tab:blue"}
FORMATS = ("png", "svg", "pdf")


def check_picture(path: str) -> None:
    """Check before any work that a plot can be drawn and saved to this path. Raises InputError if not."""
    if os.path.splitext(path)[1].lstrip(".").lower() not in FORMATS:
        raise InputError(f"{path}: give the picture a name that ends in .{', .'.join(FORMATS)}")
    if find_spec("matplotlib") is None:
        raise InputError("drawing needs matplotlib; install it with: pip install matplotlib")


def _without_warnings(draw: Callable[P, None]) -> Callable[P, None]:
    """Ignore matplotlib's warnings of letters that its fonts lack and of scales from 1e-300 to 1e300: the plot is drawn."""

    @functools.wraps(draw)
    def quietly(*args: P.args, **kwargs: P.kwargs) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            draw(*args, **kwargs)

    return quietly


@_without_warnings
def plot_gradient(check: "GradientCheck", path: str) -> None:
    """Plot analytic against numerical slopes; right ones lie on the diagonal, wrong ones are marked, the worst with their index beside
    the axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.6, 6), layout="constrained")
    axes = figure.add_subplot()
    styles: dict[str, JsonObject] = {
        "right": {"marker": "o", "color": "tab:blue", "s": 22, "alpha": 0.6},
        "kink": {"marker": "D", "color": "tab:orange", "s": 26},
        "unclear": {"marker": ".", "color": "gray"},
        "wrong": {"marker": "x", "color": "tab:red", "s": 40},
    }
    finite = [c for c in check.coordinates if abs(c.analytic) < float("inf") and abs(c.numeric) < float("inf")]
    for verdict, style in styles.items():
        chosen = [c for c in finite if c.verdict == verdict]
        if chosen:
            label = "at a kink, where any slope between the one-sided ones is right" if verdict == "kink" else verdict
            label = f"{label}: {len(chosen)}"
            axes.scatter([c.numeric for c in chosen], [c.analytic for c in chosen], label=label, zorder=2, **style)
    worst = [c for c in check.worst if not check.gradient_passed and c in finite and c.index is not None]
    for place, c in enumerate(
        sorted(worst, key=lambda c: c.analytic), 1
    ):  # in a column beside the axes, where none covers another
        axes.annotate(
            str(list(c.index or ())),
            (c.numeric, c.analytic),
            (1.03, place / (len(worst) + 1)),
            textcoords="axes fraction",
            fontsize=8,
            va="center",
            arrowprops={"arrowstyle": "-", "color": "gray", "linewidth": 0.6},
        )
    axes.axline((0, 0), slope=1, color="black", linewidth=0.8, zorder=1)
    axes.set_xlabel("numerical slope (central differences)")
    axes.set_ylabel("analytic slope (the function's gradient)")
    title = f"{check.name.rpartition('/')[2]}: {check.verdict.lower()}"
    axes.set_title(title, parse_math=False)
    if finite:
        figure.legend(loc="outside lower center", fontsize=8)
    else:
        axes.text(
            0.5, 0.5, "the gradient does not have\nthe shape of its argument", ha="center", transform=axes.transAxes
        )
    _save(figure, path)


@_without_warnings
def plot_sweep(result: JsonObject, path: str) -> None:
    """Plot score against reg with a band of one standard error, one line per loss: its best configuration at each reg."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    rows = [row for row in result["rows"] if row["status"] == "done"]  # the best first
    lines: dict[str, dict[float, Any]] = {}
    for row in rows:
        lines.setdefault(row["options"]["loss"], {}).setdefault(row["options"]["reg"], row)
    for loss, at in sorted(lines.items()):
        regs = sorted(at)
        scores = [at[reg]["score"] for reg in regs]
        (line,) = axes.plot(regs, scores, marker="o", markersize=4, label=loss)
        errors = [np.nan if at[reg]["score_se"] is None else at[reg]["score_se"] for reg in regs]
        below, above = (np.add(scores, sign * np.array(errors)) for sign in (-1, 1))
        if len(regs) > 1:
            axes.fill_between(regs, below, above, color=line.get_color(), alpha=0.15, linewidth=0)
        else:
            axes.errorbar(regs, scores, yerr=errors, color=line.get_color(), capsize=3)
    positive = [reg for at in lines.values() for reg in at if reg > 0]
    if any(0 in at for at in lines.values()):  # a log scale cannot show 0
        axes.set_xscale("symlog", linthresh=min(positive, default=1.0))
    else:
        axes.set_xscale("log")
    marks: dict[str, JsonObject] = {
        "best": {"marker": "*", "color": "black", "s": 110},
        "best_1se": {
            "marker": "D",
            "facecolors": "none",
            "edgecolors": "black",
            "s": 170,
        },  # large enough to be drawn around a star
    }
    for name, style in marks.items():
        row = result[name]
        if row:
            axes.scatter([row["options"]["reg"]], [row["score"]], label=name, zorder=3, **style)
    axes.set_xlabel("reg")
    validated_on = f"{result['cv']} folds" if result["cv"] else f"{result['n_val']} validation rows"
    axes.set_ylabel(f"{METRICS[result['metric']].title} on {validated_on}, with one standard error")
    shown = sum(len(at) for at in lines.values())
    count = f"{len(rows)} of {result['n_configurations']}" if len(rows) < result["n_configurations"] else str(len(rows))
    best_of = "" if shown == len(rows) else ", the best at each reg"
    axes.set_title(f"{result['data'].rpartition('/')[2]}: {count} configurations{best_of}", parse_math=False)
    axes.grid(alpha=0.3)
    axes.legend(loc="best")
    _save(figure, path)


def _bar_panels(explanation: JsonObject, top: int) -> tuple[list[tuple[str, list[tuple[str, float]]]], str]:
    """The panels of `plot_bars`, a title and named bars for each, and what the bars mean."""
    if "contributions" not in explanation:
        panels = [
            (
                f"class {entry['class']}",
                [(x["feature"], x["strength"]) for x in [*entry["positive"], *reversed(entry["negative"])]],
            )
            for entry in explanation["classes"]
        ]
        return panels, f"adds to the score, per {explanation['unit']}"
    shown, others = explanation["contributions"][:top], explanation["contributions"][top:]
    rest = sum(entry["adds"] for entry in others)
    bars = [
        ("base", explanation["base"]),
        *((entry["feature"] + f" = {entry['text']}" * entry["is_number"], entry["adds"]) for entry in shown),
        *([("all others", rest)] if rest else []),
        ("score", explanation["score"]),
    ]
    return [(f"score of {explanation['class']}", bars)], "adds to the score"


@_without_warnings
def plot_bars(explanation: JsonObject, path: str, top: int) -> None:
    """Plot as bars the strongest weights of each class, or the `top` largest contributions of features to the score of a row."""
    from matplotlib.figure import Figure

    panels, label = _bar_panels(explanation, top)
    _check_panels(len(panels))
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    tallest = max(3, *(len(bars) for _, bars in panels))
    figure = Figure(figsize=(5.5 * columns, rows * (0.24 * tallest + 0.9)), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (title, bars) in zip(grid, panels, strict=False):
        values = [value for _, value in bars]
        colours = [
            "0.6" if name in ("base", "score") and "contributions" in explanation else _COLOUR_OF_POSITIVE[value > 0]
            for name, value in bars
        ]
        axes.barh(range(len(bars)), values, color=colours)
        names = [name if len(name) <= MAX_NAME_LENGTH else name[: MAX_NAME_LENGTH - 3] + "..." for name, _ in bars]
        axes.set_yticks(range(len(bars)), [" ".join(name.split()) for name in names], fontsize=8, parse_math=False)
        axes.invert_yaxis()
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_title(title, parse_math=False)
        axes.grid(axis="x", alpha=0.3)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    figure.supxlabel(label, fontsize=9)
    _save(figure, path)


@_without_warnings
def plot_pictures(pictures: "Sequence[Picture]", path: str) -> None:
    """Plot pictures side by side; in signed ones red is positive, white 0 and blue negative."""
    from matplotlib.figure import Figure

    _check_panels(len(pictures))
    columns = min(len(pictures), 5)
    rows = -(-len(pictures) // columns)
    figure = Figure(figsize=(2.2 * columns, 2.4 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    signed = [abs(picture.pixels).ravel() for picture in pictures if picture.signed]
    # a few pixels that are almost always 0 can have weights much larger than all others
    largest = float(np.quantile(np.concatenate(signed), COLOUR_QUANTILE)) or float(np.concatenate(signed).max()) or 1.0
    for axes, picture in zip(grid, pictures, strict=False):
        style: JsonObject = (
            {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest} if picture.signed else {"cmap": "gray"}
        )
        shown = axes.imshow(picture.pixels, **style)
        axes.set_title(picture.title, parse_math=False)
        if picture.signed:
            scale = shown
    for axes in grid:
        axes.set_axis_off()
    figure.colorbar(scale, ax=list(grid), shrink=0.8, extend="both")
    _save(figure, path)


def _check_panels(count: int) -> None:
    if count > MAX_PANELS:
        raise InputError(f"--plot: {count} classes are too many for one picture; choose one with --class")


def _save(figure: Any, path: str) -> None:
    content = io.BytesIO()
    figure.savefig(content, format=os.path.splitext(path)[1].lstrip(".").lower(), dpi=120)
    write_bytes(path, content.getvalue())
