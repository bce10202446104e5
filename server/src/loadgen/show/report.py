"""The `--html` report: one file that loads nothing, with the whole run inside, and a page that draws it.

`page/report.html` is the template; uPlot and its licence lie beside it. Everything the run says is data for it, which
the page writes as text alone. The page of the service reads the same data out of a file that is dropped on it.
"""

import os
import platform
import shlex
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

import orjson

from src.loadgen.figures.summary import is_whole
from src.loadgen.show.table import ASYNC_ROWS, CLIENT_BLOCKED, KINDS, TOTAL_TIME, load_of

#: What the data look like; a reader refuses another one.
FORMAT = "financial-report-loadgen/1"
_PAGE = files("src.loadgen.show") / "page"


def html_report(summary: Mapping[str, Any]) -> str:
    """Write the report. It names no host, address, path, account or key, so that it may be handed on.

    Args:
        summary: of a run.
    """
    run = {
        "format": FORMAT,
        "summary": _anonymous(summary),
        "machine": machine(),
        "command": " ".join(map(shlex.quote, _command(summary["config"]))),
        "load": load_of(summary["config"]),
        "side_by_side": all(summary[mode] and is_whole(summary[mode]) for mode in ("sync", "async")),
        "words": {"kinds": KINDS, "stages": ASYNC_ROWS, "total_time": TOTAL_TIME, "client_blocked": CLIENT_BLOCKED},
    }
    # `<` would end the element that the data stand in.
    data = orjson.dumps(run).decode().replace("<", "\\u003c")
    page = _read("report.html")
    for mark, text in (("uplot.css", _read("uplot.min.css")), ("uplot.js", _uplot()), ("run.json", data)):
        page = page.replace(f"/*{mark}*/", text, 1)
    return page


def machine() -> dict[str, Any]:
    """The machine that made the load, without its name."""
    return {
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "python": platform.python_version(),
    }


def _anonymous(summary: Mapping[str, Any]) -> dict[str, Any]:
    config = {name: value for name, value in summary["config"].items() if name != "url"}
    found = {**summary, "config": config}
    for mode in ("sync", "async"):
        if (result := summary[mode]) and "receivers" in result:
            receivers = [{name: one[name] for name in one if name != "url"} for one in result["receivers"]]
            found[mode] = {**result, "receivers": receivers}
    return found


def _command(config: Mapping[str, Any]) -> Iterator[str]:
    """The command that makes the same load, on whatever server."""
    yield from (
        "python",
        "-m",
        "src.loadgen",
        "--mode",
        config["mode"],
        "--transactions",
        str(config["num_transactions"]),
    )
    given = {"requests": config["requests"], "rate": config["rate"], "warmup": config["warmup"]}
    given |= {"connections" if config["rate"] else "concurrency": config["connections"]}
    given |= {"receiver-faults": config["receiver_faults"]}
    for name, value in given.items():
        if value is not None:
            yield from (f"--{name}", str(value))
    for name in ("duration", "timeout"):
        if config[f"{name}_s"] is not None:
            yield from (f"--{name}", f"{config[f'{name}_s']:g}s")


def _uplot() -> str:
    return f"/*\n{_read('uplot.LICENSE')}*/\n{_read('uplot.min.js')}"


def _read(name: str) -> str:
    return (_PAGE / name).read_text("utf-8")
