"""`python -m everyauth_cli`, and the installed command `everyauth`."""

from __future__ import annotations

import gc
import sys

from everyauth_cli.cli.fast.answer import answer


def main() -> None:
    """Run the command line and exit."""
    try:
        if answer(sys.argv[1:]):
            sys.exit(0)
        # What is imported stays; to look through it for garbage takes a fifth of a command's time. See cli/main.py.
        gc.disable()
        from everyauth_cli.cli.main import run

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        # While modules are imported there is no boundary yet that would answer it.
        sys.exit(130)


if __name__ == "__main__":
    main()
