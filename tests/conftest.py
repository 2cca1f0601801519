from hypothesis import settings

# No test asserts a time, so no example has a deadline. The same examples everywhere: a red build is the change's fault.
settings.register_profile("pointsman", deadline=None, derandomize=True, database=None)
settings.load_profile("pointsman")
