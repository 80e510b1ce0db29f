"""How devices reach the registry: gRPC, and what any other transport would share with it."""
