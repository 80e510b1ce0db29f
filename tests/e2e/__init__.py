"""Real clients on the real service: libwebrtc, and a person at a terminal."""
