"""What `signaling-service certs` and `token` make, through the real command line."""

import json
import ssl
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

PRIVATE = {"server-key.pem", "service-key.pem", "token-key.pem"}
PUBLIC = {"ca.pem", "server.pem", "service.pem", "token-keys.json", "token-key-public.pem"}
ALGORITHMS = ["EdDSA", "ES256", "RS256"]
ID_PROBLEM = "1 to 128 printable characters without spaces, braces or * are needed"
LOADED = """
import sys
import signaling_service.cli
print(*sorted({"cryptography.x509", "jwt"} & set(sys.modules)))
"""


def run(*arguments: str, where: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a directory, on a terminal of 80 columns."""
    return subprocess.run(
        [sys.executable, "-m", "signaling_service", *arguments],
        env={
            "COLUMNS": "80",
            "NO_COLOR": "1",
            "LANG": "C.UTF-8",
            "PYTHONPATH": ":".join(sys.path),
            **variables,
        },
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which `certs` was run; for reading."""
    where = tmp_path_factory.mktemp("made")
    assert run("certs", where=where).returncode == 0
    return where


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def names(certificate: x509.Certificate) -> list[tuple[type[x509.GeneralName], str]]:
    """The kinds and values of its alternative names."""
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [(type(name), str(name.value)) for name in found]


def write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    """As other programs write one."""
    no_encryption = pem.NoEncryption()
    path.write_bytes(
        key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.TraditionalOpenSSL, no_encryption)
    )


def claims_of(token: str, keys: Path, audience: str = "signaling-service") -> dict[str, Any]:
    """The claims of a token that is verified with the key of a JWKS that its `kid` names."""
    kid = jwt.get_unverified_header(token)["kid"]
    key = jwt.PyJWKSet.from_json(keys.read_text())[kid]
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=ALGORITHMS, audience=audience)
    return claims


def test_private_keys_are_their_owner_s_alone(made: Path) -> None:
    """Whatever the umask is; nobody else even looks into the new directory."""
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (made / "local").iterdir()}

    assert stat.S_IMODE((made / "local").stat().st_mode) == 0o700
    assert {name: modes[name] for name in PRIVATE} == dict.fromkeys(PRIVATE, 0o600)
    assert modes.keys() == PRIVATE | PUBLIC


def test_no_file_has_a_private_key_that_it_should_not_have(made: Path) -> None:
    """The authority's key is nowhere, and what is for others is public."""
    texts = {path.name: path.read_text() for path in (made / "local").iterdir()}

    assert {name for name, text in texts.items() if "PRIVATE" in text} == PRIVATE
    (key,) = json.loads(texts["token-keys.json"])["keys"]
    assert "d" not in key


