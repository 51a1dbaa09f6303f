"""Fixtures that hang on the table of losses: a new line in LOSSES gets every test by itself."""

import compileall
import os

# several test processes share the machine: BLAS threads that wait for a core would slow each other down a hundredfold
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("LINCLF_CACHE_MB", None)

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from scipy import sparse

from linclf import __path__ as packages
from linclf.cli import main
from linclf.losses import LOSSES, Loss

# a shared machine may be slow: time decides no test; the same examples are tried in each run, so that a change fails only for what
# it has changed, and others in each full run of the fault tests
settings.register_profile(
    "linclf",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("LINCLF_FAULTS") != "full",
)
settings.load_profile("linclf")


def pytest_configure(config: pytest.Config) -> None:
    """Compile linclf once: where Python may not write bytecode, each process that a test starts would compile it again."""
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(packages[0], quiet=2)


@pytest.fixture(autouse=True, scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A cache of the tests' own, which their processes share as runs of linclf do."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    os.environ["LINCLF_CACHE_DIR"] = str(folder / "cache")


@pytest.fixture(params=list(LOSSES))
def loss(request: pytest.FixtureRequest) -> Loss:
    return LOSSES[request.param]


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["dense", "csr"])
def layout(request: pytest.FixtureRequest):
    """A function that lays a dense matrix out."""
    return np.ascontiguousarray if request.param == "dense" else sparse.csr_matrix


@pytest.fixture(params=[2, 3], ids=["two classes", "three classes"])
def problem(request: pytest.FixtureRequest):
    """X (40, 6) with zeros in it, y (40,), n_classes."""
    rng = np.random.default_rng(request.param)
    X = rng.standard_normal((40, 6)) * (rng.random((40, 6)) < 0.7)
    return X, rng.permutation(np.arange(40) % request.param), request.param


class Ran(str):
    """What a command printed on stdout, with its exit code and stderr."""

    code: int
    err: str


@pytest.fixture
def linclf(capfd: pytest.CaptureFixture[str]):
    """Run a command in this process: linclf("train wine --loss softmax", "more arguments") -> Ran."""

    def run(line: str, *more: object) -> Ran:
        capfd.readouterr()
        code = main([*line.split(), *map(str, more)])
        out, err = capfd.readouterr()
        ran = Ran(out)
        ran.code, ran.err = code, err
        return ran

    return run


@pytest.fixture
def in_tmp(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
