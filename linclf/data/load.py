"""Load a data set: a name or a path -> Dataset, through the cache.

A name is loaded by `readers.named`, a path by the reader of its format (`readers.registry`), and a pattern of several files by
`readers.several`. If the cache has an entry
for the same content, read in the same way, nothing is parsed. Tables stay tables: their columns become features when
the data set is split, by what the training rows contain, or here, by the schema of a model (`load_features`).
"""

import os
from functools import partial

from linclf.data.cache import Cache
from linclf.data.dataset import Dataset
from linclf.data.encoder import encode, encoded, learn_schema
from linclf.data.matching import match_dataset
from linclf.data.readers.named import is_name, load_name, unknown_name
from linclf.data.readers.registry import is_database, read_file
from linclf.data.readers.several import matching_files, read_files
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.errors import InputError
from linclf.optim.linalg import Matrix


def load(
    source: Source, model_schema: Schema | None = None, labelled: bool = True, cache: Cache | None = None
) -> Dataset:
    """Load a data set by name or path. Its X is a matrix (n, d), or a Table whose columns are not encoded.

    model_schema  the schema of a model, or of training data as they were read: the columns that are read, in their order
    labelled  whether labels are required
    cache     the cache of parsed data sets, or None to read the data in any case
    Raises InputError (no such data, or wrong data) or AccessError (the data cannot be read or downloaded).
    """
    columns = model_schema.input_schema() if model_schema else None
    read = partial(_read, source, columns, labelled)
    if not is_name(source.data) and is_database(source, columns):
        return read()  # a database may have changes in other files, so that an entry of the cache could be out of date
    return read() if cache is None else cache.load(source, columns, labelled, read)


def load_features(source: Source, model_schema: Schema, labelled: bool = True, cache: Cache | None = None) -> Dataset:
    """Load a data set for a model: X (n, d) has the features of its schema. The arguments and errors are those of `load`."""
    return encoded(load(source, model_schema, labelled, cache), model_schema)


def as_matrix(dataset: Dataset) -> Matrix:
    """X (n, d) of a data set that is not split: the columns of a table become features by what all rows contain."""
    features, _ = learn_schema(dataset.X, dataset.schema, dataset.source, dataset.y)
    return encode(dataset.X, features, dataset.source.data)[0]


def _read(source: Source, model_schema: Schema | None, labelled: bool) -> Dataset:
    if is_name(source.data):
        return match_dataset(load_name(source), model_schema)
    files = matching_files(source.data)
    if files is not None:
        return read_files(source, files, model_schema, labelled)
    check_path(source.data)
    return read_file(source, model_schema, labelled)


def check_path(data: str) -> None:
    """Raise InputError for DATA that is neither a name nor looks like a path, and for a directory."""
    if os.path.isdir(data):
        several = os.path.join(data, "*.csv")
        raise InputError(f"{data}: is a directory; give a file, or several as a pattern in quotes, such as '{several}'")
    if not (data == "-" or os.path.exists(data) or os.sep in data or "." in data):
        raise unknown_name(data)
