"""Settings: the defaults are the contract's, and what is wrong is said in a line that names it."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from signaling_service.config import Settings, explain
from signaling_service.core.buckets import Rate
from signaling_service.core.rules import Limits, Rules
from signaling_service.limits import LimitSettings
from signaling_service.transport.pacing import Rates


def complaints(**options: Any) -> list[str]:
    """What is said of these options."""
    with pytest.raises(ValidationError) as refused:
        Settings(**options)
    return explain(refused.value.errors())


def test_defaults() -> None:
    """As printed in the protocol, sections 5 and 6."""
    settings = Settings()

    assert settings.listen == "127.0.0.1:50051"
    assert (settings.ring_timeout, settings.resume_window) == (60, 120)
    assert (settings.drain_deadline, settings.turn_ttl) == (15, 3600)
    assert settings.reflects
    assert settings.rules() == Rules(
        ring_timeout=60, resume_window=120, has_relays=False, limits=Limits()
    )
    assert settings.limits.core == Limits(
        message_bytes=65536,
        sdp_bytes=32768,
        candidate_bytes=1024,
        candidates_per_message=32,
        candidates_per_generation=256,
        app_message_bytes=4096,
        metadata_bytes=1024,
        calls_per_device=8,
        ringing_per_user=16,
        devices_per_user=16,
        unacked_messages=300,
        unacked_bytes=1048576,
    )
    assert settings.limits.rates == Rates(
        offers=Rate(5, 20), candidates=Rate(50, 300), others=Rate(20, 100)
    )
    assert (
        settings.limits.model_dump().items()
        >= {
            "streams_per_connection": 100,
            "request_metadata_bytes": 8192,
            "keepalive_seconds": 15,
            "keepalive_timeout_seconds": 5,
            "client_ping_seconds": 10,
            "stuck_write_seconds": 10,
        }.items()
    )


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "127.9.9.9:65535", "[::1]:0", "localhost:50051"])
def test_loopback(listen: str) -> None:
    """Where anybody may say who they are."""
    assert Settings(listen=listen).listen == listen


@pytest.mark.parametrize("listen", ["0.0.0.0:50051", "[::]:50051", "192.0.2.1:1", "example.org:1"])
def test_dev_credentials_stay_on_loopback(listen: str) -> None:
    """And nowhere else."""
    (line,) = complaints(listen=listen, auth="dev", plaintext=True)

    assert line.startswith("--listen (SIGNALING_LISTEN): ")
    assert line.endswith("is not loopback, and dev credentials are anybody's")


@pytest.mark.parametrize("listen", ["", "50051", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536"])
def test_address(listen: str) -> None:
    """A host and a port."""
    assert complaints(listen=listen) == [
        f"--listen (SIGNALING_LISTEN): {listen!r} is not HOST:PORT"
    ]


@pytest.mark.parametrize("name", ["ring_timeout", "resume_window", "drain_deadline", "turn_ttl"])
def test_durations(name: str) -> None:
    """Any value above 0, decimals too; nothing else."""
    shortest: dict[str, Any] = {name: 0.001}
    assert getattr(Settings(**shortest), name) == 0.001
    for wrong in (0, -1, float("inf"), float("nan"), "soon"):
        (line,) = complaints(**{name: wrong})
        assert line.startswith(f"--{name.replace('_', '-')} (SIGNALING_{name.upper()}): ")


@pytest.mark.parametrize("name", ["backend", "auth", "call_policy"])
def test_choices(name: str) -> None:
    """What there is, for now."""
    (line,) = complaints(**{name: "nonsense"})

    assert line.startswith(f"--{name.replace('_', '-')} (SIGNALING_{name.upper()}): ")


def test_call_policy() -> None:
    """A URL, in plain text only on this machine; a name is looked up."""
    option = "--call-policy (SIGNALING_CALL_POLICY): "
    assert Settings().call_policy is None
    assert Settings(call_policy="grpc://127.0.0.1:50061").call_policy == "grpc://127.0.0.1:50061"
    assert complaints(call_policy="grpc://192.0.2.1:50061") == [
        f"{option}'192.0.2.1' is not loopback: use grpcs://"
    ]
    assert complaints(call_policy="friends") == [
        f"{option}'friends' is neither a URL nor installed; installed: none"
    ]


def test_every_mistake_is_named() -> None:
    """Not the first alone."""
    lines = complaints(listen="x", ring_timeout=0, turn_url=("http://turn.example",))

    assert [line.split()[0] for line in lines] == ["--listen", "--turn-url", "--ring-timeout"]


def test_turn_needs_a_secret(tmp_path: Path) -> None:
    """One that is there and is not empty; STUN needs none."""
    turn = ("turn:turn.example",)
    empty, secret = tmp_path / "empty", tmp_path / "secret"
    empty.write_bytes(b"\n")
    secret.write_bytes(b"north\r\n")

    assert complaints(turn_url=turn) == ["--turn-url: a TURN server needs --turn-secret-file"]
    for file, what in (
        (tmp_path / "nowhere", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (empty, "is empty"),
    ):
        assert complaints(turn_url=turn, turn_secret_file=file) == [f"--turn-secret-file: {what}"]
    assert not Settings(turn_url=("stun:stun.example",)).rules().has_relays
    assert Settings(turn_url=turn, turn_secret_file=secret).rules().has_relays


def test_endpoint_instead_of_servers(tmp_path: Path) -> None:
    """Servers come from one place, and not in the clear; its token's file is there."""
    endpoint = "https://ice.example"
    nowhere = tmp_path / "nowhere"

    assert Settings(ice_endpoint=endpoint).rules().has_relays
    assert complaints(ice_endpoint="http://ice.example") == [
        "--ice-endpoint (SIGNALING_ICE_ENDPOINT): is not https://…, or http://… on loopback"
    ]
    assert complaints(ice_endpoint=endpoint, turn_url=("stun:stun.example",)) == [
        "--ice-endpoint: is there instead of --turn-url"
    ]
    assert complaints(ice_endpoint=endpoint, ice_endpoint_token_file=nowhere) == [
        "--ice-endpoint-token-file: No such file or directory"
    ]


