"""The wheel carries the service and the stubs that clients import."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
IMPORTS = """
import sys
wheel = sys.argv[1]
sys.path.insert(0, wheel)
import signaling.v1.signaling_pb2, signaling.v1.signaling_pb2_grpc, signaling_service.app
for name in ("signaling.v1.signaling_pb2_grpc", "signaling_service.app"):
    assert sys.modules[name].__file__.startswith(wheel), sys.modules[name].__file__
"""


def test_the_wheel_has_stubs_and_service(tmp_path: Path) -> None:
    """Both import from the built wheel, and both are typed."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")

    subprocess.run([sys.executable, "-c", IMPORTS, str(wheel)], cwd=tmp_path, check=True)

    listing = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(wheel)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "signaling/py.typed" in listing
    assert "signaling_service/py.typed" in listing
