"""Clients of the service: a minimal one, one wired to a WebRTC stack, and a demonstration."""
