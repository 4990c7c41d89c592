"""Where things are unless the user says otherwise."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_DATA_DIR = Path("/var/lib/sealway")
"""Root's, whoever asks: ``sealway up`` needs root, so nobody has a Sealway of their own elsewhere."""
DataDir = Annotated[
    Path,
    typer.Option("--data-dir", envvar="SEALWAY_DATA_DIR", help="Where the state is kept.", resolve_path=True),
]
"""The option every command has."""
