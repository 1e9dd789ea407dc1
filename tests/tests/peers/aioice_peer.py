"""aioice behind the JSON lines of docs/json-lines.md."""

import argparse
import asyncio
import base64

from aioice import Candidate, Connection
from json_lines import encode, obey_lines, say


class Peer:
    def __init__(self, components, controlling):
        self.components = components
        self.ice = Connection(ice_controlling=controlling, components=components)
        self.task = None

    async def announce(self):
        credentials = f"{self.ice.local_username} {self.ice.local_password}"
        say("local_credentials", credentials=credentials)
        await self.ice.gather_candidates()
        for candidate in self.ice.local_candidates:
            say(
                "new_candidate_full",
                component_id=candidate.component,
                candidate="candidate:" + candidate.to_sdp(),
            )
        say("candidate_gathering_done")

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
                await self.ice.sendto(payload, line["component_id"])
            case "stop":
                return False
        return True

    async def run(self):
        try:
            await self.ice.connect()
        except ConnectionError as error:
            self.say_of_each("component_state_failed", reason=str(error))
            return
        self.say_of_each("component_state_ready")
        while True:
            data, component = await self.ice.recvfrom()
            say("ice_payload", component_id=component, payload=encode(data))

    def say_of_each(self, event, **fields):
        for component in range(1, self.components + 1):
            say(event, component_id=component, **fields)

    async def stop(self):
        self.task.cancel()
        await self.ice.close()
        say("stopped")


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--controlling", action="store_true")
    parser.add_argument("--components", type=int, default=1)
    arguments = parser.parse_args()
    peer = Peer(arguments.components, arguments.controlling)
    await peer.announce()
    await obey_lines(peer.obey)
    await peer.stop()


asyncio.run(main())
