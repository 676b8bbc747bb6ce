"""What in a run's folder has to be the same, to the bit, however the run came to its end."""

import hashlib

# Times and dates are in these, and how a run came about.
DIFFER = {"results.json", "report.html", "log.txt", "events.jsonl", "journal", "state.safetensors", ".lock"}


def digest(folder):
    """Every result's file with its checksum; a sweep's .json tells how long it took."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and name not in DIFFER and path.suffix != ".json":
            files[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return files
