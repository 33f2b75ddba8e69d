import io

import pytest
from yt_dlp.networking.common import Response
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError

from h2a_curation.sources.errors import POLICIES, ErrorKind, FetchError
from h2a_curation.sources.ytdlp_errors import fetch_error, status_kind


def test_every_kind_has_a_policy():
    assert set(POLICIES) == set(ErrorKind)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("[TikTok] 7: You do not have permission to view this post. Log into an account that has access", "login"),
        ("[TikTok] 7: Your IP address is blocked from accessing this post", "blocked"),
        ("[TikTok] 7: This video is private", "private"),
        ("[youtube] x: Private video. Sign in if you've been granted access to this video", "private"),
        ("[youtube] x: Sign in to confirm you\u2019re not a bot. Use --cookies-from-browser", "login"),
        ("[youtube] x: Video unavailable. This video has been removed by the uploader", "gone"),
        ("[youtube] x: The uploader has not made this video available in your country", "blocked"),
        ("[youtube] x: Requested format is not available. Use --list-formats", "no_video"),
        ("[Instagram] x: There is no video in this post", "photo_post"),
        ("[Instagram] x: Requested content is not available, rate-limit reached or login required", "rate_limited"),
        ("[twitter] x: No video could be found in this tweet", "no_video"),
        ('Impersonate target "chrome" is not available. This request requires browser impersonation', "impersonation"),
        ("[generic] Unsupported URL: https://example.org/", "not_video"),
        ("\x1b[0;31mERROR:\x1b[0m HTTPConnectionPool: Read timed out. (read timeout=2)", "timeout"),
        ("<urlopen error [Errno -2] Name or service not known>", "unreachable"),
        ("Connection refused", "unreachable"),
        ("('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))", "server_error"),
        ("[download] Got error: 5012 bytes read, 3988 more expected", "truncated"),
        ("[TikTok] 7: Unable to extract webpage video data; please report this issue on https://x", "extractor_broken"),
    ],
)
def test_what_extractors_say(words, kind):
    assert fetch_error(DownloadError(words)).kind == kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "gone"), (401, "login"), (403, "blocked"), (404, "gone"), (408, "timeout"), (413, "too_large"),
     (429, "rate_limited"), (451, "blocked"), (500, "server_error"), (503, "server_error"), (599, "server_error")],
)  # fmt: skip
def test_what_numbers_say(status, kind):
    assert status_kind(status) == kind


def http_error(status: int, headers: dict[str, str]) -> HTTPError:
    return HTTPError(Response(io.BytesIO(b""), "https://example.org", headers, status=status))


@pytest.mark.parametrize(
    ("header", "least_s", "most_s"),
    [
        ("7", 7, 7),
        ("0", 0, 0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 1e9, 1e10),
        ("Mon, 01 Jan 1990 00:00:00 GMT", 0, 0),
        ("soon", None, None),
        ("", None, None),
    ],
)
def test_how_long_a_site_asks_us_to_wait(header, least_s, most_s):
    cause = http_error(429, {"Retry-After": header})
    waited = fetch_error(ExtractorError("no", cause=cause)).retry_after_s
    assert waited is None if least_s is None else least_s <= waited <= most_s


def test_the_cause_counts_more_than_the_words():
    error = ExtractorError("Unable to download webpage: private", cause=http_error(404, {}))
    assert fetch_error(DownloadError("wrapped", (type(error), error, None))).kind == "gone"


def test_a_network_error_that_ytdlp_shrugged_off_does_not_count():
    shrugged = http_error(503, {})
    assert fetch_error(DownloadError("Unable to extract video id"), shrugged).kind == "extractor_broken"
    assert fetch_error(DownloadError("Got error: HTTP Error 503: Service Unavailable"), shrugged).kind == "server_error"


def test_our_own_error_goes_through_yt_dlp_unchanged():
    ours = FetchError(ErrorKind.TOO_LARGE, "more than 5 bytes")
    assert fetch_error(TransportError(cause=ours)) is ours


def test_region_locks_and_long_texts():
    error = fetch_error(GeoRestrictedError("not here\n" * 500))
    assert (error.kind, "\n" in error.detail, len(error.detail) <= 500) == ("blocked", False, True)
