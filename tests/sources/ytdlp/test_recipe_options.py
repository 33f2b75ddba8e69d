"""What a recipe from a stranger can and cannot say: nothing that runs, reads, writes, or sends a secret elsewhere."""

import pytest

from h2a_curation import recipes
from h2a_curation.acquire.errors import FetchError
from h2a_curation.acquire.fetch import FetchRules
from h2a_curation.sources import open_source
from h2a_curation.sources.rules import SourceRules
from h2a_curation.sources.tiktok_research.rules import TIKTOK, tiktok_address
from h2a_curation.sources.ytdlp.options import own_options
from h2a_curation.sources.ytdlp.recipe_options import _HARMLESS_ARGUMENTS, DownloadOptions
from tests.loopback import ON_LOOPBACK, Answer
from tests.sources.platform import MP4, VIDEO
from tests.sources.tiktok_site import KEY, SECRET, serving_tiktok

LIMITS = FetchRules()


def loaded(folder, source):
    """A recipe with this `source`, each line of it as it stands."""
    file = folder / "received.yaml"
    file.write_text("source:\n  " + "\n  ".join(source.splitlines()) + "\n")
    return recipes.load(str(file)).source


def refusal(folder, source):
    with pytest.raises(ValueError, match=r"received\.yaml:") as caught:
        loaded(folder, source)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize(
    "option",
    [
        "postprocessors: [{key: Exec, exec_cmd: id, when: pre_process}]", "ffmpeg_location: ./ffmpeg",
        "external_downloader: {default: ./x}", "external_downloader_args: {default: [x]}", "exec: id", "netrc_cmd: id",
        "usenetrc: true", "netrc_location: ./x", "cookiesfrombrowser: firefox", "plugin_dirs: [.]", "batchfile: x",
        "load_info_filename: x", "paths: {home: /}", "outtmpl: /x", "compat_opts: [allow-unsafe-ext]",
        "js_runtimes: {deno: {path: ./x}}", "remote_components: [ejs:github]", "enable_file_urls: true",
        "client_certificate: x", "client_certificate_password: x", "username: me", "password: x", "cachedir: /x",
        "download_archive: x", "print_to_file: {video: [[x, y]]}", "writeinfojson: true", "nocheckcertificate: true",
        "prefer_insecure: true", "legacyserverconnect: true", "postprocessor_args: [-i]", "logger: x",
        "match_filter: x", "fixup: force", "extractor_args: {}", "socket_timeout: 9", "playlist_items: 1-9",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["options: {", "fetch_with: {options: {"], ids=["source", "fetch_with"])
def test_an_option_that_is_not_allowed_is_refused_and_the_allowed_are_named(tmp_path, place, option):
    line = refusal(tmp_path, place + option + "}" * place.count("{"))
    assert "received.yaml:2: " in line
    assert option.partition(":")[0] in line
    assert "known are cookiefile, proxy," in line or "did you mean" in line


@pytest.mark.parametrize(("slip", "meant"), [("cookiefil: c", "cookiefile"), ("rate_limit: 1", "ratelimit")])
def test_a_slip_is_told_the_nearest_option(tmp_path, slip, meant):
    assert f"did you mean '{meant}'?" in refusal(tmp_path, f"options: {{{slip}}}")


def test_what_is_for_the_machines_owner_says_where_it_belongs(tmp_path):
    line = refusal(tmp_path, "options: {cookiesfrombrowser: firefox}")
    assert "set $H2A_YTDLP_OPTIONS where the build runs" in line


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("cookiefile: /home/me/cookies.txt", "does not lie beside the recipe"),
        ("cookiefile: ../cookies.txt", "does not lie beside the recipe"),
        ("cookiefile: a/../../cookies.txt", "does not lie beside the recipe"),
        ("cookiefile: ''", "does not lie beside the recipe"),
        ("cookiefile: 3", "cookiefile"),
        ("proxy: 'file:///etc/passwd'", "is no proxy"),
        ("proxy: localhost", "is no proxy"),
        ("proxy: 'http://'", "is no proxy"),
        ("proxy: 'http://a:b'", "is no proxy"),
        ("proxy: 'http://[::1'", "is no proxy"),
        ('proxy: "http://a\\r\\nX: 1"', "is no proxy"),
        ("geo_verification_proxy: 'ftp://a'", "is no proxy"),
        ("geo_bypass_country: usa", "is no country"),
        ("format: '-'", "no expression of one line"),
        ('format: "a\\nb"', "no expression of one line"),
        ("format: 7", "valid string"),
        ("format_sort: [\"a\\tb\"]", "no expression of one line"),
        ("ratelimit: 1", "give at least 10000"),
        ("ratelimit: .inf", "give at least 10000"),
        ("ratelimit: .nan", "give at least 10000"),
        ("ratelimit: fast", "valid number"),
        ("http_headers: {Authorization: x}", "cannot set the header 'Authorization'"),
        ("http_headers: {Metadata-Flavor: Google}", "cannot set the header"),
        ("http_headers: {Cookie: a=b}", "cannot set the header"),
        ('http_headers: {User-Agent: "a\\r\\nX: 1"}', "without line breaks"),
        ("[proxy]", "must be a mapping"),
    ],
)  # fmt: skip
def test_a_value_that_could_do_harm_or_means_nothing_is_refused(tmp_path, option, words):
    text = f"options: {option}" if option.startswith("[") else f"options: {{{option}}}"
    line = refusal(tmp_path, text)
    assert words in line
    assert "received.yaml:2: " in line


