"""A soak: devices that come and go, and calls of every kind, for long; then nothing is left."""
