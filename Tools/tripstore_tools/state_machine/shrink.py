"""The few steps of a seed that matter: leaves out one after another for as long as the same fault comes.

    python -m tripstore_tools.state_machine.shrink --seed 7
"""

import argparse
import re
import tempfile
from pathlib import Path

from tripstore_tools.state_machine import machine as store_machine


def fault(seed, steps, only):
    """The fault of a run without its numbers, and the steps up to it; None if there is none."""
    with tempfile.TemporaryDirectory(prefix="tripstore-shrink-") as folder:
        try:
            store_machine.run(seed, Path(folder) / "store", steps, only)
        except AssertionError as error:
            cause = error.__cause__
            taken = [int(number) for number in re.findall(r"^(\d+): ", str(error).partition(": ")[2], re.MULTILINE)]
            return f"{type(cause).__name__} {re.sub(r'[0-9]+', '', str(cause))[:25]}", taken, str(error)
    return None


def shrink(seed, steps, attempts):
    """The shortest list of steps that was found, and what it comes to."""
    def found(only):
        # What depends on moments may need more than one run.
        return next(filter(None, (fault(seed, steps, only) for _ in range(attempts))), None)

    what, kept, text = found(None) or (None, None, None)
    for number in list(reversed(kept or []))[1:]:
        only = [other for other in kept if other != number]
        again = found(set(only))
        if again and again[0] == what:
            _, kept, text = again
            print(f"without {number}: {kept}", flush=True)
    return kept, text


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--steps", type=int, default=store_machine.STEPS_OF_A_STORE)
    parser.add_argument("--attempts", type=int, default=2)
    options = parser.parse_args()
    kept, text = shrink(options.seed, options.steps, options.attempts)
    print(f"--seed {options.seed} --only {','.join(map(str, kept))}\n{text}" if kept else "no fault")


if __name__ == "__main__":
    main()
