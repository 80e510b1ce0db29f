"""WebRTC call signaling over gRPC: one stream per device, nothing lost."""
