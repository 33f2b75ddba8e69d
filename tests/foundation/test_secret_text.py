"""Secrets are hidden by their form and by what was given, and an address without them is still an address."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_curation.foundation.secret_text import (
    forget,
    hidden,
    remember,
    remember_address,
    secrets_in,
    shareable,
    with_shareable_addresses,
)


@pytest.mark.parametrize(
    ("url", "without"),
    [
        ("https://me:pw-9f@x.example:8443/a.mp4", "https://x.example:8443/a.mp4"),
        ("https://tok-9f@x.example/a.mp4", "https://x.example/a.mp4"),
        (
            "https://x.example/a?X-Amz-Date=2&X-Amz-Credential=A%2Fb&X-Amz-Signature=0f",
            "https://x.example/a?X-Amz-Date=2",
        ),
        ("https://x.example/a?x-goog-signature=0f&b=1", "https://x.example/a?b=1"),
        ("https://x.example/a?sv=2&sig=0f%3D", "https://x.example/a?sv=2"),
        ("https://x.example/a?Policy=p&Signature=s&Key-Pair-Id=k", "https://x.example/a"),
        ("https://x.example/a?access_token=0f;b=1", "https://x.example/a?b=1"),
        ("https://x.example/a?b=1#access_token=0f", "https://x.example/a?b=1"),
        ("https://x.example/a?to%6ben=0f", "https://x.example/a"),
        ("https://x.example/a?hdnea=st=1~exp=2~hmac=0f", "https://x.example/a"),
        ("https://x.example/e?u=https%3A%2F%2Fme%3Apw%40y.example%2F&b=1", "https://x.example/e?b=1"),
        ("https://x.example/watch?v=abc&list=1#t=3", "https://x.example/watch?v=abc&list=1#t=3"),
        ("https://www.tiktok.com/@some.one/video/73", "https://www.tiktok.com/@some.one/video/73"),
        ("https://x.example/a?design=1&tokens=2", "https://x.example/a?design=1&tokens=2"),
        ("/home/me/a=b@c.mp4", "/home/me/a=b@c.mp4"),
        ("h2a-sample:post:1", "h2a-sample:post:1"),
        ("file:///home/me/x:y@token=1.mp4", "file:///home/me/x:y@token=1.mp4"),
    ],
)
def test_an_address_that_may_be_shared(url, without):
    assert shareable(url) == without
    assert shareable(without) == without
    assert bool(secrets_in(url)) == (url != without)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "HTTP 403 at https://me:pw-9f@x.example/a?b=1&token=0f says no",
            "HTTP 403 at https://***@x.example/a?b=1&token=*** says no",
        ),
        ("proxy: http://me:p@ss@10.0.0.1:3128", "proxy: http://***@10.0.0.1:3128"),
        ("Authorization: Bearer abc.def\nHost: x", "Authorization: ***\nHost: x"),
        ("{'Cookie': 'sid=1; b=2', 'Accept': '*/*'}", "{'Cookie': '***', 'Accept': '*/*'}"),
        ('{"client_secret": "0f", "client": 1}', '{"client_secret": "***", "client": 1}'),
        ("u=https%3A%2F%2Fx%2F%3Ftoken%3D0f9a done", "u=https%3A%2F%2Fx%2F%3Ftoken%3D*** done"),
        ("--video-password hunter2 --quiet", "--video-password *** --quiet"),
        ("the signature move of a policy: none", "the signature move of a policy: none"),
        ("--set proxy=me:pw@x.example is no proxy", "--set proxy=***@x.example is no proxy"),
        ("@jane at x.example", "@jane at x.example"),
    ],
)
def test_secrets_are_hidden_by_their_form(text, shown):
    assert hidden(text) == shown
    assert hidden(shown) == shown


@given(st.text(min_size=4).filter(str.strip), st.text(), st.text())
def test_what_was_given_is_hidden_in_whatever_words(secret, before, after):
    if secret in f"{before}***" or secret in f"***{after}" or secret in "***@***":
        return
    forget()
    remember(secret)
    try:
        for spelling in (secret, quote(secret, safe="")):
            assert spelling not in hidden(f"{before}{spelling}{after}")
    finally:
        forget()


@given(st.text())
def test_what_may_be_shared_holds_no_secret_whatever_the_text(text):
    for url in (text, f"https://{text}", f"https://x.example/?{text}", f"https://{text}@x.example/#{text}"):
        assert not secrets_in(shareable(url))
        hidden(url)


def test_the_secrets_of_addresses_are_forgotten_after_many_others():
    remember_address("https://x.example/a?token=first-one")
    assert hidden("it says first-one") == "it says ***"
    for n in range(1000):
        remember_address(f"https://x.example/a?token=token-{n}")
    assert hidden("it says first-one") == "it says first-one"
    assert hidden("it says token-999") == "it says ***"


def test_a_password_is_hidden_as_basic_sends_it():
    remember_address("https://me:pw-9f8e@x.example/")
    assert hidden("bWU6cHctOWY4ZQ== and pw-9f8e") == "*** and ***"


def test_a_caption_keeps_its_words_and_its_addresses_without_secrets():
    said = "Token: free! 10:30@gym, sign up at https://me:pw@x.example/a?token=0f&b=1 (password: none)"
    assert with_shareable_addresses(said) == (
        "Token: free! 10:30@gym, sign up at https://x.example/a?b=1 (password: none)"
    )
