"""Damage to good examples, as bytes: what lies between a good file and noise finds most faults of parsers."""

import re

from hypothesis import strategies as st

_NUMBER = re.compile(rb"\d+(?:\.\d+)?")
_BITS = (
    b"9" * 5_000, b"9" * 400, b"1e999", b"-1", b"NaN", b"Infinity", b"null", b"true", b'""', b"[]", b"{}", b"[[[[",
    b"[" * 3_000, b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b"\x1b[31m", b"\r", b"\n", b"\n\n", b",", b";",
    b"\t", b'"', b"'", b": ", b"- ", b"&a [*a]", b"!!bool x", b"2026-13-45", b"0x", b"../../x", b"=1+1", b"#",
    b"\xe2\x80\xa8",
    b"18446744073709551616", "²".encode(), "İ".encode(), b"~", b"1:59:59:59", b"!!float x", b"? ", b"<<: ",
)  # fmt: skip
"""What has broken parsers: here, and in what people report."""


@st.composite
def damaged(draw: st.DrawFn, good: tuple[bytes, ...]) -> bytes:
    """One of the good examples after one to four pieces of damage."""
    content = draw(st.sampled_from(good))
    for _ in range(draw(st.integers(1, 4))):
        content = draw(st.sampled_from(_WAYS))(draw, content)
    return content


def _place(draw: st.DrawFn, content: bytes) -> int:
    return draw(st.integers(0, len(content)))


def _flip(draw: st.DrawFn, content: bytes) -> bytes:
    if not content:
        return content
    at = draw(st.integers(0, len(content) - 1))
    return content[:at] + bytes([content[at] ^ (1 << draw(st.integers(0, 7)))]) + content[at + 1 :]


def _cut(draw: st.DrawFn, content: bytes) -> bytes:
    return content[: _place(draw, content)]


def _put(draw: st.DrawFn, content: bytes) -> bytes:
    at = _place(draw, content)
    return content[:at] + draw(st.sampled_from(_BITS)) + content[at:]


def _take_out(draw: st.DrawFn, content: bytes) -> bytes:
    first, last = sorted((_place(draw, content), _place(draw, content)))
    return content[:first] + content[last:]


def _repeat(draw: st.DrawFn, content: bytes) -> bytes:
    """A piece again at another place: keys twice, rows twice, records that overlap."""
    first, last = sorted((_place(draw, content), _place(draw, content)))
    at = _place(draw, content)
    return content[:at] + content[first:last] + content[at:]


def _other_number(draw: st.DrawFn, content: bytes) -> bytes:
    found = list(_NUMBER.finditer(content))
    if not found:
        return content
    which = draw(st.sampled_from(found))
    return content[: which.start()] + draw(st.sampled_from(_BITS)) + content[which.end() :]


def _other_word(draw: st.DrawFn, content: bytes) -> bytes:
    found = list(re.finditer(rb'"[^"]*"|\w+', content))
    if not found:
        return content
    which = draw(st.sampled_from(found))
    return content[: which.start()] + draw(st.sampled_from(_BITS)) + content[which.end() :]


_WAYS = (_flip, _cut, _put, _take_out, _repeat, _other_number, _other_word)
