"""The client and a real daemon."""

from __future__ import annotations

import asyncio
import signal
import unittest

import handclasp

from .real import PATIENCE, RealDaemon, event_of, real_daemon, signalling, until, until_ready

PLUGIN = "dtls-srtp"


class OneDaemon(unittest.IsolatedAsyncioTestCase):
    """Tests that share what a daemon has been configured with, and nothing else."""

    configuration = ""
    token: str | None = None
    real: RealDaemon

    def setUp(self) -> None:
        manager = real_daemon(self.configuration, token=self.token)
        self.real = manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)

        test = getattr(self, self._testMethodName)

        async def in_time() -> None:
            asyncio.get_running_loop().set_debug(False)  # it is slow
            await asyncio.wait_for(test(), 2 * PATIENCE)

        setattr(self, self._testMethodName, in_time)


class Streams(OneDaemon):
    async def pair(self, daemon: handclasp.Daemon) -> tuple[handclasp.Stream, handclasp.Stream]:
        one = await daemon.open(plugin=PLUGIN, controlling=True, own_ports=True)
        other = await daemon.open(plugin=PLUGIN)
        return one, other

    async def test_two_streams_whose_events_are_carried_become_ready_and_exchange_data(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            one, other = await self.pair(daemon)
            self.assertEqual((one.role, other.role, one.peer_role), ("initiator", "responder", "responder"))
            await signalling(one, other)
            for sender, receiver in ((one, other), (other, one)):
                await sender.send_payload(b"\x80\x60\x00\x01")
                event = await event_of(receiver, handclasp.IcePayload)
                assert isinstance(event, handclasp.IcePayload)
                self.assertEqual(event.payload, b"\x80\x60\x00\x01")
                self.assertEqual((event.component_id, event.stream), (1, receiver.name))
            status = await daemon.stream(one)
            self.assertEqual((status["state"], status["controlling"]), ("ready", True))
            self.assertEqual(status["components"][0]["state"], "ready")

    async def test_both_sides_get_the_same_keys(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            one, other = await self.pair(daemon)
            await signalling(one, other)
            keys: list[dict[int, bytes]] = []
            for stream in (one, other):
                lengths = (56, 60, 88)  # as long as the keys of the profile that was agreed on, and others
                for length in lengths:
                    await stream.export_key("EXTRACTOR-dtls_srtp", length)
                answers = 0
                keys.append({})
                async for event in stream:
                    if isinstance(event, handclasp.ExportedKey):
                        keys[-1][len(event.key)] = event.key
                        self.assertNotIn("key=", repr(event))
                    answers += isinstance(event, (handclasp.ExportedKey, handclasp.CouldNotExportKey))
                    if answers == len(lengths):
                        break
            self.assertEqual(len(keys[0]), 1)
            self.assertEqual(keys[0], keys[1])

    async def test_streams_that_describe_themselves_with_sdp_become_ready(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            one, other = await self.pair(daemon)
            # A description has the candidates that there are.
            await event_of(one, handclasp.CandidateGatheringDone)
            await event_of(other, handclasp.CandidateGatheringDone)
            await one.generate_local_sdp()
            offer = await event_of(one, handclasp.LocalSdp)
            message = offer.for_peer("responder")
            assert message is not None
            await other.from_peer(message)
            await other.generate_local_sdp()
            answer = await event_of(other, handclasp.LocalSdp)
            assert isinstance(answer, handclasp.LocalSdp)
            await one.parse_remote_sdp(answer.sdp)
            await until_ready(one, other)

    async def test_ice_restarts_and_data_goes_on(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            one, other = await self.pair(daemon)
            await daemon.connect(one, other)
            await until_ready(one, other)
            await one.restart_stream()
            for stream in (one, other):
                event = await event_of(stream, handclasp.LocalCredentials)
                assert isinstance(event, handclasp.LocalCredentials)
                self.assertEqual(event.generation, 1)
            await event_of(one, handclasp.NewSelectedPair)
            await other.send_payload(b"\x80after")
            event = await event_of(one, handclasp.IcePayload)
            self.assertEqual(event, handclasp.IcePayload("ice_payload", one.name, {}, 1, b"\x80after"))

    async def test_a_message_that_is_refused_is_told_with_its_line(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            stream = await daemon.open(plugin=PLUGIN)
            unknown = await stream.send({"message": "generate_sdp"})
            refused = await stream.listen(component_id=7)
            errors = {}
            for _ in range(2):
                event = await event_of(stream, handclasp.ErrorEvent)
                assert isinstance(event, handclasp.ErrorEvent)
                errors[event.line] = event
            self.assertIn("did you mean", errors[unknown].error)
            self.assertIsNotNone(errors[unknown].column)
            self.assertIn("no component 7", errors[refused].error)
            self.assertIsNone(errors[refused].column)

    async def test_a_stream_as_a_context_has_ended_after_it(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            async with await daemon.open(plugin=PLUGIN, name="alice") as stream:
                self.assertEqual([one["stream"] for one in await daemon.streams()], ["alice"])
            self.assertTrue(stream.has_ended)
            with self.assertRaises(handclasp.Ended):
                await stream.generate_local_sdp()

            async def is_gone() -> bool:
                return not await daemon.streams()

            await until(is_gone)
            self.assertIsNot(await daemon.open(plugin=PLUGIN, name="alice"), stream)

    async def test_a_stream_is_stopped_by_request_and_says_its_last_words(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            stream = await daemon.open(plugin=PLUGIN)
            await daemon.stop(stream)
            names = [event.event async for event in stream]
            self.assertEqual(names[-2:], ["component_closed", "stopped"])

    async def test_streams_end_with_their_connection_and_say_so_first(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            stream = await daemon.open(plugin=PLUGIN)
        self.assertTrue(stream.has_ended)
        self.assertEqual([event.event async for event in stream][-1], "stopped")
        with self.assertRaises(handclasp.Disconnected):
            await daemon.status()

    async def test_a_detached_stream_outlives_its_connection_and_another_attaches(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            stream = await daemon.open(plugin=PLUGIN, name="lasting", detached=True, controlling=True)
            told = await event_of(stream, handclasp.LocalCredentials)
        self.assertFalse(stream.has_ended)
        self.assertNotIn("stopped", [event.event async for event in stream])
        async with handclasp.connect(self.real.socket) as daemon:
            again = await daemon.attach("lasting")
            self.assertEqual((again.plugin, again.controlling), (PLUGIN, True))
            self.assertEqual(await event_of(again, handclasp.LocalCredentials), told)
            await again.stop()
            await event_of(again, handclasp.Stopped)

    async def test_a_cancelled_open_leaves_no_stream(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            opens = [asyncio.ensure_future(daemon.open(plugin=PLUGIN)) for _ in range(20)]
            await asyncio.sleep(0)
            for one in opens:
                one.cancel()
            results = await asyncio.gather(*opens, return_exceptions=True)
            self.assertTrue(all(isinstance(one, asyncio.CancelledError) for one in results))

            async def are_gone() -> bool:
                return not await daemon.streams()

            await until(are_gone)

    async def test_more_streams_are_listed_than_one_line_has(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            opened = await asyncio.gather(*(daemon.open(plugin="none", retry=30) for _ in range(250)))
            listed = await daemon.streams()
            self.assertEqual({one["stream"] for one in listed}, {one.name for one in opened})

    async def test_refusals_have_a_kind_and_a_sentence(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            await daemon.open(plugin=PLUGIN, name="taken")
            for kind, refused in [
                ("name_taken", daemon.open(plugin=PLUGIN, name="taken")),
                ("options", daemon.open(plugin=PLUGIN, name="no name")),
                ("options", daemon.open(plugin=PLUGIN, components=1000)),
                ("plugin", daemon.open(plugin="nobodys")),
                ("request", daemon.open(plugin=PLUGIN, mtu=-1)),
                ("stream", daemon.attach("nobody")),
                ("plugin", daemon.release(PLUGIN)),
            ]:
                with self.subTest(kind), self.assertRaises(handclasp.Refused) as caught:
                    await refused
                self.assertEqual(caught.exception.kind, kind)
                self.assertGreater(len(caught.exception.sentence), 10)
                self.assertIsNone(caught.exception.retry_after)

    async def test_operators_ask_for_plugins_quarantine_reload_and_status(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon, await daemon.subscribe() as news:
            plugins = {one["plugin"]: one for one in await daemon.plugins()}
            self.assertEqual(plugins[PLUGIN]["generations"][0]["generation"], 1)
            await daemon.quarantine(PLUGIN, "it is tried")
            with self.assertRaises(handclasp.Refused) as caught:
                await daemon.open(plugin=PLUGIN)
            self.assertEqual(caught.exception.kind, "plugin")
            await daemon.release(PLUGIN)
            stream = await daemon.open(plugin=PLUGIN)
            await stream.stop()
            await event_of(stream, handclasp.Stopped)
            self.assertEqual((await daemon.reload())["restart_needed"], [])
            status = await daemon.status()
            self.assertEqual((status["process"], status["draining"]), (self.real.process.pid, False))
            names = []
            async for event in news:
                names.append(type(event))
                if isinstance(event, handclasp.Reloaded):
                    break
            self.assertEqual(
                names,
                [
                    handclasp.PluginQuarantined,
                    handclasp.OpenRefused,
                    handclasp.PluginReleased,
                    handclasp.StreamOpened,
                    handclasp.StreamEnded,
                    handclasp.Reloaded,
                ],
            )

    async def test_two_subscriptions_hear_what_each_asked_for_once(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            ends, all_news = await daemon.subscribe(["stream_ended"]), await daemon.subscribe()
            async with await daemon.open(plugin=PLUGIN) as stream:
                pass
            self.assertEqual((await ends.__anext__()).stream, stream.name)
            self.assertIsInstance(await all_news.__anext__(), handclasp.StreamOpened)
            self.assertIsInstance(await all_news.__anext__(), handclasp.StreamEnded)
            await ends.close()
            await all_news.close()
            self.assertEqual([event async for event in ends], [])
            self.assertEqual((await daemon.status())["streams"], 0)

    async def test_a_daemon_that_drains_ends_with_its_last_stream(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            stream = await daemon.open(plugin=PLUGIN)
            self.assertEqual(await daemon.drain(), 1)
            with self.assertRaises(handclasp.Refused) as caught:
                await daemon.open(plugin=PLUGIN, retry=60)
            self.assertEqual(caught.exception.kind, "draining")
            await stream.stop()
            self.assertEqual([event.event async for event in stream][-1], "stopped")
            self.assertEqual(await self.real.wait(), 0)

    async def test_a_daemon_that_is_shut_down_lets_every_stream_end(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            stream = await daemon.open(plugin=PLUGIN)
            news = await daemon.subscribe(["stream_ended"])
            self.assertEqual(await daemon.shutdown(), 1)
            self.assertEqual([event.event async for event in stream][-1], "stopped")
            self.assertIsInstance(await news.__anext__(), handclasp.StreamEnded)
            with self.assertRaises(handclasp.Disconnected):
                await news.__anext__()
            self.assertEqual(await self.real.wait(), 0)

    async def test_a_daemon_that_is_killed_breaks_the_iteration(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            stream = await daemon.open(plugin=PLUGIN)
            await event_of(stream, handclasp.CandidateGatheringDone)
            self.real.signal(signal.SIGKILL)
            with self.assertRaises(handclasp.Disconnected):
                async for _ in stream:
                    pass
            with self.assertRaises(handclasp.Disconnected):
                await daemon.status()


class Limited(OneDaemon):
    configuration = "limits.opens-per-second = 20\nlimits.open-burst = 5\nlimits.max-half-open = 60\n"

    async def test_opens_beyond_the_rate_are_tried_again_when_the_daemon_says_so(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            opened = await asyncio.gather(*(daemon.open(plugin="none", retry=60) for _ in range(40)))
            self.assertEqual(len({one.name for one in opened}), 40)

    async def test_what_is_still_refused_after_the_time_is_raised(self) -> None:
        async with handclasp.connect(self.real.socket) as daemon:
            opens = (daemon.open(plugin="none", retry=0.5) for _ in range(60))
            results = await asyncio.gather(*opens, return_exceptions=True)
            refused = [one for one in results if isinstance(one, handclasp.Refused)]
            self.assertTrue(refused and all(one.kind == "rate" for one in refused), results)
            self.assertGreaterEqual(len(results) - len(refused), 5)


class OverTcp(OneDaemon):
    token = "a-secret-of-this-test"

    async def test_the_token_opens_the_connection(self) -> None:
        async with handclasp.connect(self.real.tcp, token=self.token) as daemon:
            stream = await daemon.open(plugin=PLUGIN)
            await event_of(stream, handclasp.CandidateGatheringDone)
            async with await daemon.subscribe(["stream_ended"]) as news:
                await stream.stop()
                self.assertEqual((await news.__anext__()).stream, stream.name)

    async def test_another_token_is_refused(self) -> None:
        with self.assertRaises(handclasp.Refused) as caught:
            await handclasp.connect(self.real.tcp, token="not-the-secret-at-all")
        self.assertEqual(caught.exception.kind, "token")
        async with handclasp.connect(self.real.tcp) as daemon:
            with self.assertRaises(handclasp.HandclaspError):
                await daemon.status()


if __name__ == "__main__":
    unittest.main()
