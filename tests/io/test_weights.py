"""Weight files: what is written is what is read, and nothing else is ever read."""

import re
import subprocess
import sys
from dataclasses import MISSING, fields, replace

import asdf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rimlens.errors import FileFormatError, InputError, OutputExistsError
from rimlens.io import Weights, files, read_weights, store_card, write_weights


@pytest.fixture
def weights():
    rng = np.random.default_rng(3)
    return Weights(
        architecture={"filters": [8, 16, 32], "kernel": 3},
        unknowns={"convergence": {"link": "log10", "shape": [64, 64]}},
        preconditioner={"kind": "adam", "beta": [0.9, 0.999]},
        normalization={"peak": "robust", "quantile": 0.99},
        domain={"ring_radius": [5.0, 25.0], "masks": ["core", "outer"]},
        recipe={"steps": 8, "learning_rate": 1e-4, "resume": True, "clip": None},
        seed=20230126,
        versions={"rimlens": "0.1.0", "keras": "3.15.1"},
        training={"seconds": 7200.5, "samples": 15000, "backend": "tensorflow"},
        scores={"reduced_chi2": 1.1, "unknown": float("nan")},
        arrays={
            "stem/kernel": rng.normal(size=(3, 3, 2, 4)),
            "stem/bias": np.zeros(4, "float32"),
            "scale": np.array(0.5),
        },
        name="tiny",
    )


@pytest.fixture
def path(tmp_path, weights):
    path = tmp_path / "weights.asdf"
    write_weights(path, weights)
    return path


def assert_same(read, written, dtype):
    for field in fields(Weights):
        if field.name != "arrays":
            np.testing.assert_equal(getattr(read, field.name), getattr(written, field.name))
    assert set(read.arrays) == set(written.arrays)
    for name, array in written.arrays.items():
        assert read.arrays[name].dtype == np.float32
        assert read.arrays[name].shape == array.shape
        np.testing.assert_array_equal(read.arrays[name], array.astype(dtype).astype("float32"))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_what_is_written_is_read(tmp_path, weights, dtype):
    write_weights(tmp_path / "w.asdf", weights, dtype=dtype)
    assert_same(read_weights(tmp_path / "w.asdf"), weights, dtype)


def test_half_precision_takes_two_bytes_a_weight(tmp_path, weights):
    for n in (1000, 101000):
        write_weights(tmp_path / f"{n}.asdf", replace(weights, arrays={"a": np.ones(n)}))
    sizes = [(tmp_path / f"{n}.asdf").stat().st_size for n in (1000, 101000)]
    # The block's own length is text of up to a few digits.
    assert sizes[1] - sizes[0] == pytest.approx(200_000, abs=16)


plain_data = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(2 - 2**63, 2**63 - 2)
    | st.floats(allow_nan=False)
    | st.text(st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_characters="\x7f")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc_", min_size=1), inner)
    ),
    max_leaves=8,
)


@given(recipe=st.dictionaries(st.text("abcdef", min_size=1, max_size=4), plain_data, max_size=4))
@settings(max_examples=25, deadline=None)
def test_plain_metadata_comes_back_unchanged(tmp_path_factory, recipe):
    path = tmp_path_factory.mktemp("weights") / "w.asdf"
    empty = {field.name: {} for field in fields(Weights) if field.default is MISSING}
    write_weights(path, Weights(**{**empty, "recipe": recipe, "seed": 0, "name": "w"}))
    assert read_weights(path).recipe == recipe


def test_numpy_and_tuples_become_plain(tmp_path, weights):
    recipe = {"a": np.float32(0.5), "b": (1, np.int64(2)), "c": np.arange(3), "d": np.True_}
    write_weights(tmp_path / "w.asdf", replace(weights, recipe=recipe))
    read = read_weights(tmp_path / "w.asdf").recipe
    assert read == {"a": 0.5, "b": [1, 2], "c": [0, 1, 2], "d": True}


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"a": {"b": [object()]}}, r"recipe\.a\.b\[0\]"),
        ({1: 2}, "a key of recipe"),
        ({"big": 2**70}, r"recipe\.big"),
    ],
)
def test_other_metadata_is_refused_by_name(tmp_path, weights, recipe, message):
    with pytest.raises(InputError, match=message):
        write_weights(tmp_path / "w.asdf", replace(weights, recipe=recipe))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", [np.array([1e6]), np.array([np.nan]), np.array(["text"])])
def test_arrays_that_cannot_be_stored_are_refused(tmp_path, weights, bad):
    with pytest.raises(InputError, match="'bad'"):
        write_weights(tmp_path / "w.asdf", replace(weights, arrays={"bad": bad}))
    assert list(tmp_path.iterdir()) == []


def test_truncated_file_is_refused_wherever_it_ends(path):
    content = path.read_bytes()
    offsets = {0, 1, 5, len(content) - 1, *np.linspace(2, len(content) - 2, 60).astype(int)}
    for offset in offsets:
        path.write_bytes(content[:offset])
        with pytest.raises(FileFormatError, match=re.escape(str(path))):
            read_weights(path)


def test_one_changed_byte_anywhere_is_refused(path):
    content = path.read_bytes()
    for offset in np.linspace(0, len(content) - 1, 150).astype(int):
        changed = bytearray(content)
        changed[offset] ^= 0x01
        path.write_bytes(changed)
        with pytest.raises(FileFormatError, match=re.escape(str(path))):
            read_weights(path)


def test_changed_byte_in_a_block_is_called_altered(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="altered"):
        read_weights(path)


def test_changed_number_in_the_header_is_called_altered(path):
    content = path.read_bytes()
    assert content.count(b"20230126") == 1
    path.write_bytes(content.replace(b"20230126", b"20230127"))
    with pytest.raises(FileFormatError, match="altered"):
        read_weights(path)


