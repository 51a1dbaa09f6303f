"""The architecture: what may be imported where and when, and what is taken from inside SciPy."""

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse import _sparsetools

import linclf

ROOT = Path(__file__).parent.parent
PACKAGE = Path(inspect.getfile(linclf)).parent
# where a module is imported by a name computed at run time: a command of the command line, and the user's own code
IMPORTS_BY_NAME = {"cli/__init__.py": "linclf.cli.", "gradcheck/load.py": None}
SLOW = ("sklearn", "scipy", "pandas", "tqdm", "matplotlib")


def imported_by(code: str) -> set[str]:
    """The packages in SLOW that a fresh interpreter has loaded after running some code."""
    return modules_of(code) & set(SLOW)


def modules_of(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after running some code."""
    program = f"{code}\nimport sys\nprint(*sys.modules, file=sys.stderr)"
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


def test_train_imports_no_tutor_no_doctor_and_no_explanations(in_tmp) -> None:
    modules = modules_of("from linclf.cli import main; assert main(['train', 'iris', '--epochs', '1', '-q']) == 0")
    assert "linclf.optim.sgd" in modules
    others = (
        "linclf.gradcheck",
        "linclf.inspect",
        "linclf.sweep",
        "linclf.estimator",
        "linclf.textbook",
        "linclf.report.plots",
    )
    assert [name for name in sorted(modules) if name.startswith(others)] == []


def test_no_module_is_imported_by_a_hidden_name() -> None:
    """The import contract reads import statements, in functions too; a name in a string would get round it."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            call = isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "exec_module"))
            if name in ("__import__", "exec", "eval") or call:
                found.setdefault(str(path.relative_to(PACKAGE)), []).append(ast.unparse(node))
    assert found.keys() == IMPORTS_BY_NAME.keys()
    for name, prefix in IMPORTS_BY_NAME.items():
        assert prefix is None or all(f"import_module(f'{prefix}" in call for call in found[name])


def test_no_module_imports_the_package_itself() -> None:
    """`import linclf` below the top would be a circle: the package hands on names of every layer."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert "linclf" not in [one.name for one in node.names], path
            if isinstance(node, ast.ImportFrom) and node.module == "linclf":
                assert all(
                    (PACKAGE / f"{one.name}.py").exists() or (PACKAGE / one.name).is_dir() for one in node.names
                ), path


def test_the_layers_of_the_contract_are_those_of_the_docs() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    page = re.search(r"```text\n(cli\n.*?)```", (ROOT / "docs" / "design.md").read_text(), re.DOTALL)[1]
    assert page.split("\n")[:-1] == contract["layers"]
    assert len(contract["layers"]) <= 10
    listed = {name for layer in contract["layers"] for name in layer.split(" | ")}
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert listed == there - {"__init__", "__main__"}


def test_every_file_is_in_the_docs_and_nothing_else_is() -> None:
    """A line names a folder, which ends in a slash, or one or several files; indentation says what it is in."""
    plan = re.search(r"```text\nlinclf/\n(.*?)```", (ROOT / "docs" / "design.md").read_text(), re.DOTALL)[1]
    listed, folders = set(), []
    for line in plan.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.findall(r"[\w/]+\.py", line) or [line.split()[0]]
        folders = folders[: depth - 1]
        if names[0].endswith("/"):
            folders.append(names[0])
        else:
            listed |= {"".join([*folders, name]) for name in names}
    files = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")}
    assert listed == {name for name in files if not name.endswith(("__init__.py", "__main__.py", "_version.py"))}


def test_modules_have_no_mutable_state() -> None:
    """Tables are filled where they are defined: nothing assigns to a global, or changes a table, in a function."""
    changes = ("append", "extend", "add", "update", "setdefault", "pop", "clear", "insert", "remove")
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        tables = {target.id for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)
                  for target in (node.targets if isinstance(node, ast.Assign) else [node.target]) if isinstance(target, ast.Name)}  # fmt: skip
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            own = {
                node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            }
            for node in ast.walk(function):
                assert not isinstance(node, ast.Global), (path, node.lineno)
                if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.value, ast.Name):
                    stored = isinstance(node.ctx, ast.Store | ast.Del)
                    changed = isinstance(node, ast.Attribute) and node.attr in changes
                    assert not ((stored or changed) and node.value.id in tables - own), (path, node.lineno)


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
    assert [path.name for path in PACKAGE.rglob("*.py") if "_sparsetools" in path.read_text()] == ["linalg.py"]
