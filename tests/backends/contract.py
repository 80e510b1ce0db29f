"""What every backend promises. A backend's test module subclasses this and provides `cell`."""

from tests.backends.bounds import BoundContract
from tests.backends.buckets import BucketContract
from tests.backends.due import TimeContract
from tests.backends.sessions import SessionContract
from tests.backends.short_way import ShortWayContract
from tests.backends.steps import StepContract


class BackendContract(
    SessionContract, StepContract, ShortWayContract, BoundContract, TimeContract, BucketContract
):
    """Every promise of `Backend`."""
