"""`python -m signaling_service`."""

from signaling_service.cli import app

app(prog_name="signaling-service")
