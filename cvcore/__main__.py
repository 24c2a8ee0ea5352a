"""`python -m cvcore`: see cvcore.cli."""

import sys


def _run() -> int:
    try:
        from cvcore.cli import main

        return main()
    except KeyboardInterrupt:  # while modules are still being imported
        print("cvcore: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(_run())
