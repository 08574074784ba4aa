"""A pseudo-terminal with the program on it, as a person sees it."""

import codecs
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

from tripstore_tools.harness import tripstore


class Terminal:
    """The program on a terminal of its own; its standard input may be something else."""

    def __init__(self, *arguments, stdin=None, columns=80, **variables):
        self.screen, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = tripstore.clean_environment(**{"TERM": "xterm"} | variables)
        if "NO_COLOR" not in variables:
            environment.pop("NO_COLOR", None)
        # A session of its own whose terminal this is, so that Ctrl-C reaches it.
        self.process = subprocess.Popen(
            [str(tripstore.BINARY), *map(str, arguments)], stdin=theirs if stdin is None else stdin, stdout=theirs,
            stderr=theirs, start_new_session=True, preexec_fn=lambda: fcntl.ioctl(1, termios.TIOCSCTTY, 0),
            env=environment)
        os.close(theirs)
        self.text = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")()

    def read(self):
        """Adds what it shows next to `text`; returns whether there was something."""
        try:
            shown = os.read(self.screen, 65536)
        except OSError:
            # On Linux, this is how a terminal reports that no process has it open any more.
            return False
        self.text += self.decoder.decode(shown)
        return True

    def read_until(self, word):
        while word not in self.text and self.read():
            pass

    def press(self, key):
        os.write(self.screen, key)

    def finish(self):
        while self.read():
            pass
        os.close(self.screen)
        return self.process.wait(timeout=tripstore.TIMEOUT_SECONDS)


def bars(text):
    """The states of the moving line."""
    return [part for part in re.split(r"\r\x1b\[K|\r\n", text) if "█" in part or "░" in part]
