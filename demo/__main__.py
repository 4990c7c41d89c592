"""Runs the demo: set up, call, prove, remove. Exit status 0 when every row of the table holds."""

import argparse
import io
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.table import Table

from . import outside
from .architecture import CONTAINER_PORT, Architecture, Clients, Side, build
from .machine import TEMPORARY_PREFIX, Machine
from .report import Row, Section, call_rows, control_row, time_row, visit_rows
from .tasks import RunningTask, call_from, running_tasks
from .terminator import Upstream, terminator
from .tls_client import Visit, resolve, visit

CONNECTIONS = 60
CALLS_A_TASK = 10
ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "images"

WIDTH = 120
console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
_began = time.monotonic()


def say(text: str) -> None:
    """A line of progress."""
    console.print(f"[dim]{time.monotonic() - _began:5.1f} s[/dim]  {text}")


@contextmanager
def everything(directory: Path) -> Iterator[tuple[Machine, Clients, Architecture]]:
    """Sealway, an outside and the architecture; all of it removed at the end, whatever happens."""
    machine = Machine(directory / "state", uplinks=(outside.UPLINK,))
    machine.prepare()
    outside.make()
    try:
        say("sealway up")
        machine.start()
        clients = machine.clients()
        yield machine, clients, build(clients, say)
    finally:
        say("sealway down")
        machine.down()
        outside.remove()


def ca_file(directory: Path, task: RunningTask) -> str:
    """The CA that the container itself holds, copied out of it."""
    path = directory / f"{task.task_id}.pem"
    path.write_bytes(task.file("ca.pem"))
    return str(path)


class Demo:
    """The checks, each giving rows."""

    def __init__(self, directory: Path, machine: Machine, clients: Clients, made: Architecture) -> None:
        self.directory, self.clients, self.made = directory, clients, made
        self.resolver = machine.environment()["SEALWAY_RESOLVER"]
        self.tasks = {side.service: running_tasks(clients, side) for side in made.sides}
        self.ca = {name: ca_file(directory, tasks[0]) for name, tasks in self.tasks.items()}
        self.through: dict[str, list[Visit]] = {}

    def sections(self) -> list[Section]:
        """All of them, by what they show."""
        return [
            Section("1. internet, load balancer, three containers", self._architecture_1()),
            Section("2. services reach each other and themselves, by DNS name", self._architecture_2()),
            Section("3. both at once on one load balancer: the proof, and its price", self._the_proof()),
        ]

    def _architecture_1(self) -> list[Row]:
        found: list[Row] = []
        for side in self.made.sides:
            say(f"{CONNECTIONS} TLS connections to {side.service} from outside, and from this host")
            found += self.from_outside(side)
            found += self.from_host(side)
        return found

    def _architecture_2(self) -> list[Row]:
        found: list[Row] = []
        for side in self.made.sides:
            for other in self.made.sides:
                say(f"{CALLS_A_TASK} calls from each task of {side.service} to {other.service}, by DNS name")
                found += self.between(side, other)
        return found

    def _the_proof(self) -> list[Row]:
        say("the same check against a listener that terminates TLS")
        return [self.control(self.made.ledger), *(self.times(side) for side in self.made.sides)]

    def from_outside(self, side: Side) -> list[Row]:
        """From the other side of an uplink."""
        vips = resolve(self.made.dns_name, self.resolver)
        share = CONNECTIONS // len(vips)
        visits = [
            one
            for vip in vips
            for one in outside.visits(
                f"{vip}:{side.port}", side.certificate_name, self.ca[side.service], share
            )
        ]
        return visit_rows(f"outside to {side.service}", visits, self.tasks[side.service], outside.ADDRESS)

    def from_host(self, side: Side) -> list[Row]:
        """The same from a process of this host."""
        vips = resolve(self.made.dns_name, self.resolver)
        visits = [
            visit(random.choice(vips), side.port, side.certificate_name, self.ca[side.service])
            for _ in range(CONNECTIONS)
        ]
        self.through[side.service] = visits
        local = {v.local_address.rpartition(":")[0] for v in visits if v.ok}
        return visit_rows(f"host to {side.service}", visits, self.tasks[side.service], next(iter(local), ""))[
            :2
        ]

    def between(self, side: Side, other: Side) -> list[Row]:
        """From the tasks of one service to another, or to their own."""
        results = [
            result
            for task in self.tasks[side.service]
            for result in call_from(task, self.made.dns_name, other, CALLS_A_TASK)
        ]
        return call_rows(f"{side.service} to {other.service} by DNS name", results)

    def control(self, side: Side) -> Row:
        """What an interceptor with the same key looks like to the check."""
        tls = IMAGES / "build" / "tls" / side.service
        name, ca = side.certificate_name, self.ca[side.service]
        upstream = Upstream(self.tasks[side.service][0].address, CONTAINER_PORT, name, ca)
        with terminator(str(tls / "cert.pem"), str(tls / "key.pem"), upstream) as port:
            return control_row(visit("127.0.0.1", port, name, ca))

    def times(self, side: Side) -> Row:
        """What the load balancer costs."""
        targets = [task.direct for task in self.tasks[side.service]]
        direct = [
            visit(*random.choice(targets), side.certificate_name, self.ca[side.service])
            for _ in range(CONNECTIONS)
        ]
        return time_row(side.service, self.through[side.service], direct)


def table_of(sections: list[Section]) -> Table:
    """What was proved."""
    table = Table(
        "What was shown", "Evidence", "", header_style="bold", title="TLS all the way to the container"
    )
    for section in sections:
        table.add_section()
        table.add_row(f"[bold]{section.title}[/bold]")
        for row in section.rows:
            verdict = "[green]yes[/green]" if row.holds else "[bold red]NO[/bold red]"
            table.add_row("  " + row.claim, row.evidence, verdict)
    return table


def save_picture(sections: list[Section], path: Path) -> None:
    """The table as an SVG."""
    recorder = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    recorder.print(table_of(sections))
    # rich's frame loads fonts from the network; a picture in a repository should not.
    frame = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    recorder.save_svg(str(path), title="make demo", code_format=frame)


def options() -> argparse.Namespace:
    """The command line's."""
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="Two clusters, one Network Load Balancer, TLS only in the containers: runs it, proves it,"
        " removes it. Needs root and a Docker Engine; `make demo` sees to both.",
    )
    parser.add_argument("--svg", type=Path, metavar="FILE", help="also save the table as a picture")
    return parser.parse_args()


def main(picture: Path | None) -> int:
    """0: everything held. 1: something did not."""
    console.print(
        "[bold]Sealway demo[/bold]: two clusters, one Network Load Balancer, TLS only in the containers"
    )
    say("images")
    subprocess.run([str(IMAGES / "build.sh")], check=True)
    with tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX) as name:
        directory = Path(name)
        with everything(directory) as (machine, clients, made):
            sections = Demo(directory, machine, clients, made).sections()
    console.print(table_of(sections))
    if picture is not None:
        save_picture(sections, picture)
    rows = [row for section in sections for row in section.rows]
    failed = [row.claim.strip() for row in rows if not row.holds]
    if failed:
        console.print(f"[bold red]{len(failed)} of {len(rows)} did not hold:[/bold red] {'; '.join(failed)}")
        return 1
    say(f"all {len(rows)} hold; everything removed")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(options().svg))
    except Exception as error:  # the last line of defence: a reason, not a traceback
        console.print(f"[bold red]the demo could not be run:[/bold red] {error}")
        sys.exit(2)
