"""Every bad input we know of has one answer, disturbs nobody, and leaves nothing behind.

A case is data: what is sent, and the exact answer. Some inputs have a test of their
own on the wire, for what they need is more than a message or two:

| input | where |
|---|---|
| 10,000 unknown `kid`, at most one key fetch a minute | `tests/auth/test_key_url.py` |
| missing, doubled or malformed identity of `dev` | `transport/test_statuses.py` |
| nothing in 5 s | `transport/test_hello.py` |
| bytes that are no request, at health and reflection; a bug | `transport/test_guard.py` |
| a 40 MB gzip bomb; the 17th device | `transport/test_sizes.py` |
| the same request twice | `transport/test_acks.py`, `core/test_offer.py` |
| candidates, offers, acks that come too fast | `transport/test_pacing.py` |
| strangers, and guesses of call ids | `test_strangers.py` |
| 2,000 connections of junk; resets, floods, slow and silent peers | `hostile/` |
| anything from a replaced stream | `transport/test_replacement.py` |
| refresh for another user, device or role; a bad one | `transport/test_credentials.py` |
| a metadata flood of a client that ignores SETTINGS | `transport/test_grpc_options.py` |
| a client that never reads, or gives no window; half-closes | `transport/test_bounds.py` |
| cancel in the middle of a write; rapid reset; HTTP/1.1; TLS junk | `transport/test_traps.py` |
| silent TCP; streams of a connection; pings | `transport/test_grpc_options.py` |
"""
