"""yt-dlp's own options as a recipe spells them: cookies, proxy, a browser's fingerprint."""

from pathlib import Path
from typing import Any

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


def check_cookies(name: str, params: dict[str, Any]) -> None:
    """ValueError where the file is missing: yt-dlp would go on without, and make one."""
    file = params.get("cookiefile")
    if file is not None and not Path(file).is_file():
        raise ValueError(f"source {name}: there is no cookiefile {file}; export one from your browser, or leave it out")
