"""``sightline bench model``: how fast and how large a model's engines are, each in its own process."""

from __future__ import annotations

import json as json_
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline.cli.options import Device, Json, Verbose, model_options, network_names
from sightline.cli.terminal import logs
from sightline.cli.terminal.cells import cell, table_console
from sightline.cli.toolchain.value_lists import (
    ALL_LOCAL,
    LOCAL,
    PRECISIONS,
    input_size,
    numbers,
    parts,
    words,
)
from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.config import ModelOptions
    from sightline.optimize.benchmarks.measurement import BenchResult, Plan
    from sightline.optimize.benchmarks.setups import EngineSetup, MakeEngine
    from sightline.optimize.benchmarks.statistics import LatencyComparison

MOST_SETUPS = 200


Measured = Annotated[
    str,
    typer.Argument(
        help="A model file, or a name of `sightline models`.", autocompletion=network_names
    ),
]
InputSizes = Annotated[
    str | None, typer.Option(help="Inputs: 320,640x384. \\[default: the model's]")
]
Batches = Annotated[str, typer.Option(help="Pictures in an inference: 1,4,16.")]
Backends = Annotated[str, typer.Option(help="Runtimes to be measured.")]
Precisions = Annotated[str, typer.Option(help=f"Of {', '.join(PRECISIONS)}.")]
Threads = Annotated[str, typer.Option(help="Processor threads; 0: all cores.")]
TimedSeconds = Annotated[
    float, typer.Option(min=0.5, help="Timed inferences of each setup, after the warm-up.")
]
LoadMinutes = Annotated[
    float, typer.Option(min=0, help="Full load so long as well: how do the figures drift?")
]
Compared = Annotated[
    Path | None,
    typer.Option(help="An earlier result (.json), or another model, measured in turns."),
]
Report = Annotated[
    Path | None, typer.Option("--output", "-o", help="The report as HTML, with plots.")
]


