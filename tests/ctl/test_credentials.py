"""Who a terminal is, where nobody is taken at their word."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import run

import pytest

from tests import canaries
from tests.transport.node import Node, running

from .terminal import typed, typing

ISSUED = {
    "alice-phone": ("--user", "alice", "--device", "phone"),
    "bob-phone": ("--user", "bob", "--device", "phone"),
    "operator": ("--user", "operator", "--role", "service"),
}
OVER_TLS = "localhost"  # what the certificate is for


def issue(where: Path, *arguments: str) -> str:
    """What `signaling-service` prints, run in a directory."""
    command = [sys.executable, "-m", "signaling_service", *arguments]
    return run(command, cwd=where, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with certificates, keys, and a token for each who is to have one."""
    where = tmp_path_factory.mktemp("kit")
    issue(where, "certs")
    for name, whose in ISSUED.items():
        (where / name).write_text(issue(where, "token", *whose))
    return where / "local"


@pytest.fixture
async def node(kit: Path) -> AsyncIterator[Node]:
    """A service that wants tokens, or certificates of services."""
    options = {
        "--auth": "jwt",
        "--jwt-keys": str(kit / "token-keys.json"),
        "--jwt-issuer": "signaling-service",
        "--jwt-audience": "signaling-service",
        "--tls-cert": str(kit / "server.pem"),
        "--tls-key": str(kit / "server-key.pem"),
        "--tls-client-ca": str(kit / "ca.pem"),
        "--service-listen": "127.0.0.1:0",
    }
    for name in ISSUED:
        canaries.plant((kit.parent / name).read_text().strip())
    async with running(*(part for option in options.items() for part in option)) as node:
        yield node


def public(node: Node) -> str:
    """Where devices go, and whoever has a token."""
    return node.address.replace("127.0.0.1", OVER_TLS)


async def internal(node: Node) -> str:
    """Where services go that show a certificate."""
    address = str((await node.logs("serving"))["service_address"])
    return address.replace("127.0.0.1", OVER_TLS)


async def test_test_calls_with_tokens(node: Node, kit: Path) -> None:
    """Each device has its own token, from a file that is named after it."""
    ca = ("--ca", str(kit / "ca.pem"))
    token = ("--token-file", str(kit.parent / "{user}-{device}"))
    async with typing(public(node), "listen", *ca, *token, "--count", "1") as bob:
        await bob.says("listening as bob/phone")

        said = await typed(public(node), "call", "bob", "--seconds", "0", *ca, *token)

    assert said.code == 0
    assert "ended      HANGUP by alice/phone" in said.out


async def test_an_operator(node: Node, kit: Path) -> None:
    """A service's token, or its certificate."""
    ca = ("--ca", str(kit / "ca.pem"))
    certificate = ("--cert", str(kit / "service.pem"), "--key", str(kit / "service-key.pem"))

    by_token = await typed(public(node), "calls", *ca, "--token-file", str(kit.parent / "operator"))
    by_certificate = await typed(await internal(node), "calls", *ca, *certificate)

    assert (by_token.code, by_token.out, by_token.err) == (0, "no calls\n", "")
    assert (by_certificate.code, by_certificate.out, by_certificate.err) == (0, "no calls\n", "")


async def test_somebody_else(node: Node, kit: Path) -> None:
    """A device is no service, a service is no device, nobody is neither."""
    ca = ("--ca", str(kit / "ca.pem"))
    alice, operator = str(kit.parent / "alice-phone"), str(kit.parent / "operator")

    nobody = await typed(public(node), "calls", *ca)
    device = await typed(public(node), "calls", *ca, "--token-file", alice)
    service = await typed(public(node), "call", "bob", *ca, "--token-file", operator)

    assert {each.code for each in (nobody, device, service)} == {3}
    assert nobody.err.startswith("error not let in: ")
    assert device.err.startswith("error not allowed: ")
    assert service.err.startswith("error not allowed: ")
    assert all(each.err.count("\n") == 1 for each in (nobody, device, service))


async def test_the_wrong_kind_of_connection(node: Node, kit: Path) -> None:
    """Without TLS, with an authority that has not signed the name, and without a certificate."""
    plain = await typed(public(node), "calls", "--plaintext")
    stranger = await typed(public(node), "calls", "--tls")
    bare = await typed(await internal(node), "calls", "--ca", str(kit / "ca.pem"))

    assert plain.code == stranger.code == bare.code == 3
    assert "does it want TLS (--tls), or a certificate (--cert)?" in plain.err + bare.err
    assert plain.err.startswith(f"error {public(node)} hangs up; ")
    assert stranger.err.startswith(f"error no TLS with {public(node)}; ")
    assert plain.err.count("\n") == stranger.err.count("\n") == 1
