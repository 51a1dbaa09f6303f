"""Columns of text: tf-idf of words, characters, and several of them in a row (Sparck Jones, 1972), by scikit-learn's vectorizer."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from linclf.data.columns.base import Column, Unknown
from linclf.data.columns.training_column import TrainingColumn
from linclf.data.source import ANALYZERS
from linclf.data.table import Cells, option, spell_numbers
from linclf.errors import InputError
from linclf.losses import Array
from linclf.optim.linalg import Stored

FEWEST_WORDS = 3  # average number of words in a cell of a column of text
FEWEST_SHARED = 2  # the same, where most cells share words with others, such as short texts, addresses and paths
SHARED = 0.5  # share of the cells with a word that other cells have, too, but not nearly all
NEARLY_ALL = 0.95
SAMPLE = 1000  # levels whose words are counted
SHOWN_TEXTS, OTHER_TEXTS = 3, "(others)"  # texts without a known word that are shown, and what the others are called
MOST_WORDS = 100_000  # words and pairs of words that become features: the most frequent ones
WORDS, CHARACTERS = (1, 2), (1, 3)  # lengths of the n-grams of words, of characters
_PICTURE = "[\u2600-\u27bf\U0001f300-\U0001faff]"  # an emoji is a word
# scripts that write no blanks between words, by the names of their letters in Unicode
_UNSEPARATED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")


@dataclass(frozen=True)
class TextColumn(Column):
    """A column of text.

    analyzer  what the features are made of, as scikit-learn names it: word or char
    ngrams    the smallest and largest number of them in a row
    marks     whether a word may contain combining marks, such as the vowels of Hindi (older models were trained without)
    """

    analyzer: str = "word"
    ngrams: tuple[int, ...] = WORDS
    marks: bool = False

    kind = "text"
    option = "text"
    read_as_text = True
    needs_sparse = True

    @classmethod
    def recognises(cls, column: TrainingColumn) -> bool:
        """Whether most cells differ, and have several words, or letters of a script without blanks, or words that they share."""
        levels = column.levels
        if not column.is_text or column.has_id_name:
            return False
        if not (len(levels) > column.counts.sum() / 5 or len(levels) > SAMPLE):
            return False
        sample = sorted(levels)[:: len(levels) // SAMPLE + 1]
        words = np.mean([sum(map(bool, map(_letters().search, level.split()))) for level in sample])
        return bool(words >= FEWEST_WORDS) or _is_unseparated(sample) or _share_words(sample)

    @classmethod
    def fit(cls, column: TrainingColumn) -> Column:
        """Learn the words and their weights. Raises InputError if there are no words."""
        source, texts = column.source, column.text.texts()
        analyzer = source.analyzer or (
            "char" if _is_unseparated(column.levels[:: len(column.levels) // SAMPLE + 1].tolist()) else "word"
        )
        ngrams = source.ngrams or (WORDS if analyzer == "word" else CHARACTERS)
        empty = cls(column.name, analyzer=analyzer, ngrams=tuple(ngrams), marks=True)
        vectorizer = empty._vectorizer(use_idf=False, norm=None, sublinear_tf=False)
        try:
            counts = vectorizer.fit_transform(texts)  # (n, words)
        except ValueError:  # no word at all
            raise InputError(
                f"{column.dataset}: there are no words in column {column.name!r}; leave it out with "
                f"{option('drop', column.name)}"
            ) from None
        weights = np.ones(column.n) if column.training.weights is None else column.training.weights
        rows_with, total = counts.astype(bool).T @ weights, counts.T @ weights  # (words,)
        frequent = rows_with >= source.min_count
        chosen = np.flatnonzero(frequent if frequent.any() else rows_with)  # in few rows all words are used
        chosen = np.sort(chosen[np.argsort(-total[chosen], kind="stable")][:MOST_WORDS])
        words = vectorizer.get_feature_names_out()[chosen].tolist()
        idf = np.log((weights.sum() + 1) / (rows_with[chosen] + 1)) + 1
        return replace(empty, words=tuple(words), idf=tuple(idf.tolist()))

    def check(self) -> None:
        """Raise ValueError unless `fit` could have made this column."""
        super().check()
        if self.analyzer not in ANALYZERS or len(self.ngrams) != 2 or not 1 <= self.ngrams[0] <= self.ngrams[1]:
            raise ValueError(f"the column {self.name!r} is not one that linclf wrote")

    def feature_names(self) -> list[str]:
        """The column and each word or pair of words."""
        return [f"{self.name}: {word}" for word in self.words]

    def transform(self, cells: Array | Cells, sparse: bool) -> tuple[Stored, Unknown]:
        """The tf-idf of each word or pair of words, CSR; others are ignored."""
        cells = cells if isinstance(cells, Cells) else spell_numbers(cells)
        vectorizer = self._vectorizer(vocabulary=self.words)
        vectorizer.idf_ = np.array(self.idf)
        texts = cells.texts()
        found = vectorizer.transform(texts if len(texts) else [""])[: len(texts)].astype(np.float64)
        return found, self._without_words(cells, np.diff(found.indptr))

    def _without_words(self, cells: Cells, n_words: Array) -> Unknown:
        """The first texts without a known word, and how many rows there are of such; `n_words` (n,) are known words in each row."""
        rows = np.flatnonzero((n_words == 0) & (cells.codes >= 0))
        shown = [str(cells.levels[code])[:30] for code in dict.fromkeys(cells.codes[rows[:SAMPLE]].tolist())][
            :SHOWN_TEXTS
        ]
        unknown = dict.fromkeys(shown, 1)
        return {**unknown, OTHER_TEXTS: len(rows) - len(shown)} if len(rows) > len(shown) else unknown

    def unknown_notes(self, unknown: Unknown) -> list[str]:
        """None: texts without a known word are usual, and counted by drift."""
        return []

    def summary(self) -> str:
        """The features."""
        if (self.analyzer, self.ngrams) == ("word", WORDS):
            return "words and pairs of words"
        low, high = self.ngrams
        count = str(low) if low == high else f"{low} to {high}"
        return f"{count} {'words' if self.analyzer == 'word' else 'characters'} in a row"

    def _vectorizer(self, **options: Any) -> Any:
        """scikit-learn's vectorizer for these words or characters; a term frequency is 1 + log(count)."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        chosen = {"ngram_range": self.ngrams, "sublinear_tf": True, "analyzer": self.analyzer, **options}
        if self.analyzer == "word":
            chosen["token_pattern"] = rf"[\w{_combining_marks()}]+|{_PICTURE}" if self.marks else r"(?u)\b\w+\b"
        if self.marks:
            chosen["preprocessor"] = _normalized
        return TfidfVectorizer(**chosen)


