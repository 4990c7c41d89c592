"""The peers and load generators: Debian packages, installed when missing, and our C programs, compiled."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILT = ROOT / "build" / "bench"
PACKAGES = {"nft": "nftables", "haproxy": "haproxy", "nginx": "nginx-light", "iperf3": "iperf3", "wrk": "wrk"}
_STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")


def install() -> dict[str, str]:
    """Installs what is missing, saying so. Answers what still is, with the reason, by command."""
    missing = {command: package for command, package in PACKAGES.items() if not shutil.which(command)}
    wanted = list(missing.values()) + ([] if _STREAM.exists() else ["libnginx-mod-stream"])
    if not wanted:
        return {}
    if not shutil.which("apt-get"):
        return {command: f"{command} is not installed, and there is no apt-get" for command in missing}
    print(f"  installing for the comparison: {' '.join(wanted)}", flush=True)
    command = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *wanted]
    # Services that packages would start are none of a bench's business: RUNLEVEL says there are none.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  apt-get: {done.stderr.strip().splitlines()[-1:]}", flush=True)
    return {c: f"the package {p} cannot be installed" for c, p in PACKAGES.items() if not shutil.which(c)}


def generator(name: str) -> str:
    """The path of ``bench/load/<name>.c``, compiled."""
    source, target = ROOT / "bench" / "load" / f"{name}.c", BUILT / name
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        BUILT.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-o", str(target), str(source)], check=True)
    return str(target)
