"""Distinctive tokens wherever a secret can come in, and every byte that was written searched for them."""

import base64
import csv
import json
import os
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from h2a_curation.catalog.views import connect
from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.lake import decisions
from h2a_curation.lake.lake import create, open_lake
from h2a_curation.pipeline.publish import publish
from h2a_curation.recipes import load
from h2a_curation.sources import table
from tests.loopback import running
from tests.sources.tiktok_site import error, serving_tiktok

MODEL = f"local-dir:{data_folder() / 'sample_world'}"
PLANTED = {
    name: f"q7{name}9zK4w"
    for name in (
        *("signature", "password", "token", "sig", "redirected", "cookie", "header", "netrc", "own-password", "proxy"),
        *("caption", "creator", "recipe-note", "client-key", "client-secret", "bearer", "hmac", "nested"),
    )
}
LOGIN = base64.b64encode(f"me:{PLANTED['password']}".encode()).decode()


class Hostile(BaseHTTPRequestHandler):
    """Gives files to those who have the secret, and repeats in its errors all that it was sent."""

    video: bytes

    def do_GET(self) -> None:
        parts, asked = urlsplit(self.path), {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
        name = parts.path.strip("/")
        if name == "to-signed.mp4":
            self.send_response(302)
            self.send_header("Location", f"/redirected.mp4?X-Amz-Signature={PLANTED['redirected']}")
            self.end_headers()
            return
        allowed = {
            "signed.mp4": asked.get("X-Amz-Signature") == PLANTED["signature"],
            "login.mp4": self.headers.get("Authorization") == f"Basic {LOGIN}",
            "redirected.mp4": asked.get("X-Amz-Signature") == PLANTED["redirected"],
            "plain.mp4": True,
        }.get(name, False)
        if allowed:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(len(self.video)))
            self.end_headers()
            self.wfile.write(self.video)
            return
        said = " ".join([self.path, *(f"{key}: {value}" for key, value in self.headers.items())])
        status = 407 if self.path.startswith("http://blocked") else 500 if name == "broken.mp4" else 403
        self.send_response(status, f"no {said}")
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def site(mini) -> Iterator[str]:
    """Its address; all that it gives is one video, since it is how they are asked for that matters."""
    lake = mini / "lake"
    facts = connect(lake, decision=decisions.newest(lake))
    media_id = facts.query("SELECT min(media_id) AS one FROM selection WHERE class_id = 'deadlift'")["one"][0].as_py()
    Hostile.video = (lake / "media" / media_id[:2] / media_id).read_bytes()
    with running(Hostile) as url:
        yield url


def found_in(folder: Path) -> dict[str, list[str]]:
    """By file, the planted tokens that it holds: in its bytes and, of Parquet, in its columns."""
    found = {}
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        content = file.read_bytes()
        if file.suffix == ".parquet":
            content += json.dumps(pq.read_table(file).to_pylist(), default=str, ensure_ascii=False).encode()
        if here := tokens_in(content.decode("utf-8", "replace")):
            found[str(file.relative_to(folder))] = here
    return found


def tokens_in(text: str) -> list[str]:
    return [name for name, token in {**PLANTED, "login": LOGIN}.items() if token in text]


def given(folder: Path, site: str) -> list[object]:
    """A recipe, a table and a login that hold the tokens, and the command line that names them."""
    p, host = PLANTED, site.removeprefix("http://")
    nested = quote(f"{site}/x.mp4?token={p['nested']}", safe="")
    urls = {
        f"{site}/signed.mp4?X-Amz-Date=1&X-Amz-Signature={p['signature']}": "kept",
        f"http://me:{p['password']}@{host}/login.mp4": "kept",
        f"{site}/to-signed.mp4": "kept",
        f"{site}/plain.mp4": f"see {site}/x?token={p['caption']}",
        f"{site}/refused.mp4?token={p['token']}": "",
        f"{site}/refused2.mp4?sig={p['sig']}&hmac={p['hmac']}": "",
        f"{site}/broken.mp4?u={nested}": "",
        f"{site}/bug.mp4?access_token={p['token']}": "a bug of ours",
        f"http://me:{p['password']}@127.0.0.1:1/unreachable.mp4": "",
    }
    with (folder / "posts.csv").open("w", newline="") as file:
        rows = [[url, "deadlift", caption, p["creator"]] for url, caption in urls.items()]
        csv.writer(file).writerows([["url", "class", "caption", "creator"], *rows])
    (folder / "cookies.txt").write_text(
        f"# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\t{p['cookie']}\n"
    )
    (folder / ".netrc").write_text(f"machine 127.0.0.1 login me password {p['netrc']}\n")
    (folder / ".netrc").chmod(0o600)
    (folder / "known.csv").write_text(f"url,class\n{next(iter(urls))},deadlift\n")
    recipe = {
        "extends": "table",
        "source": {"kind": "table", "file": "posts.csv", "min_interval_s": 0, "options": {"cookiefile": "cookies.txt"}},
        "fetch": {"max_tries": 2, "first_wait_s": 0.01, "max_wait_s": 0.02, "socket_timeout_s": 5, "timeout_s": 20},
        "only_classes": ["deadlift"],
        "decide": {"clip": {"person": "off"}, "validate": {"mode": "record"}},
    }
    note = f"# the bucket's client_secret: {p['recipe-note']}, its proxy http://me:{p['proxy']}@10.0.0.1\n"
    (folder / "mine.yaml").write_text(note + yaml.safe_dump(recipe))
    return [
        "build", "--recipe", folder / "mine.yaml", "--model", MODEL, "--workers", "1", "--allow-private",
        "--set", f"source.options.geo_verification_proxy=http://me:{p['proxy']}@127.0.0.1:1",
    ]  # fmt: skip


