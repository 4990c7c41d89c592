"""Fails when a file or function has grown past the limits of CONTRIBUTING.md.

Exceptions stand in EXCEPTIONS with their reason; a limit is only ever lowered.
"""

import ast
import subprocess
import sys
from pathlib import Path

MAX_FILE = 600
MAX_FUNCTION = 80
MAX_HEADER = 300
EXCEPTIONS: dict[str, str] = {
    "src/sealway/drivers/dataplane/abi.py": "generated: as long as the layouts are many",
}


def tracked(*patterns: str) -> list[Path]:
    """The files git tracks, or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return [Path(name) for name in names if Path(name).exists()]


def python_complaints(path: Path) -> list[str]:
    """Too long a file or function."""
    text = path.read_text()
    found = []
    lines = text.count("\n")
    if lines > MAX_FILE:
        found.append(f"{path}: {lines} lines, at most {MAX_FILE}")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION:
                found.append(f"{path}:{node.lineno}: {node.name} has {length} lines, at most {MAX_FUNCTION}")
    return found


def header_complaints(path: Path) -> list[str]:
    """Too long a C file."""
    lines = path.read_text().count("\n")
    return [f"{path}: {lines} lines, at most {MAX_HEADER}"] if lines > MAX_HEADER else []


def main() -> int:
    """Prints every complaint; 1 when there is one."""
    complaints = [c for path in tracked("*.py") for c in python_complaints(path)]
    complaints += [c for path in tracked("bpf/*.h", "bpf/*.c") for c in header_complaints(path)]
    complaints = [c for c in complaints if c.split(":")[0] not in EXCEPTIONS]
    print("\n".join(complaints) or "sizes: all files and functions within the limits")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
