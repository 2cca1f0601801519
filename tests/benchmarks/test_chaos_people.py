import json
import subprocess
import sys


def test_waiting_for_people_survives_kill_minus_9_and_repeats_no_effect() -> None:
    """Twenty tasks wait, their process is killed twice; each asks once, each effect is booked once, all complete."""
    command = [sys.executable, "-m", "benchmarks.chaos.people", "--tasks", "20"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout)
    assert (outcome["tasks"], outcome["completed"], outcome["asked"], outcome["kills"]) == (20, 20, 20, 2)
    assert (outcome["twice"], outcome["missing"], outcome["unasked"]) == (0, 0, 0)
