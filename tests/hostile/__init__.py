"""Peers that mean harm, or act as if: raw HTTP/2 at a service that is a process of its own."""
