"""Passwords, keys, tokens and signatures in text: told by their form, and by what this process was given.

Whoever writes an error, a log, a row or a manifest hides them first, since servers and libraries repeat what they got.
"""

import base64
import re
from collections import deque
from collections.abc import Iterable
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

HIDDEN = "***"
_LEAST_CHARACTERS = 4
"""A shorter secret stands in many words by chance, and all of them would be hidden."""
_RECENT_SECRETS = 1000
"""Secrets of single addresses that are remembered: more than all lanes have at hand."""
_STRONG = r"[\w.-]*(?:token|signature|secret|passw(?:or)?d|credentials?|api_?key|hmac|jwt|cookie)"
_NAME = rf"{_STRONG}|sig|sign|pwd|policy|key-pair-id|hdn(?:ea|ts|tl)|(?:aws|oss)?access_?key_?id|googleaccessid|auth"
_IS_NAME = re.compile(_NAME, re.IGNORECASE)
_LOGIN = re.compile(r"(?<=://)[^\s/?#'\"<>]*@")
# Each form begins where a word does, so that a long word of a hostile site is looked at once.
_BARE_LOGIN = re.compile(r"(?<![\w/.+-])[\w.+-]+:[^\s:/?#'\"<>@]+@(?=[\w\[])")
_ADDRESS = re.compile(r"(?<![\w+.-])[a-zA-Z][\w+.-]*://[^\s'\"<>]+")
_PARAMETER = re.compile(rf"(?i)(?<![\w.-])((?:{_NAME})(?:=|%3d))[^\s&;#'\"<>]+")
_HEADER = re.compile(r"(?i)\b((?:(?:proxy-)?authorization|(?:set-)?cookie2?)['\"]?\s*:\s*['\"]?)[^\n'\"]+")
_VALUE = re.compile(rf"(?i)(?<![\w.-])(['\"]?(?:{_STRONG})['\"]?\s*:\s*['\"]?)[^\s'\",;}}]+")
_BEARER = re.compile(r"(?i)\b(bearer\s+)[\w+/=.~-]{8,}")
_OPTION = re.compile(r"(?<![\w-])(--[\w-]*(?:password|username)(?:\s+|=))\S+")

_given: set[str] = set()
_recent: deque[str] = deque(maxlen=_RECENT_SECRETS)


def remember(*secrets: str | None) -> None:
    """Hide these from now on, in whatever words they are repeated: what the user gave, for the whole process."""
    _given.update(_spellings(secrets))


def remember_address(url: str) -> None:
    """Hide the secrets of this address from now on, until those of many others have come after it."""
    _recent.extend(_spellings(secrets_in(url)) - _given - {*_recent})


def forget() -> None:
    """Hide no longer what was remembered, for whoever begins anew in one process."""
    _given.clear()
    _recent.clear()


def hidden(text: str) -> str:
    """The text with `***` in place of each secret.

    >>> hidden("https://me:pw@x.example/a?b=1&X-Amz-Signature=0f answers 403"), hidden("Authorization: Basic bWU6cHc=")
    ('https://***@x.example/a?b=1&X-Amz-Signature=*** answers 403', 'Authorization: ***')
    """
    for secret in sorted((*_given, *_recent), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _BARE_LOGIN.sub(f"{HIDDEN}@", _LOGIN.sub(f"{HIDDEN}@", text))
    for form in (_HEADER, _PARAMETER, _VALUE, _BEARER, _OPTION):
        text = form.sub(rf"\g<1>{HIDDEN}", text)
    return text


def is_secret_name(name: str) -> bool:
    """Whether a parameter of this name holds a password, key, token or signature.

    >>> is_secret_name("X-Amz-Signature"), is_secret_name("po_token"), is_secret_name("format")
    (True, True, False)
    """
    return _IS_NAME.fullmatch(name) is not None


def shareable(url: str) -> str:
    """The address without login, token and signature, which are for whoever was given them; any other as it is.

    >>> shareable("https://me:pw@x.example/a.mp4?b=1&X-Amz-Signature=0f&X-Amz-Date=2")
    'https://x.example/a.mp4?b=1&X-Amz-Date=2'
    """
    if "://" not in url or not ("@" in url or "=" in url):
        return url
    parts = _split(url)
    if parts is None:
        seen = re.sub("[\t\r\n]", "", url)  # no reader of addresses sees these
        return hidden(re.sub("(?<=://)[^/?#]*@", "", seen))
    if not parts.netloc:  # a file of this machine
        return url
    pairs = re.split("[&;]", parts.query)
    kept = [pair for pair in pairs if not _is_secret(pair)]
    query = parts.query if kept == pairs else "&".join(kept)
    fragment = "" if any(map(_is_secret, re.split("[&;?]", parts.fragment))) else parts.fragment
    given = (parts.netloc, parts.query, parts.fragment)
    taken = (parts.netloc.rpartition("@")[2], query, fragment)
    return url if taken == given else urlunsplit((parts.scheme, taken[0], parts.path, query, fragment))


def with_shareable_addresses(text: str) -> str:
    """The text with each address in it as `shareable` gives it; all else stays, such as words about tokens."""
    return _ADDRESS.sub(lambda found: shareable(found[0]), text)


def secrets_in(url: str) -> list[str]:
    """Passwords, tokens and signatures of an address, as they are written there."""
    parts = _split(url)
    if parts is None or not (parts.scheme and parts.netloc):
        return []
    login = parts.netloc.rpartition("@")[0]
    pairs = [pair for pair in re.split("[&;?]", f"{parts.query}&{parts.fragment}") if _is_secret(pair)]
    return [*_of_login(login), *(pair.partition("=")[2] for pair in pairs)]


def _split(url: str) -> SplitResult | None:
    """The address's parts; None for what is no address, such as one with a login and no host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return None if parts.netloc.endswith("@") else parts


def _of_login(login: str) -> list[str]:
    """The password of `name:password`, or the name where it stands alone, and both as `Basic` sends them."""
    if not login:
        return []
    plain = unquote(login)
    return [plain.partition(":")[2] or plain, base64.b64encode(plain.encode()).decode()]


def _is_secret(pair: str) -> bool:
    """Whether a parameter is one, or holds an address with one."""
    name, sign, value = unquote(pair).partition("=")
    return bool(sign and value) and (is_secret_name(name) or ("://" in value and shareable(value) != value))


def _spellings(secrets: Iterable[str | None]) -> set[str]:
    """Each as it is, and as addresses spell it."""
    long = [secret for secret in secrets if secret and len(secret) >= _LEAST_CHARACTERS]
    return {spelling for secret in long for spelling in (secret, quote(secret, safe=""), unquote(secret))}
