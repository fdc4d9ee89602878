"""`python -m everyauth_cli`, and the installed command `everyauth`."""

from __future__ import annotations

import gc
import os
import sys

from everyauth_cli.cli.fast.answer import answer


def main() -> None:
    """Run the command line and exit."""
    try:
        replace_closed_streams()
        found = answer(sys.argv[1:])
        problem = None if found is None else _print(found)
        if found is not None and problem is None:
            sys.exit(0)
        # What is imported stays; to look through it for garbage takes a fifth of a command's time. See cli/main.py.
        gc.disable()
        from everyauth_cli.cli.main import cannot_write, run

        sys.exit(run(sys.argv[1:]) if problem is None else cannot_write(problem))
    except KeyboardInterrupt:
        # While modules are imported there is no boundary yet that would answer it.
        sys.exit(130)


def replace_closed_streams() -> None:
    """Keep the numbers of streams that were closed before we began from the next file that is opened.

    What is written to such a stream is dropped, and children get it too.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # In this order, each gets the lowest number that is free: its own.
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: PTH123, SIM115 - as long as the process lives
            os.set_inheritable(stream.fileno(), True)  # noqa: FBT003 - it takes no keyword
            setattr(sys, name, stream)


def _print(text: str) -> OSError | None:
    try:
        print(text, flush=True)  # noqa: T201 - the terminal's module is heavy
    except OSError as error:
        return error
    return None


if __name__ == "__main__":
    main()
