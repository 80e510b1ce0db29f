"""What an app gets with the client."""

import subprocess
import sys

LOADED = """
import sys
import signaling_service.client
names = {name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(*sorted(names))
print(*sorted(name for name in sys.modules if name.startswith("signaling_service.")))
"""


def test_the_client_brings_stubs_and_grpc_alone() -> None:
    """Nothing of the server is loaded, and none of its libraries."""
    command = [sys.executable, "-c", LOADED]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    packages, modules = (set(line.split()) for line in output.splitlines())

    assert {"grpc", "google", "signaling"} < packages
    assert not packages & {"structlog", "pydantic", "typer", "rich", "uvloop", "aiortc"}
    assert {name.split(".")[1] for name in modules} == {"client"}
