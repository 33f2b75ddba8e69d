import pytest

from h2a_curation.sources.politeness.public_hosts import is_public

PUBLIC = [
    "https://video.example.org/w/1", "http://1.1.1.1/", "https://[2606:4700::1111]/", "https://bücher.example/",
    "https://xn--bcher-kva.example", "https://a.example:8443/", "https://127.0.0.1.example.org/",
]  # fmt: skip
PRIVATE = [
    "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.0.0.1/",
    "http://0177.0.0.1/", "http://localhost:80/", "http://localhost./", "http://a.localhost/", "http://10.1.2.3/",
    "http://192.168.0.1/", "http://172.16.0.1/", "http://169.254.169.254/latest/meta-data", "http://100.64.0.1/",
    "http://0.0.0.0/", "http://224.0.0.1/", "http://[::1]/", "http://[::]/", "http://[fe80::1]/", "http://[fd00::1]/",
    "http://[::ffff:127.0.0.1]/", "http://１２７.０.０.１/", "http://127。0。0。1/", "http://router.lan/",
    "http://nas.local/", "http://nas/", "http://metadata.google.internal/", "http://user@127.0.0.1/", "http://[::1",
    "http://", "", "file:///etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("url", PUBLIC)
def test_a_host_of_the_public_network(url):
    assert is_public(url)


@pytest.mark.parametrize("url", PRIVATE)
def test_a_host_of_this_machine_or_its_network(url):
    assert not is_public(url)
