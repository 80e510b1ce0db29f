"""The command `health`: one question to a node, for whoever watches containers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

if TYPE_CHECKING:
    import grpc

TIMEOUT: Final = 3.0  # s; a node that takes longer is not well
SERVING: Final = 1  # grpc.health.v1.HealthCheckResponse.SERVING
READY: Final = "signaling.v1.SignalingService"
EVERY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "::": "[::1]"}  # noqa: S104 - asked, not bound

Target = Annotated[
    str,
    typer.Option(
        envvar="SIGNALING_LISTEN",
        metavar="HOST:PORT",
        help="Which node; one that listens everywhere is asked on loopback.",
    ),
]
TlsCert = Annotated[
    Path | None,
    typer.Option(
        envvar="SIGNALING_TLS_CERT",
        metavar="FILE",
        help="The node's certificate: it has TLS, and this is what it has to show.",
    ),
]
Ready = Annotated[
    bool,
    typer.Option("--ready", help="Whether devices may come, not just whether it is alive."),
]


def health(
    *,
    target: Target = "127.0.0.1:50051",
    tls_cert: TlsCert = None,
    ready: Ready = False,
) -> None:
    """Ask a node how it is: exits 0 if it is well, else 1.

    Without options it asks the node that the variables of this environment are for, and
    whether it is alive. Do not restart a node because it is not ready.
    """
    import grpc  # noqa: PLC0415 - loaded late, for other commands never

    host, _, port = target.rpartition(":")
    address = f"{EVERY_ADDRESS.get(host, host)}:{port}"
    try:
        answer = _ask(address, READY if ready else "", tls_cert)
    except grpc.RpcError as error:
        failed: Any = error  # as the failed call itself, it has a code
        _fail(address, str(failed.code()))
    except (OSError, ValueError) as error:
        _fail("--tls-cert", str(error))
    if answer != SERVING:
        _fail(address, "is not serving")


def _ask(address: str, service: str, tls_cert: Path | None) -> int:
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415 - likewise

    with _channel(address, tls_cert) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        stub: Any = health_pb2_grpc.HealthStub(channel)  # it has no types
        return int(stub.Check(request, timeout=TIMEOUT).status)


def _channel(address: str, tls_cert: Path | None) -> "grpc.Channel":
    import grpc  # noqa: PLC0415 - likewise

    options: list[tuple[str, Any]] = [("grpc.enable_http_proxy", 0)]
    if tls_cert is None:
        return grpc.insecure_channel(address, options)
    certificate = tls_cert.read_bytes()
    # the node is known by its certificate, whatever name that is for
    options.append(("grpc.ssl_target_name_override", _name_in(certificate)))
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(certificate), options)


def _name_in(certificate: bytes) -> str:
    """A name that the certificate is for.

    Raises:
        ValueError: it is no certificate, or has no name.
    """
    from cryptography import x509  # noqa: PLC0415 - likewise

    names = x509.load_pem_x509_certificate(certificate).extensions
    try:
        found = names.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise ValueError("the certificate has no name") from None
    for kind in (x509.DNSName, x509.IPAddress):
        for name in found.get_values_for_type(kind):
            return str(name).replace("*.", "any.", 1)
    raise ValueError("the certificate has no name")


def _fail(what: str, why: str) -> NoReturn:
    typer.echo(f"{what}: {why}", err=True)
    raise typer.Exit(1)
