"""A name or a path -> Dataset -> Parts. How raw columns become the matrix X is decided in this folder alone."""

import os
from dataclasses import replace
from functools import partial

from linclf.datasets.cache import Cache, user_cache
from linclf.datasets.dataset import Dataset, Features, Labelled, Source, fit_columns
from linclf.datasets.names import is_name, load_name, unknown
from linclf.datasets.parts import Part, Parts, cut
from linclf.datasets.readers import read_file

__all__ = ["Cache", "Dataset", "Features", "Labelled", "Part", "Parts", "Source", "cut", "load", "user_cache"]


def load(source: Source, like: Features | None = None, labelled: bool = True, cache: Cache | None = None) -> Dataset:
    """Load a data set by name or path.

    like      the features of a model, or of a training set: the columns become the same features
    labelled  whether labels are required
    cache     where parsed data sets are kept, None for no such place
    Raises InputError (no such data, or wrong data) or AccessError (it cannot be read or fetched).
    """
    read = partial(_read, source, like, labelled)
    return read() if cache is None else cache.load(source, like, labelled, read)


def _read(source: Source, like: Features | None, labelled: bool) -> Dataset:
    if is_name(source.data):
        dataset = load_name(source)
        if like is not None:
            X, notes = fit_columns(dataset.X, like, source.data)
            return replace(dataset, X=X, features=like, notes=notes)
        return dataset
    path_like = source.data == "-" or os.path.exists(source.data) or os.sep in source.data or "." in source.data
    if not path_like:
        raise unknown(source.data)
    return read_file(source, like, labelled)
