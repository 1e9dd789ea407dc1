"""Thousands of streams in one daemon, on one connection."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import unittest

import handclasp

from .real import PATIENCE, RealDaemon, raise_open_files, real_daemon, signalling, until_ready

STREAMS = int(os.environ.get("HANDCLASP_STREAMS", "5000"))
"""Connected to each other in pairs by the daemon."""
SIGNALLED = min(400, STREAMS)
"""Whose signalling is carried by this program."""
AT_A_TIME = 100
"""How many are opened and not ready yet: more only wait longer."""

CONFIGURATION = """
limits.max-streams = 20000
limits.max-streams-per-client = 20000
limits.max-half-open = 5000
limits.opens-per-second = 100000
limits.open-burst = 100000
limits.max-lag = "60s"
timeouts.handshake = "120s"
timeouts.ice = "120s"
"""


def tell(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


class Many(unittest.IsolatedAsyncioTestCase):
    real: RealDaemon

    def setUp(self) -> None:
        raise_open_files(2 * STREAMS + 1000)
        manager = real_daemon(CONFIGURATION)
        self.real = manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)

    async def open_pair(self, daemon: handclasp.Daemon) -> tuple[handclasp.Stream, handclasp.Stream]:
        one = await daemon.open(plugin="dtls-srtp", controlling=True, own_ports=True, retry=PATIENCE)
        return one, await daemon.open(plugin="dtls-srtp", retry=PATIENCE)

    async def test_thousands_are_connected_and_hear_of_the_end_of_the_daemon(self) -> None:
        asyncio.get_running_loop().set_debug(False)
        async with handclasp.connect(self.real.socket) as daemon:
            room = asyncio.Semaphore(AT_A_TIME // 2)
            before, began = self.real.memory(), time.monotonic()

            async def connected() -> tuple[handclasp.Stream, handclasp.Stream]:
                async with room:
                    one, other = await self.open_pair(daemon)
                    await daemon.connect(one, other)
                    await until_ready(one, other)
                    return one, other

            pairs = await asyncio.gather(*(connected() for _ in range(STREAMS // 2)))
            seconds, memory = time.monotonic() - began, self.real.memory()
            streams = [stream for pair in pairs for stream in pair]
            tell(
                f"{len(streams)} streams ready in {seconds:.1f} s, {len(streams) / seconds:.0f} a second; the daemon "
                f"has {memory / 2**20:.0f} MiB, {(memory - before) / len(streams) / 1024:.1f} KiB for each"
            )
            status = await daemon.status()
            self.assertEqual((status["streams"], status["half_open"]), (len(streams), 0))
            self.assertEqual({one["state"] for one in await daemon.streams()}, {"ready"})

            ending = time.monotonic()
            self.real.signal(signal.SIGTERM)
            for stream in streams:
                last = [event.event async for event in stream][-2:]
                self.assertEqual(last, ["component_closed", "stopped"], stream.name)
            tell(f"all heard of their end {time.monotonic() - ending:.2f} s after SIGTERM")
            self.assertEqual(await self.real.wait(), 0, self.real.log())
            tell(f"the daemon ended {time.monotonic() - ending:.2f} s after SIGTERM")

    async def test_hundreds_are_carried_by_this_program_and_a_daemon_that_was_killed_starts_again(self) -> None:
        asyncio.get_running_loop().set_debug(False)
        async with handclasp.connect(self.real.socket) as daemon:
            began = time.monotonic()

            async def carried() -> tuple[handclasp.Stream, handclasp.Stream]:
                one, other = await self.open_pair(daemon)
                await signalling(one, other)
                return one, other

            pairs = await asyncio.gather(*(carried() for _ in range(SIGNALLED // 2)))
            seconds = time.monotonic() - began
            tell(f"{SIGNALLED} streams ready in {seconds:.1f} s, whose signalling was carried here")
            self.real.signal(signal.SIGKILL)
            for stream in (stream for pair in pairs for stream in pair):
                with self.assertRaises(handclasp.Disconnected):
                    async for _ in stream:
                        pass
            await self.real.wait()
        self.real.start()
        async with handclasp.connect(self.real.socket) as daemon:
            self.assertEqual((await daemon.status())["streams"], 0)
            await signalling(*await self.open_pair(daemon))


if __name__ == "__main__":
    unittest.main()
