"""The command line as a process: signals and streams are in order before anything heavy is loaded.

`vetro` and `python -m vetro` begin here; what a command line says is apps/command_line.py's.
"""

from vetro import signals
from vetro.apps.streams import open_streams


def main() -> None:
    """Run the command line of this process and exit."""
    signals.starting()
    open_streams()
    from vetro.apps import command_line

    status: object = signals.INTERRUPTED
    try:
        command_line.main()
    except SystemExit as ended:
        signals.ending()
        status = ended.code
    except KeyboardInterrupt:  # between two statements of the command line itself
        signals.ending()
    raise SystemExit(status)


if __name__ == "__main__":
    main()