def test_what_is_documented_still_works(tmp_path):
    options = loaded(
        tmp_path,
        "options:\n  cookiefile: cookies.txt\n  proxy: socks5://me:pw@127.0.0.1:9050\n  impersonate: chrome\n"
        "  format: bv*[height<=720]/b\n  format_sort: [res:480]\n  ratelimit: 500000\n"
        "  geo_verification_proxy: 'http://127.0.0.1:1'\n  geo_bypass: false\n  geo_bypass_country: JP\n"
        "  http_headers: {user-agent: Mozilla/5.0, Accept-Language: ja}",
    ).options
    assert options == DownloadOptions(
        cookiefile=tmp_path / "cookies.txt", proxy="socks5://me:pw@127.0.0.1:9050", impersonate="chrome",
        format="bv*[height<=720]/b", format_sort=("res:480",), ratelimit=500_000.0,
        geo_verification_proxy="http://127.0.0.1:1", geo_bypass=False, geo_bypass_country="JP",
        http_headers={"user-agent": "Mozilla/5.0", "Accept-Language": "ja"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("youtube: {innertube_host: [evil.example]}", "cannot set youtube:innertube_host"),
        ("youtube: {innertube_key: [x]}", "cannot set youtube:innertube_key"),
        ("tiktok: {api_hostname: [evil.example]}", "cannot set tiktok:api_hostname"),
        ("youtubepot-bgutilhttp: {base_url: ['http://a']}", "cannot set arguments of 'youtubepot-bgutilhttp'"),
        ("youtubepot-bgutilscript: {script_path: [/x.js]}", "cannot set arguments of 'youtubepot-bgutilscript'"),
        ("youtube-ejs: {repo: [evil/ejs]}", "cannot set youtube-ejs:repo"),
        ("youtube-ejs: {dev: ['true']}", "cannot set youtube-ejs:dev"),
        ("generic: {hls_key: ['http://a/key']}", "cannot set generic:hls_key"),
        ("generic: {key_query: ['//evil.example/?a']}", "gives no address here"),
        ("generic: {fragment_query: ['http://a/?b']}", "gives no address here"),
        ('youtube: {lang: ["a\\nb"]}', "gives no address here"),
        ("h2asample: {base: ['http://10.0.0.1']}", "cannot set h2asample:base"),
        ("youtub: {lang: [en]}", "the nearest known is 'youtube'"),
        ("youtube: {player_clien: [tv]}", "the nearest known is 'player_client'"),
        ("youtube: {lang: en}", "valid list"),
    ],
)
def test_an_extractor_argument_that_names_a_host_or_a_file_is_refused(tmp_path, arguments, words):
    line = refusal(tmp_path, f"extractor_args: {{{arguments}}}")
    assert words in line
    assert "received.yaml:2: " in line


def test_no_argument_that_is_allowed_names_a_host():
    known = {name for names in _HARMLESS_ARGUMENTS.values() for name in names.split()}
    assert not [name for name in known if any(word in name for word in ("host", "url", "repo", "path", "script"))]


def test_extractor_arguments_that_choose_still_work(tmp_path):
    said = {
        "youtube": {"player_client": ["tv", "mweb"], "po_token": ["web.gvs+Mn_a=="]},
        "tiktok": {"app_info": ["1/t///"]},
    }
    assert loaded(tmp_path, f"extractor_args: {said}").extractor_args == said


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("name: ../../escaped", "cannot stand before post ids"),
        ("name: 'a:b'", "cannot stand before post ids"),
        ("name: ''", "cannot stand before post ids"),
        ("listing_url: 'file:///etc/{tag}'", "is a path on this machine"),
        ("listing_url: ' FILE:/etc/{tag}'", "is a path on this machine"),
        ("post_url: /etc/{id}", "is a path on this machine"),
        ("post_url: ../{id}", "is a path on this machine"),
        ("fetch_with: {post_url: '~/{id}'}", "is a path on this machine"),
        ("fetch_with: {kind: folder, file: .}", "downloads by address, and kind folder does not"),
        ("fetch_with: {kind: table, file: a.csv}", "downloads by address, and kind table does not"),
    ],
)
def test_a_recipe_names_sites_and_not_files(tmp_path, said, words):
    assert words in refusal(tmp_path, said)


RESEARCH = "kind: tiktok_research\nname: tiktok\nfetch_with: {kind: ytdlp, name: tiktok}\nsettings:\n  "


