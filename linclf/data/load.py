"""A name or a path -> Dataset -> Parts. How raw columns become the matrix X is decided in this folder alone."""

import os
from dataclasses import replace
from functools import partial

from linclf.data.cache import Cache
from linclf.data.dataset import Dataset, fit_columns
from linclf.data.encoder import encode, encoded, learn_schema
from linclf.data.readers.named import is_name, load_name, unknown
from linclf.data.readers.registry import read_file
from linclf.data.schema import Schema
from linclf.data.source import Source
from linclf.data.table import Table
from linclf.optim.linalg import Matrix


def load(source: Source, like: Schema | None = None, labelled: bool = True, cache: Cache | None = None) -> Dataset:
    """Load a data set by name or path. Its X is a matrix; or a Table, whose columns become features when it is cut.

    like      the features of a model, or of a training set: the columns become the same features
    labelled  whether labels are required
    cache     where parsed data sets are kept, None for no such place
    Raises InputError (no such data, or wrong data) or AccessError (it cannot be read or fetched).
    """
    columns = like.input_schema() if like else None
    read = partial(_read, source, columns, labelled)
    dataset = read() if cache is None else cache.load(source, columns, labelled, read)
    return encoded(dataset, like) if like and like.columns else dataset


def as_matrix(dataset: Dataset) -> Matrix:
    """X of a data set whose rows are not cut into parts: the columns become features by what all of them hold."""
    features, _ = learn_schema(dataset.X, dataset.schema, dataset.source)
    return encode(dataset.X, features, dataset.source.data)[0]


def _read(source: Source, like: Schema | None, labelled: bool) -> Dataset:
    if is_name(source.data):
        dataset = load_name(source)
        if like is not None and not isinstance(dataset.X, Table):
            X, notes = fit_columns(dataset.X, like, source.data)
            return replace(dataset, X=X, schema=like, notes=notes)
        return dataset
    path_like = source.data == "-" or os.path.exists(source.data) or os.sep in source.data or "." in source.data
    if not path_like:
        raise unknown(source.data)
    return read_file(source, like, labelled)
