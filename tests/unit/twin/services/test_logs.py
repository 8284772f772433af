"""Files are shipped by whole lines."""

from __future__ import annotations

from chaosgood_ext.twin.services.logs import split_lines


def test_whole_lines_are_taken_and_the_rest_waits() -> None:
    assert split_lines(b"one\ntwo\nthr") == (["one", "two"], 8)


def test_without_an_end_of_line_nothing_is_taken() -> None:
    assert split_lines(b"one") == ([], 0)


def test_empty_lines_are_used_up_and_not_shipped() -> None:
    assert split_lines(b"\n \none\n") == (["one"], 7)


def test_a_line_that_does_not_end_is_shipped_in_parts() -> None:
    lines, used = split_lines(b"x" * 70_000)
    assert used == 70_000
    assert len(lines[0]) == 70_000


def test_bytes_that_are_no_utf8_do_not_stop_it() -> None:
    assert split_lines(b"\xff\n") == (["\ufffd"], 2)
