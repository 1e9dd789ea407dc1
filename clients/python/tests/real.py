"""A real daemon, with everything of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import handclasp

PATIENCE = 60.0
"""Seconds that anything may take on a busy machine."""


def program() -> str:
    """The command `handclasp`; without it the test is left out, and fails where nothing may lack."""
    named = os.environ.get("HANDCLASP", "handclasp")
    found = shutil.which(named)
    if found is None:
        if os.environ.get("CI") == "true":
            raise AssertionError(f"{named} must be here: build it, and name it with HANDCLASP")
        raise unittest.SkipTest(f"{named} is not here: build it, and name it with HANDCLASP")
    return os.path.abspath(found)


def raise_open_files(wanted: int) -> None:
    """Lets this process, and those it starts, have so many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RealDaemon:
    """`handclasp serve` in a directory of its own."""

    def __init__(self, configuration: str = "", *, token: str | None = None) -> None:
        self._program = program()
        self._directory = tempfile.TemporaryDirectory(prefix="handclasp-")
        self.place = Path(self._directory.name)
        self.socket = self.place / "control.sock"
        self.tcp: tuple[str, int] = ("127.0.0.1", free_port(socket.SOCK_STREAM))
        text = f'control.socket = "{self.socket}"\nlisten.addresses = ["127.0.0.1"]\n'
        text += f"listen.port = {free_port(socket.SOCK_DGRAM)}\n"
        plugins = os.environ.get("HANDCLASP_PLUGINS") or str(Path(os.path.realpath(self._program)).parent / "plugins")
        if os.path.isdir(plugins):
            text += f'plugins.directories = ["{plugins}"]\n'
        if token is not None:
            file = self.place / "token"
            file.write_text(token + "\n")
            file.chmod(0o600)
            text += f'control.tcp = "{self.tcp[0]}:{self.tcp[1]}"\ncontrol.token-file = "{file}"\n'
        (self.place / "handclasp.toml").write_text(text + configuration)
        self._log = (self.place / "log").open("wb")
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        """Starts it, and waits until it listens."""
        self.process = subprocess.Popen(
            [self._program, "serve", "--config", str(self.place / "handclasp.toml")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )
        until = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self.socket))
                return
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the daemon does not start: {self.log()}")
            time.sleep(0.02)

    def log(self) -> str:
        return (self.place / "log").read_text(errors="replace")

    def memory(self) -> int:
        """Bytes of its memory that are in use."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the system does not tell")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def wait(self) -> int:
        """Waits for its end, and returns its exit code."""
        return await asyncio.get_running_loop().run_in_executor(None, self.process.wait, PATIENCE)

    def end(self) -> None:
        """Kills it, unless it has ended, and removes what it had."""
        if hasattr(self, "process"):
            self.process.kill()
            self.process.wait()
        self._log.close()
        self._directory.cleanup()


@contextlib.contextmanager
def real_daemon(configuration: str = "", *, token: str | None = None) -> Iterator[RealDaemon]:
    daemon = RealDaemon(configuration, token=token)
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.end()


async def event_of(stream: handclasp.Stream, kind: type[handclasp.Event]) -> handclasp.Event:
    """The next event of this kind; others before it are passed over."""
    async for event in stream:
        if isinstance(event, kind):
            return event
        if isinstance(event, handclasp.ComponentStateFailed):
            raise AssertionError(str(event))
    raise AssertionError(f"stream {stream.name} ended without {kind.__name__}")


async def until_ready(*streams: handclasp.Stream) -> None:
    await asyncio.gather(*(event_of(stream, handclasp.ComponentStateReady) for stream in streams))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Waits until that holds."""
    limit = time.monotonic() + PATIENCE
    while not await condition():
        if time.monotonic() > limit:
            raise AssertionError("it does not come to hold")
        await asyncio.sleep(0.02)


async def signalling(one: handclasp.Stream, other: handclasp.Stream) -> None:
    """Carries what each of two streams says for the other, until both are ready."""

    async def carry(stream: handclasp.Stream, peer: handclasp.Stream) -> None:
        async for event in stream:
            message = event.for_peer(stream.peer_role)
            if message is not None:
                await peer.from_peer(message)
            elif isinstance(event, handclasp.ComponentStateReady):
                return
            elif isinstance(event, (handclasp.ComponentStateFailed, handclasp.ErrorEvent)):
                raise AssertionError(str(event))
        raise AssertionError(f"stream {stream.name} has ended")

    await asyncio.gather(carry(one, other), carry(other, one))
