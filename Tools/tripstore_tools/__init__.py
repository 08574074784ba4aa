"""What tests and measures tripstore from outside: its processes as a person starts them, servers it talks to, and the commands of scripts/.

Packages, each of which imports only those named before it: `harness` (the program, servers, disks, faults), `fixtures` (makes Tests/Fixtures),
`state_machine` (random steps beside a model), `bench`, `capacity`, `cluster`, `soak`, `lake`, `deploy`. scripts/setup makes the package
known to .venv, so that a test imports it and a script runs `python -m tripstore_tools.cluster`.
"""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
