"""Services that are set up otherwise: `@limited(others_burst=5)`."""

from typing import Any, Final

import pytest

from signaling_service.config import Settings
from signaling_service.limits import LimitSettings

# s; tests move the clock by minutes while a write is on its way, which is not stuck for that
NEVER_STUCK: Final = 100_000.0


def settings(limits: LimitSettings | None = None, **options: Any) -> Settings:
    """Settings of a service that listens on a port of its own."""
    limits = limits or LimitSettings(stuck_write_seconds=NEVER_STUCK)
    return Settings(listen="127.0.0.1:0", limits=limits, **options)


def limited(**limits: float) -> pytest.MarkDecorator:
    """Let the service of a test have these limits."""
    chosen = LimitSettings.model_validate({"stuck_write_seconds": NEVER_STUCK, **limits})
    name = "-".join(f"{limit}={value}" for limit, value in limits.items())
    return pytest.mark.parametrize("service_settings", [settings(chosen)], ids=[name])