def test_no_secret_is_in_anything_that_a_build_writes_or_says(site, tmp_path, h2a_here, monkeypatch):
    inputs, out = tmp_path / "inputs", tmp_path / "out"
    inputs.mkdir()
    out.mkdir()
    own = f"--video-password {PLANTED['own-password']} --netrc --add-headers 'X-Own: {PLANTED['header']}'"
    here = {"HOME": str(inputs), "H2A_YTDLP_OPTIONS": own, "H2A_TRACEBACK": "1"}
    command, lake, said = given(inputs, site), out / "lake", []

    def bug(url):
        if "bug.mp4" in url:
            raise AssertionError(f"a bug of ours at {url} with {PLANTED['cookie']}")
        return local_path(url)

    local_path = table.local_path
    monkeypatch.setattr(table, "local_path", bug)
    build = ["build", "--recipe", inputs / "mine.yaml", "--lake", out / "other", "--set"]
    posts = ["sql", "FROM post", "--lake", lake]
    for line in (
        [*command, "--lake", lake],
        ["build", "--lake", lake],  # the last build's choice had a secret
        ["trace", inputs / "known.csv", "--lake", lake],
        ["audit", "sheet", "--out", out / "sheet.csv", "--lake", lake],
        *([*posts, "--format", form, "--out", out / f"post.{form}"] for form in ("csv", "json", "parquet")),
        ["sql", "FROM media", "--lake", lake],
        ["sql", f"SELECT nothing FROM post WHERE url = 'https://x.example/?token={PLANTED['token']}'", "--lake", lake],
        [*build, f"source.options.proxy=me:{PLANTED['proxy']}@x"],
        [*build, f"source.options.password={PLANTED['proxy']}"],
    ):
        ran = h2a_here(*line, **here)
        assert not tokens_in(ran.out + ran.err), (line, ran)
        said.append(ran)
        assert said[0].code == 0, said[0].err
    assert said[1].code == 2
    assert "was told a secret, which no lake keeps: give --set source.options.geo_verification_proxy" in said[1].err
    assert not found_in(out)
    salt = (out / "lake.salt").read_text().strip().encode()
    assert [file.name for file in out.rglob("*") if file.is_file() and salt in file.read_bytes()] == ["lake.salt"]

    rows = connect(lake, decision=decisions.newest(lake)).query("FROM post JOIN media USING (post_id)").to_pylist()
    came = {row["url"].removeprefix(site): row["outcome"] for row in rows}
    whole = ("signed.mp4?X-Amz-Date=1", "login.mp4", "to-signed.mp4", "plain.mp4")
    assert [came[f"/{name}"] for name in whole] == ["ok"] * 4
    assert came["/bug.mp4"] == "unexpected"
    assert {"/refused.mp4", "/refused2.mp4", "/broken.mp4"} <= came.keys()
    details = " ".join(row["detail"] for row in rows)
    assert details.count("***") >= 4  # the errors did repeat what they were sent
    log = (lake / "log" / "fetch.log").read_text()
    assert "a bug of ours at" in log
    assert "***" in log
    assert "1 kept" in said[2].out  # the trace knows the signed address


