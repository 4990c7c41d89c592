"""``sealway up`` and ``sealway down``.

The machine and its drivers are imported where they are used: the other commands share this module's
program, and should not wait for what only these two need.
"""

import asyncio
import errno
import os
import re
import resource
import signal
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..app.admin import RunInfo
from ..app.logs import set_up_logs
from ..model.errors import SealwayError
from .admin_client import NotRunning, ask
from .failure import fail
from .machine_lock import MachineLock, MachineTaken
from .peers import peers_of
from .up_options import DataPlaneName, UpOptions, XdpChoice

if TYPE_CHECKING:
    from ..app.machine import Settings
    from ..drivers.contracts.dataplane import XdpMode

STOP_SECONDS = 20
REGION = re.compile(r"[a-z]+(-[a-z]+)+-[0-9]")
PRIVATE = 0o077
"""The umask: keys are in the state, and whoever may open the administrator's socket may do all. Set before
anything is made, as a mode put right afterwards comes a moment late."""
_XDP: dict[XdpChoice | None, "XdpMode"] = {
    None: "auto",
    XdpChoice.OFF: "",
    XdpChoice.NATIVE: "native",
    XdpChoice.GENERIC: "generic",
}


def up(options: UpOptions) -> None:
    """Runs until a signal; ends with status 1 and a reason when it cannot start."""
    settings = _settings(options)
    set_up_logs()
    _take_all_descriptors()
    data_dir = options.data_dir
    lock = _lock_machine(data_dir)
    typer.echo(f"sealway: starting (state in {data_dir}, data plane {options.dataplane.value})", err=True)
    try:
        asyncio.run(_up(settings, partial(lock.claim, data_dir)))
    except (SealwayError, OSError, ExceptionGroup) as error:
        cause = _first(error)
        if not isinstance(cause, SealwayError | OSError):
            raise
        fail(*_told(cause, settings))
    finally:
        lock.release()


def _take_all_descriptors() -> None:
    """As many open files as this process may have; shells start programs with a thousand of them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _settings(options: UpOptions) -> "Settings":
    """The options, checked."""
    host, port = _place("--api", options.api, "127.0.0.1:4566")
    metrics = _place("--metrics", options.metrics, "127.0.0.1:9470") if options.metrics else None
    if os.geteuid() != 0:
        fail("container networks and eBPF need root", "run it as root: sudo sealway up")
    if not REGION.fullmatch(options.region):
        fail(f"--region takes a region's name, not {options.region!r}", "for example --region us-east-1", 2)
    uplinks, exposed = tuple(options.uplink or ()), tuple(options.expose or ())
    _check_interfaces("--uplink", uplinks)
    _check_interfaces("--expose", exposed)
    if exposed and options.dataplane is DataPlaneName.RELAY:
        fail("--expose needs the kernel's data plane", "leave --expose out, or take --dataplane ebpf", 2)
    if options.xdp not in (None, XdpChoice.OFF) and not exposed:
        fail("--xdp is for the interfaces of --expose", "name one: --expose eth0", 2)
    peers = peers_of(options.peer or ())
    os.umask(PRIVATE)
    from ..app.machine import Settings  # noqa: PLC0415 - see the module

    return Settings(
        data_dir=options.data_dir,
        api_host=host,
        api_port=port,
        dataplane=options.dataplane,
        region=options.region,
        uplinks=uplinks,
        exposed=exposed,
        xdp=_XDP[options.xdp],
        peers=peers,
        metrics=metrics,
        replace_dataplane=options.replace_dataplane,
    )


def _place(option: str, told: str, example: str) -> tuple[str, int]:
    host, _, port = told.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        fail(f"{option} takes ADDRESS:PORT, not {told!r}", f"for example {option} {example}", 2)
    return host, int(port)


def _check_interfaces(option: str, names: tuple[str, ...]) -> None:
    there = [name for _, name in socket.if_nameindex()]
    for name in names:
        if name not in there:
            fail(
                f"{option} takes an interface of this host, not {name!r}", f"there are {', '.join(there)}", 2
            )


async def _up(settings: "Settings", claim: Callable[[], None]) -> None:
    from ..app.machine import Machine  # noqa: PLC0415 - see the module

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Machine(settings).run(stop, _say_ready, claim)
    typer.echo("sealway: stopped; tasks and traffic go on. `sealway down` removes them.", err=True)


def _say_ready(info: RunInfo) -> None:
    typer.echo(f'sealway: ready. API http://{info.api}, names {info.resolver}. Next: eval "$(sealway env)"')


def _told(cause: BaseException, settings: "Settings") -> tuple[str, str]:
    """What is wrong, and what to do next."""
    if isinstance(cause, OSError) and cause.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
        where, remedy = f"{settings.api_host}:{settings.api_port}", "choose another with --api"
        if settings.metrics:
            where += f", or the metrics on {settings.metrics[0]}:{settings.metrics[1]}"
            remedy += " or --metrics"
        return f"the API cannot listen on {where}: {os.strerror(cause.errno)}", remedy
    return str(cause), "`sealway doctor` says what this machine lacks"


def _first(error: BaseException) -> BaseException:
    """What went wrong first, out of any number of task groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _lock_machine(data_dir: Path, patience: float = 0) -> MachineLock:
    try:
        return MachineLock(data_dir, patience)
    except MachineTaken as error:
        fail(str(error), error.next_step)


def down(data_dir: Path) -> None:
    """Stops a running Sealway of this data directory, then removes what it made."""
    if os.geteuid() != 0:
        fail("removing interfaces and programs needs root", "run it as root: sudo sealway down")
    from ..app.machine import teardown  # noqa: PLC0415 - see the module

    lock = _lock_machine(data_dir, STOP_SECONDS if _ask_to_stop(data_dir) else 0)
    set_up_logs()
    try:
        asyncio.run(teardown(data_dir, lambda line: typer.echo(f"sealway: {line}", err=True)))
        lock.give_up()
    except (SealwayError, OSError) as error:
        fail(str(error), "what could not be removed is still there; mend that and run `sealway down` again")
    finally:
        lock.release()
    typer.echo(f"sealway: removed. The definitions stay in {data_dir}", err=True)


def _ask_to_stop(data_dir: Path) -> bool:
    """Whether one of this data directory was running, which now stops."""
    try:
        pid = int(ask(data_dir, "info")["pid"])
    except NotRunning:
        return False
    typer.echo(f"sealway: stopping the running one (process {pid})", err=True)
    os.kill(pid, signal.SIGTERM)
    return True
