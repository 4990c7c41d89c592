"""How a command fails: one line that says what is wrong, one that says what to do next."""

from pathlib import Path
from typing import NoReturn

import typer

from .admin_client import NotAllowed


def fail(problem: str, next_step: str = "", status: int = 1) -> NoReturn:
    """Prints both to standard error and ends the program."""
    typer.secho(f"sealway: {problem}", fg="red", err=True)
    if next_step:
        typer.echo(f"         {next_step}", err=True)
    raise typer.Exit(status)


def mend(error: Exception, data_dir: Path) -> str:
    """What to do when a running Sealway could not be asked."""
    if isinstance(error, NotAllowed):
        return "run the same command as root, with sudo"
    return f"start it, as root: sealway up --data-dir {data_dir}"
