"""The options of `signaling-service serve`, as its help shows them."""
