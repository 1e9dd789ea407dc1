"""aioice behind the JSON lines of docs/json-lines.md.

Beside the events of a stream it tells component_state_connecting."""

import argparse
import asyncio
import base64

from aioice import Candidate, Connection, TransportPolicy, mdns
from json_lines import encode, obey_lines, say


class Peer:
    def __init__(self, arguments):
        self.components = arguments.components
        self.hide = arguments.hide
        relay = {}
        if arguments.turn:
            host, port, user, password = arguments.turn
            relay = {
                "turn_server": (host, int(port)),
                "turn_username": user,
                "turn_password": password,
                "transport_policy": TransportPolicy.RELAY,
            }
        self.ice = Connection(
            ice_controlling=arguments.controlling,
            components=arguments.components,
            **relay,
        )
        self.ice.remote_is_lite = arguments.remote_is_lite
        self.responder = None
        self.task = None

    async def announce(self):
        credentials = f"{self.ice.local_username} {self.ice.local_password}"
        say("local_credentials", credentials=credentials)
        await self.ice.gather_candidates()
        if self.hide == "published":
            self.responder = await mdns.create_mdns_protocol()
        for candidate in self.ice.local_candidates:
            words = candidate.to_sdp().split()
            if self.hide:
                words[4] = await self.name(candidate.host)
            say(
                "new_candidate_full",
                component_id=candidate.component,
                candidate="candidate:" + " ".join(words),
            )
        say("candidate_gathering_done")

    async def name(self, address):
        """A name in the place of an address; one that leads there if names are published."""
        name = mdns.create_mdns_hostname()
        if self.responder:
            await self.responder.publish(name, address)
        return name

    async def obey(self, line):
        """Returns whether to go on."""
        match line["message"]:
            case "set_remote_credentials":
                ufrag, password = line["credentials"].split()
                self.ice.remote_username, self.ice.remote_password = ufrag, password
                self.task = asyncio.create_task(self.run())  # candidates trickle in
            case "set_remote_candidate":
                candidate = Candidate.from_sdp(line["candidate"].removeprefix("candidate:"))
                await self.ice.add_remote_candidate(candidate)
            case "peer_candidate_gathering_done":
                await self.ice.add_remote_candidate(None)
            case "send_payload":
                payload = base64.b64decode(line["payload"])
                try:
                    await self.ice.sendto(payload, line["component_id"])
                except ConnectionError as error:
                    component = line["component_id"]
                    say("could_not_send_payload", component_id=component, reason=str(error))
            case "stop":
                return False
        return True

    async def run(self):
        self.say_of_each("component_state_connecting")
        try:
            await self.ice.connect()
        except ConnectionError as error:
            self.say_of_each("component_state_failed", reason=str(error))
            return
        self.say_of_each("component_state_ready")
        try:
            while True:
                data, component = await self.ice.recvfrom()
                say("ice_payload", component_id=component, payload=encode(data))
        except ConnectionError as error:
            self.say_of_each("component_state_failed", reason=str(error))

    def say_of_each(self, event, **fields):
        for component in range(1, self.components + 1):
            say(event, component_id=component, **fields)

    async def stop(self):
        self.task.cancel()
        await self.ice.close()
        if self.responder:
            await self.responder.close()
        say("stopped")


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--controlling", action="store_true")
    parser.add_argument("--remote-is-lite", action="store_true")
    parser.add_argument("--components", type=int, default=1)
    parser.add_argument(
        "--turn",
        nargs=4,
        metavar=("HOST", "PORT", "USER", "PASSWORD"),
        help="Use this TURN server over UDP and nothing else",
    )
    parser.add_argument(
        "--hide",
        choices=["published", "unknown"],
        help="Tell names of multicast DNS in place of addresses",
    )
    peer = Peer(parser.parse_args())
    await peer.announce()
    await obey_lines(peer.obey)
    await peer.stop()


asyncio.run(main())
