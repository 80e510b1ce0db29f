"""Events for those who have no gRPC client: each is a signed POST to a URL of the operator's."""
