"""The `tipstaff` command; it answers `--version` without loading the rest of the program."""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    words = sys.argv[1:] if argv is None else argv
    if words in (["--version"], ["-V"]):
        from monitor import __version__  # noqa: PLC0415 - nothing else is loaded for this answer

        sys.stdout.write(f"tipstaff {__version__}\n")
        return 0
    from monitor.cli import run  # noqa: PLC0415

    return run(words)


if __name__ == "__main__":
    sys.exit(main())
