"""Columns of text: tf-idf of words and pairs of words (Sparck Jones, 1972), by scikit-learn's vectorizer."""

import re
from typing import Any

import numpy as np

from linclf.data.columns.base import Column, Unknown
from linclf.data.columns.training_column import TrainingColumn
from linclf.data.table import Cells, option, spell_numbers
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Stored

FEWEST_WORDS = 3  # average number of words in a cell of a column of text
SAMPLE = 1000  # levels whose words are counted
MOST_WORDS = 100_000  # words and pairs of words that become features: the most frequent ones
_WORD = re.compile(r"[^\W\d_]{2}")  # two letters: dates, sums of money and UUIDs have no words


class TextColumn(Column):
    """A column of text."""

    kind = "text"
    option = "text"
    read_as_text = True
    needs_sparse = True
    may_be_misspelled = True

    @classmethod
    def recognises(cls, column: TrainingColumn) -> bool:
        """Whether most cells differ and have several words."""
        if not column.is_text:
            return False
        levels = column.levels
        sample = sorted(levels)[:: len(levels) // SAMPLE + 1]
        words = np.mean([sum(map(bool, map(_WORD.search, level.split()))) for level in sample])
        many = len(levels) > column.counts.sum() / 5 or len(levels) > SAMPLE
        return bool(words >= FEWEST_WORDS and many and not column.has_id_name)

    @classmethod
    def fit(cls, column: TrainingColumn) -> Column:
        """Learn the words and their weights. Raises InputError if there are no words."""
        vectorizer = _vectorizer(use_idf=False, norm=None, sublinear_tf=False)
        try:
            counts = vectorizer.fit_transform(column.text.texts())  # (n, words)
        except ValueError:  # no word at all
            raise InputError(
                f"{column.dataset}: there are no words in column {column.name!r}; leave it out with "
                f"{option('drop', column.name)}"
            ) from None
        weights = np.ones(column.n) if column.training.weights is None else column.training.weights
        rows_with, total = counts.astype(bool).T @ weights, counts.T @ weights  # (words,)
        frequent = rows_with >= column.min_count
        chosen = np.flatnonzero(frequent if frequent.any() else rows_with)  # in few rows all words are used
        chosen = np.sort(chosen[np.argsort(-total[chosen], kind="stable")][:MOST_WORDS])
        words = vectorizer.get_feature_names_out()[chosen].tolist()
        idf = np.log((weights.sum() + 1) / (rows_with[chosen] + 1)) + 1
        return cls(column.name, words=tuple(words), idf=tuple(idf.tolist()))

    def feature_names(self) -> list[str]:
        """The column and each word or pair of words."""
        return [f"{self.name}: {word}" for word in self.words]

    def transform(self, cells: Array | Cells, sparse: bool) -> tuple[Stored, Unknown]:
        """The tf-idf of each word or pair of words, CSR; others are ignored."""
        cells = cells if isinstance(cells, Cells) else spell_numbers(cells)
        vectorizer = _vectorizer(vocabulary=self.words)
        vectorizer.idf_ = np.array(self.idf)
        texts = cells.texts()
        return vectorizer.transform(texts if len(texts) else [""])[: len(texts)].astype(np.float64), {}

    def summary(self) -> str:
        """The features."""
        return "words and pairs of words"


def _vectorizer(**options: Any) -> Any:
    """scikit-learn's vectorizer for words of letters and digits, and pairs of them; a term frequency is 1 + log(count)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    chosen = {"ngram_range": (1, 2), "sublinear_tf": True, "token_pattern": r"(?u)\b\w+\b", **options}
    return TfidfVectorizer(**chosen)
