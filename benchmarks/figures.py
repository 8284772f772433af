"""A figure: samples of one quantity, what it should reach, and how it is printed and kept."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from chaosgood_ext.report.table import table

Progress = Callable[[str], None]

RESULTS = Path(__file__).parent / "results.json"
PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "performance.md"


@dataclass(frozen=True)
class Figure:
    """`samples` of one quantity in `unit`; `reach` is the most that its median may be, or None for no limit."""

    name: str
    unit: str
    samples: tuple[float, ...]
    reach: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """The middle of the samples."""
        return statistics.median(self.samples)

    @property
    def met(self) -> bool | None:
        """Whether the median is within reach; None where there is no limit."""
        return None if self.reach is None else self.median <= self.reach

    def as_row(self) -> tuple[str, ...]:
        """As the table shows it."""
        limit = "-" if self.reach is None else _number(self.reach)
        word = {None: "", True: "met", False: "MISSED"}[self.met]
        spread = f"{_number(min(self.samples))} to {_number(max(self.samples))}"
        return (self.name, _number(self.median), spread, str(len(self.samples)), self.unit, limit, word, self.note)

    def as_json(self) -> dict[str, Any]:
        """As `results.json` keeps it."""
        rounded = [round(sample, 4) for sample in self.samples]
        return {**asdict(self), "samples": rounded, "median": round(self.median, 4), "met": self.met}


_BEGIN, _END = "<!-- figures -->", "<!-- end of figures -->"
HEADERS = ("figure", "median", "from to", "n", "unit", "reach", "", "")


def machine() -> dict[str, Any]:
    """What was measured on."""
    release = platform.freedesktop_os_release()
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return {
        "cpu": cpu.partition(":")[2].strip() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 1024**3, 1),
        "kernel": platform.release(),
        "system": release.get("PRETTY_NAME", "Linux"),
    }


def versions() -> dict[str, str]:
    """What was measured."""
    packages = ("chaostoolkit", "chaostoolkit-lib", "moto", "boto3", "locust")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "chaotic-good": version("chaotic-good") + (f" ({commit.stdout.strip()})" if commit.returncode == 0 else ""),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def keep(path: Path, figures: Iterable[Figure]) -> None:
    """Write the figures to `path`; those that were not measured this time stay as they were measured last."""
    before = json.loads(path.read_text())["figures"] if path.exists() else []
    stamp = {"measured": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), "versions": versions()}
    fresh = {figure.name: {**figure.as_json(), **stamp} for figure in figures}
    kept = [fresh.pop(old["name"], old) for old in before]
    path.write_text(json.dumps({"figures": [*kept, *fresh.values()]}, indent=1) + "\n")


def show(figures: Sequence[Figure]) -> str:
    """The machine, the versions and the table."""
    facts = [f"{key}: {value}" for key, value in {**machine(), **versions()}.items()]
    return "\n".join([" · ".join(facts), "", table(HEADERS, [figure.as_row() for figure in figures])])


def publish(page: Path, results: Path) -> None:
    """Put what `results` holds as a table between the marks on `page`."""
    figures = json.loads(results.read_text())["figures"]
    newest = max(figures, key=lambda figure: str(figure["measured"]))
    facts = ", ".join(f"{key} {value}" for key, value in {**newest["machine"], **newest["versions"]}.items())
    rows = ["| figure | median | from to | n | unit | reach | |", "|---|--:|---|--:|---|--:|---|"]
    for each in figures:
        fields = {key: each[key] for key in ("name", "unit", "reach", "note")}
        name, median, spread, count, unit, reach, word, note = Figure(**fields, samples=tuple(each["samples"])).as_row()
        rows.append(f"| {name} | {median} | {spread} | {count} | {unit} | {reach} | {' '.join([word, note]).strip()} |")
    before, _, rest = page.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    table_of_figures = "\n".join(rows)
    page.write_text(f"{before}{_BEGIN}\n{newest['measured'][:10]}: {facts}.\n\n{table_of_figures}\n{_END}{after}")


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