def test_webhook(tmp_path: Path) -> None:
    """A URL that nobody can listen in on, a secret that is there, and kinds that exist."""
    file, short = tmp_path / "secret", tmp_path / "short"
    file.write_text("correct horse battery staple")
    short.write_text("correct horse")
    url = "https://hooks.example/signaling"

    settings = Settings(webhook_url=url, webhook_secret_file=file, webhook_kind=("call_ended",))
    assert settings.webhook_secrets() is not None
    assert Settings().webhook_secrets() is None
    name = "--webhook-url (SIGNALING_WEBHOOK_URL)"
    assert complaints(webhook_url=url) == [
        f"{name}: needs --webhook-secret-file (SIGNALING_WEBHOOK_SECRET_FILE)"
    ]
    assert complaints(webhook_url="http://hooks.example", webhook_secret_file=file) == [
        f"{name}: is not https://…, or http://… on loopback"
    ]
    assert complaints(webhook_url="https://me:sesame@hooks.example", webhook_secret_file=file) == [
        f"{name}: has a user, a password or a fragment"
    ]
    assert complaints(webhook_url=f"{url}/a b", webhook_secret_file=file) == [
        f"{name}: has characters that are to be escaped"
    ]
    assert complaints(webhook_url="https://hooks.example:99999/", webhook_secret_file=file) == [
        f"{name}: Port out of range 0-65535"
    ]
    assert complaints(webhook_url=url, webhook_secret_file=short) == [
        "--webhook-secret-file: a secret is shorter than 24 bytes"
    ]
    assert complaints(webhook_kind=("call_over",))[0].startswith(
        "--webhook-kind (SIGNALING_WEBHOOK_KIND): 'call_over' is none of offer_pending, "
    )


def test_metrics_address() -> None:
    """Somewhere, or nowhere."""
    assert Settings(metrics_listen="off").metrics_address() is None
    assert Settings().metrics_address() == ("127.0.0.1", 9464)
    (line,) = complaints(metrics_listen="on")
    assert line == "--metrics-listen (SIGNALING_METRICS_LISTEN): 'on' is not HOST:PORT"


def test_limits_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by its name."""
    monkeypatch.setenv("SIGNALING_LIMIT_SDP_BYTES", "65536")
    monkeypatch.setenv("SIGNALING_LIMIT_OFFERS_PER_SECOND", "0.5")

    settings = Settings()

    assert settings.limits.core.sdp_bytes == 65536
    assert settings.limits.rates.offers == Rate(0.5, 20)


@pytest.mark.parametrize("name", LimitSettings.model_fields)
def test_wrong_limit(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Every one is checked, and named as the operator wrote it."""
    variable = f"SIGNALING_LIMIT_{name.upper()}"
    for wrong in ("0", "-1", "many"):
        monkeypatch.setenv(variable, wrong)
        (line,) = complaints()
        assert line.startswith(f"{variable}: ")


