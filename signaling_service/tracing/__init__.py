"""Traces for OpenTelemetry: our own spans, and the context that W3C Trace Context carries."""
