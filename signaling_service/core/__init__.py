"""What the service decides, without I/O, clock, asyncio or gRPC."""
