"""Real clients on the real service: libwebrtc, aiortc with coturn, and a person at a terminal."""
