"""Whatever bytes come: what is asserted of them, and the bytes that have taught us something."""
