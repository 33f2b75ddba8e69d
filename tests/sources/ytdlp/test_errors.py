import io

import pytest
from yt_dlp.networking.common import Response
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError

from h2a_curation.acquire.errors import POLICIES, ErrorKind, FetchError
from h2a_curation.sources.http import status_kind
from h2a_curation.sources.ytdlp.errors import fetch_error


def test_every_kind_has_a_policy():
    assert set(POLICIES) == set(ErrorKind)


COOKIES = (
    "Use --cookies-from-browser or --cookies for the authentication. See"
    "  https://github.com/yt-dlp/yt-dlp/wiki/FAQ#how-do-i-pass-cookies-to-yt-dlp  for how to manually pass cookies"
)
"""What yt-dlp 2026.10.26 adds where a login is needed; the messages below are from its extractors of that version."""

TIKTOK = [
    (
        f"[TikTok] 7: You do not have permission to view this post. Log into an account that has access. {COOKIES}",
        "login",
    ),
    (f"[TikTok] 7: TikTok is requiring login for access to this content. {COOKIES}", "login"),
    (f"[TikTok] 7: This post may not be comfortable for some audiences. Log in for access. {COOKIES}", "login"),
    ("[TikTok] 7: Your IP address is blocked from accessing this post", "blocked"),
    ("[TikTok] 7: This video is private", "private"),
    ("[TikTok] 7: Video not available, status code 10204", "gone"),
    ("[TikTok] 7: Unable to solve JS challenge", "extractor_broken"),
    ("[TikTok] 7: Unexpected response from webpage request", "extractor_broken"),
    ("[TikTok] 7: Unable to extract universal data for rehydration", "extractor_broken"),
    ("[TikTok] 7: Unable to extract webpage video data; please report this issue on https://x", "extractor_broken"),
    ("[tiktok:live] x: This livestream has ended", "no_video"),
]
YOUTUBE = [
    ("[youtube] x: Private video. Sign in if you've been granted access to this video", "private"),
    (f"[youtube] x: Sign in to confirm you\u2019re not a bot. {COOKIES}", "rate_limited"),
    ("[youtube] x: Video unavailable. YouTube is requiring a captcha challenge before playback", "rate_limited"),
    (
        "[youtube] x: This content isn't available, try again later. The current session has been rate-limited by"
        " YouTube for up to an hour. It is recommended to use `-t sleep` to add a delay",
        "rate_limited",
    ),
    (f"[youtube] x: Sign in to confirm your age. This video may be inappropriate for some users. {COOKIES}", "login"),
    ("[youtube] x: Join this channel to get access to members-only content like this video", "login"),
    ("[youtube] x: This video is available to this channel's members on level: Silver (or any higher level)", "login"),
    ("[youtube] x: This video requires payment to watch", "login"),
    ("[youtube] x: Video unavailable. This video has been removed by the uploader", "gone"),
    ("[youtube] x: This video has been removed for violating YouTube's Terms of Service", "gone"),
    (
        "[youtube] x: Video unavailable. This video is no longer available because the YouTube account associated"
        " with this video has been terminated.",
        "gone",
    ),
    ("[youtube] x: This video is not available", "gone"),
    (
        "[youtube] x: The following content is not available on this app. Watch on the latest version",
        "extractor_broken",
    ),
    ("[youtube] x: The uploader has not made this video available in your country", "blocked"),
    (
        "[youtube] x: Video unavailable. This video contains content from SME, who has blocked it in your country on"
        " copyright grounds",
        "blocked",
    ),
    ("[youtube] x: Premieres in 3 hours", "not_yet"),
    ("[youtube] x: This live event will begin in 5 hours.", "not_yet"),
    ("[youtube] x: We're processing this video. Check back later.", "not_yet"),
    ("[youtube] x: This live stream recording is not available.", "no_video"),
    ("[youtube] x: This video is DRM protected", "no_video"),
    ("[youtube] x: Requested format is not available. Use --list-formats for a list of available formats", "no_video"),
    ("The provided YouTube account cookies are no longer valid. They have likely been rotated", "credentials"),
]
INSTAGRAM = [
    ("[Instagram] x: There is no video in this post", "photo_post"),
    (f"[Instagram] x: Restricted Video: You must be 18 years old or over to see this video. {COOKIES}", "login"),
    (
        f"[Instagram] x: This content is only available for registered users who follow this account. {COOKIES}",
        "private",
    ),
    (
        "[Instagram] x: The webpage request was redirected to the login page. You have exceeded the rate-limit for"
        f" accessing posts anonymously. {COOKIES}",
        "rate_limited",
    ),
    ("[Instagram] x: Requested content is not available, rate-limit reached or login required", "rate_limited"),
    (
        "[Instagram] x: Instagram sent an empty media response. Check if this post is accessible in your browser"
        f" without being logged-in. If it is not, then u{COOKIES[1:]}",
        "login",
    ),
    ("The provided Instagram account cookies are no longer valid", "credentials"),
    ("[instagram:tag] x: This content is unreachable. Use --cookies", "login"),
]
NICONICO = [
    ("[niconico] sm9: Video unavailable, possibly removed by admins", "gone"),
    ("[niconico] sm9: Video unavailable, channel was closed", "gone"),
    ("[niconico] sm9: Removed by rights-holder request", "gone"),
    ("[niconico] sm9: Video unavailable, set to private", "private"),
    ("[niconico] sm9: No permission", "private"),
    (f"[niconico] sm9: Channel members only. {COOKIES}", "login"),
    (f"[niconico] sm9: Premium members only. {COOKIES}", "login"),
    (f"[niconico] sm9: PPV video, payment information required. {COOKIES}", "login"),
    (f"[niconico] sm9: Sensitive content, login required. {COOKIES}", "login"),
    ("[niconico] sm9: Invalid session, re-login required", "login"),
    ("[niconico] sm9: Maintenance is in progress", "server_error"),
    ("[niconico] sm9: Service temporarily unavailable", "server_error"),
    ("[niconico] sm9: This video is not available from your location due to geo restriction", "blocked"),
]
ALL_SITES = [
    ("[x] 1: Failed to parse JSON (caused by JSONDecodeError(\"Unterminated string starting at in 'log in': line 1\"))",
     "extractor_broken"),
    ("[x] 1: Failed to parse XML (caused by ParseError('unclosed token: line 1, column 0'))", "extractor_broken"),
    ("[x] 1: The account was terminated", "gone"),
    ("[twitter] x: No video could be found in this tweet", "no_video"),
    ("[vimeo] x: This video is only available for registered users. Use --username and --password", "login"),
    ("[x] 1: The extractor is attempting impersonation, but no impersonate target is available. See"
     "  https://github.com/yt-dlp/yt-dlp#impersonation  for information on installing the required dependencies",
     "impersonation"),
    ('Impersonate target "chrome" is not available. This request requires browser impersonation', "impersonation"),
    ("[generic] Got HTTP Error 403 caused by Cloudflare anti-bot challenge; try again with"
     '  --extractor-args "generic:impersonate"', "impersonation"),
    ("[generic] Unsupported URL: https://example.org/", "not_video"),
    ("\x1b[0;31mERROR:\x1b[0m HTTPConnectionPool: Read timed out. (read timeout=2)", "timeout"),
    ("curl: (28) Operation timed out after 2000 milliseconds", "timeout"),
    ("<urlopen error [Errno -2] Name or service not known>", "unreachable"),
    ("[Errno -3] Temporary failure in name resolution", "unreachable"),
    ("curl: (6) Could not resolve host: example.invalid", "unreachable"),
    ("curl: (7) Failed to connect to example.org port 443: Could not connect to server", "unreachable"),
    ("Connection refused", "unreachable"),
    ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate", "unreachable"),
    ("Unable to connect to proxy", "unreachable"),
    ("('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))", "server_error"),
    ("curl: (92) HTTP/2 stream 1 was not closed cleanly: INTERNAL_ERROR (err 2)", "server_error"),
    ("[download] Got error: 5012 bytes read, 3988 more expected", "truncated"),
    ("Did not get any data blocks", "truncated"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "kind"), [*TIKTOK, *YOUTUBE, *INSTAGRAM, *NICONICO, *ALL_SITES])
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
