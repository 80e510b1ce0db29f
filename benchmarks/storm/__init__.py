"""Thousands of devices that come back at once, and what the calls of others feel of it."""
