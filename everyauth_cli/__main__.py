"""`python -m everyauth_cli`, and the installed command `everyauth`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit."""
    from everyauth_cli.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
