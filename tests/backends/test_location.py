"""What the URL of a backend means."""

import re
from pathlib import Path

import pytest

from signaling_service.backends.location import Form, Location


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("redis://valkey", [("valkey", 6379)]),
        ("redis://valkey:7000/", [("valkey", 7000)]),
        ("redis://10.0.0.1:7000", [("10.0.0.1", 7000)]),
        ("redis://[::1]:7000", [("::1", 7000)]),
        ("rediss://[fd00::7]", [("fd00::7", 6379)]),
        ("redis+sentinel://a,b:7000/main", [("a", 26379), ("b", 7000)]),
        ("redis+cluster://a:1,b:2,[::1]:3", [("a", 1), ("b", 2), ("::1", 3)]),
        ("redis://user:with@:host@valkey:7000", [("valkey", 7000)]),
    ],
)
def test_hosts(url: str, hosts: list[tuple[str, int]]) -> None:
    """Hosts are names or addresses, each with its port or the usual one."""
    assert list(Location.parse(url).hosts) == hosts


@pytest.mark.parametrize(
    ("url", "form", "is_tls", "replicas"),
    [
        ("redis://valkey", Form.PLAIN, False, 0),
        ("rediss://valkey", Form.PLAIN, True, 0),
        ("redis+sentinel://valkey/main", Form.SENTINEL, False, 1),
        ("rediss+sentinel://valkey/main", Form.SENTINEL, True, 1),
        ("redis+cluster://valkey", Form.CLUSTER, False, 1),
        ("rediss+cluster://valkey", Form.CLUSTER, True, 1),
        ("redis://valkey?replicas=2", Form.PLAIN, False, 2),
        ("redis+cluster://valkey?replicas=0", Form.CLUSTER, False, 0),
    ],
)
def test_form(url: str, form: Form, is_tls: bool, replicas: int) -> None:  # noqa: FBT001
    """Where something replicates, a step waits for one replica unless it is told otherwise."""
    location = Location.parse(url)

    assert (location.form, location.is_tls, location.replicas) == (form, is_tls, replicas)


def test_particulars() -> None:
    """Everything may be percent-encoded, and a plus is a plus."""
    plain = Location.parse("redis://al%40ce:p%2Fa+ss@valkey/3?cell=eu-1_x.y")
    sentinel = Location.parse(
        "redis+sentinel://:pass@valkey/my%20calls?sentinel_username=bob&sentinel_password=%40+"
    )

    assert (plain.cell, plain.db, plain.login) == ("eu-1_x.y", 3, ("al@ce", "p/a+ss"))
    assert (sentinel.cell, sentinel.service, sentinel.login, sentinel.sentinel_login) == (
        "signaling",
        "my calls",
        (None, "pass"),
        ("bob", "@+"),
    )


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("memory", "a URL such as"),
        ("valkey:6379", "a URL such as"),
        ("http://valkey", "the scheme is one of redis://, redis+sentinel://, redis+cluster://"),
        ("redis+tls://valkey", "the scheme is one of"),
        ("redis://", "a host is missing"),
        ("redis://:s3cret@", "a host is missing"),
        ("redis://:7000", "a host is missing"),
        ("redis+cluster://a,,b", "a host is missing"),
        ("redis://::1", "[an IPv6 one]"),
        ("redis://valkey:", "a port is a number from 1 to 65535"),
        ("redis://valkey:0", "a port is a number"),
        ("redis://valkey:65536", "a port is a number"),
        ("redis://user:s3cret", "a port is a number"),
        ("redis://valkey:²", "a port is a number"),
        ("redis://a:1,b:2", "redis:// has one host"),
        ("redis://user@valkey", "a password is missing"),
        ("redis://user:@valkey", "a password is missing"),
        ("redis://user:s3/cret@valkey", "a password has / as %2F"),
        ("redis://user:s3?cret@valkey", "a password has / as %2F"),
        ("redis://valkey/calls", "the database: a number is needed"),
        ("redis://valkey/-1", "the database: a number is needed"),
        ("redis+cluster://valkey/1", "a cluster has one database"),
        ("redis+sentinel://valkey", "the name of the service is missing"),
        ("redis+sentinel://valkey/", "the name of the service is missing"),
        ("redis+sentinel://valkey/a/b", "the name of the service is missing"),
        ("redis://valkey?timeout=3", "no parameter 'timeout'; it has cell, replicas, ca"),
        ("redis://valkey?sentinel_password=x", "no parameter 'sentinel_password'"),
        ("redis://valkey?cell", "a parameter has the form name=value"),
        ("redis://valkey?cell=", "a parameter has the form name=value"),
        ("redis://valkey?cell=a&cell=b", "a parameter is there twice"),
        ("redis://valkey?cell=a%20b", "a cell's name has"),
        ("redis://valkey?cell={a}", "a cell's name has"),
        ("redis://valkey?cell=" + 65 * "a", "a cell's name has 1 to 64"),
        ("redis://valkey?replicas=one", "replicas: a number is needed"),
        ("redis://valkey?replicas=-1", "replicas: a number is needed"),
        ("redis+sentinel://v/m?sentinel_username=a", "without sentinel_password"),
        ("redis://valkey?ca=/roots.pem", "ca is for rediss://"),
        ("rediss://valkey?ca=/no/such.pem", "no certificates in /no/such.pem: No such file"),
    ],
)
def test_what_is_wrong(url: str, sentence: str) -> None:
    """One sentence says what is wrong with a URL, and nothing of its password."""
    with pytest.raises(ValueError, match=re.escape(sentence)) as raised:
        Location.parse(url)

    assert "cret" not in str(raised.value)


def test_a_file_without_certificates_is_no_root(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")

    with pytest.raises(ValueError, match="no certificates in"):
        Location.parse(f"rediss://valkey?ca={tmp_path}/ca.pem")


def test_safe() -> None:
    """What is logged of a location has everything but names and passwords."""
    location = Location.parse(
        "redis+sentinel://alice:s3cret@a:1,b:2/main?cell=eu&sentinel_username=bob"
        "&sentinel_password=s3cret&replicas=2"
    )

    assert str(location) == location.safe == "redis+sentinel://a:1,b:2/main?cell=eu&replicas=2"
    assert not any(word in repr(location) for word in ("s3cret", "alice", "bob"))
