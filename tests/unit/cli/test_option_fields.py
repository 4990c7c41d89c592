"""A dataclass whose fields are a command's options."""

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from sealway.cli.option_fields import takes


@dataclass(frozen=True, kw_only=True)
class Fields:
    """Options of every kind that Sealway's commands have."""

    name: Annotated[str, typer.Option(help="Whose.")] = "nobody"
    word: list[str] | None = None
    loud: Annotated[bool, typer.Option("--loud")] = False


def _run(*words: str) -> str:
    app = typer.Typer()

    @app.command()
    @takes(Fields)
    def command(fields: Fields) -> None:
        """Says what it was given."""
        print(fields)

    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0
    return done.output


def test_each_field_is_an_option() -> None:
    assert (
        _run("--name", "a", "--word", "b", "--word", "c", "--loud")
        == f"{Fields(name='a', word=['b', 'c'], loud=True)}\n"
    )


def test_what_is_not_given_is_the_field_s_default() -> None:
    assert _run() == f"{Fields()}\n"


def test_the_help_is_the_function_s_and_the_fields() -> None:
    told = _run("--help")
    assert "Says what it was given." in told
    assert "Whose." in told
