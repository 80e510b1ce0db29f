"""What an operator sees of a node: figures for Prometheus, whether it is alive, and ready."""
