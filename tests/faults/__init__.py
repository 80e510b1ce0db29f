"""Fault runs: real nodes, a real engine, calls that go on, and something that breaks.

A run is repeated with its seed: `FAULT_SEED=7 pytest tests/faults`. `FAULTS=long` breaks
things some hundred times. What every device saw is kept, and the invariants are checked
over all of it; where one does not hold, the story of the call is printed.
"""
