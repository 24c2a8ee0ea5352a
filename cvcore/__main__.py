"""`python -m cvcore`: see cvcore.cli."""

import sys

from cvcore.cli import main

if __name__ == "__main__":
    sys.exit(main())
