import os
import stat

import pytest

from chaosgood_ext.errors import BadInput
from chaosgood_ext.scenario.check.document import MAX_BYTES, Refused
from chaosgood_ext.scenario.check.reading import read


def write(tmp_path, content, name="a.yaml"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_a_file_of_100_mb_is_refused_after_its_first_megabyte(tmp_path):
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.truncate(100 * MAX_BYTES)
    with pytest.raises(Refused, match="larger than 1024 KiB"):
        read(path)


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (b"\x89PNG\r\n", 1, 1),
        ("title: café".encode("latin-1"), 1, 11),
        (b"a: b\nc: \x00", 2, 4),
        ("a".encode("utf-16"), 1, 1),
    ],
)
def test_what_is_not_text_is_refused_at_its_place(tmp_path, content, line, column):
    with pytest.raises(Refused) as caught:
        read(write(tmp_path, content))
    assert (caught.value.id, caught.value.line, caught.value.column) == ("not-text", line, column)


def test_a_named_pipe_is_not_waited_for(tmp_path):
    path = tmp_path / "a.yaml"
    os.mkfifo(path)
    assert stat.S_ISFIFO(path.stat().st_mode)
    with pytest.raises(BadInput, match="is no file"):
        read(path)


def test_what_is_not_there_is_bad_input(tmp_path):
    with pytest.raises(BadInput, match=r"There is no .*nothing\.yaml"):
        read(tmp_path / "nothing.yaml")


@pytest.mark.parametrize("name", ["a.yaml", "a.yml", "a.json"])
def test_the_suffix_says_which_language_it_is(tmp_path, name):
    assert read(write(tmp_path, b'{"a": [1]}', name)).value == {"a": [1]}
