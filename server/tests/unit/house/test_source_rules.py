"""What the source never does; and each rule notices when it does."""

import re

import pytest

from src.config import SERVER_FOLDER
from tests.support.source_rules import RULES

SOURCE = SERVER_FOLDER / "src"

BROKEN = [
    ("dial", "import httpx"),
    ("dial", "from aiohttp import ClientSession"),
    ("dial", "import urllib.request"),
    ("dial", "from urllib import request"),
    ("dial", "import http.client as c"),
    ("dial", "import asyncio\nasync def f(): await asyncio.open_connection('x', 1)"),
    ("tls", "client(verify=False)"),
    ("tls", "session.get(url, ssl=False)"),
    ("tls", "context.verify_mode = ssl.CERT_NONE"),
    ("tls", "context.check_hostname = False"),
    ("tls", "from ssl import CERT_NONE\nx = CERT_NONE"),
    ("tls", "ssl._create_unverified_context()"),
    ("sql", "pool.fetch(f'SELECT {x}')"),
    ("sql", "pool.execute('SELECT ' + x)"),
    ("sql", "pool.fetchval('SELECT %s' % x)"),
    ("sql", "connection.execute(text('x = {}'.format(x)))"),
    ("sql", "query = f'DELETE FROM requests WHERE id = {x}'\nrun(query)"),
    ("sql", "query = ' '.join(['SELECT *', x])"),
    ("files", "from fastapi.responses import FileResponse"),
    ("files", "from starlette.responses import FileResponse, Response"),
    ("files", "from starlette.staticfiles import StaticFiles"),
    ("code", "eval(x)"),
    ("code", "exec(x)"),
    ("code", "import pickle"),
    ("code", "from marshal import loads"),
    ("code", "yaml.load(x)"),
    ("code", "os.system(x)"),
    ("code", "run(x, shell=True)"),
    ("programs", "import subprocess"),
    ("programs", "from subprocess import run"),
    ("programs", "asyncio.create_subprocess_exec(x)"),
    ("block", "async def f():\n    time.sleep(1)"),
    ("block", "async def f():\n    for x in y:\n        if x: time.sleep(1)"),
    ("block", "from time import sleep"),
    ("length", "def f():\n" + "    x = 1\n" * 40),
    ("length", "class C:\n    async def f(self):\n" + "        x = 1\n" * 40),
    ("methods", "class C:\n" + "".join(f"    def f{n}(self): ...\n" for n in range(17))),
]

KEPT = [
    ("dial", "from urllib.parse import quote"),
    ("tls", "client(verify=True, ssl=context)"),
    ("sql", "pool.fetch('SELECT $1', x)"),
    ("sql", "pool.fetch(statements.START, x)"),
    ("sql", "detail = f'The report has {n} bytes.'"),
    ("code", "run(x, shell=False)"),
    ("code", "re.compile(x)"),
    ("block", "def f():\n    time.sleep(1)"),
    ("block", "async def f():\n    await asyncio.sleep(1)"),
    ("length", "def f():\n" + "    x = 1\n" * 39),
    ("methods", "class C:\n" + "".join(f"    def f{n}(self): ...\n" for n in range(16))),
    ("block", "async def f():\n    def in_a_thread(): time.sleep(1)"),
]


@pytest.mark.parametrize("name", RULES)
def test_no_module_breaks_the_rule(name: str) -> None:
    modules = {path.relative_to(SOURCE).as_posix(): path.read_text() for path in SOURCE.rglob("*.py")}

    assert len(modules) > 50
    assert [found for module, text in modules.items() for found in RULES[name].broken_by(module, text)] == []


@pytest.mark.parametrize(("name", "source"), BROKEN)
def test_the_rule_notices(name: str, source: str) -> None:
    assert RULES[name].broken_by("services/any.py", source)


@pytest.mark.parametrize(("name", "source"), KEPT)
def test_the_rule_leaves_alone_what_is_right(name: str, source: str) -> None:
    assert not RULES[name].broken_by("services/any.py", source)


@pytest.mark.parametrize("name", RULES)
def test_no_module_is_excepted_without_need(name: str) -> None:
    for pattern in RULES[name].excepted:
        found = [RULES[name].broken_by("services/any.py", path.read_text()) for path in SOURCE.glob(pattern)]
        assert any(found) or not found, pattern


def test_no_test_patches_what_others_import() -> None:
    patching = re.compile(r"\bmonkeypatch\.(setattr|delattr|setitem)\b|\bunittest\.mock\b|\bmock\.patch\b")
    tests = {path: path.read_text() for path in (SERVER_FOLDER / "tests").rglob("test_*.py")}
    tests |= {path: path.read_text() for path in (SERVER_FOLDER / "tests").rglob("conftest.py")}

    assert len(tests) > 100
    assert [path.name for path, text in tests.items() if patching.search(text)] == []
