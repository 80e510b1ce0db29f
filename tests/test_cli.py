"""The command line: help that fits a terminal, and a bad setting exits 2 and is named."""

import re
import socket
import subprocess
import sys

import pytest

OPTIONS = {
    "--listen": "127.0.0.1:50051",
    "--workers": "1",
    "--auth": None,
    "--jwt-keys": None,
    "--jwt-issuer": None,
    "--jwt-audience": None,
    "--tls-cert": None,
    "--tls-key": None,
    "--tls-client-ca": None,
    "--tls-service-name": None,
    "--service-listen": None,
    "--websocket-listen": None,
    "--websocket-origin": None,
    "--plaintext": None,
    "--trusted-proxies": None,
    "--reflection": None,
    "--backend": "memory",
    "--call-policy": None,
    "--ring-timeout": "60",
    "--resume-window": "120",
    "--turn-url": None,
    "--turn-secret-file": None,
    "--turn-ttl": "3600",
    "--drain-deadline": "15",
    "--ice-endpoint": None,
    "--ice-endpoint-token-file": None,
    "--metrics-listen": "127.0.0.1:9464",
    "--otlp-endpoint": None,
    "--trace-sample": "0.01",
    "--log-level": "info",
    "--webhook-url": None,
    "--webhook-secret-file": None,
    "--webhook-kind": None,
}
WRONG = {
    "--listen": "nonsense",
    "--workers": "65",
    "--auth": "nonsense",
    "--jwt-keys": "http://keys.example/jwks.json",
    "--jwt-issuer": "nobody",
    "--jwt-audience": "nobody",
    "--tls-cert": "/nowhere",
    "--tls-key": "/nowhere",
    "--tls-client-ca": "/nowhere",
    "--tls-service-name": "nobody",
    "--service-listen": "nonsense",
    "--websocket-listen": "nonsense",
    "--websocket-origin": "https://app.example.com/",
    "--trusted-proxies": "nonsense",
    "--backend": "nonsense",
    "--call-policy": "nonsense",
    "--ring-timeout": "0",
    "--resume-window": "soon",
    "--turn-url": "http://turn.example",
    "--turn-secret-file": "/nowhere",
    "--turn-ttl": "-1",
    "--drain-deadline": "nan",
    "--ice-endpoint": "ftp://ice.example",
    "--ice-endpoint-token-file": "/nowhere",
    "--metrics-listen": "nonsense",
    "--otlp-endpoint": "grpc://nonsense",
    "--trace-sample": "2",
    "--log-level": "nonsense",
    "--webhook-url": "http://hooks.example",
    "--webhook-secret-file": "/nowhere",
    "--webhook-kind": "nonsense",
}


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, on a terminal of 80 columns."""
    return subprocess.run(
        [sys.executable, "-m", "signaling_service", *arguments],
        env={"COLUMNS": "80", "NO_COLOR": "1", "LANG": "C.UTF-8", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def variable_of(option: str) -> str:
    """The environment variable of an option."""
    return "SIGNALING_" + option.removeprefix("--").replace("-", "_").upper()


def test_help() -> None:
    """It says what the service is, and what it can do."""
    for arguments in ([], ["--help"]):
        shown = run(*arguments)
        assert "WebRTC call signaling over gRPC" in shown.stdout + shown.stderr
        assert "serve" in shown.stdout + shown.stderr


def test_help_of_serve() -> None:
    """Each option with its variable and default, nothing cut off, within 80 columns."""
    shown = run("serve", "--help")

    assert shown.returncode == 0
    assert max(len(line) for line in shown.stdout.splitlines()) <= 80
    assert "…" not in shown.stdout
    text = re.sub(r"[│\s]+", " ", shown.stdout)
    for option, default in OPTIONS.items():
        assert f" {option} " in text
        assert f"[env var: {variable_of(option)}]" in text
        assert default is None or f"[default: {default}]" in text


@pytest.mark.parametrize(("option", "value"), WRONG.items(), ids=WRONG.keys())
def test_wrong_option(option: str, value: str) -> None:
    """Exit code 2 and one sentence, not a traceback."""
    refused = run("serve", option, value)

    assert refused.returncode == 2
    assert option in refused.stderr
    assert "Traceback" not in refused.stderr


def test_wrong_variable() -> None:
    """The same from the environment; the variable is named as well."""
    refused = run("serve", SIGNALING_RING_TIMEOUT="-1", SIGNALING_REFLECTION="yes")

    assert refused.returncode == 2
    assert refused.stderr.startswith("error --ring-timeout (SIGNALING_RING_TIMEOUT): ")


@pytest.mark.parametrize("value", ["0", "many"])
def test_wrong_limit(value: str) -> None:
    """Limits have no option; their variable is named."""
    refused = run("serve", SIGNALING_LIMIT_SDP_BYTES=value)

    assert refused.returncode == 2
    assert refused.stderr.startswith("error SIGNALING_LIMIT_SDP_BYTES: ")


def test_unknown_limit() -> None:
    """A misspelt limit would be a limit that is not there."""
    refused = run("serve", SIGNALING_LIMIT_SPD_BYTES="1")

    assert refused.returncode == 2
    assert "SIGNALING_LIMIT_SPD_BYTES" in refused.stderr


def test_address_in_use() -> None:
    """Somebody listens there already."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        refused = run("serve", "--listen", address, SIGNALING_METRICS_LISTEN="off")

    assert refused.returncode == 2
    assert f"--listen (SIGNALING_LISTEN): cannot listen on {address}" in refused.stderr


@pytest.mark.parametrize("value", ["[/b]", "[red]turn"])
def test_value_that_looks_like_markup(value: str) -> None:
    """What the operator wrote is shown as it is."""
    refused = run("serve", "--turn-url", value)

    assert refused.returncode == 2
    assert value in refused.stderr
