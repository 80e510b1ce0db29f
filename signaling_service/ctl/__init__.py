"""`signalctl`: what operators, and developers who try things, type at a terminal.

It talks to a running service like any other program: over gRPC, with the client library.
"""