@pytest.mark.parametrize("version", ["1.0.1", "1.1.0", "2.0.0", "10.0.0"])
def test_newer_version_is_refused_as_such(path, version):
    content = path.read_bytes()
    newer = content.replace(b"tags/weights-1.0.0", f"tags/weights-{version}".encode())
    assert newer != content
    path.write_bytes(newer)
    with pytest.raises(FileFormatError, match=f"{re.escape(version)}, newer than 1.0.0"):
        read_weights(path)


def test_foreign_asdf_is_refused(tmp_path):
    path = tmp_path / "other.asdf"
    asdf.AsdfFile({"wave": np.arange(20), "weights": {"a": 1}}).write_to(path)
    with pytest.raises(FileFormatError, match="without rimlens weights"):
        read_weights(path)


@pytest.mark.parametrize("content", [b"", b"SIMPLE  =  T", b"\x80\x04K\x01.", b"#ASDF 1.0.0\n"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="ASDF|truncated"):
        read_weights(path)


def test_missing_file_and_folder_are_told(tmp_path):
    with pytest.raises(FileFormatError, match="no such file"):
        read_weights(tmp_path / "none.asdf")
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_weights(tmp_path)


def rehashed(path, change):
    """Change the bytes of a file and make its checksum agree."""
    content = change(path.read_bytes())
    start, stop = files._HASH_LINE.search(content).span(1)
    blank = content[:start] + b"0" * 64 + content[stop:]
    digest = files.hashlib.sha256(blank).hexdigest().encode()
    path.write_bytes(content[:start] + digest + content[stop:])


def test_missing_part_is_refused_by_name(path):
    rehashed(path, lambda content: content.replace(b"\n  domain:", b"\n  demand:"))
    with pytest.raises(FileFormatError, match="'domain' is a required"):
        read_weights(path)


def test_arrays_of_another_file_are_not_fetched(path):
    rehashed(
        path, lambda content: content.replace(b"source: 0", b"source: http://x.invalid/a.asdf")
    )
    with pytest.raises(FileFormatError, match="not of type 'integer'"):
        read_weights(path)


def test_unknown_tags_in_a_file_are_refused(path):
    rehashed(path, lambda content: content.replace(b"kernel: 3", b"kernel: !<tag:x/y-1.0.0> {}"))
    with pytest.raises(FileFormatError, match="tag:x/y"):
        read_weights(path)


def test_python_objects_in_a_file_are_not_made(path, tmp_path):
    witness = tmp_path / "witness"
    call = f"!!python/object/apply:os.mkdir ['{witness}']"
    rehashed(path, lambda content: content.replace(b"kernel: 3", f"kernel: {call}".encode()))
    with pytest.raises(FileFormatError):
        read_weights(path)
    assert not witness.exists()


def test_existing_file_is_kept_unless_asked(path, weights):
    before = path.read_bytes()
    with pytest.raises(OutputExistsError, match="exists"):
        write_weights(path, replace(weights, seed=1))
    assert path.read_bytes() == before
    write_weights(path, replace(weights, seed=1), overwrite=True)
    assert read_weights(path).seed == 1


def test_interrupted_write_keeps_the_old_file_and_leaves_no_other(path, weights, monkeypatch):
    before = path.read_bytes()

    def interrupt(fd):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_weights(path, replace(weights, seed=1), overwrite=True)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_full_disk_is_an_error_that_names_the_file(path, weights, monkeypatch):
    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(InputError, match=r"new\.asdf: cannot be written: No space"):
        write_weights(path.with_name("new.asdf"), weights)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_folder_that_does_not_exist_is_told(tmp_path, weights):
    with pytest.raises(InputError, match="does not exist"):
        write_weights(tmp_path / "none" / "w.asdf", weights)


def test_plain_asdf_gives_the_tagged_object(path, weights):
    with asdf.open(path) as file:
        assert file["weights"].name == weights.name


def test_heavy_libraries_are_not_imported():
    code = (
        "import sys, rimlens.io.weights, rimlens.maps.einstein;"
        "print({'photutils', 'tensorflow', 'keras', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_card_is_stored_and_all_else_stays(tmp_path, weights, dtype):
    path = tmp_path / "w.asdf"
    write_weights(path, weights, dtype=dtype)
    path.chmod(0o640)
    card = {"format": 1, "dataset": {"lenses": 3}, "cases": {"as drawn": {"failures": 0.5}}}
    store_card(path, card)
    assert_same(read_weights(path), replace(weights, card=card), dtype)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["w.asdf"]
    store_card(path, {**card, "format": 2})
    assert read_weights(path).card["format"] == 2


def test_a_card_goes_into_the_file_behind_a_link(tmp_path, path):
    (tmp_path / "link.asdf").symlink_to(path)
    store_card(tmp_path / "link.asdf", {"format": 1, "dataset": {}, "cases": {}})
    assert (tmp_path / "link.asdf").is_symlink()
    assert read_weights(path).card["format"] == 1


@pytest.mark.parametrize("card", [{"format": 1}, {"format": "1", "dataset": {}, "cases": {}}])
def test_what_is_no_card_leaves_the_file_alone(tmp_path, path, card):
    before = path.read_bytes()
    with pytest.raises(InputError, match="cannot be written"):
        store_card(path, card)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["weights.asdf"]


def test_an_interrupted_storing_leaves_the_file_alone(tmp_path, path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    before = path.read_bytes()
    monkeypatch.setattr(files.os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store_card(path, {"format": 1, "dataset": {}, "cases": {}})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["weights.asdf"]
