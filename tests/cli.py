"""What tests of the command line share."""

import json

from cvcore.cli import main


def run_json(capsys, *arguments: str) -> dict:
    assert main([*arguments, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1  # one object, one line
    return json.loads(captured.out)


def refused(capsys, *arguments: str) -> str:
    """The one line on stderr of a command that ends with 2 and prints nothing else."""
    assert main(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("cvcore: ")
    assert captured.err.count("\n") == 1
    return captured.err
