import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_curation.taxonomy.hashtags import in_text, normalise, unique


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("#Deadlift", "deadlift"),
        ("ice_skating", "iceskating"),
        ("clean-and-jerk", "cleanandjerk"),
        ("ＹＯＧＡ", "yoga"),
        ("Straße", "strasse"),
        ("ﬁtness", "fitness"),
        ("cafe\u0301", "café"),
        ("backflip🤸🏽\u200d♂️", "backflip"),
        ("5k", "5k"),
        ("1\ufe0f\u20e3", "1"),
        ("#踊ってみた", "踊ってみた"),
        ("योग", "योग"),
        ("مي\u200cخواهم", "ميخواهم"),
        ("İstanbul", "istanbul"),
        ("#İpAtlama", "ipatlama"),
        ("\u0301\u0302", ""),
        ("#!? ", ""),
    ],
)
def test_one_key_for_many_spellings(written, key):
    assert normalise(written) == key


@given(st.text())
def test_normalising_twice_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(min_size=1))
def test_only_letters_digits_and_their_marks_are_left(text):
    assert all(unicodedata.category(c)[0] in "LNM" for c in normalise(text))


@given(st.text(), st.sampled_from("#＃"))
def test_case_and_hash_sign_do_not_matter(text, sign):
    assert normalise(sign + text.upper().lower()) == normalise(text.upper().lower())


@pytest.mark.parametrize(
    ("caption", "tags"),
    [
        ("Leg day! #Squat #GYM-time", ["squat", "gym"]),
        ("#a#b＃c", ["a", "b", "c"]),
        ("#squat again #SQUAT", ["squat"]),
        ("https://example.org/#top &#39; mail#box", []),
        ("#1 #2026 #5k", ["5k"]),
        ("#योग और #踊ってみた!", ["योग", "踊ってみた"]),
        ("#ice_skating.", ["iceskating"]),
        ("no tags, ## # #!", []),
    ],
)
def test_tags_of_a_caption(caption, tags):
    assert in_text(caption) == tags


@given(st.text())
def test_tags_of_any_text_are_keys_and_unique(text):
    tags = in_text(text)
    assert tags == unique(tags)


def test_a_caption_of_a_megabyte_is_no_trouble():
    assert in_text("#squat" + "#" * 1_000_000) == ["squat"]
