"""Credentials to try the service with: certificates, a key for tokens, and tokens."""