def test_a_lake_of_before_publishes_no_secret(mini, tmp_path):
    """What stands in old rows stays there, and goes no further."""
    shutil.copytree(mini / "lake", tmp_path / "lake", copy_function=os.link)
    for file in (tmp_path / "lake" / "parts" / "mine").glob("*/post.parquet"):
        rows = pq.read_table(file)
        urls = pa.array([f"https://me:{PLANTED['password']}@x.example/?token={PLANTED['token']}"] * len(rows))
        file.unlink()
        pq.write_table(rows.set_column(rows.column_names.index("url"), "url", urls), file)
    lake, decision = open_lake(tmp_path / "lake"), decisions.newest(tmp_path / "lake")
    publish(lake, load("sample-mini"), connect(lake.path, decision=decision), decision.name, "v9", lambda *_: None)
    assert {row["url"] for row in pq.read_table(lake.path / "versions" / "v9" / "lineage.parquet").to_pylist()} == {
        "https://x.example/"
    }
    assert not found_in(lake.path / "versions")


def test_a_proxy_that_repeats_its_password(site, tmp_path, h2a_here):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "posts.csv").write_text("url,class\nhttp://blocked.example/a.mp4,deadlift\n")
    proxy = f"http://me:{PLANTED['proxy']}@{site.removeprefix('http://')}"
    ran = h2a_here(
        "build", tmp_path / "in" / "posts.csv", "--lake", tmp_path / "out" / "lake", "--model", MODEL,
        "--set", f"source.options.proxy={proxy}", "--set", "fetch.max_tries=1", "--allow-private", H2A_TRACEBACK="1",
    )  # fmt: skip
    assert ran.code == 1
    assert not tokens_in(ran.out + ran.err)
    assert not found_in(tmp_path / "out")
    [row] = connect(tmp_path / "out" / "lake").query("FROM media").to_pylist()
    assert "***" in row["detail"]


@pytest.mark.parametrize("wrong", ["client-key", "client-secret", "bearer"])
def test_an_api_that_repeats_key_secret_and_token(tmp_path, h2a_here, wrong):
    (tmp_path / "out").mkdir()
    p = PLANTED
    recipe = {
        "extends": "tiktok-research",
        "only_classes": ["deadlift"],
        "fetch": {"max_tries": 1},
        "embed": {"model": MODEL, "pretrained": None},
        "source": {"fetch_with": {"kind": "ytdlp"}},
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(recipe))
    with serving_tiktok() as tiktok:

        def repeating(path, headers, body):
            if wrong == "bearer" and path.startswith("/v2/oauth"):
                return 200, {"access_token": p["bearer"], "expires_in": 7200}
            said = f"{body.decode()} {dict(headers)}"
            if "query" in path:
                return error(401, "access_token_invalid", said)
            return 401, {"error": "invalid_client", "error_description": said}

        tiktok.answer = repeating
        ran = h2a_here(
            "mine", "--recipe", tmp_path / "mine.yaml", "--lake", tmp_path / "out" / "lake",
            TIKTOK_CLIENT_KEY=p["client-key"], TIKTOK_CLIENT_SECRET=p["client-secret"],
            H2A_TIKTOK_BASE_URL=tiktok.url, H2A_TRACEBACK="1",
        )  # fmt: skip
    assert ran.code == 1, ran
    assert "***" in ran.err
    assert not tokens_in(ran.out + ran.err)
    assert not found_in(tmp_path / "out")


def test_a_lake_without_its_salt_is_read_and_asks_for_nothing(site, tmp_path, h2a_here):
    """And real posts do not come to a sample world's lake, whose pseudonyms hide nobody."""
    (tmp_path / "posts.csv").write_text(f"url,creator,class\n{site}/plain.mp4,anna,deadlift\n")
    build = ["build", tmp_path / "posts.csv", "--model", MODEL, "--lake"]
    create(tmp_path / "lake")
    shutil.move(tmp_path / "lake", tmp_path / "moved")
    ran = h2a_here(*build, tmp_path / "moved")
    assert ran.code == 2
    assert f"{tmp_path / 'moved.salt'} is missing" in ran.err.splitlines()[-1]
    assert not list((tmp_path / "moved").glob("parts/mine/*"))
    assert h2a_here("sql", "FROM post", "--lake", tmp_path / "moved").code == 0
    shutil.move(tmp_path / "lake.salt", tmp_path / "moved.salt")
    open_lake(tmp_path / "moved").check_salt()

    create(tmp_path / "world", hides_people=False)
    ran = h2a_here(*build, tmp_path / "world")
    assert ran.code == 2
    assert "holds a sample world, whose creators are invented" in ran.err
