"""Where words stand that should stand nowhere: in processes and in files. Sent to a container by `Cluster.ask`."""

import time
from pathlib import Path

_CHUNK = 1 << 20


def main(words: dict[str, str], roots: list[str], watch_s: float) -> list[str]:
    """Looks through files below `roots`, then for so long at all processes that come by. One line a finding."""
    needles = {name: word.encode() for name, word in words.items()}
    found = {f"{name} in {path}" for path in _files(roots) for name in _in_file(path, needles)}
    give_up_at = time.monotonic() + watch_s
    while True:
        found |= _in_processes(needles)
        if time.monotonic() >= give_up_at:
            return sorted(found)
        time.sleep(0.05)


def _files(roots: list[str]) -> list[Path]:
    return [path for root in roots for path in Path(root).rglob("*") if path.is_file() and not path.is_symlink()]


def _in_file(path: Path, needles: dict[str, bytes]) -> set[str]:
    found: set[str] = set()
    longest = max(map(len, needles.values()))
    try:
        with path.open("rb") as file:
            tail = b""
            while chunk := file.read(_CHUNK):
                found |= {name for name, needle in needles.items() if needle in tail + chunk}
                tail = chunk[-longest:]
    except OSError:  # gone meanwhile
        pass
    return found


def _in_processes(needles: dict[str, bytes]) -> set[str]:
    found = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            line, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:  # gone meanwhile
            continue
        for name, needle in needles.items():
            if needle in line:
                found.add(f"{name} in the command line of {line.split(bytes(1))[0].decode(errors='replace')}")
            if needle in environment:
                variables = (each for each in environment.split(bytes(1)) if needle in each)
                found |= {f"{name} in the variable {each.partition(b'=')[0].decode()}" for each in variables}
    return found
