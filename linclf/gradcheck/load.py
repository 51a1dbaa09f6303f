"""The user's code: loaded from a file, a module or a notebook, and run so that its errors name the user's own line."""

import ast
import importlib
import importlib.abc
import importlib.util
import inspect
import json
import os
import sys
import traceback
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from linclf.errors import InputError

SHOWN_NAMES = 10  # functions of a file that a message lists
HIGHEST = 3  # folders above a file in which a package that it imports is searched for


class UserError(InputError):
    """The user's own function raised an error; `line` is that of the function itself, which may have called others."""

    line = 0


def load_function(spec: str) -> Any:
    """The object that FILE.py:NAME, FILE.ipynb:NAME or PKG.MOD:NAME names; its file may import other files of its folder.

    Raises InputError if there is none, and UserError with the user's line if loading fails.
    """
    home, colon, name = spec.rpartition(":")
    if not colon or not home or not name:
        raise InputError(f"{spec}: name a function as FILE.py:FUNCTION or PKG.MOD:FUNCTION")
    if home.endswith(".ipynb"):
        module = _load_notebook(home)
    else:
        module = _load_file(home) if home.endswith(".py") else _import(home)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            public = [
                n for n, x in vars(module).items() if callable(x) and getattr(x, "__module__", "") == module.__name__
            ]
            shown = ", ".join(public[:SHOWN_NAMES]) or "no function"
            more = ", ..." if public[SHOWN_NAMES:] else ""
            raise InputError(f"{home}: has no {name!r}; it defines {shown}{more}")
        found = getattr(found, part)
    if not callable(found):
        raise InputError(f"{spec}: is of type {type(found).__name__}, not a function or a class")
    return found


def module_of(function: object) -> dict[str, Any]:
    """The names of the module in which a function is defined."""
    return vars(sys.modules.get(getattr(function, "__module__", ""), types.ModuleType("none")))


def _load_file(path: str) -> ModuleType:
    if not Path(path).is_file():
        raise InputError(f"{path}: there is no such file")
    name, folder = Path(path).stem, Path(path).resolve().parent
    name = f"{_package(folder)}.{name}" if _imports_siblings(path) else name
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path}: is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))
    sys.modules[spec.name] = module
    vars(module)["xrange"] = range  # of Python 2, which many courses were written for
    with user_code(path):
        try:
            spec.loader.exec_module(module)
        except ModuleNotFoundError as error:
            if not _serve_module(error.name or "", folder):
                raise
            spec.loader.exec_module(module)
    return module


def _imports_siblings(path: str) -> bool:
    """Whether a file has relative imports, `from .layers import affine_forward`."""
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (SyntaxError, ValueError):
        return False  # loading it says why
    return any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree))


def _package(folder: Path) -> str:
    """The name of a package, made up if it is none, whose files are those of a folder, and whose parents are the folders above it."""
    name = ""
    for place in (*reversed(folder.parents[: HIGHEST - 1]), folder):
        name = f"{name}.{place.name or 'root'}" if name else f"_checked_{place.name or 'root'}"
        package = sys.modules.setdefault(name, ModuleType(name))
        package.__path__ = [str(place)]
    return name


def _serve_module(name: str, folder: Path) -> bool:
    """Make a module that a file imports available, if that is safe: one of Python 2's names, or a package in a folder above."""
    if name.partition(".")[0] == "past":
        builtins = ModuleType("past.builtins")
        vars(builtins).update(xrange=range, range=range, basestring=str, unicode=str)
        sys.modules.setdefault("past", ModuleType("past"))
        sys.modules["past.builtins"] = builtins
        return True
    top = name.partition(".")[0]
    for place in folder.parents[:HIGHEST]:
        if top and ((place / top).is_dir() or (place / f"{top}.py").is_file()):
            sys.path.insert(0, str(place))
            return True
    return False


def _load_notebook(path: str) -> ModuleType:
    """The imports, functions, classes and constants of a notebook's cells; nothing else in it is run."""
    if not Path(path).is_file():
        raise InputError(f"{path}: there is no such file")
    spec = importlib.util.spec_from_loader(Path(path).stem, _NotebookLoader(path))
    if spec is None or spec.loader is None:
        raise InputError(f"{path}: is not a notebook")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(Path(path).resolve().parent))
    vars(module)["xrange"] = range
    with user_code(path):
        spec.loader.exec_module(module)
    return module


class _NotebookLoader(importlib.abc.SourceLoader):
    """Loads a notebook as a module, cell by cell."""

    def __init__(self, path: str) -> None:
        self.path = path

    def get_filename(self, fullname: str) -> str:
        """The notebook."""
        return self.path

    def get_data(self, path: str | bytes) -> bytes:
        """Its bytes."""
        return Path(os.fsdecode(path)).read_bytes()

    def source_to_code(self, data: Any, path: Any = "", **more: Any) -> types.CodeType:  # type: ignore[override]
        """The code of what is run of its cells. Raises InputError for what is no notebook."""
        try:
            cells = [cell for cell in json.loads(data)["cells"] if cell["cell_type"] == "code"]
            sources = ["".join(cell["source"]) for cell in cells]
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{self.path}: is not a notebook") from None
        kept: list[ast.stmt] = []
        for number, source in enumerate(sources, 1):
            lines = ["" if line.lstrip().startswith(("%", "!", "?")) else line for line in source.splitlines()]
            kept += _definitions(ast.parse("\n".join(lines), f"{self.path}, code cell {number}").body)
        tree = ast.fix_missing_locations(ast.Module(kept, []))
        return compile(tree, self.path, "exec")


def _definitions(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The functions, classes and constants among statements, and the imports, which may fail: of a course's own packages, perhaps, for
    its data or pictures."""
    for statement in statements:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            handler = ast.ExceptHandler(ast.Name("ImportError", ast.Load()), None, [ast.Pass()])
            yield ast.copy_location(ast.Try([statement], [handler], [], []), statement)
        elif isinstance(statement, ast.FunctionDef | ast.ClassDef) or (
            isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        ):
            yield statement


def _import(name: str) -> ModuleType:
    sys.path.insert(0, os.getcwd())
    with user_code(name):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
                raise InputError(f"{name}: there is no such module; name a file as FILE.py:FUNCTION") from None
            raise


@contextmanager
def user_code(what: str) -> Iterator[None]:
    """A block that runs the user's code: an error in it becomes a UserError with the last line of the user's that ran."""
    try:
        yield
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        users: list[traceback.FrameSummary] = []
        if isinstance(error, SyntaxError) and error.filename:
            line = f"{error.filename}:{error.lineno}"
        else:
            ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
            frames = [
                f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith((ours, "<frozen"))
            ]
            users = [f for f in frames if "site-packages" not in f.filename] or frames
            line = f"{users[-1].filename}:{users[-1].lineno}" if users else what
        found = UserError(f"{line}: {type(error).__name__}: {error} (in {what})")
        found.line = users[0].lineno or 0 if users else 0
        raise found from error


def parameters(function: Any) -> list[inspect.Parameter]:
    """The parameters that a call by position, or by a keyword that has no default, must or may have."""
    try:
        listed = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return [inspect.Parameter("w", inspect.Parameter.POSITIONAL_ONLY)]
    return [p for p in listed if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
