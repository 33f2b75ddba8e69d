"""yt-dlp's own options as a recipe spells them: cookies, proxy, a browser's fingerprint."""

from pathlib import Path
from typing import Any

from yt_dlp import YoutubeDL
from yt_dlp.networking.impersonate import ImpersonateTarget


def yt_dlp_options(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """As the Python interface wants them. ValueError for what is no option of that kind."""
    given = dict(options)
    target = given.get("impersonate")
    if isinstance(target, str):
        try:
            given["impersonate"] = ImpersonateTarget.from_str(target.lower())
        except ValueError:
            raise ValueError(
                f"source {name}: impersonate is {target!r}; give a browser, such as chrome, or chrome-131:macos-14"
            ) from None
    browser = given.get("cookiesfrombrowser")
    if isinstance(browser, str):
        given["cookiesfrombrowser"] = (browser, None, None, None)
    elif isinstance(browser, list):
        given["cookiesfrombrowser"] = tuple([*browser, None, None, None][:4])
    return given


def check_options(name: str, client: YoutubeDL) -> None:
    """ValueError where the machine has not what the options ask for; no network request."""
    cookies = client.params.get("cookiefile")
    if cookies is not None and not Path(cookies).is_file():
        raise ValueError(
            f"source {name}: there is no cookiefile {cookies}; export one from your browser, or leave it out"
        )
    target = client.params.get("impersonate")
    if target is not None and not client._impersonate_target_available(target):
        known = sorted({str(t.client) for t, _ in client._get_available_impersonate_targets()})
        raise ValueError(f"source {name}: cannot impersonate {target} here; known are {', '.join(known)}")