def test_unknown_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt one is refused, with the list of what there is."""
    monkeypatch.setenv("SIGNALING_LIMIT_SDP_BITES", "1")

    (line,) = complaints()

    assert line.startswith("there is no SIGNALING_LIMIT_SDP_BITES; the limits are SIGNALING_LIMIT_")
    assert "SIGNALING_LIMIT_SDP_BYTES" in line


def test_unknown_setting() -> None:
    """Nothing is ignored in silence."""
    assert complaints(listne="x") == ["--listne (SIGNALING_LISTNE): Extra inputs are not permitted"]


def jwt(**options: Any) -> dict[str, Any]:
    """Settings of a service that takes tokens, and others."""
    given = {"jwt_keys": "keys.pem", "jwt_issuer": "issuer", "jwt_audience": "signaling"}
    return {"auth": "jwt", **given, **options}


TLS: dict[str, Any] = {"tls_cert": Path("cert.pem"), "tls_key": Path("key.pem")}


def test_credentials_by_address() -> None:
    """At their word on loopback, by token elsewhere; reflection is for the first."""
    here, there = Settings(), Settings(listen="0.0.0.0:443", **TLS, **jwt(auth=None))

    assert (here.takes_tokens, here.reflects) == (False, True)
    assert (there.takes_tokens, there.reflects) == (True, False)
    assert Settings(**jwt(reflection=True)).reflects


FITS: dict[str, tuple[dict[str, Any], str]] = {
    "no keys": (jwt(jwt_keys=None), "--jwt-keys (SIGNALING_JWT_KEYS): is needed for tokens"),
    "no issuer": (jwt(jwt_issuer=""), "--jwt-issuer (SIGNALING_JWT_ISSUER): is needed for tokens"),
    "no audience": (jwt(jwt_audience=None), "--jwt-audience (SIGNALING_JWT_AUDIENCE): is needed"),
    "keys without tokens": (jwt(auth="dev"), "--jwt-keys (SIGNALING_JWT_KEYS): is of no use"),
    "public without TLS": (
        jwt(listen="0.0.0.0:1"),
        "--tls-cert (SIGNALING_TLS_CERT): '0.0.0.0' is not loopback: it is needed",
    ),
    "TLS and none": ({**TLS, "plaintext": True}, "--plaintext (SIGNALING_PLAINTEXT): contradicts"),
    "half of TLS": ({"tls_cert": Path("cert.pem")}, "--tls-cert (SIGNALING_TLS_CERT): needs"),
    "names without a CA": (
        {**TLS, "tls_service_name": ["push.example"]},
        "--tls-service-name (SIGNALING_TLS_SERVICE_NAME): needs --tls-client-ca",
    ),
    "an address without a CA": (
        {**TLS, "service_listen": "127.0.0.1:0"},
        "--service-listen (SIGNALING_SERVICE_LISTEN): needs --tls-client-ca",
    ),
    "an address that workers can't share": (
        {
            **TLS,
            "tls_client_ca": Path("ca.pem"),
            "service_listen": "127.0.0.1:0",
            "workers": 2,
            "backend": "redis://127.0.0.1",
        },
        "--service-listen (SIGNALING_SERVICE_LISTEN): workers that share it need a port",
    ),
    "a proxy that is no network": (
        {"trusted_proxies": ["10.0.0.0/99"]},
        "--trusted-proxies (SIGNALING_TRUSTED_PROXIES): Input is not a valid IPv4",
    ),
}


@pytest.mark.parametrize(("options", "text"), FITS.values(), ids=FITS.keys())
def test_what_belongs_together(options: dict[str, Any], text: str) -> None:
    """A door that is half shut does not start."""
    assert complaints(**options)[0].startswith(text)


def test_tls_proxy() -> None:
    """A public address without TLS is possible, on purpose."""
    assert Settings(**jwt(listen="0.0.0.0:80", plaintext=True)).takes_tokens


@pytest.mark.parametrize(
    "url",
    [
        "http://keys.example/",
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://127.0.0.1@evil.example/",
        "ftp://127.0.0.1/",
        "https:///keys",
    ],
)
def test_what_comes_from_a_url(url: str) -> None:
    """Nobody on the way can change it."""
    text = "is not https://…, or http://… on loopback"

    assert complaints(**jwt(jwt_keys=url)) == [f"--jwt-keys (SIGNALING_JWT_KEYS): {text}"]
    assert complaints(ice_endpoint=url) == [f"--ice-endpoint (SIGNALING_ICE_ENDPOINT): {text}"]
    for good in ("https://keys.example/a", "http://127.0.0.1:1/a", "http://[::1]/a"):
        assert Settings(**jwt(jwt_keys=good)).jwt_keys == good
