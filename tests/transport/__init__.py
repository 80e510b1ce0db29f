"""The device stream over real sockets: sessions, bounds, and every way a stream ends."""
