from ipaddress import ip_address

import pytest

from h2a_curation.sources.politeness.public_hosts import is_public, is_public_address

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


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2a00:1450::8"]
)
def test_an_ip_address_of_the_public_network(address):
    assert is_public_address(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.1", "168.63.129.16",
        "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.0.192", "192.0.2.1", "192.88.99.1",
        "192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1", "64:ff9b::192.168.0.1", "64:ff9b:1::1.1.1.1", "100::1", "2001::1", "2001:db8::1",
        "2002:7f00:1::", "2002:c0a8:1::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
    ],
)  # fmt: skip
def test_an_ip_address_of_this_machine_its_network_or_of_none(address):
    assert not is_public_address(ip_address(address))