def model(
    model: Measured,
    sizes: InputSizes = None,
    batches: Batches = "1",
    backends: Backends = ALL_LOCAL,
    precisions: Precisions = "auto",
    threads: Threads = "0",
    seconds: TimedSeconds = 5.0,
    minutes: LoadMinutes = 0.0,
    compare: Compared = None,
    output: Report = None,
    device: Device = "auto",
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Measure a model with every runtime: latency, throughput and memory of each setup.

    All combinations of runtime, precision, input size, batch and threads run in a process of their own.
    What cannot run is a row with the reason; the command fails where nothing can. Latency is of one batch at a time with all threads,
    throughput of as many side by side as the runtime takes.

    [bold]Examples[/bold]

    sightline bench model yolox_nano.onnx --sizes 416,320 --batches 1,4 --output report.html

    sightline bench model new.onnx --compare old.onnx --backends openvino

    sightline bench model yolox_nano.onnx --json > today.json
    """
    from sightline.optimize.benchmarks.html_report import check_plots, html_report
    from sightline.optimize.benchmarks.measurement import Plan
    from sightline.whole_files import write_whole

    logs.set_up(verbose)
    options = model_options(model, device=device)
    setups = _setups(sizes, batches, backends, precisions, threads)
    if output is not None:
        _check_output(options, compare, output)
        check_plots()
    facts, shown = _measured(
        options, setups, Plan(seconds, minutes * 60, min(10.0, 2 * seconds)), compare
    )
    if output is not None:
        write_whole(output, html_report(facts).encode())
    _print(facts, shown, as_json=json)


def _setups(
    sizes: str | None, batches: str, backends: str, precisions: str, threads: str
) -> list[EngineSetup]:
    """Raises ConfigError naming the option."""
    from sightline.optimize.benchmarks.setups import grid

    setups = grid(
        words("--backends", backends, LOCAL),
        words("--precisions", precisions, PRECISIONS),
        [None]
        if sizes is None
        else [input_size("--sizes", text) for text in parts("--sizes", sizes)],
        numbers("--batches", batches, least=1),
        numbers("--threads", threads, least=0),
    )
    if len(setups) > MOST_SETUPS:
        raise ConfigError(
            f"these are {len(setups)} combinations, and at most {MOST_SETUPS} are measured: give fewer "
            "--sizes, --batches, --backends, --precisions or --threads"
        )
    return setups


def _check_output(options: ModelOptions, compare: Path | None, output: Path) -> None:
    """Raise ConfigError where the report would overwrite what is read, or what is no report."""
    from sightline.build.files.conflicts import check_files, paths_read
    from sightline.replaced_files import PAGE, check_replaced

    check_files(
        {**paths_read(options), **({} if compare is None else {"--compare": compare})},
        {"the report": output},
    )
    check_replaced(output, "--output", PAGE)


def _measured(
    options: ModelOptions, setups: list[EngineSetup], plan: Plan, compare: Path | None
) -> tuple[dict[str, object], list[LatencyComparison | None]]:
    """The results as JSON, and each row's comparison."""
    import hashlib

    from sightline import build
    from sightline.models.file import open_model
    from sightline.optimize.benchmarks.measurement import measure_setups
    from sightline.optimize.benchmarks.result_file import (
        check_comparable,
        read_results,
        result_json,
        with_earlier,
    )

    path = build.model_path(options)
    is_result = compare is not None and compare.suffix.lower() == ".json"
    earlier = read_results(compare) if compare is not None and is_result else []
    if compare is not None and is_result:
        check_comparable(compare, setups, earlier)
    other: MakeEngine | None = None
    if compare is not None and not is_result:
        open_model(build.model_path(options.model_copy(update={"model": str(compare)})))
        other = _maker(options.model_copy(update={"model": str(compare)}))
    results: list[BenchResult] = measure_setups(_maker(options), setups, plan, _tell, other)
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    facts = result_json(path, sha256, results)
    if is_result:
        compared = [found for _, found in with_earlier(facts["results"], earlier)]
        if not any(compared):
            _tell(f"--compare {compare}: it holds none of these setups")
        return facts, compared
    return facts, [result.comparison for result in results]


def _maker(options: ModelOptions) -> MakeEngine:
    """What makes the engines of a model, in other processes, which may work in another folder."""
    from sightline import build
    from sightline.build.toolchain.measured import measured_engine

    path = build.model_path(options).absolute()
    return partial(measured_engine, options.model_copy(update={"model": str(path)}))


def _tell(line: str) -> None:
    from sightline.redaction import printable

    typer.echo(printable(line), err=True)


def _print(
    facts: dict[str, Any], comparisons: list[LatencyComparison | None], *, as_json: bool
) -> None:
    """The results. Exits with 1 where nothing could run."""
    if as_json:
        typer.echo(json_.dumps(facts))
    else:
        _print_table(facts, comparisons)
    if all(row["refused"] for row in facts["results"]):
        raise typer.Exit(1)


def _print_table(facts: dict[str, Any], comparisons: list[LatencyComparison | None]) -> None:
    from rich.table import Table

    from sightline.optimize.benchmarks.html_report import setup_name

    console = table_console()
    table = Table("runtime", "precision", "input", box=None, pad_edge=False)
    for column in ("batch", "threads", "mean ms", "std", "p50", "p95", "p99", "pictures/s", "MB"):
        table.add_column(column, justify="right", no_wrap=True)
    rows = facts["results"]
    for row in rows:
        table.add_row(*_cells(row))
    console.print(table)
    said: dict[str, list[str]] = {}
    for row, found in zip(rows, comparisons, strict=True):
        for remark in _remarks(row, found):
            said.setdefault(remark, []).append(setup_name(row))
    for remark, names in said.items():
        console.print(cell(f"{'; '.join(names)}: {remark}"), soft_wrap=True)


def _cells(row: dict[str, Any]) -> list[str]:
    size = "×".join(map(str, row["size"])) if row["size"] else ""
    cells = [
        row["backend"],
        row["precision"],
        size,
        str(row["batch"]),
        str(row["threads"] or "all"),
    ]
    if row["latency"] is None:
        return [*cells, "cannot run"]
    latency = row["latency"]
    cells += [f"{latency[f'{key}_ms']:.2f}" for key in ("mean", "std", "p50", "p95", "p99")]
    return [*cells, f"{row['pictures_per_s']:.1f}", f"{row['peak_memory_mb']:.0f}"]


def _remarks(row: dict[str, Any], found: LatencyComparison | None) -> list[str]:
    """What is to be said of a row besides its figures."""
    from sightline.optimize.benchmarks.result_file import doubts

    remarks = []
    if row["refused"]:
        remarks.append(f"cannot run: {row['refused']}")
    remarks += doubts(row)
    if found is not None:
        remarks.append(str(found))
    if row["sustained"] is not None:
        remarks.append(_sustained(row["sustained"]))
    return remarks


def _sustained(sustained: dict[str, Any]) -> str:
    windows = sustained["windows"]
    last = windows[-1]["thermal"]
    state = [
        f"{last['temperature_c']:.0f} °C" if last["temperature_c"] is not None else None,
        f"{last['frequency_mhz']:.0f} MHz" if last["frequency_mhz"] is not None else None,
    ]
    thermal = ", ".join(filter(None, state)) or "this machine tells neither temperature nor clock"
    moved = sustained["rate_drift"]
    drift = "too short for a drift"
    if moved is not None:
        drift = (
            f"pictures/s move by {moved['per_minute']:+.1%} a minute, "
            f"the last third is {moved['last_to_first']:.3f} of the first"
        )
    return f"full load for {windows[-1]['at_s'] / 60:.1f} minutes: {drift}; {thermal}"
