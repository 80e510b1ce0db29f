"""Events that wait for the app."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """A bounded queue with one reader and an end.

    Args:
        limit: how many may wait.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[T] = deque()
        self._error: BaseException | None = None
        self._is_closed = False
        self._news = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether as many wait as may."""
        return len(self._waiting) >= self._limit

    @property
    def newest(self) -> T | None:
        """What was put last, if it still waits."""
        return self._waiting[-1] if self._waiting else None

    def put(self, event: T) -> None:
        """Let an event wait. Without effect once closed."""
        if not self._is_closed:
            self._waiting.append(event)
            self._news.set()

    def replace(self, event: T) -> None:
        """Let an event wait in the place of the newest."""
        self._waiting[-1] = event

    def close(self, error: BaseException | None = None) -> None:
        """Nothing more will come: the reader gets what waits, then the end, or the error."""
        if not self._is_closed:
            self._is_closed, self._error = True, error
            self._news.set()

    async def get(self) -> T:
        """The next event.

        Raises:
            StopAsyncIteration: it was closed, and all was read.
        """
        while not self._waiting:
            if self._error is not None:
                raise self._error
            if self._is_closed:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()
