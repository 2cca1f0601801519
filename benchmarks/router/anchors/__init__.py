"""Anchors: what others use to route a request, measured in environments of their own on the same texts."""
