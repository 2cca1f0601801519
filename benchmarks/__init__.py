"""Benchmarks: what Pointsman costs beside bare asyncio, a typed floor, and its peers."""