def test_certificates_say_who_they_are_for(made: Path) -> None:
    """The service by its hosts, the backend service by DNS name and URI; neither signs more."""
    server, service = (
        certificate(made / "local" / f"{name}.pem") for name in ("server", "service")
    )
    usages = [
        list(each.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        for each in (server, service)
    ]

    assert names(server) == [
        (x509.DNSName, "localhost"),
        (x509.IPAddress, "127.0.0.1"),
        (x509.IPAddress, "::1"),
    ]
    assert names(service) == [
        (x509.DNSName, "push-gateway"),
        (x509.UniformResourceIdentifier, "spiffe://signaling-service/push-gateway"),
    ]
    assert usages == [[ExtendedKeyUsageOID.SERVER_AUTH], [ExtendedKeyUsageOID.CLIENT_AUTH]]
    for each in (server, service):
        constraints = each.extensions.get_extension_for_class(x509.BasicConstraints).value
        assert not constraints.ca
        each.verify_directly_issued_by(certificate(made / "local" / "ca.pem"))


def test_openssl_takes_the_certificates(made: Path) -> None:
    """A handshake in memory, both sides verified as strictly as OpenSSL can."""
    local = made / "local"
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context, name in ((server, "server"), (client, "service")):
        context.load_cert_chain(local / f"{name}.pem", local / f"{name}-key.pem")
        context.load_verify_locations(local / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    other = server.wrap_bio(to_server, to_client, server_side=True)
    open_sides = [one, other]
    while open_sides:
        for side in list(open_sides):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            open_sides.remove(side)

    peer = other.getpeercert()
    assert peer is not None
    assert ("DNS", "push-gateway") in peer["subjectAltName"]


def test_hosts_days_and_service_are_a_choice(tmp_path: Path) -> None:
    """As is the directory; whatever is printed for a shell is quoted."""
    made = run(
        *("certs", "--directory", "my kit", "--host", "sig.example", "--host", "10.0.0.7"),
        *("--service", "billing.example", "--days", "2"),
        where=tmp_path,
    )

    server = certificate(tmp_path / "my kit" / "server.pem")
    assert names(server) == [(x509.DNSName, "sig.example"), (x509.IPAddress, "10.0.0.7")]
    assert (server.not_valid_after_utc - server.not_valid_before_utc).days == 2
    assert names(certificate(tmp_path / "my kit" / "service.pem"))[0][1] == "billing.example"
    assert "--tls-cert 'my kit/server.pem' --tls-key 'my kit/server-key.pem'" in made.stdout
    assert "--tls-service-name billing.example" in made.stdout


@pytest.mark.parametrize(
    "wrong", [("--host", "no host"), ("--host", "10.0.0.0/8"), ("--service", "-"), ("--days", "0")]
)
def test_a_name_that_is_none_is_refused(wrong: tuple[str, str], tmp_path: Path) -> None:
    """Exit code 2, and nothing is written."""
    refused = run("certs", *wrong, where=tmp_path)

    assert refused.returncode == 2
    assert wrong[0] in refused.stderr or wrong[1] in refused.stderr
    assert "Traceback" not in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """It says which files are there, and leaves all as it was."""
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "token-key.pem").write_text("precious")
    (tmp_path / "local" / "ca.pem").symlink_to("nowhere")
    refused = run("certs", where=tmp_path)

    assert refused.returncode == 2
    assert "local has ca.pem, token-key.pem already; --force replaces them" in refused.stderr
    assert {path.name for path in (tmp_path / "local").iterdir()} == {"ca.pem", "token-key.pem"}
    assert (tmp_path / "local" / "token-key.pem").read_text() == "precious"


def test_unless_it_is_forced(tmp_path: Path) -> None:
    """What was readable by others, or a link to elsewhere, is a private file then."""
    key, linked = tmp_path / "local" / "server-key.pem", tmp_path / "elsewhere"
    key.parent.mkdir()
    key.write_text("old")
    key.chmod(0o644)
    linked.write_text("not ours")
    (key.parent / "token-key.pem").symlink_to(linked)
    made = run("certs", "--force", where=tmp_path)

    assert made.returncode == 0
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert linked.read_text() == "not ours"
    assert not (key.parent / "token-key.pem").is_symlink()


def test_a_token_is_verified_with_the_key_set(made: Path) -> None:
    """It alone is on stdout; its claims are those that the service wants."""
    signed = run("token", "--user", "alice", "--device", "phone", where=made)
    (token,) = signed.stdout.splitlines()
    claims = claims_of(token, made / "local" / "token-keys.json")

    assert jwt.get_unverified_header(token)["alg"] == "EdDSA"
    assert claims.pop("exp") - claims.pop("iat") == 3600
    assert claims == {
        "iss": "signaling-service",
        "aud": "signaling-service",
        "sub": "alice",
        "device_id": "phone",
        "role": "device",
    }
    assert "device alice/phone, EdDSA" in signed.stderr
    assert token not in signed.stderr


def test_a_token_of_a_service_has_no_device(made: Path) -> None:
    """It is who its user is; issuer and audience may come from the service's own variables."""
    signed = run(
        *("token", "--user", "push-gateway", "--role", "service", "--minutes", "5"),
        where=made,
        SIGNALING_JWT_ISSUER="https://id.example",
        SIGNALING_JWT_AUDIENCE="calls",
    )
    claims = claims_of(signed.stdout.strip(), made / "local" / "token-keys.json", "calls")

    assert claims.pop("exp") - claims.pop("iat") == 300
    assert claims == {
        "iss": "https://id.example",
        "aud": "calls",
        "sub": "push-gateway",
        "role": "service",
    }


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (rsa.generate_private_key(65537, 2048), "RS256"),
    ],
    ids=["ES256", "RS256"],
)
def test_the_key_chooses_the_algorithm(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, algorithm: str, tmp_path: Path
) -> None:
    """A key of one's own, too; it needs no JWKS."""
    write_key(tmp_path / "own.pem", key)
    signed = run("token", "--user", "a", "--device", "b", "--key", "own.pem", where=tmp_path)
    token = signed.stdout.strip()

    assert jwt.get_unverified_header(token)["alg"] == algorithm
    jwt.decode(token, key.public_key(), algorithms=[algorithm], audience="signaling-service")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--user", "a b", "--device", "phone"), f"--user: {ID_PROBLEM}"),
        (("--user", "", "--device", "phone"), f"--user: {ID_PROBLEM}"),
        (("--user", "alice", "--device", "x" * 129), f"--device: {ID_PROBLEM}"),
        (("--user", "alice", "--device", "\u200b"), f"--device: {ID_PROBLEM}"),
        (("--user", "alice"), f"--device: {ID_PROBLEM}"),
        (("--user", "a", "--device", "b", "--role", "service"), "--device: a service has none"),
        (("--user", "a", "--device", "b", "--key", "no.pem"), "there is no no.pem"),
        (("--user", "a", "--device", "b", "--key", "local"), "--key: local: Is a directory"),
        (("--user", "a", "--device", "b", "--key", "local/ca.pem"), "not a private key in PEM"),
        (("--user", "a", "--device", "b", "--key", "p384.pem"), "P-256, or RSA of 2048 bits"),
        (("--user", "a", "--device", "b", "--key", "locked.pem"), "the key is encrypted"),
        (("--user", "a", "--device", "b", "--minutes", "0"), "--minutes"),
        (("--user", "a", "--device", "b", "--role", "admin"), "--role"),
    ],
)
def test_a_token_that_would_be_wrong_is_not_signed(
    arguments: tuple[str, ...], problem: str, made: Path
) -> None:
    """Exit code 2, the option is named, and nothing is on stdout."""
    key = ec.generate_private_key(ec.SECP384R1())
    write_key(made / "p384.pem", key)
    locked = pem.BestAvailableEncryption(b"secret")
    (made / "locked.pem").write_bytes(
        key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, locked)
    )
    refused = run("token", *arguments, where=made)

    assert (refused.returncode, refused.stdout) == (2, "")
    assert problem in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr


def test_other_commands_do_not_load_what_these_need() -> None:
    """The command line starts as fast as ever."""
    command = [sys.executable, "-c", LOADED]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert output.split() == []


@pytest.mark.parametrize("command", ["certs", "token"])
def test_help_fits_a_terminal(command: str, tmp_path: Path) -> None:
    """Nothing is cut off, within 80 columns."""
    shown = run(command, "--help", where=tmp_path).stdout

    assert max(len(line) for line in shown.splitlines()) <= 80
    assert "…" not in shown
