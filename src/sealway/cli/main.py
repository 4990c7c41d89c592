"""``sealway``: run Elastic Container Service and Network Load Balancers on this machine."""

from typing import Annotated

import typer

from .. import __version__
from . import credentials, doctor, environment, lifecycle, status, traffic
from .option_fields import takes
from .paths import DEFAULT_DATA_DIR, DataDir
from .up_options import UpOptions

app = typer.Typer(
    name="sealway",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="""Elastic Container Service with Network Load Balancers in front of it, on this machine.

    [bold]Start[/bold]   sealway doctor, then sealway up
    [bold]Use[/bold]     eval "$(sealway env)"; aws ecs create-cluster --cluster-name blue
    [bold]Look[/bold]    sealway status
    [bold]End[/bold]     sealway down (stopping sealway up leaves tasks and traffic running)
    """,
)
app.add_typer(credentials.app, name="credentials")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """See the module."""


@app.command()
@takes(UpOptions)
def up(options: UpOptions) -> None:
    """Run everything in the foreground, until SIGTERM or Ctrl-C.

    Tasks keep running and traffic keeps flowing when this ends, whatever
    ends it; the next one with the same --data-dir takes over.
    GET /_sealway/ready answers 200 once all is in place.
    """
    lifecycle.up(options)


@app.command()
def down(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Remove all that Sealway made on this machine: containers, interfaces, programs, rules.

    The stored definitions stay, so that sealway up brings everything back;
    delete the data directory to forget them. Safe to run twice.
    """
    lifecycle.down(data_dir)


@app.command()
def env(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Print shell exports that point the AWS CLI, boto3, Ansible and Terraform here.

    Use as: eval "$(sealway env)"
    """
    environment.env(data_dir)


@app.command("status")
def show_status(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Show clusters, services, load balancers and targets, with their health and its reason."""
    status.show(data_dir)


@app.command("flows")
def show_flows(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="A line for each flow that begins or ends, from now on.")
    ] = False,
) -> None:
    """Show what each listener's address carries: flows, packets, bytes; since the listener was made."""
    if follow:
        traffic.follow(data_dir)
    else:
        traffic.flows(data_dir)


@app.command("drops")
def show_drops(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Show how many packets were dropped for which reason, since the data plane was loaded."""
    traffic.drops(data_dir)


@app.command("metrics")
def show_metrics(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Print CloudWatch's metrics of Network Load Balancers as collectors read them (Prometheus' format).

    For a collector to come by itself: sealway up --metrics 127.0.0.1:9470
    """
    traffic.metrics(data_dir)


@app.command("doctor")
def diagnose(
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Annotated[str, typer.Option(help="Address and port the AWS API will use.")] = "127.0.0.1:4566",
) -> None:
    """Check kernel, rights, Docker, ports and names: what is missing, and the command that mends it."""
    raise typer.Exit(doctor.diagnose(data_dir, api))


if __name__ == "__main__":
    app()
