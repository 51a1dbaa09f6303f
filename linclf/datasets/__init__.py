"""A name or a path -> Dataset -> Parts. How raw columns become the matrix X is decided in this folder alone."""

import os
from dataclasses import replace

from linclf.datasets.dataset import Dataset, Features, Labelled, Source, fit_columns
from linclf.datasets.names import is_name, load_name, unknown
from linclf.datasets.parts import Part, Parts, cut
from linclf.datasets.readers import read_file

__all__ = ["Dataset", "Features", "Labelled", "Part", "Parts", "Source", "cut", "load"]


def load(source: Source, like: Features | None = None, labelled: bool = True) -> Dataset:
    """Load a data set by name or path.

    like      the features of a model, or of a training set: the columns become the same features
    labelled  whether labels are required
    Raises InputError (no such data, or wrong data) or AccessError (it cannot be read or fetched).
    """
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
