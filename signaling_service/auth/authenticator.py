"""Lets people in: the one door for every stream and every call of another service."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from signaling_service.auth.address import Network, origin
from signaling_service.auth.dev import Metadata, dev_identity
from signaling_service.auth.identity import BadCredentialsError, Identity, Role
from signaling_service.auth.throttle import Throttle
from signaling_service.auth.tokens import TokenVerifier
from signaling_service.core.model import Device
from signaling_service.core.requests import is_valid_id

BEARER: Final = "bearer "  # RFC 6750 §2.1; a scheme is not case-sensitive


class Visitor(NamedTuple):
    """Somebody at the door: what they brought, and from where.

    `names` are the subject alternative names of a client certificate that was verified.
    """

    metadata: Metadata
    peer: str
    names: Sequence[str] = ()


class Authenticator:
    """Tells who somebody is.

    Args:
        tokens: what verifies tokens; None: whoever they say they are.
        throttle: what holds up those who try forged ones.
        services: the certificate names that are services; none: every one is.
        proxies: whose `x-forwarded-for` is believed.
    """

    def __init__(
        self,
        tokens: TokenVerifier | None,
        throttle: Throttle,
        services: Iterable[str] = (),
        proxies: Sequence[Network] = (),
    ) -> None:
        self._tokens = tokens
        self._throttle = throttle
        self._services = frozenset(services)
        self._proxies = proxies

    async def start(self) -> None:
        """Begin, before anybody comes."""
        if self._tokens is not None:
            await self._tokens.start()

    @property
    def takes_tokens(self) -> bool:
        """Whether tokens are of use here."""
        return self._tokens is not None

    async def identify(self, visitor: Visitor) -> Identity:
        """Who a visitor is: by token, else by client certificate.

        Raises:
            BadCredentialsError: nobody comes in with these.
            KeysAwayError: nobody can tell.
        """
        given = [value for key, value in visitor.metadata if key == "authorization"]
        claims_more = bool(given) or any(key == "user-id" for key, _ in visitor.metadata)
        if not claims_more and (service := self._service(visitor.names)):
            return service
        if self._tokens is None:
            return dev_identity(visitor.metadata)
        if len(given) != 1 or not isinstance(given[0], str):
            raise BadCredentialsError("authorization: one bearer token is needed")
        if not given[0].lower().startswith(BEARER):
            raise BadCredentialsError("authorization: is no bearer token")
        return await self.verify(given[0][len(BEARER) :].strip(), self.origin(visitor))

    def origin(self, visitor: Visitor) -> str:
        """Where a visitor comes from, as failures are counted."""
        forwarded = [
            value
            for key, value in visitor.metadata
            if key == "x-forwarded-for" and isinstance(value, str)
        ]
        return origin(visitor.peer, forwarded, self._proxies)

    async def verify(self, token: str, address: str) -> Identity:
        """Who a token is from; an address that tries forged ones waits for the answer.

        Raises:
            BadCredentialsError: it is not good, or tokens are of no use here.
            KeysAwayError: nobody can tell.
        """
        if self._tokens is None:
            raise BadCredentialsError("this service takes no tokens")
        try:
            return await self._tokens.verify(token)
        except BadCredentialsError as bad:
            if bad.is_forged:
                await self._throttle.hold(address)
            raise

    def _service(self, names: Sequence[str]) -> Identity | None:
        """The service that a client certificate names."""
        for name in names:
            if is_valid_id(name) and (not self._services or name in self._services):
                return Identity(Device(name, ""), Role.SERVICE)
        return None
