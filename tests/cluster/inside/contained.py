"""What a container's main process may do. Sent to a container by `Cluster.ask`."""

import errno
from pathlib import Path

TRIED = ("/opt/hashtide/planted", "/opt/parts/planted", "/etc/planted", "/usr/bin/planted", "/planted")


def main() -> dict[str, object]:
    """Its user, its capabilities, and how writing to the root file system ends."""
    status = dict(line.split(":\t", 1) for line in Path("/proc/1/status").read_text().splitlines() if ":\t" in line)
    written = {}
    for name in TRIED:
        try:
            Path(name).write_text("")
            written[name] = "written"
        except OSError as error:
            written[name] = errno.errorcode[error.errno or 0]
    return {
        "uid": status["Uid"].split(),
        "capabilities": {status[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} != {"0" * 16},
        "no new privileges": status["NoNewPrivs"] == "1",
        "written": written,
    }
