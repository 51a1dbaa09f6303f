"""The user's code: loaded from a file, a module or a notebook, and run so that its errors name the user's own line."""

import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import json
import os
import re
import sys
import traceback
import types
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from linclf.errors import InputError

NOTE = "__left_out__"  # the name of a note in a module that was not run as a whole
MAGIC = re.compile(r"^[\w.]+\?{1,2}$|=\s*[!%]")
PRINT = re.compile(r"^([ \t]*)print\b(?!\s*\().*$", re.MULTILINE)  # of Python 2
SHOWN_CHARACTERS = 200  # of a message of the user's code
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
            if NOTE in vars(module):
                raise InputError(f"{home}: has no {name!r}: {vars(module)[NOTE]}")
            public = [
                n for n, x in vars(module).items() if callable(x) and getattr(x, "__module__", "") == module.__name__
            ]
            shown = ", ".join(public[:SHOWN_NAMES]) or "no function"
            more = ", ..." if public[SHOWN_NAMES:] else ""
            raise InputError(f"{home}: has no {name!r}; it defines {shown}{more}")
        found = getattr(found, part)
    _go_on_at_breakpoints()
    if not callable(found):
        raise InputError(f"{spec}: is of type {type(found).__name__}, not a function or a class")
    return found


def _go_on_at_breakpoints() -> None:
    """Let breakpoints that the user has left in the code pass."""
    sys.breakpointhook = lambda *_, **__: None
    if "pdb" in sys.modules:
        vars(sys.modules["pdb"])["set_trace"] = lambda *_, **__: None


def module_of(function: object) -> dict[str, Any]:
    """The names of the module in which a function is defined."""
    return vars(sys.modules.get(getattr(function, "__module__", ""), types.ModuleType("none")))


def note_on(function: object) -> str:
    """What has been left out of the file that defines a function, to say in the report; empty if it was run as a whole."""
    return str(module_of(function).get(NOTE, ""))


def _load_file(path: str) -> ModuleType:
    if not Path(path).is_file():
        raise InputError(f"{path}: there is no such file")
    name, folder = Path(path).stem, Path(path).resolve().parent
    name = f"{_package(folder)}.{name}" if _imports_siblings(path) else name
    sys.path.insert(0, str(folder))
    try:
        return _run(name, path, None)
    except UserError as error:
        cause = error.__cause__
        if isinstance(cause, ModuleNotFoundError) and _serve_module(cause.name or "", folder):
            return _run(name, path, None)
        if isinstance(cause, SyntaxError) and "print" not in str(cause):
            raise
        try:  # of its functions, most need nothing else of the file
            module = _run(name, path, _DefinitionsLoader(name, path))
        except UserError:
            raise error from None
        what = str(error).removesuffix(f" (in {path})")
        vars(module)[NOTE] = (
            f"the file cannot be run as a whole ({what}): only its imports, functions, classes and constants are used"
        )
        return module


def _run(name: str, path: str, loader: importlib.abc.Loader | None) -> ModuleType:
    """A file run as a module; by its loader, or by Python's."""
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None or spec.loader is None:
        raise InputError(f"{path}: is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    vars(module)["xrange"] = range  # of Python 2, which many courses were written for
    with user_code(path):
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
    sys.path.insert(0, str(Path(path).resolve().parent))
    loader = _NotebookLoader(Path(path).stem, path)
    module = _run(Path(path).stem, path, loader)
    if loader.left_out:
        vars(module)[NOTE] = f"left out, as it is no Python: {'; '.join(loader.left_out)}"
    return module


class _DefinitionsLoader(importlib.machinery.SourceFileLoader):
    """Runs only the imports, functions, classes and constants of a file, and imports only what there is."""

    def get_code(self, fullname: str) -> types.CodeType:
        """The code of these, never a compiled file's."""
        tree = _parsed(Path(self.path).read_text(encoding="utf-8", errors="replace"), self.path)
        if tree is None:
            raise SyntaxError(f"{self.path} cannot be parsed")
        return _compiled(_definitions(tree.body), self.path)


class _NotebookLoader(_DefinitionsLoader):
    """The same for a notebook, cell by cell; cells that are no Python are left out, and listed in `left_out`."""

    left_out: tuple[str, ...] = ()

    def get_code(self, fullname: str) -> types.CodeType:
        """The code of what is run of its cells. Raises InputError for what is no notebook."""
        try:
            cells = [cell for cell in json.loads(Path(self.path).read_bytes())["cells"] if cell["cell_type"] == "code"]
            sources = ["".join(cell["source"]) for cell in cells]
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{self.path}: is not a notebook") from None
        kept: list[ast.stmt] = []
        for number, source in enumerate(sources, 1):
            text, name = _without_magics(source), f"{self.path}, code cell {number}"
            tree = _parsed(text, name)
            if tree is None:
                self.left_out += (_why_not(text, f"code cell {number}"),)
            else:
                kept += _definitions(tree.body)
        return _compiled(kept, self.path)


def _without_magics(source: str) -> str:
    """A cell without the lines that are commands of the notebook: %matplotlib inline, !ls, files = !ls, np.exp?"""
    lines = (
        "" if line.lstrip().startswith(("%", "!", "?")) or MAGIC.search(line.rstrip()) else line
        for line in source.splitlines()
    )
    return "\n".join(lines)


def _parsed(source: str, name: str) -> ast.Module | None:
    """The syntax tree; of Python 2, with its print statements left out; None if it is no Python."""
    for text in (source, PRINT.sub(r"\1pass", source)):
        try:
            return ast.parse(text, name)
        except SyntaxError:
            continue
    return None


def _why_not(source: str, name: str) -> str:
    """Why a source is no Python, and where."""
    try:
        ast.parse(source, name)
    except SyntaxError as error:
        return f"{name}, line {error.lineno}: SyntaxError: {error.msg}"
    return name


def _compiled(statements: Iterable[ast.stmt], path: str) -> types.CodeType:
    return compile(ast.fix_missing_locations(ast.Module(list(statements), [])), path, "exec")


def _definitions(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The functions, classes and constants among statements, and the imports, which may fail: of a course's own packages, perhaps, for
    its data or pictures."""
    for statement in statements:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            handler = ast.ExceptHandler(ast.Name("ImportError", ast.Load()), None, [ast.Pass()])
            yield ast.copy_location(ast.Try([statement], [handler], [], []), statement)
        elif isinstance(statement, ast.FunctionDef | ast.ClassDef) or (
            isinstance(statement, ast.Assign | ast.AnnAssign) and _is_constant(statement.value)
        ):
            yield statement


def _is_constant(value: ast.expr | None) -> bool:
    """Whether a value is written out, or a lambda."""
    if isinstance(value, ast.Tuple | ast.List):
        return all(map(_is_constant, value.elts))
    return isinstance(value.operand if isinstance(value, ast.UnaryOp) else value, ast.Constant | ast.Lambda)


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
        said = next(iter(str(error).splitlines()), "")[:SHOWN_CHARACTERS]
        found = UserError(f"{line}: {type(error).__name__}: {said} (in {what})")
        found.line = users[0].lineno or 0 if users else 0
        raise found from error


def parameters(function: Any) -> list[inspect.Parameter]:
    """The parameters that a call by position, or by a keyword that has no default, must or may have."""
    try:
        listed = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return [inspect.Parameter("w", inspect.Parameter.POSITIONAL_ONLY)]
    return [p for p in listed if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
