"""How the house is built: what may be imported when, and what is taken from inside SciPy."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse import _sparsetools

import linclf

SLOW = ("sklearn", "scipy", "pandas", "tqdm", "matplotlib")


def imported_by(code: str) -> set[str]:
    """The packages in SLOW that a fresh interpreter has loaded after running some code."""
    program = f"{code}\nimport sys\nprint(*[name for name in {SLOW} if name in sys.modules], file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(ran.stderr.split())


def test_start_up_imports_nothing_slow() -> None:
    assert imported_by("import linclf") == set()
    assert imported_by("import linclf.cli") == set()
    assert imported_by("from linclf.cli import main; main(['train', '--help'])") == set()
    assert imported_by("from linclf.cli import main; main(['sweep', '--help'])") == set()


def test_dense_files_never_import_what_they_do_not_need(in_tmp) -> None:
    rng = np.random.default_rng(0)
    np.savez("t.npz", X=rng.standard_normal((100, 4)), y=np.arange(100) % 2)
    code = "from linclf.cli import main; assert main(['train', 't.npz', '-o', 'm']) == 0"
    assert imported_by(code) == set()
    assert (
        imported_by("import linclf; assert linclf.load('m').predict(__import__('numpy').zeros((3, 4))).tolist()")
        == set()
    )


def test_named_sets_are_kept_so_that_scikit_learn_is_imported_once() -> None:
    code = "from linclf.cli import main; assert main(['train', 'digits', '--epochs', '1']) == 0"
    imported_by(code)
    assert imported_by(code) == set()


def test_public_names() -> None:
    from linclf.losses import LOSSES
    from linclf.model.linear_model import LinearModel, load

    assert (linclf.LOSSES, linclf.LinearModel, linclf.load) == (LOSSES, LinearModel, load)
    name = "nothing"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(linclf, name)


def test_scipys_kernels_still_accumulate_in_place() -> None:
    """linclf.optim.linalg relies on these functions of SciPy's inside; this fails when they change."""
    X = sparse.random_array((7, 5), density=0.5, rng=np.random.default_rng(0), format="csr")
    for k in (1, 3):
        W, out = np.random.default_rng(1).standard_normal((5, k)), np.ones((7, k))
        _sparsetools.csr_matvecs(7, 5, k, X.indptr, X.indices, X.data, W.ravel(), out.ravel())
        np.testing.assert_allclose(out, 1 + X @ W)
        G, out = np.random.default_rng(2).standard_normal((7, k)), np.ones((5, k))
        _sparsetools.csc_matvecs(5, 7, k, X.indptr, X.indices, X.data, G.ravel(), out.ravel())
        np.testing.assert_allclose(out, 1 + X.T @ G)
    for A, kernel in ((X, _sparsetools.csr_matvec), (X.T.tocsc(), _sparsetools.csc_matvec)):
        v, out = np.random.default_rng(3).standard_normal(A.shape[1]), np.ones(A.shape[0])
        kernel(*A.shape, A.indptr, A.indices, A.data, v, out)
        np.testing.assert_allclose(out, 1 + A @ v)


def test_only_one_file_uses_scipys_inside() -> None:
    package = Path(inspect.getfile(linclf)).parent
    assert [path.name for path in package.rglob("*.py") if "_sparsetools" in path.read_text()] == ["matrix.py"]
