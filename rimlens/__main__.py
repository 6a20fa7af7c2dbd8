"""``python -m rimlens`` is the command ``rimlens``."""

from rimlens.cli import main

if __name__ == "__main__":
    main(prog_name="rimlens")
