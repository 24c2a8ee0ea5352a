"""The command that writes what a run leaves the app as."""

import argparse
from pathlib import Path

from cvcore.commands.stores import store_of
from cvcore.commands.terminal import print_json, say
from cvcore.errors import RunError


def export(options: argparse.Namespace) -> int:
    """Prints the files that were written, and in a line each what is not among them and why."""
    store = store_of(options)
    run = store.find(options.run_id)
    folder = Path(options.out).expanduser().resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):  # before the work, and again after it
        raise RunError(f"{folder} is there and not empty: choose a new folder, nothing is overwritten")
    from cvcore.export.folder import Export, all_files, write

    files, remarks = all_files(Export(run, store), data=True if options.data else None)
    write(files, folder)
    rows = [{"name": name, "bytes": len(content)} for name, content in sorted(files.items())]
    if options.json:
        print_json({"run_id": run.run_id, "folder": str(folder), "files": rows, "remarks": remarks})
        return 0
    for row in rows:
        say(f"{row['bytes']:>12,}  {row['name']}")
    for remark in remarks:
        say(f"not written: {remark}")
    say(f"{folder}: `python {folder / 'verify.py'}` tests it where it arrives")
    return 0
