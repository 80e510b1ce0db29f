"""Many processes on one port: a supervisor that imports no gRPC, and its workers."""
