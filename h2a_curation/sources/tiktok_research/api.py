"""Requests to TikTok's API v2 in the name of an app: the token, and every documented error in our taxonomy.

After developers.tiktok.com/doc: client-access-token-management, oauth-error-handling, tiktok-api-v2-error-handling.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from h2a_curation.acquire.errors import ErrorKind, FetchError, SourceChanged
from h2a_curation.foundation import json_file
from h2a_curation.foundation.secret_text import remember
from h2a_curation.sources.base import Cost
from h2a_curation.sources.http import HttpClient, status_kind
from h2a_curation.sources.tiktok_research.quota import DailyQuota

KEY, SECRET = "TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_SECRET"
"""Environment variables: the only place that credentials come from."""
ERRORS: dict[str, ErrorKind] = {
    "access_token_invalid": ErrorKind.CREDENTIALS,
    "scope_not_authorized": ErrorKind.CREDENTIALS,
    "scope_permission_missed": ErrorKind.CREDENTIALS,
    "invalid_params": ErrorKind.GONE,
    "rate_limit_exceeded": ErrorKind.RATE_LIMITED,
    "daily_quota_limit_exceeded": ErrorKind.QUOTA,
    "internal_error": ErrorKind.SERVER_ERROR,
    "invalid_client": ErrorKind.CREDENTIALS,
    "invalid_grant": ErrorKind.CREDENTIALS,
    "invalid_scope": ErrorKind.CREDENTIALS,
    "unauthorized_client": ErrorKind.CREDENTIALS,
    "access_denied": ErrorKind.CREDENTIALS,
    "server_error": ErrorKind.SERVER_ERROR,
    "temporarily_unavailable": ErrorKind.SERVER_ERROR,
}
"""The kind of each code in an answer: the API's own codes, then those of its OAuth endpoint."""
_BY_STATUS = {401: ErrorKind.CREDENTIALS, 403: ErrorKind.CREDENTIALS}
"""Statuses that mean another thing here than of a post's page."""
_RENEW_BEFORE_S = 120.0
"""A token is given up this long before its two hours end, so that it does not expire on the way."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An app's key and secret, from the environment; never shown."""

    key: str = field(repr=False)
    secret: str = field(repr=False)

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> "Credentials":
        """ValueError where one is missing."""
        for name in (KEY, SECRET):
            if not environment.get(name):
                raise ValueError(
                    f"the TikTok Research API needs ${KEY} and ${SECRET}, and ${name} is not set: take both from your"
                    " project's page on developers.tiktok.com, and set them where the build runs, not in a file of it"
                )
        return cls(environment[KEY], environment[SECRET])


class TikTokApi:
    """Safe to call from several threads: they share the token and the count."""

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        quota: DailyQuota,
        client: HttpClient,
        *,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._credentials = credentials
        remember(credentials.key, credentials.secret)
        self._quota = quota
        self._client = client
        self._now_s = now_s
        self._lock = threading.Lock()
        self._token = ""
        self._token_ends_s = 0.0

    def post(self, path: str, fields: str, body: dict[str, Any]) -> tuple[dict[str, Any], Cost]:
        """The answer's `data`, and what it cost. FetchError for every other answer; `str(error)` holds no secret.

        A token that is refused although it has not ended is renewed once. Each request is counted before it is made,
        since the API counts those too that fail.
        """
        num_requests = num_bytes = 0
        for is_second in (False, True):
            token, cost = self._bearer()
            num_requests, num_bytes = num_requests + cost.num_requests, num_bytes + cost.num_bytes
            url, headers = f"{self._base_url}{path}?fields={fields}", {"Authorization": f"Bearer {token}"}
            answer = self._ask(url, at_turn=self._quota.take, headers=headers, json=body)
            num_requests, num_bytes = num_requests + 1, num_bytes + answer.num_bytes
            error = self._error(answer)
            if error is None:
                return _data(answer.said), Cost(num_requests=num_requests, num_bytes=num_bytes)
            if error.kind is ErrorKind.QUOTA:
                self._quota.exhaust()
                raise self._quota.used_up("the API says that the day's requests are used up")
            if answer.status != 401 or is_second:
                raise error
            self._forget(token)
        raise AssertionError("the second try returns or raises")

    def _bearer(self) -> tuple[str, Cost]:
        with self._lock:
            if self._token and self._now_s() < self._token_ends_s:
                return self._token, Cost(num_requests=0, num_bytes=0)
            form = {
                "client_key": self._credentials.key,
                "client_secret": self._credentials.secret,
                "grant_type": "client_credentials",
            }
            answer = self._ask(f"{self._base_url}/v2/oauth/token/", data=form)
            if (error := self._error(answer)) is not None:
                raise error
            token, lasts_s = answer.said.get("access_token"), answer.said.get("expires_in")
            if not isinstance(token, str) or not token or not isinstance(lasts_s, int | float):
                raise SourceChanged(f"TikTok's token answer has another shape: {sorted(answer.said)}")
            remember(token)
            self._token, self._token_ends_s = token, self._now_s() + max(0.0, lasts_s - _RENEW_BEFORE_S)
            return token, Cost(num_requests=1, num_bytes=answer.num_bytes)

    def _forget(self, token: str) -> None:
        with self._lock:
            if self._token == token:
                self._token = ""

    def _ask(self, url: str, **request: Any) -> "_Answer":
        came = self._client.post(url, **request)
        try:
            said = json_file.parse(came.body)
        except ValueError:
            said = None
        return _Answer(came.status, said if isinstance(said, dict) else {}, came.retry_after_s, came.num_bytes)

    def _error(self, answer: "_Answer") -> FetchError | None:
        """None where the answer is what was asked for. A pause that it asks for is everybody's, but for a used-up day:
        of that the quota's count says until when.
        """
        code, message = _told(answer.said)
        if answer.status == 200 and code in ("", "ok"):
            return None if answer.said else SourceChanged("TikTok's answer is not JSON")
        kind = ERRORS.get(code) or _status_kind(answer.status)
        if kind is not ErrorKind.QUOTA and answer.retry_after_s:
            self._client.pause(self._base_url, answer.retry_after_s)
        return FetchError(kind, f"TikTok answers {answer.status} {code}: {message}", answer.retry_after_s)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    said: dict[str, Any]
    retry_after_s: float | None
    num_bytes: int


def _status_kind(status: int) -> ErrorKind:
    """Where the answer has no code. An endpoint is never `gone`: it has moved, and this module must follow."""
    if status < 400:
        return ErrorKind.EXTRACTOR_BROKEN
    kind = _BY_STATUS.get(status) or status_kind(status)
    return ErrorKind.EXTRACTOR_BROKEN if kind is ErrorKind.GONE else kind


def _told(said: dict[str, Any]) -> tuple[str, str]:
    """Code and message: the API nests them, its OAuth endpoint does not."""
    error = said.get("error")
    if isinstance(error, dict):
        return str(error.get("code") or ""), str(error.get("message") or "")
    return str(error or ""), str(said.get("error_description") or "")


def _data(said: dict[str, Any]) -> dict[str, Any]:
    data = said.get("data")
    if not isinstance(data, dict):
        raise SourceChanged(f"TikTok's answer has no data: {sorted(said)}")
    return data
