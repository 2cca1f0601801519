from hypothesis import settings

# No test asserts a time, so no example has a deadline; the same examples everywhere, so that a red build is the change's.
settings.register_profile("pointsman", deadline=None, derandomize=True, database=None)
settings.load_profile("pointsman")
