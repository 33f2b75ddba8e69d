"""Options for yt-dlp's Python interface, from the two who give some: a recipe, and whoever runs the build."""

import io
import netrc
import optparse
import os
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from yt_dlp import parse_options
from yt_dlp.networking.impersonate import ImpersonateTarget

from h2a_curation.foundation.secret_text import is_secret_name, secrets_in
from h2a_curation.sources.ytdlp.recipe_options import OWN_OPTIONS, PLAIN_HEADERS, DownloadOptions, ExtractorArguments

_PASSWORDS = ("password", "videopassword", "ap_password", "twofactor", "client_certificate_password")
_PROXIES = ("proxy", "geo_verification_proxy")
_LEAST_CHARACTERS = 8
"""What is shorter is a setting such as a client's name, or a cookie such as `en`, and no secret that could last."""


def recipe_options(name: str, options: DownloadOptions) -> dict[str, Any]:
    """What the recipe sets, as the Python interface wants it. ValueError for a browser that cannot be."""
    given = {key: value for key, value in asdict(options).items() if value not in (None, (), {})}
    if target := given.get("impersonate"):
        try:
            given["impersonate"] = ImpersonateTarget.from_str(target.lower())
        except ValueError:
            raise ValueError(
                f"source {name}: impersonate is {target!r}; give a browser, such as chrome, or chrome-131:macos-14"
            ) from None
    if "format_sort" in given:
        given["format_sort"] = list(given["format_sort"])
    return given


def own_options(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """What $H2A_YTDLP_OPTIONS sets, in the words of yt-dlp's command line. ValueError where yt-dlp refuses it."""
    try:
        words = shlex.split(environment.get(OWN_OPTIONS, ""))
        if not words:
            return {}
        said, plain = parse_options(["--ignore-config", *words]), parse_options(["--ignore-config"])
    except (ValueError, optparse.OptParseError) as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("-: error: ")
        raise ValueError(f"${OWN_OPTIONS}: {reason}; write options of yt-dlp's command line") from None
    except SystemExit:  # --help, --version
        raise ValueError(f"${OWN_OPTIONS} asks yt-dlp for its help; write options that a download takes") from None
    if said.urls:
        raise ValueError(f"${OWN_OPTIONS} holds {said.urls[0]!r}, which is no option; mend it there")
    if said.ydl_opts.get("external_downloader"):
        raise ValueError(
            f"${OWN_OPTIONS}: another downloader keeps neither fetch.timeout_s nor fetch.max_file_bytes, nor the pace;"
            " take --downloader out"
        )
    return {key: value for key, value in said.ydl_opts.items() if value != plain.ydl_opts.get(key)}


def joined_arguments(recipe: ExtractorArguments, own: ExtractorArguments) -> ExtractorArguments:
    """Extractor arguments of both; of one that both set, that of whoever runs the build."""
    return {key: recipe.get(key, {}) | own.get(key, {}) for key in {**recipe, **own}}


def check_cookies(name: str, params: dict[str, Any]) -> None:
    """ValueError where the file is missing: yt-dlp would go on without, and make one."""
    file = params.get("cookiefile")
    if file is not None and not Path(file).is_file():
        raise ValueError(f"source {name}: there is no cookiefile {file}; export one from your browser, or leave it out")


def secrets_of(params: dict[str, Any]) -> list[str]:
    """Passwords, cookies and tokens among the parameters, and in the files that they name."""
    found = [params.get(name) for name in _PASSWORDS]
    found += [secret for name in _PROXIES for secret in secrets_in(params.get(name) or "")]
    found += [value for name, value in params.get("http_headers", {}).items() if name not in PLAIN_HEADERS]
    for arguments in params.get("extractor_args", {}).values():
        found += [value for name, values in arguments.items() if is_secret_name(name) for value in values]
    if file := params.get("cookiefile"):
        lines = Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
        found += [line.rpartition("\t")[2] for line in lines if "\t" in line]
    if params.get("usenetrc"):
        with suppress(OSError, netrc.NetrcParseError):  # yt-dlp itself says what is wrong with it
            place = Path(params.get("netrc_location") or Path.home()).expanduser()
            logins = netrc.netrc(place / ".netrc" if place.is_dir() else place).hosts.values()
            found += [password for _, _, password in logins]
    return [secret for secret in found if secret and len(secret) >= _LEAST_CHARACTERS]


def with_own_cookies(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters for one client: it reads cookies from memory, since yt-dlp writes them back to their file."""
    file = params.get("cookiefile")
    return dict(params) if file is None else {**params, "cookiefile": _Cookies(Path(file))}


class _Cookies(io.StringIO):
    """The text of a file of cookies, called by the file's name in what yt-dlp says."""

    def __init__(self, file: Path) -> None:
        super().__init__(file.read_text(encoding="utf-8"))
        self._file = file

    def __repr__(self) -> str:
        return str(self._file)
