"""Where figures come from: the machine and the revision that are printed beside them."""

import os
import platform
import subprocess
from pathlib import Path

from tripstore_tools import REPOSITORY


def machine():
    names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    return f"{os.cpu_count()} × {names[0] if names else platform.machine()}"


def commit():
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY).stdout.strip()
