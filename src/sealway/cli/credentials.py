"""``sealway credentials``: access keys of accounts."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ..model.errors import SealwayError
from .admin_client import NotAllowed, NotRunning, ask
from .failure import fail, mend
from .paths import DEFAULT_DATA_DIR, DataDir

app = typer.Typer(no_args_is_help=True, help="Give accounts access keys, list them, take them back.")


@app.command()
def add(
    account: Annotated[str, typer.Option(help="The account's 12 digits.")] = "000000000000",
    access_key: Annotated[str | None, typer.Option(help="The access key id; made when left out.")] = None,
    secret_key: Annotated[str | None, typer.Option(help="The secret; made when left out.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Give an account a key, and a default VPC if it has none. Prints the key as shell exports."""
    wanted = {"account_id": account, "access_key_id": access_key, "secret_access_key": secret_key}
    credential = _ask(data_dir, "credentials-add", wanted)
    typer.echo(f"export AWS_ACCESS_KEY_ID={shlex.quote(credential['access_key_id'])}")
    typer.echo(f"export AWS_SECRET_ACCESS_KEY={shlex.quote(credential['secret_access_key'])}")


@app.command("list")
def list_credentials(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """List accounts and their access key ids; secrets are not shown."""
    table = Table("Account", "Access key id", "Made at", box=None, header_style="bold")
    for credential in _ask(data_dir, "credentials-list"):
        table.add_row(credential["account_id"], credential["access_key_id"], credential["created_at"])
    Console().print(table)


@app.command()
def remove(
    access_key: Annotated[str, typer.Argument(help="The access key id.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Take a key back: requests signed with it are refused from now on."""
    credential = _ask(data_dir, "credentials-remove", {"access_key_id": access_key})
    typer.echo(f"removed {access_key} of account {credential['account_id']}")


def _ask(data_dir: Path, operation: str, wanted: dict[str, Any] | None = None) -> Any:
    try:
        return ask(data_dir, operation, wanted)
    except (NotRunning, NotAllowed) as error:
        fail(str(error), mend(error, data_dir))
    except SealwayError as error:
        fail(str(error), "`sealway credentials --help` explains")
