"""The API against its own description: schemathesis makes requests of it, right and wrong, and checks every answer."""

import subprocess
import sys

from tripstore_tools.harness.tripstore import REPOSITORY, SAMPLE, Server, clean_environment


def test_attack_the_api_is_as_its_description_says(tmp_path, scale):
    """With the exceptions that schemathesis.toml gives reasons for; nothing is fetched from elsewhere meanwhile."""
    with Server(tmp_path / "data", tmp_path / "log") as server:
        server.ingest(SAMPLE)
        done = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "--config-file", str(REPOSITORY / "schemathesis.toml"), "run",
             f"{server.url}/openapi.json", "--seed", "16", "--max-examples", str(scale(10, full=100)), "--workers", "1",
             "--request-timeout", "60", "--no-color"],
            cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=False)
        # A failure's request can have 100 KB.
        printed = "\n".join(line[:500] for line in done.stdout.splitlines())
        assert done.returncode == 0, printed[-20_000:] + done.stderr[-2000:]
        assert server.is_running()
