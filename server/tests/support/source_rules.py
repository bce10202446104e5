"""Rules that no linter knows: which modules may open connections, send files, or access the database, and how.

Each rule looks at one module's syntax tree and names what breaks it.
"""

import ast
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch

Look = Callable[[ast.Module], Iterator[ast.AST]]

#: Each rule looks at the whole tree, and reading it takes the longest.
_parsed = functools.cache(ast.parse)

_CLIENTS = {
    *("aiohttp", "ftplib", "http.client", "httpcore", "httptools", "httpx", "obstore", "requests", "smtplib", "socket"),
    *("telnetlib", "urllib.request", "urllib3", "websockets", "xmlrpc"),
}
_DIALLING_CALLS = {"open_connection", "open_unix_connection", "create_connection", "create_unix_connection"}
_SQL_CALLS = {"copy_from_query", "cursor", "execute", "executemany", "fetch", "fetchrow", "fetchval", "prepare", "text"}
_SQL_WORDS = ("SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "WHERE ", "ALTER TABLE ", "CREATE ", "DROP ")
_UNPICKLERS = {"dill", "marshal", "pickle", "shelve"}
FUNCTION_LINES_MAX = 40
CLASS_METHODS_MAX = 16
_CODE_FROM_DATA = {"eval", "exec", "compile", "__import__"}


@dataclass(frozen=True)
class Rule:
    """What a module may not contain.

    Args:
        promise: what the rule is for.
        look: yields what breaks it.
        excepted: modules, below `src`, in which it is the module's purpose.
    """

    promise: str
    look: Look
    excepted: tuple[str, ...] = ()

    def broken_by(self, module: str, source: str) -> list[str]:
        """Return the places in a module that break the rule."""
        if any(fnmatch(module, pattern) for pattern in self.excepted):
            return []
        return [f"{module}:{getattr(node, 'lineno', 0)}: {self.promise}" for node in self.look(_parsed(source))]


def _imports(*modules: str) -> Look:
    def look(tree: ast.Module) -> Iterator[ast.AST]:
        for node in ast.walk(tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            if any(name == module or name.startswith(f"{module}.") for name in names for module in modules):
                yield node

    return look


def _called(node: ast.AST) -> str:
    """Return the name of the called function or method; empty if nothing is called."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _dials(tree: ast.Module) -> Iterator[ast.AST]:
    yield from _imports(*_CLIENTS)(tree)
    yield from (node for node in ast.walk(tree) if _called(node) in _DIALLING_CALLS)


def _leaves_tls_unverified(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in {"verify", "ssl", "verify_ssl", "check_hostname"}:
            yield from [node] if _is_false(node.value) else []
        if isinstance(node, ast.Assign) and _is_false(node.value):
            yield from (target for target in node.targets if getattr(target, "attr", "") == "check_hostname")
        if getattr(node, "attr", getattr(node, "id", "")) in {
            "CERT_NONE",
            "CERT_OPTIONAL",
            "_create_unverified_context",
        }:
            yield node


def _is_false(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _builds_sql(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) in _SQL_CALLS and node.args and _is_built(node.args[0]):
            yield node
        if _is_built(node) and any(word in _text_in(node) for word in _SQL_WORDS):
            yield node


def _is_built(node: ast.AST) -> bool:
    """Return whether text is assembled here, instead of being a literal."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        return True
    return isinstance(node, ast.JoinedStr) or _called(node) in {"format", "format_map", "join", "replace"}


def _text_in(node: ast.AST) -> str:
    constants = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return " ".join(value for value in constants if isinstance(value, str)) + " "


def _runs_data(tree: ast.Module) -> Iterator[ast.AST]:
    yield from _imports(*_UNPICKLERS)(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CODE_FROM_DATA:
            yield node
        if isinstance(node, ast.Attribute) and f"{getattr(node.value, 'id', '')}.{node.attr}" in {
            *("yaml.load", "yaml.unsafe_load", "os.system", "os.popen", "tempfile.mktemp"),
        }:
            yield node
        if isinstance(node, ast.keyword) and node.arg == "shell" and not _is_false(node.value):
            yield node


def _runs_programs(tree: ast.Module) -> Iterator[ast.AST]:
    yield from _imports("subprocess", "pty")(tree)
    yield from (node for node in ast.walk(tree) if _called(node).startswith("create_subprocess_"))


def _blocks_the_loop(tree: ast.Module) -> Iterator[ast.AST]:
    yield from _imports("time.sleep")(tree)
    for function in ast.walk(tree):
        if isinstance(function, ast.AsyncFunctionDef):
            yield from (node for node in _own_nodes(function) if _is_time_sleep(node))


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Walk a function without the plain functions in it, which may be for threads."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.Lambda):
            yield child
            yield from _own_nodes(child)


def _is_time_sleep(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "sleep" and getattr(node.value, "id", "") == "time"


def _runs_long(tree: ast.Module) -> Iterator[ast.AST]:
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    yield from (node for node in functions if (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES_MAX)


def _has_many_methods(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            methods = [part for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
            yield from [node] if len(methods) > CLASS_METHODS_MAX else []


RULES = {
    "dial": Rule(
        "only these modules may connect to anything; callbacks go through the guard",
        _dials,
        (
            *("services/outbound/*.py", "services/benchmarks/process.py", "__main__.py", "loadgen/*/*.py"),
            *("database_start.py", "http_server/*.py"),
            "services/live/frames.py",  # encodes frames, for sockets that others opened
            "services/report_files/object_store.py",  # the operator's endpoint alone; callers name no part of it
        ),
    ),
    "tls": Rule("certificates are always verified", _leaves_tls_unverified),
    "sql": Rule("SQL is written down, never put together", _builds_sql),
    "files": Rule(
        "files are sent from two places: the page, and a report by its id, from a descriptor",
        _imports(
            *(f"{package}.responses.FileResponse" for package in ("fastapi", "starlette")),
            *(f"{package}.staticfiles.StaticFiles" for package in ("fastapi", "starlette")),
        ),
        ("routes/site/page.py",),
    ),
    "code": Rule("data never becomes code or a shell's command", _runs_data),
    "programs": Rule(
        "only PostgreSQL's programs and the load generator are run",
        _runs_programs,
        ("postgres/cluster.py", "postgres/privileges.py", "services/benchmarks/process.py"),
    ),
    "block": Rule("nothing sleeps on an event loop's thread", _blocks_the_loop),
    "length": Rule(f"a function has at most {FUNCTION_LINES_MAX} lines", _runs_long),
    "methods": Rule(
        f"a class has at most {CLASS_METHODS_MAX} methods",
        _has_many_methods,
        (
            "services/requests/store.py",  # one method a write
        ),
    ),
}
