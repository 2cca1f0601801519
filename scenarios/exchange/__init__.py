"""Exchange: other people's records made runs or scenarios, and runs made records that others read."""
