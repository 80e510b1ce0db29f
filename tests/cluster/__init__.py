"""Nodes that share an engine, driven by the machine of the core."""
