"""What `make test` and CI bring with them: programs that are missing, pinned actions, paths of any spelling."""

import os
import re
import subprocess
from pathlib import Path

from src.config import SERVER_FOLDER

ROOT = SERVER_FOLDER.parent
PACKAGES = ROOT / ".ci" / "packages"
#: Programs that `.ci/packages` itself starts.
ITS_TOOLS = ("bash", "env", "id")


def packages(*wanted: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PACKAGES, *wanted], env={"PATH": str(path)}, capture_output=True, text=True, check=False)


def folder_of_programs(folder: Path, **programs: str) -> Path:
    """Make a folder for PATH: the script's own tools, and programs with the given text."""
    for tool in ITS_TOOLS:
        found = next(path for path in (Path("/usr/bin") / tool, Path("/bin") / tool) if path.exists())
        (folder / tool).symlink_to(found)
    for name, text in programs.items():
        program = folder / name.replace("_", "-")
        program.write_text(f"#!/bin/bash\n{text}\n")
        program.chmod(0o755)
    return folder


def test_a_program_that_is_there_is_not_installed(tmp_path: Path) -> None:
    answer = packages("bash=nothing-of-this-name", path=folder_of_programs(tmp_path))

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_what_cannot_be_installed_is_one_sentence_that_says_how(tmp_path: Path) -> None:
    answer = packages("no-such-1=one+two", "bash=bash", "no-such-2=three", path=folder_of_programs(tmp_path))

    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1
    assert "apt-get install one two three" in answer.stderr


def test_a_package_that_is_not_to_be_had_ends_with_the_same_sentence(tmp_path: Path) -> None:
    path = folder_of_programs(tmp_path, apt_get='[ "${*: -1}" = update ]', sudo='shift; exec "$@"', true="")
    answer = packages("no-such-1=one", path=path)

    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].startswith("Missing here: one.")


def test_make_test_looks_for_what_may_be_missing_before_anything_slow() -> None:
    makefile = (ROOT / "Makefile").read_text()
    prerequisites = re.findall(r"^test:(.*?)##", makefile, re.MULTILINE)[0]

    assert prerequisites.split()[0] == "programs"
    assert prerequisites.index("browser") < prerequisites.index("DEV_STAMP") < prerequisites.index("PAGE")


def rehearsed(*arguments: str) -> str:
    """Return the commands that `make test` would run, without the settings of a `make` that runs this test."""
    answer = subprocess.run(
        ["make", "--dry-run", "test", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout


def test_the_fast_tests_are_a_part_of_all_and_need_no_page() -> None:
    fast, whole = rehearsed("FAST=1"), rehearsed()
    [chosen] = re.findall(r"-m pytest (.*?) -m \"not chaos\"", fast)

    assert "npm" not in fast
    assert "Not tested" in fast
    assert re.search(r"-m pytest -n \d", whole)
    assert "not chaos" not in whole
    assert chosen.split()[0] == "tests/unit"
    assert [path for path in chosen.split() if not (SERVER_FOLDER / path).exists()] == []


def test_actions_and_programs_of_workflows_are_pinned() -> None:
    text = "\n".join(path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    used = re.findall(r"uses: (\S+)", text)

    assert used
    assert [action for action in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)] == []
    assert [line for line in text.splitlines() if "pipx run" in line and "==" not in line] == []


def test_no_url_is_taken_for_a_path() -> None:
    # In a folder with a blank or an umlaut the two differ: "/a%20b".
    sources = [
        path
        for pattern in ("*.ts", "*.mjs", "e2e/**/*.ts", "scripts/**/*.mjs", "src/**/*.ts")
        for path in (ROOT / "client").glob(pattern)
    ]

    assert sources
    assert [path.name for path in sources if re.search(r"import\.meta\.url\s*\)\s*\.pathname", path.read_text())] == []
