"""The command ``rimlens reconstruct`` on real HST lenses, against their published models.

``python benchmarks/real_lenses.py FOLDER`` runs the command on every lens that ``table.csv`` in
FOLDER lists, on the extension LENSSUB, with one setting for all.  For each lens it prints the
Einstein radius beside the published one, the reduced chi-square beside that of the published
model, the seconds for the solver once it is loaded, and wall time and peak memory of the whole
command.  With ``--in-process`` the weights are loaded once, and only the solver is timed.

The published chi-square is inside the mask of the full image.  The solver's is so too, except
where it had to cut or bin an image that is larger than its field.

The lenses and the models are those of Project Dinos I (Tan et al. 2024, arXiv:2311.09307), the
images are from the HST archive.  Grade A lenses are scored; B are soft, C never scored.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import click
import numpy as np
from astropy.table import Table
from tqdm import tqdm

ORIGIN = "Project Dinos I, Tan et al. 2024, arXiv:2311.09307; HST archive"
COMMAND = [sys.executable, "-c", "from rimlens.cli import main; main()", "reconstruct"]
UNITS_OF_MAXRSS = 1 if sys.platform == "darwin" else 1024
FORMATS = {
    "theta_E published": ".3f",
    "found": ".3f",
    "error %": "+.1f",
    "stated %": ".1f",
    "arcs": ".2f",
    "chi2": ".3f",
    "published chi2": ".3f",
    "ratio": ".2f",
    "solver s": ".2f",
    "command s": ".1f",
    "memory GiB": ".2f",
}


def run_command(path, weights, refine=False):
    """Return the numbers of one lens from a process of its own, or what went wrong."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as err:
        arguments = [str(path), "--data", "LENSSUB", "--weights", weights, "-o", folder, "--json"]
        arguments += ["--refine"] * refine
        start = time.perf_counter()
        process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=err)
        # A line of JSON fits into the pipe; only wait4 gives the memory of this one process.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        with process.stdout as stdout:
            out = stdout.read()
        if process.returncode:
            err.seek(0)
            lines = err.read().strip().splitlines() or [f"exit status {process.returncode}"]
            return {"failure": lines[-1]}
    return json.loads(out) | {
        "command": seconds,
        "memory": usage.ru_maxrss * UNITS_OF_MAXRSS / 2**30,
    }


class InProcess:
    """Runs the solver in this process; the weights are loaded once."""

    def __init__(self, weights):
        from rimlens import RIMSolver

        self.solver = RIMSolver.from_pretrained(weights)

    def __call__(self, path, weights, refine=False):
        """Return the numbers of one lens, or what went wrong."""
        from rimlens import Observation
        from rimlens.cli.report import summary
        from rimlens.errors import RimlensError, RimlensWarning

        try:
            with warnings.catch_warnings():
                # The command reports masked pixels and the like; here that would tear the bar.
                warnings.simplefilter("ignore", RimlensWarning)
                observation = Observation.read(path, data="LENSSUB")
                return summary(self.solver.reconstruct(observation, refine=refine))
        except RimlensError as error:
            return {"failure": str(error)}


def row(published, result):
    """Return a row of the table; a lens that failed has an infinite error."""
    failed = "failure" in result or result["theta_E"] is None
    nan = float("nan")
    found = nan if failed else result["theta_E"]
    chi2 = result.get("reduced_chi2")
    chi2 = nan if chi2 is None else chi2
    return {
        "name": str(published["lens"]),
        "grade": str(published["grade"]),
        "theta_E published": float(published["tE_pub"]),
        "found": found,
        "error %": np.inf if failed else 100 * (found / published["tE_pub"] - 1),
        "stated %": 100 * (result.get("errors", {}).get("einstein_radius") or nan) / found,
        "arcs": nan if failed else result.get("chi2_arcs") or nan,
        "chi2": chi2,
        "published chi2": float(published["chi2_red_lenstronomy"]),
        "ratio": chi2 / published["chi2_red_lenstronomy"],
        "quality": result.get("quality", "failed"),
        "solver s": result.get("elapsed", nan),
        "command s": result.get("command", nan),
        "memory GiB": result.get("memory", nan),
    }


def summary_of(lenses):
    """Return the figures over several lenses; a lens that failed counts as infinitely wrong."""
    error = np.abs(lenses["error %"])
    good = lenses["quality"] == "good"

    def median(name):
        # A lens without chi-square counts as infinitely bad, too.
        return float(np.median(np.nan_to_num(lenses[name], nan=np.inf)))

    def largest(name):
        values = lenses[name][np.isfinite(lenses[name])]
        return float(values.max()) if len(values) else float("nan")

    return {
        "lenses": len(lenses),
        "failed": int(np.isinf(error).sum()),
        "called good, error over 10 %": int(np.sum(good & (error > 10))),
        "of the others called good (%)": 100 * float(np.mean(good[error <= 10])),
        "median |theta_E error| (%)": float(np.median(error)),
        "within 10 % (%)": 100 * float(np.mean(error <= 10)),
        "within 5 % (%)": 100 * float(np.mean(error <= 5)),
        "median reduced chi2": median("chi2"),
        "median chi2 on the arcs": median("arcs"),
        "median ratio of chi2 to the published model's": median("ratio"),
        "longest solver time (s)": largest("solver s"),
        "longest command (s)": largest("command s"),
        "largest peak memory (GiB)": largest("memory GiB"),
    }


def finite(value):
    """Return plain values with None, which JSON has, for infinity and nan, which it has not."""
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--weights", default="default", show_default=True, help="Weights: name or path.")
@click.option("--refine", is_flag=True, help="Refine every answer.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first lenses of the table.")
@click.option(
    "--command/--in-process",
    "as_command",
    default=True,
    help="Call the command for every lens (the default), or load the weights once.",
)
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="Write all figures.")
def main(folder, weights, refine, limit, as_command, json_path):
    """Reconstruct the lenses in FOLDER and compare with their published models."""
    published = Table.read(folder / "table.csv", format="ascii.csv")[:limit]
    runner = run_command if as_command else InProcess(weights)
    rows, failures = [], []
    for lens in tqdm(published, desc="lenses", disable=None):
        path = folder / f"{lens['lens']}_{lens['band']}.fits"
        result = runner(path, weights, refine)
        rows.append(row(lens, result))
        if "failure" in result:
            failures.append(f"{lens['lens']}: {result['failure']}")
    table = Table(rows=rows)
    for name, text in FORMATS.items():
        table[name].format = text
    print(f"Real lenses: {ORIGIN}")
    print("published chi2: of the published lenstronomy model, inside the mask; ratio: to it")
    print("\n".join(table.pformat(max_lines=-1, max_width=-1)))
    for failure in failures:
        print(failure)
    grade_a = table[table["grade"] == "A"]
    scores = {"grade A": summary_of(grade_a)} if len(grade_a) else {}
    scores["all"] = summary_of(table)
    figures = Table({"summary": list(scores["all"])})
    for name, values in scores.items():
        figures[name] = [f"{value:.3g}" for value in values.values()]
    print(
        "\n".join(figures.pformat(max_lines=-1, max_width=-1, align=["<", *">>"[: len(scores)]]))
    )
    if json_path:
        content = {"origin": ORIGIN, "lenses": rows, "failures": failures, "summary": scores}
        Path(json_path).write_text(json.dumps(finite(content), indent=1))


if __name__ == "__main__":
    main()
