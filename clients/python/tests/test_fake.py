"""The client and a daemon that says what a good one does not."""

from __future__ import annotations

import asyncio
import json
import tempfile
import unittest
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import handclasp

Session = Callable[["Fake"], Awaitable[None]]


class Fake:
    """One connection of a daemon that follows a script."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def read(self) -> dict[str, Any]:
        line: dict[str, Any] = json.loads(await self.reader.readline())
        return line

    def say(self, *lines: Any) -> None:
        for line in lines:
            text = line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n"
            self.writer.write(text)

    async def answer(self, **fields: Any) -> None:
        asked = await self.read()
        self.say({"response": asked["request"], "id": asked["id"], **fields})

    async def opened(self, *lines: Any) -> None:
        """Answers an open, and says these lines in the same breath."""
        asked = await self.read()
        self.say({"response": "open", "id": asked["id"], "stream": "a", "plugin": "none", "generation": 1}, *lines)


def event(name: str, **fields: Any) -> dict[str, Any]:
    return {"event": name, "stream": "a", **fields}


def payload(size: int) -> dict[str, Any]:
    return event("ice_payload", component_id=1, payload="AAAA" * (size // 3))


class Fakes(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = str(Path(directory.name) / "fake.sock")
        self.errors: list[BaseException] = []

    async def serve(self, session: Session) -> None:
        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await session(Fake(reader, writer))
            except Exception as error:
                self.errors.append(error)
            finally:
                writer.close()

        server = await asyncio.start_unix_server(take, self.path, limit=4 << 20)
        self.addCleanup(server.close)

    def tearDown(self) -> None:
        self.assertEqual(self.errors, [])

    async def test_the_daemon_that_goes_in_the_middle_of_a_line_is_missed_after_what_it_has_said(self) -> None:
        async def session(fake: Fake) -> None:
            await fake.opened(event("candidate_gathering_done"), b'{"event":"stopped","stre')

        await self.serve(session)
        async with handclasp.connect(self.path) as daemon:
            stream = await daemon.open()
            self.assertIsInstance(await stream.__anext__(), handclasp.CandidateGatheringDone)
            with self.assertRaisesRegex(handclasp.Disconnected, "in the middle of a line"):
                await stream.__anext__()
            self.assertFalse(stream.has_ended)

    async def test_every_request_that_waits_hears_of_the_end(self) -> None:
        async def session(fake: Fake) -> None:
            for _ in range(3):
                await fake.read()

        await self.serve(session)
        async with handclasp.connect(self.path) as daemon:
            asked = (daemon.status(), daemon.open(), daemon.streams())
            results = await asyncio.gather(*asked, return_exceptions=True)
            self.assertTrue(all(type(one) is handclasp.Disconnected for one in results), results)

    async def test_a_line_arrives_in_any_pieces(self) -> None:
        async def session(fake: Fake) -> None:
            asked = await fake.read()
            text = json.dumps({"response": "status", "id": asked["id"], "version": "1 \u2192 2"}, ensure_ascii=False)
            for byte in b"\n" + text.encode() + b"\n":
                fake.say(bytes([byte]))
                await fake.writer.drain()
                await asyncio.sleep(0)
            await fake.reader.read()

        await self.serve(session)
        async with handclasp.connect(self.path) as daemon:
            self.assertEqual(dict(await daemon.status()), {"version": "1 \u2192 2"})

    async def test_events_and_fields_of_later_releases_are_kept(self) -> None:
        async def session(fake: Fake) -> None:
            await fake.opened(
                event("component_state_new", component_id=1),
                event("component_closed", component_id=1, by_peer=True, weather="fine"),
                {"something": "else"},
                event("stopped"),
            )
            await fake.reader.read()

        await self.serve(session)
        async with handclasp.connect(self.path) as daemon:
            events = [one async for one in await daemon.open()]
        self.assertIs(type(events[0]), handclasp.Event)
        self.assertEqual((events[0].event, events[0].fields["component_id"]), ("component_state_new", 1))
        self.assertEqual(events[1], handclasp.ComponentClosed("component_closed", "a", {}, 1, True))
        self.assertEqual(events[1].fields["weather"], "fine")
        self.assertIsInstance(events[2], handclasp.Stopped)
        self.assertEqual(len(events), 3)

    async def test_what_no_daemon_says_ends_the_connection(self) -> None:
        for wrong in [
            b"no JSON\n",
            b"[]\n",
            b"\xff\n",
            b"[" * 100_000 + b"\n",
            {"response": "status", "id": 99},
            event("ice_payload", component_id=1, payload="not base64"),
            event("ice_payload", component_id="1", payload="AAAA"),
            event("component_closed", component_id=1),
        ]:
            with self.subTest(str(wrong)[:40]):

                async def session(fake: Fake, wrong: Any = wrong) -> None:
                    await fake.opened(wrong, event("stopped"))
                    await fake.reader.read()

                Path(self.path).unlink(missing_ok=True)  # noqa: ASYNC240
                await self.serve(session)
                async with handclasp.connect(self.path) as daemon:
                    stream = await daemon.open()
                    with self.assertRaises(handclasp.ProtocolError):
                        await stream.__anext__()
                    with self.assertRaises(handclasp.ProtocolError):
                        await daemon.status()

    async def test_of_a_slow_reader_datagrams_are_dropped_first_and_all_that_is_lost_is_told(self) -> None:
        async def session(fake: Fake) -> None:
            fake.say()
            await fake.opened(
                *(payload(300) for _ in range(10)),
                *(event("warning", warning=str(number)) for number in range(10)),
                event("stopped"),
            )
            await fake.answer(version="1")
            await fake.reader.read()

        await self.serve(session)
        async with handclasp.connect(self.path, event_bytes=5 * 600, datagram_bytes=5 * 1000) as daemon:
            stream = await daemon.open()
            await daemon.status()  # another's request is answered meanwhile
            self.assertTrue(stream.has_ended)
            events = [one async for one in stream]
            datagrams = sum(isinstance(one, handclasp.IcePayload) for one in events)
            warnings = [one.warning for one in events if isinstance(one, handclasp.WarningEvent)]
            lost = [one for one in events if isinstance(one, handclasp.Lost)]
            self.assertEqual(len(lost), 1)
            self.assertEqual(datagrams + lost[0].datagrams, 10)
            self.assertEqual(len(warnings) + lost[0].events, 10)
            self.assertTrue(0 < datagrams < 10 and 0 < len(warnings) < 10)
            self.assertEqual(warnings, [str(number) for number in range(len(warnings))])
            self.assertEqual(stream.dropped_datagrams, lost[0].datagrams)
            self.assertIsInstance(events[-1], handclasp.Stopped)

    async def test_a_daemon_that_does_not_read_holds_the_sender_and_nobody_else(self) -> None:
        go_on = asyncio.Event()

        async def session(fake: Fake) -> None:
            await fake.opened(event("candidate_gathering_done"))
            await go_on.wait()
            await fake.reader.read()

        await self.serve(session)
        async with handclasp.connect(self.path) as daemon:
            stream = await daemon.open()

            async def flood() -> None:
                for _ in range(200):
                    await stream.send_payload(bytes(60_000))

            sender = asyncio.ensure_future(flood())
            self.assertIsInstance(await stream.__anext__(), handclasp.CandidateGatheringDone)
            done, _ = await asyncio.wait([sender], timeout=0.2)
            self.assertFalse(done, "it is held")
            go_on.set()
            await sender

    async def test_an_answer_comes_to_whom_it_belongs_though_others_were_cancelled(self) -> None:
        async def session(fake: Fake) -> None:
            first, second = await fake.read(), await fake.read()
            fake.say({"response": "open", "id": first["id"], "stream": "a", "plugin": "none", "generation": 1})
            fake.say({"response": "status", "id": second["id"], "streams": 1})
            stop = await fake.read()
            self.assertEqual(stop, {"stream": "a", "message": "stop"})
            fake.say(event("stopped"))
            await fake.reader.read()

        await self.serve(session)
        async with handclasp.connect(self.path) as daemon:
            opening = asyncio.ensure_future(daemon.open())
            asking = asyncio.ensure_future(daemon.status())
            await asyncio.sleep(0)
            opening.cancel()
            self.assertEqual((await asking)["streams"], 1)
            with self.assertRaises(asyncio.CancelledError):
                await opening

    async def test_one_open_at_a_time_asks_again_and_in_order(self) -> None:
        asked: list[str] = []

        async def session(fake: Fake) -> None:
            for number in range(9):
                request = await fake.read()
                asked.append(request["name"])
                answer = {"response": "open", "id": request["id"]}
                if number < 3:
                    refusal = {"error": "too fast", "kind": "rate", "retry_after": 0.01}
                    fake.say({**answer, **refusal})
                else:
                    fake.say({**answer, "stream": request["name"], "plugin": "none", "generation": 1})
                if number == 5:
                    break
            await fake.reader.read()

        await self.serve(session)
        async with handclasp.connect(self.path) as daemon:
            streams = await asyncio.gather(*(daemon.open(name=name, retry=30) for name in "abc"))
            self.assertEqual([stream.name for stream in streams], ["a", "b", "c"])
            self.assertEqual(asked, ["a", "b", "c", "a", "b", "c"])

    async def test_events_of_no_stream_are_given_to_whoever_wants_them(self) -> None:
        async def session(fake: Fake) -> None:
            fake.say({"event": "warning", "warning": "read faster"})
            await fake.answer()
            await fake.reader.read()

        await self.serve(session)
        told: list[handclasp.Event] = []
        async with handclasp.connect(self.path, on_event=told.append) as daemon:
            await daemon.status()
        self.assertEqual(told, [handclasp.WarningEvent("warning", None, {}, "read faster")])

    async def test_what_comes_from_the_other_side_is_signalling_and_nothing_else(self) -> None:
        heard: list[dict[str, Any]] = []

        async def session(fake: Fake) -> None:
            await fake.opened()
            heard.append(await fake.read())
            await fake.reader.read()

        await self.serve(session)
        async with handclasp.connect(self.path) as daemon:
            stream = await daemon.open(controlling=True)
            wrong: list[dict[str, Any]] = [
                {"message": "stop"},
                {"message": "send_payload", "component_id": 1, "payload": "AAAA"},
                {"message": "set_remote_credentials", "credentials": "a b", "stream": "of-another"},
                {},
            ]
            for message in wrong:
                with self.assertRaises(ValueError):
                    await stream.from_peer(message)
            said = handclasp.HandshakeInitData("handshake_init_data", "b", {}, 1, b"abc", 2, "none")
            for_peer = said.for_peer("responder")
            assert for_peer is not None
            await stream.from_peer(for_peer)
        self.assertEqual(
            heard,
            [
                {
                    "stream": "a",
                    "message": "set_peer_init_data",
                    "component_id": 1,
                    "role": "initiator",
                    "init_data": "YWJj",
                    "association": 2,
                    "payload_protection": "none",
                }
            ],
        )

    async def test_lines_longer_than_the_daemon_reads_are_not_sent(self) -> None:
        async def session(fake: Fake) -> None:
            await fake.opened()
            await fake.answer()
            await fake.reader.read()

        await self.serve(session)
        async with handclasp.connect(self.path) as daemon:
            stream = await daemon.open()
            with self.assertRaises(ValueError):
                await stream.parse_remote_sdp("v=0" * (1 << 19))
            await daemon.status()

    async def test_nobody_at_home_is_told(self) -> None:
        with self.assertRaisesRegex(handclasp.Disconnected, "fake.sock"):
            await handclasp.connect(self.path)


if __name__ == "__main__":
    unittest.main()
