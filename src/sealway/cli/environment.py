"""``sealway env``: exports for the shell."""

import shlex
from pathlib import Path

import typer

from ..model.errors import SealwayError
from .admin_client import ask
from .failure import fail, mend


def env(data_dir: Path) -> None:
    """Prints them; fails with the next step when no Sealway runs."""
    try:
        info, credential = ask(data_dir, "info"), ask(data_dir, "first-credential")
    except SealwayError as error:
        fail(str(error), mend(error, data_dir))
    values = {
        "AWS_ENDPOINT_URL": f"http://{info['api']}",
        "AWS_ACCESS_KEY_ID": credential["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": credential["secret_access_key"],
        "AWS_REGION": info["region"],
        "AWS_DEFAULT_REGION": info["region"],
        "SEALWAY_RESOLVER": info["resolver"],
    }
    typer.echo("unset AWS_SESSION_TOKEN")  # one of AWS's own would be sent with every request, and refused
    for name, value in values.items():
        typer.echo(f"export {name}={shlex.quote(value)}")
