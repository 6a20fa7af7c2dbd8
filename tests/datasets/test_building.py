import numpy as np
import pytest

from rimlens.datasets import MapCollection, build_collection
from rimlens.errors import InputError, OutputExistsError


class Parts:
    """Parts that count how often each was made, and fail where they are asked to."""

    def __init__(self, broken=()):
        self.made, self.broken = [], set(broken)

    def __call__(self, *names):
        return {name: lambda name=name: self.make(name) for name in names}

    def make(self, name):
        if name in self.broken:
            raise KeyboardInterrupt
        self.made.append(name)
        if name == "nothing":
            return None
        return MapCollection(np.full((2, 3, 3), len(name)), 0.1, {"group": [name, name]})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "maps.asdf"


def test_interrupted_build_goes_on_and_makes_no_part_twice(path):
    first, second = Parts(broken=["ccc"]), Parts()
    with pytest.raises(KeyboardInterrupt):
        build_collection(path, first("a", "nothing", "bb", "ccc"), {"size": 3})
    assert not path.exists()
    found = build_collection(path, second("a", "nothing", "bb", "ccc"), {"size": 3}, {"by": "me"})
    assert (first.made, second.made) == (["a", "nothing", "bb"], ["ccc"])
    assert MapCollection.read(path) == found
    assert list(found.table["group"]) == ["a", "a", "bb", "bb", "ccc", "ccc"]
    assert found.meta == {"by": "me"}
    assert [p.name for p in path.parent.iterdir()] == ["maps.asdf"]


def test_part_that_a_disk_has_damaged_is_made_again(path):
    with pytest.raises(KeyboardInterrupt):
        build_collection(path, Parts(broken=["bb"])("a", "bb"), {})
    part = path.with_name("maps.asdf.parts") / "a.asdf"
    part.write_bytes(part.read_bytes()[:-1])
    again = Parts()
    build_collection(path, again("a", "bb"), {})
    assert again.made == ["a", "bb"]


def test_build_with_other_settings_does_not_go_on_unless_it_may_overwrite(path):
    with pytest.raises(KeyboardInterrupt):
        build_collection(path, Parts(broken=["bb"])("a", "bb"), {"size": 3, "z": 1})
    with pytest.raises(InputError, match=r"maps.asdf.parts: .* other settings \(size\)"):
        build_collection(path, Parts()("a", "bb"), {"size": 4, "z": 1})
    anew = Parts()
    build_collection(path, anew("a", "bb"), {"size": 4, "z": 1}, overwrite=True)
    assert anew.made == ["a", "bb"]


def test_existing_file_is_refused_before_the_work(path):
    path.write_text("precious")
    parts = Parts()
    with pytest.raises(OutputExistsError):
        build_collection(path, parts("a"), {})
    assert parts.made == []
    assert path.read_text() == "precious"


def test_build_without_a_map_and_a_folder_that_is_not_there_are_refused(path):
    with pytest.raises(InputError, match="at least one map is wanted, found none in 1 parts"):
        build_collection(path, Parts()("nothing"), {})
    with pytest.raises(InputError, match="cannot be made"):
        build_collection(path.parent / "none" / "maps.asdf", Parts()("a"), {})
