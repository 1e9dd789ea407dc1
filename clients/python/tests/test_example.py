"""The example of the README, as two processes."""

from __future__ import annotations

import subprocess
import sys
import unittest
from pathlib import Path

from .real import PATIENCE, real_daemon

EXAMPLE = Path(__file__).resolve().parent.parent / "example.py"


class Example(unittest.TestCase):
    def test_two_processes_meet_and_exchange_data(self) -> None:
        with real_daemon() as daemon:

            def start(side: str) -> subprocess.Popen[str]:
                arguments = [side, str(daemon.place / "meeting"), "--socket", str(daemon.socket)]
                process = subprocess.Popen(
                    [sys.executable, str(EXAMPLE), *arguments],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                self.addCleanup(process.wait)
                self.addCleanup(process.kill)
                return process

            listener = start("listen")
            assert listener.stdout is not None
            with listener.stdout:
                self.assertEqual(listener.stdout.readline(), "listening\n")
                caller = start("call")
                told, _ = caller.communicate(timeout=PATIENCE)
                self.assertEqual(caller.returncode, 0, told)
                self.assertIn("heard b'\\x80hello'", told)
                self.assertEqual(listener.wait(PATIENCE), 0, listener.stdout.read())


if __name__ == "__main__":
    unittest.main()
