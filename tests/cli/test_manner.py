"""Checks of all commands: what they report, how errors read, and that nothing is left behind."""

import logging
import subprocess
import sys
import warnings

import click
import pytest

from rimlens import cli
from rimlens.cli.messages import bytes_progress, progress, reporting
from rimlens.errors import RimlensWarning
from rimlens.reconstruction import Verdict


@pytest.fixture
def good(solver):
    solver.answer._verdict = Verdict()
    return solver


def commands(group, path=()):
    """Give the path of every command and subcommand."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("path", [(), *commands(cli.main)], ids=" ".join)
def test_every_command_has_short_options_for_help_and_for_how_much_is_told(call, path):
    short, long = call(*path, "-h"), call(*path, "--help")
    assert short.exit_code == long.exit_code == 0
    assert short.stdout == long.stdout
    for option in ("-h, --help", "-v, --verbose", "-q, --quiet"):
        assert short.stdout.count(option) == 1


def test_the_version_has_a_short_option(call):
    assert call("-V").stdout == call("--version").stdout
    assert "version" in call("-V").stdout


def test_the_package_is_the_command():
    call = [sys.executable, "-m", "rimlens", "-h"]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: rimlens [OPTIONS] COMMAND")
    assert done.stderr == ""


@pytest.mark.parametrize("before", [True, False])
def test_verbose_shows_what_is_done(folder, good, call, before):
    def run(option, output):
        place = (option, "reconstruct") if before else ("reconstruct", option)
        return call(*place, "lens.fits", "-o", output)

    lines = run("-v", "v").stderr.splitlines()
    assert "rimlens.observation: lens.fits: data=SCI uncertainty=ERR mask=DQ psf=PSF" in lines
    steps = ["reading", "loading the solver", "reconstructing", "writing"]
    assert [x for x in lines if "rimlens.cli" in x] == [f"rimlens.cli: {s}" for s in steps]

    def debug(*args, **kwargs):
        logging.getLogger("rimlens.anything").debug("details")
        return good.answer

    good.reconstruct = debug
    assert "details" not in run("-v", "again").stderr
    assert "rimlens.anything: details" in run("-vv", "vv").stderr


def test_quiet_shows_neither_warnings_nor_progress_but_errors(folder, solver, call):
    solver.answer._verdict = Verdict("suspect", ("Why.",))
    assert call("reconstruct", "lens.fits").stderr != ""
    (folder / "other.fits").write_bytes((folder / "lens.fits").read_bytes())
    result = call("-q", "reconstruct", "lens.fits", "other.fits", "-o", "q")
    assert result.exit_code == 0
    assert result.stderr == ""
    result = call("reconstruct", "lens.fits", "absent.fits", "-o", "qq", "-q")
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["Error", "Error"]


def test_quiet_and_verbose_are_refused_together(call):
    for place in (("-q", "plugins", "-v"), ("plugins", "-vq")):
        result = call(*place)
        assert result.exit_code == 2
        assert result.stderr.startswith("Error: -v and -q: one of them is wanted, found both.")


@pytest.mark.parametrize(
    "arguments", [("-vv", "plugins"), ("plugins", "-q"), ("reconstruct", "absent.fits", "-v")]
)
def test_loggers_and_warnings_are_left_as_they_were(call, arguments):
    logger = logging.getLogger("rimlens")
    before = logger.level, list(logger.handlers), warnings.showwarning, list(warnings.filters)
    call(*arguments)
    found = logger.level, list(logger.handlers), warnings.showwarning, list(warnings.filters)
    assert found == before


def test_what_is_told_outside_of_a_command_is_a_line_each(capsys):
    with reporting():
        logging.getLogger("rimlens.here").warning("one %s", "record")
        warnings.warn("two\nlines", RimlensWarning, stacklevel=1)
    assert capsys.readouterr().err == "rimlens.here: one record\nWarning: two lines\n"


def test_progress_is_a_line_a_step_where_there_is_no_terminal(capsys):
    with progress(2) as step:
        step("first")
        step("second")
    with progress(1, lines=False) as step:
        step("silent")
    with bytes_progress() as show:
        for there in (0, 50, 100, 150, 999, 1000):
            show(there * 10**6, 1000 * 10**6)
        show(5, None)
    lines = capsys.readouterr().err
    assert lines == ("1/2 first\n2/2 second\n10 % of 1000 MB\n90 % of 1000 MB\n100 % of 1000 MB\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("reconstrct", "lens.fits"), "reconstrct: there is no such command, did you mean "
         "'reconstruct'? ("),
        (("nonsense",), "nonsense: there is no such command ("),
        (("reconstruct", "lens.fits", "--wieghts", "epl"), "--weights"),
        (("reconstruct", "lens.fits", "--weights", "defualt"), "did you mean 'default'?"),
        (("reconstruct", "lens.fits", "--weights", "./mein.asdf"), "did you mean 'mine.asdf'?"),
        (("reconstruct", "lens.fits", "lens2.fits", "--weights", "ELP"), "did you mean 'epl'?"),
        (("demo", "--weights", "analitic"), "did you mean 'analytic'?"),
        (("reconstruct",), "LENS.fits"),
        (("reconstruct", "lens.fits", "--uncertainty-type", "sdt"), "std"),
        (("cosmos", "biuld", "here"), "biuld"),
        (("train", "defualt", "-o", "w.asdf"), "did you mean 'default'?"),
        (("train", "recipe.toml", "-o", "w.asdf"), "did you mean 'warmup'?"),
        (("simulate", "recipe.toml", "-o", "s", "--lenses", 3), "did you mean 'warmup'?"),
        (("simulate", "recpe.toml", "-o", "s", "--lenses", 3), "did you mean 'recipe.toml'?"),
        (("train", "default"), "--output"),
        (("--vresion",), "--version"),
    ],
)  # fmt: skip
def test_what_is_misspelt_is_one_line_with_what_to_do(folder, call, content, arguments, message):
    (folder / "mine.asdf").write_text("")
    (folder / "recipe.toml").write_text('name = "mine"\nwramup = 3\n')
    before = content(folder)
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert message in line
    assert content(folder) == before


def test_a_command_without_arguments_shows_its_help(call):
    for arguments in ((), ("cosmos",)):
        result = call(*arguments)
        assert "Usage: " in result.output
        assert "Commands:" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("reconstruct", "lens.fits", "-o"),
        ("reconstruct", "lens.fits", "other.fits", "-o"),
        ("demo", "-o"),
        ("simulate", "default", "--lenses", 3, "-o"),
        ("train", "default", "-o"),
        ("cosmos", "build", ".", "-o"),
        ("cosmos", "download"),
        ("tng", "rasterize", "lens.fits", "-o"),
        ("tng", "download", "TNG100-1", 99, "--groups", "--api-key", "k", "-o"),
    ],
)
def test_a_folder_that_cannot_be_written_in_is_told_before_the_work(
    folder, solver, call, content, arguments
):
    # Nobody, not even the superuser, can write there.
    before = content(folder)
    file = arguments[0] == "train" or arguments[1] in ("build", "rasterize")
    result = call(*arguments, "/proc/results.asdf" if file else "/proc/results")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert "/proc: cannot be written in" in line
    assert solver.seen == []
    assert content(folder) == before
