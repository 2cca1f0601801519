"""What the router was measured by, and how the base encoder is built."""