def _normalized(text: str) -> str:
    """A text in lower case and in one Unicode form, whether its accents were letters of their own or not."""
    return unicodedata.normalize("NFC", text.lower())


@cache
def _combining_marks() -> str:
    """The combining marks of all scripts, as ranges of a regular expression; `\\w` has none of them."""
    points = [i for i in range(0x300, 0x12000) if unicodedata.category(chr(i)) in ("Mn", "Mc")]
    ranges: list[list[int]] = []
    for point in points:
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


@cache
def _letters() -> re.Pattern[str]:
    """Two letters or more, with their combining marks: dates, sums of money and UUIDs have few."""
    return re.compile(rf"(?:[^\W\d_]|[{_combining_marks()}]){{2,}}")


def _is_unseparated(sample: Sequence[str]) -> bool:
    """Whether most of some texts have letters of scripts that write no blanks between words, and most of the letters are such."""
    letters = Counter(c for text in sample for c in text if c.isalpha())
    unseparated = {c for c in letters if ord(c) > 0xE00 and unicodedata.name(c, "").startswith(_UNSEPARATED)}
    if sum(letters[c] for c in unseparated) <= letters.total() / 2:
        return False
    return sum(not unseparated.isdisjoint(text) for text in sample) > len(sample) / 2


def _share_words(sample: Sequence[str]) -> bool:
    """Whether most of some texts have a word of letters that other texts have, too, though not nearly all."""
    tokens = re.compile(rf"[\w{_combining_marks()}]+")
    words = [{word for word in tokens.findall(text.casefold()) if _letters().fullmatch(word)} for text in sample]
    rows_with = Counter(word for found in words for word in found)
    shared = {word for word, n in rows_with.items() if 1 < n <= NEARLY_ALL * len(sample)}
    several = np.mean([len(_letters().findall(text)) for text in sample]) >= FEWEST_SHARED
    return bool(several) and sum(not found.isdisjoint(shared) for found in words) >= SHARED * len(sample)
