"""The data of a run: options -> data as read -> Split; the fingerprint of a run; the split of a model read again."""

import hashlib
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from linclf._version import __version__
from linclf.data.cache import Cache
from linclf.data.cell_counts import CellCounts, check_familiar
from linclf.data.dataset import Dataset
from linclf.data.encoder import encoded
from linclf.data.label_spelling import plain_form, truth_form
from linclf.data.labels import encode, unseen_notes
from linclf.data.load import load
from linclf.data.readers.labels_file import labels_file
from linclf.data.row_keys import row_groups
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.split import TEST_FRACTION, HeldOut, Part, Split, counted, split_dataset
from linclf.data.table import Table
from linclf.errors import InputError
from linclf.losses import LOSSES
from linclf.model.linear_model import LinearModel
from linclf.storage.decode import JsonObject, build
from linclf.storage.files import read_bytes
from linclf.training.options import TrainOptions

# by the name of an option or of data: its value, by which runs are compared, and as text for a message
RowIdentity: TypeAlias = dict[str, tuple[object, str]]

CALIBRATION_FRACTION = 0.2  # of the training rows, if there is no validation part


@dataclass(frozen=True)
class LoadedData:
    """The data of a run as they were read: the data set, and the test and validation parts as data sets or as fractions."""

    dataset: Dataset
    test: Dataset | float | None
    val: Dataset | float | None


def load_data(options: TrainOptions, cache: Cache | None = None) -> LoadedData:
    """Read the data of a run, through the cache if there is one."""
    dataset = load(options.source, cache=cache)

    # labels in a file of their own are those of these rows alone
    others = options.source if labels_file(options.source) is None else replace(options.source, target=None)

    def read(held_out: HeldOut | None) -> Dataset | float | None:
        if held_out is None:
            return None
        if held_out.fraction is not None:
            return held_out.fraction
        return load(replace(others, data=str(held_out)), model_schema=dataset.schema, cache=cache)

    return LoadedData(dataset, read(options.test), read(options.val))


def make_split(options: TrainOptions, loaded: LoadedData, model_schema: Schema | None = None) -> Split:
    """Split the data; `model_schema` is a schema learned before. The validation part is that of the options, else that which the
    data bring, unless --val is 0. Raises InputError for options that need one where there is none."""
    val = loaded.val if options.has_val() else None if options.val is None else 0
    options.check_val(_has_val(options, loaded))
    calibration = _calibration_fraction(options, loaded)
    return split_dataset(
        loaded.dataset, loaded.test, val, options.seed, calibration=calibration, model_schema=model_schema
    )


def _has_val(options: TrainOptions, loaded: LoadedData) -> bool:
    """Whether there is a validation part: one that is asked for, or that the data bring."""
    return options.has_val() or (options.val is None and loaded.dataset.val is not None)


def _calibration_fraction(options: TrainOptions, loaded: LoadedData) -> float:
    """The fraction of the training rows that a calibration and a threshold are learned from."""
    return CALIBRATION_FRACTION if options.learns_from_held_out() and not _has_val(options, loaded) else 0


def load_split(options: TrainOptions, cache: Cache | None = None, model_schema: Schema | None = None) -> Split:
    """Read the data of a run and split them; `model_schema` is a schema learned before."""
    return make_split(options, load_data(options, cache), model_schema)


def run_fingerprint(options: TrainOptions, split: Split) -> JsonObject:
    """What the result of a run depends on, as plain data. Data are identified by their digests, not by their paths."""
    described = options.to_dict()
    del described["source"]["data"]
    described |= {part: "data" for part in ("test", "val") if part in split.digests}
    if options.loss_name not in LOSSES:  # a custom loss: its file may have changed
        described["loss_digest"] = hashlib.sha256(read_bytes(options.loss_name.rpartition(":")[0])).hexdigest()
    return {"linclf": __version__, "data": split.digests, "options": described}


def rebuild_split(model: LinearModel, cache: Cache | None = None) -> Split:
    """Read the data that a model was trained on again, and split them as then. Raises InputError if they have changed."""
    return rebuild(model, cache)[0]


def rebuild(model: LinearModel, cache: Cache | None = None) -> tuple[Split, dict[str, RowIdentity]]:
    """The split of `rebuild_split`, and what decides which rows the parts `test`, `train` and `all` of it have."""
    try:
        recorded, digests = dict(model.record["options"]), dict(model.record["data"])
        source = build(Source, recorded.pop("source"))
        drawn = {name: recorded[name] for name in ("test", "val", "seed", "calibrate", "threshold") if name in recorded}
        options = TrainOptions(source=source, **drawn)
        names = {"data": source.data, **{part: recorded.get(part) for part in ("test", "val")}}
    except (KeyError, TypeError, ValueError) as error:  # a record that linclf did not write
        raise InputError(f"the model does not record what it was trained on ({error}); give DATA") from None
    if not digests:
        raise InputError("the model was trained on arrays in Python, which cannot be read again; give DATA")
    if "-" in names.values():
        raise InputError("the model was trained on standard input, which cannot be read again; give DATA")
    loaded = load_data(options, cache)
    split = make_split(options, loaded, model.schema)
    changed = [key for key, digest in digests.items() if split.digests.get(key) != digest]
    if changed:
        raise InputError(
            f"{names[changed[0]]}: has changed since the model was trained on it; train again, or give DATA"
        )
    return split, {part: _identity(options, loaded, part) for part in ("test", "train", "all")}


