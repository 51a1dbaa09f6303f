"""A number for each row, to find rows that are the same."""

from itertools import pairwise

import numpy as np

from linclf.optim.linalg import Matrix, Stored, chunks


def row_hashes(X: Matrix) -> list[int]:
    """A number for each row of X (n, d), the same for rows of equal features."""
    return [key for _, x in chunks(X) for key in _hashes(x)]


def _hashes(x: Stored) -> list[int]:
    if not isinstance(x, np.ndarray):
        ends = x.indptr.tolist()
        return [hash((x.indices[a:b].tobytes(), x.data[a:b].tobytes())) for a, b in pairwise(ends)]
    return [hash(row.tobytes()) for row in np.ascontiguousarray(x)]
