"""What a process weighs by itself."""

from pathlib import Path

import psutil  # type: ignore[import-untyped]  # its stubs are a package we do without


def own_memory_mb(pid: int) -> float:
    """Megabytes (10^6) that would be free if the process ended: its private memory and its share of program files that
    it has in common with others, but not the database's shared buffers. By `Pss` less `Pss_Shmem` of Linux
    (proc(5), smaps_rollup); elsewhere the resident set, which counts more."""
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    if not rollup.exists():
        return float(psutil.Process(pid).memory_info().rss) / 1e6
    fields = {}
    for line in rollup.read_text(encoding="ascii").splitlines()[1:]:
        name, _, rest = line.partition(":")
        fields[name] = int(rest.split()[0])
    return (fields["Pss"] - fields.get("Pss_Shmem", 0)) * 1024 / 1e6
