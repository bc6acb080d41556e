"""`python -m vetro` is the command line."""

from vetro.apps.command_line import main

if __name__ == "__main__":
    main()
