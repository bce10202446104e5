"""What is drawn and listed of errors and controllers is all there is."""

import ast
import re
import tomllib
from collections.abc import Iterator

import pytest

from src import errors
from src.config import SERVER_FOLDER
from src.errors import ServiceError
from src.routes.http import problems
from tests.support.openapi import document

SOURCE = SERVER_FOLDER / "src"


def descendants(kind: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def drawn() -> dict[str, str]:
    """Each name of the drawing, and the one that it hangs from."""
    above: list[str] = []
    tree: dict[str, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"( {4}[│├└─ ]*)(\w+) {2,}\S", line):
            depth = (len(match[1]) - 4) // 4
            above[depth:] = [match[2]]
            tree[match[2]] = above[depth - 1] if depth else ""
    return tree


def test_every_error_stands_in_the_drawing_below_the_one_it_is_made_from() -> None:
    made = {kind.__name__: (kind.__base__ or object).__name__ for kind in descendants(ServiceError)}

    assert drawn() == {"ServiceError": "", **made}


@pytest.mark.parametrize("kind", list(descendants(ServiceError)), ids=lambda kind: str(kind.__name__))
def test_every_error_has_a_row_among_the_problems_before_the_last(kind: type[ServiceError]) -> None:
    assert next(row for row, *_ in problems._KINDS if issubclass(kind, row)) is not ServiceError
    assert problems._KINDS[-1][0] is ServiceError


def slugs_in_use() -> set[str]:
    """The second argument of each `problem(…)`, and what the tables name."""
    called = [
        node.args[1]
        for path in (SOURCE / "routes").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "problem"
    ]
    literal = {node.value for node in called if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return literal | {slug for *_, slug in problems._KINDS} | set(problems._SLUGS.values()) | problems.UNAUTHORIZED


def test_every_kind_of_problem_is_described_in_the_document_and_none_that_is_not() -> None:
    written = document()
    described: str = written["components"]["schemas"]["Problem"]["properties"]["type"]["description"]

    assert set(re.findall(r"report-generator:([a-z-]+)`", described)) == slugs_in_use() | {"error"}


def test_the_contract_that_controllers_do_not_call_each_other_names_every_one() -> None:
    contracts = tomllib.loads((SERVER_FOLDER / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [named] = [contract["modules"] for contract in contracts if contract["type"] == "independence"]
    there = [f"src.controllers.{path.stem}" for path in (SOURCE / "controllers").glob("*_controller.py")]

    assert sorted(named) == sorted(there)