@pytest.mark.parametrize(
    ("kind", "setting", "words"),
    [
        (
            RESEARCH,
            "base_url: http://127.0.0.1:9",
            "key and secret go there; set $H2A_TIKTOK_BASE_URL; known are regions",
        ),
        (RESEARCH, "credentials: {key: a, secret: b}", "it comes from the environment alone"),
        (RESEARCH, "state: /", "unknown key 'state'"),
        (RESEARCH, "clock: x", "unknown key 'clock'"),
        (RESEARCH, "region: [US]", "did you mean 'regions'?"),
        (RESEARCH, "num_windows: many", "valid integer"),
        (RESEARCH, "until: tomorrow", "until"),
        (RESEARCH, "video_lengths: [TINY]", "'SHORT', 'MID'"),
        (RESEARCH, "proxy: nowhere", "is no proxy"),
        ("kind: folder\nfile: .\nsettings:\n  ", "hard_link: true", "it is the command's option --hard-link"),
        ("kind: folder\nfile: .\nsettings:\n  ", "clock: x", "unknown key 'clock'"),
        ("kind: table\nfile: a.csv\nsettings:\n  ", "downloads: x", "unknown key 'downloads'; known are none"),
        ("kind: ytdlp\nsettings:\n  ", "own_options: {ffmpeg_location: x}", "unknown key 'own_options'"),
        ("kind: ytdlp\nsettings:\n  ", "honour_robots: false", "unknown key 'honour_robots'"),
        ("kind: ytdlp\nsettings:\n  ", "canary_url: x", "unknown key 'canary_url'"),
    ],
)
def test_a_setting_that_is_not_of_its_kind_is_refused_at_its_own_line(tmp_path, kind, setting, words):
    line = refusal(tmp_path, kind + setting)
    assert words in line
    assert f"received.yaml:{2 + kind.count(chr(10))}: " in line


def test_a_setting_is_typed_and_reaches_its_source(tmp_path, monkeypatch):
    monkeypatch.setenv("TIKTOK_CLIENT_KEY", KEY)
    monkeypatch.setenv("TIKTOK_CLIENT_SECRET", SECRET)
    with serving_tiktok() as tiktok:
        monkeypatch.setenv("H2A_TIKTOK_BASE_URL", tiktok.url)
        rules = loaded(tmp_path, RESEARCH + "until: 2026-05-31\n  regions: [US, GB]\n  num_windows: 1")
        open_source(rules, LIMITS, permissions=ON_LOOPBACK).search("squat", "")
    [asked] = [said for what, said in tiktok.asked if what == "query"]
    assert asked["end_date"] == "20260531"
    assert ["US", "GB"] in [condition["field_values"] for condition in asked["query"]["and"]]


@pytest.mark.parametrize("address", ["http://evil.example", "ftp://a", "evil.example", "http://127.0.0.1.evil.example"])
def test_key_and_secret_go_to_no_address_in_clear(address):
    with pytest.raises(ValueError, match="give an address of https://"):
        tiktok_address({"H2A_TIKTOK_BASE_URL": address})


def test_without_a_word_key_and_secret_go_to_tiktok():
    assert tiktok_address({}) == TIKTOK == "https://open.tiktokapis.com"


def test_whoever_runs_the_build_may_set_any_option():
    words = "--extractor-args youtubepot-bgutilhttp:base_url=http://127.0.0.1:4416"
    said = own_options({"H2A_YTDLP_OPTIONS": f"{words} --js-runtimes node --cookies-from-browser firefox"})
    assert said["extractor_args"] == {"youtubepot-bgutilhttp": {"base_url": ["http://127.0.0.1:4416"]}}
    assert said["cookiesfrombrowser"][0] == "firefox"
    assert "node" in said["js_runtimes"]
    assert set(said) == {"extractor_args", "cookiesfrombrowser", "js_runtimes"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--nonsense", "no such option: --nonsense"),
        ("--cookies-from-browser netscape", "unsupported browser"),
        ("https://example.org", "holds 'https://example.org', which is no option"),
        ("--proxy 'open", "No closing quotation"),
        ("--version", "asks yt-dlp for its help"),
    ],
)
def test_a_slip_in_the_environment_is_one_line(words, said, capsys):
    with pytest.raises(ValueError, match="H2A_YTDLP_OPTIONS") as caught:
        own_options({"H2A_YTDLP_OPTIONS": words})
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_the_environment_stands_over_the_recipe(site, tmp_path, monkeypatch):
    """The recipe's proxy is not there; the environment's answers."""
    site.answers["http://nowhere.invalid/1.mp4"] = lambda _: Answer(body=VIDEO, headers=MP4)
    (tmp_path / "posts.csv").write_text("url\nhttp://nowhere.invalid/1.mp4\n")
    rules = SourceRules(
        kind="table", file=tmp_path / "posts.csv", min_interval_s=0, options=DownloadOptions(proxy="http://127.0.0.1:9")
    )
    [post] = open_source(rules, LIMITS, permissions=ON_LOOPBACK).search("", "").posts
    with pytest.raises(FetchError):
        open_source(rules, LIMITS, permissions=ON_LOOPBACK).fetch(post, tmp_path / "none")
    monkeypatch.setenv("H2A_YTDLP_OPTIONS", f"--proxy {site.url}")
    open_source(rules, LIMITS, permissions=ON_LOOPBACK).fetch(post, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == VIDEO
