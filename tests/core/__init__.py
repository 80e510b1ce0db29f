"""The call machine, without a server."""
