"""No task is created that nobody waits for: the supervisor runs it, or the function that creates it awaits it."""

import ast
from collections.abc import Iterator

import pytest

from src.config import SERVER_FOLDER

SOURCE = SERVER_FOLDER / "src"
CREATING = {"create_task", "ensure_future", "run_coroutine_threadsafe"}
#: Tasks that outlive the function which creates them, and how their failures are seen all the same.
WATCHED = {
    "services/kit/supervision.py": "it is the supervisor",
    "services/kit/group_commit.py": "the writer hands every failure to those who wait for it",
    "services/benchmarks/runner.py": "the run ends with a record of how it ended, whatever happens",
    "services/delivery/attempt_records.py:write": "a lane awaits it before its next one; a failure is trouble",
    "services/delivery/lane.py:_start": "a lane catches everything, names it in health, and begins again",
    "services/delivery/open_lanes.py:_drop": "it only closes; a stop awaits it, and the loop logs how it failed",
    "services/live/account_streams.py:_started": "the task that keeps the streams going ends with the first that fails",
    "routes/http/file_response.py:_send_bytes": "it ends with the download that it watches",
}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def created_in(function: ast.AST) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CREATING
    ]


def unwatched(source: str) -> list[str]:
    """Name the functions of a module that create a task and do not await it."""
    return [
        function.name
        for function in functions(ast.parse(source))
        for call in created_in(function)
        if not is_awaited(function, call)
    ]


def is_awaited(function: ast.AST, call: ast.Call) -> bool:
    """Tell whether the function awaits the task, by itself or through the name it gives it."""
    names = {
        ast.unparse(target)
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and call in ast.walk(node.value)
        for target in node.targets
    }
    lists = {taken_by(node, call) for node in ast.walk(function)}
    awaited = [node.value for node in ast.walk(function) if isinstance(node, ast.Await)]
    if any(call in ast.walk(value) for value in awaited):
        return True
    mentioned = {ast.unparse(part) for value in awaited for part in ast.walk(value)}
    return bool((names | lists - {""}) & mentioned)


def taken_by(node: ast.AST, call: ast.Call) -> str:
    """Name the collection to which a node adds the task; empty: to none."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return ""
    adds = node.func.attr in {"append", "add"} and call in [part for one in node.args for part in ast.walk(one)]
    return ast.unparse(node.func.value) if adds else ""


def test_every_task_is_awaited_where_it_is_created_or_looked_after_by_the_supervisor() -> None:
    found = {
        f"{path.relative_to(SOURCE).as_posix()}:{name}"
        for path in SOURCE.rglob("*.py")
        if "loadgen" not in path.parts  # a program of its own, which ends with its run
        for name in unwatched(path.read_text())
    }

    assert {one for one in found if not {one, one.partition(":")[0]} & WATCHED.keys()} == set()
    assert {one for one in WATCHED if not any(name.startswith(one) for name in found)} == set()
    assert "services/kit/group_commit.py:submit" in found


@pytest.mark.parametrize(
    "source",
    [
        "async def f():\n    asyncio.create_task(g())",
        "async def f():\n    t = asyncio.create_task(g())\n    t.add_done_callback(h)",
        "async def f():\n    self.t = asyncio.ensure_future(g())",
        "def f():\n    tasks.add(loop.create_task(g()))",
    ],
)
def test_a_task_that_nobody_awaits_is_noticed(source: str) -> None:
    assert unwatched(source) == ["f"]


@pytest.mark.parametrize(
    "source",
    [
        "async def f():\n    await asyncio.create_task(g())",
        "async def f():\n    t = asyncio.create_task(g())\n    await asyncio.wait([t])",
        "async def f():\n    a.append(asyncio.create_task(g()))\n    await asyncio.gather(*a)",
        "async def f():\n    self.t = asyncio.create_task(g())\n    await asyncio.shield(self.t)",
    ],
)
def test_a_task_that_is_awaited_is_let_through(source: str) -> None:
    assert unwatched(source) == []