def part_rows(model: LinearModel, split: Split, part: str) -> tuple[Part, str]:
    """The rows of the part `test`, `train` or `all` of the data of a model, and the name of these data. Raises InputError if the
    model has no test part."""
    name = model.record["options"]["source"]["data"]
    if part == "test" and split.test is None:
        raise InputError(f"the model was trained on all of {name}, without a test part; give DATA, or --part train")
    tests = model.record["options"].get("test")
    if part == "test" and tests is not None and HeldOut(tests).fraction is None:
        name = tests
    rows = split.all_rows() if part == "all" else split.train if part == "train" or split.test is None else split.test
    return rows, name


class OtherPart(NamedTuple):
    """Rows of other data, as a model reads them.

    rows    without those of weight 0, their labels encoded as the classes of the model
    part    `test`, `train` or `all`
    target, target_guessed   the label column, and whether it was guessed by its name
    notes   on the data, a line each
    unseen  notes on labels that the model does not know
    counts  the cells as the model reads them
    trained_on   whether the model was trained on these data, of which it recorded a test part
    """

    rows: Part
    part: str
    target: str | None
    target_guessed: bool
    notes: list[str]
    unseen: list[str]
    trained_on: bool
    counts: CellCounts | None


def other_part(model: LinearModel, source: Source, part: str | None, cache: Cache | None = None) -> OtherPart:
    """The part of other data that was asked for; without one the predefined test part, or all rows of data that have none.

    Raises InputError for data without that part, and without a column that --weight or --group names.
    """
    dataset = load(source, model_schema=model.schema, cache=cache)
    for role, column in source.roles().items():
        if not isinstance(dataset.X, Table) or column not in dataset.X.names:
            raise InputError(f"{source.data}: --{role} {column}: there is no such column")
    if part == "test" and dataset.test is None:
        raise InputError(f"{source.data}: has no predefined test part; leave out --part")
    dataset = counted(dataset)
    rows, found = dataset.all_rows(), "all"
    if dataset.test is not None and part in (None, "test"):
        rows, found = dataset.test, "test"
    elif part == "train":
        rows, found = dataset, "train"
    rows = rows.with_counts()
    weights, groups = rows.row_weights(source), row_groups(rows.X, source)
    trained_on = dataset.test is None and dataset.digest == model.recorded("data", "data")
    dataset = encoded(replace(dataset, X=rows.X, y=rows.y, test=None, val=None), model.schema)
    problems = [] if dataset.counts is None else model.drift_problems(dataset.counts)
    strange = [f"{source.data}: {what}" for what in check_familiar(problems, source.data, source.lenient)]
    clean = source.clean_labels or model.recorded("options", "source", "clean_labels") is True
    codes, unseen = encode(rows.labels(), model.classes, plain_form if clean else truth_form)
    target = dataset.schema.target
    return OtherPart(
        Part(dataset.matrix(), codes, weights, groups),
        found,
        target,
        target is not None and source.target is None and target != model.schema.target,
        [*dataset.named_notes(), *strange],
        unseen_notes(unseen, len(codes), source.data, model.classes),
        trained_on,
        dataset.counts,
    )


def _identity(options: TrainOptions, loaded: LoadedData, part: str) -> RowIdentity:
    """What decides which rows a part has."""
    dataset, test, val, source = loaded.dataset, loaded.test, loaded.val, options.source
    found: RowIdentity = {}
    if part != "test" or not isinstance(test, Dataset):
        found["data"] = (dataset.digest, source.data)
    if part != "train" and isinstance(test, Dataset):
        found["test data"] = (test.digest, test.source.data)
    columns = {"target": dataset.schema.target, **{role: getattr(source, role) for role in ("weight", "group", "time")}}
    found |= {f"--{name}": (column, column or "none") for name, column in columns.items()}
    if "data" not in found:
        return found
    fractions: dict[str, float] = {}
    if not isinstance(test, Dataset) and (test is not None or dataset.test is None):
        fractions["test"] = TEST_FRACTION if test is None else test
    if part != "test":
        if options.val is None and dataset.val is not None and part == "all":
            found["validation part"] = (len(dataset.val.labels()), "that of the data")
        elif isinstance(val, Dataset) and part == "all":
            found["validation data"] = (val.digest, val.source.data)
        elif not isinstance(val, Dataset):
            fractions["val"] = val or 0
        fractions["calibrate"] = _calibration_fraction(options, loaded)  # --threshold holds out the same rows
    found |= {f"--{name}": (fraction, f"{fraction:g}") for name, fraction in fractions.items()}
    if any(fractions.values()):
        found["--seed"] = (options.seed, str(options.seed))
    return found
