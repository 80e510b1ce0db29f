"""`signalctl`, and `python -m signaling_service.ctl`."""

import os


def main() -> None:
    """Run the command line."""
    # gRPC reads both when it is loaded: an error is a line of ours, not several of its own,
    # and it obeys a proxy even on this machine
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    os.environ.setdefault("no_grpc_proxy", "127.0.0.1,localhost,::1")
    from signaling_service.ctl.cli import app  # noqa: PLC0415 - not before that

    app(prog_name="signalctl")


if __name__ == "__main__":
    main()
