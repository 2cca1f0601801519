from benchmarks.router.many_agents import measure, profiles


def test_every_time_of_a_few_agents_is_taken() -> None:
    """Agents are told apart by their names, and each step takes some time."""
    made = profiles(4)
    assert len({profile.name for profile in made}) == 4
    found = measure(made)
    assert found["agents"] == 3
    assert all(
        found[name] > 0 for name in ("all_registered_s", "one_more_ms", "routable_ms", "decision_ms", "record_ms")
    )
