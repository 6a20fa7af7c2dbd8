"""The examples are packages of their own, which have to be installed: not for rimlens's tests."""

from pathlib import Path

collect_ignore = [path.name for path in Path(__file__).parent.iterdir() if path.is_dir()]
