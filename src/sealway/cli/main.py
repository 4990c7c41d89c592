"""``sealway``: run Elastic Container Service and Network Load Balancers on this machine."""

from typing import Annotated

import typer

from .. import __version__
from . import credentials, doctor, environment, lifecycle, status, traffic
from .paths import DEFAULT_DATA_DIR, DataDir

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
def up(  # noqa: PLR0913, PLR0917 - each is an option
    data_dir: DataDir = DEFAULT_DATA_DIR,
    api: Annotated[str, typer.Option(help="Address and port of the AWS API.")] = "127.0.0.1:4566",
    dataplane: Annotated[
        lifecycle.DataPlaneName,
        typer.Option(help="ebpf: the kernel carries connections. relay: this process copies bytes."),
    ] = lifecycle.DataPlaneName.EBPF,
    region: Annotated[str, typer.Option(help="The region whose default VPC is made.")] = "us-east-1",
    uplink: Annotated[
        list[str] | None,
        typer.Option(
            help="Interface on which outside clients come in; repeatable. Default: the default route's."
        ),
    ] = None,
    expose: Annotated[
        list[str] | None,
        typer.Option(
            metavar="INTERFACE",
            help="Answer internet-facing load balancers' listeners at this interface's own addresses too, for"
            " clients without a route to the VPC; repeatable. Ports that this host listens on stay its own.",
        ),
    ] = None,
    xdp: Annotated[
        lifecycle.XdpChoice | None,
        typer.Option(
            help="Drop early, at --expose's interfaces, what would be dropped anyway. native: in the driver,"
            " before there is a packet. generic: in the kernel, whatever the driver; it saves little."
            " Default: native for devices whose driver can."
        ),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS=CIDR[,CIDR...]",
            help="A neighbour with a Sealway of its own, whose VPCs are those networks: they get a route"
            " there, and their addresses may be targets here. It names this host likewise; repeatable.",
        ),
    ] = None,
    metrics: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS:PORT",
            help="Answer /metrics there, for a collector; whoever reaches it may read. See sealway metrics.",
        ),
    ] = "",
    replace_dataplane: Annotated[
        bool,
        typer.Option(
            "--replace-dataplane",
            help="Go on where the data plane of an older Sealway cannot be taken over: its connections end.",
        ),
    ] = False,
) -> None:
    """Run everything in the foreground, until SIGTERM or Ctrl-C.

    Tasks keep running and traffic keeps flowing when this ends, whatever
    ends it; the next one with the same --data-dir takes over.
    GET /_sealway/ready answers 200 once all is in place.
    """
    options = lifecycle.Options(
        data_dir=data_dir,
        api=api,
        dataplane=dataplane,
        region=region,
        uplinks=tuple(uplink or ()),
        exposed=tuple(expose or ()),
        xdp=xdp,
        peers=tuple(peer or ()),
        metrics=metrics,
        replace_dataplane=replace_dataplane,
    )
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
