"""yt-dlp extractors for the sample platform that Hashtag2Action ships (h2a_curation/sample_world).

`h2a-sample:post:ID` and `h2a-sample:tag:TAG` name posts and listings whatever the port of the day; the site's address
comes as an extractor argument: `{"h2asample": {"base": ["http://127.0.0.1:8000"], "page_size": ["10"]}}`.
The site's own addresses, `http://127.0.0.1:PORT/post/ID` and `/tag/TAG`, work without one.
"""

from urllib.parse import quote, unquote

from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import ExtractorError, OnDemandPagedList, urljoin

_SITE = r"(?P<base>http://127\.0\.0\.1:\d+)"
_PAGE_SIZE = 10
_GONE_FOR_EVER = (403, 404, 410)


class _H2ASampleBaseIE(InfoExtractor):
    def _setting(self, name, default):
        return self._configuration_arg(name, [default], ie_key="H2ASample", casesense=True)[0]

    def _base(self, url):
        """The site's address: from the URL itself, else from the extractor argument."""
        base = self._match_valid_url(url).group("base") or self._setting("base", None)
        if not base:
            raise ExtractorError("h2a-sample needs the extractor argument h2asample:base=URL", expected=True)
        return base

    def _json(self, url, what, video_id, **kwargs):
        """The site's answer; one expected error for each kind of refusal, in the site's words."""
        try:
            answer = self._download_json(
                url, video_id, note=f"Downloading {what}", expected_status=_GONE_FOR_EVER, **kwargs
            )
        except ExtractorError as error:
            if isinstance(error.cause, HTTPError):
                raise ExtractorError(_told(error.cause), expected=True, cause=error.cause) from error
            raise
        if "error" in answer:
            raise ExtractorError(f"{answer['error']}: {answer['message']}", expected=True, video_id=video_id)
        return answer

    def _fields(self, post):
        """The fields that listings and posts share."""
        return {
            "id": post["id"],
            "title": post["caption"],
            "tags": post["tags"],
            "uploader_id": post["creator"],
            "timestamp": post.get("posted_at"),
            "duration": post.get("duration_s"),
            "width": post.get("width_px"),
            "height": post.get("height_px"),
            "view_count": post.get("num_views"),
            "like_count": post.get("num_likes"),
            "language": post.get("language"),
        }


class H2ASampleIE(_H2ASampleBaseIE):
    """One post."""

    IE_NAME = "h2a-sample:post"
    _VALID_URL = rf"(?:h2a-sample:post:|{_SITE}/post/)(?P<id>[\w-]+)$"

    def _real_extract(self, url):
        post_id = self._match_id(url)
        base = self._base(url)
        post = self._json(f"{base}/post/{post_id}", "post", post_id)
        fields = self._fields(post)
        media = urljoin(base, post["media"])
        extension = media.rpartition(".")[2]
        size = {key: fields[key] for key in ("width", "height")}
        return {**fields, "formats": [{"url": media, "format_id": "0", "ext": extension, **size}]}


class H2ASampleTagIE(_H2ASampleBaseIE):
    """The posts under a hashtag; `playlist_items` of one page's range asks for that page alone."""

    IE_NAME = "h2a-sample:tag"
    _VALID_URL = rf"(?:h2a-sample:tag:|{_SITE}/tag/)(?P<id>[^/?#]+)$"

    def _real_extract(self, url):
        tag = unquote(self._match_id(url))  # as addresses spell it
        base = self._base(url)
        page_size = int(self._setting("page_size", str(_PAGE_SIZE)))

        def fetch_page(number):
            """`number` counts from 0, the site's pages from 1."""
            query = {"page": number + 1, "count": page_size}
            page = self._json(f"{base}/tag/{quote(tag, safe='')}", f"page {number + 1}", tag, query=query)
            for post in page["posts"]:
                yield self.url_result(f"h2a-sample:post:{post['id']}", H2ASampleIE, **_renamed(self._fields(post)))

        return self.playlist_result(OnDemandPagedList(fetch_page, page_size), tag, tag)


def _renamed(fields):
    """As `url_result` calls them."""
    return {"video_id": fields.pop("id"), "video_title": fields.pop("title"), **fields}


def _told(error):
    """What a status means that may be another one tomorrow."""
    if error.status == 429:
        return f"rate limited: HTTP Error 429, Retry-After: {error.response.headers.get('Retry-After')}"
    if error.status >= 500:
        return f"server error: HTTP Error {error.status} {error.reason}"
    return f"refused: HTTP Error {error.status} {error.reason}"
