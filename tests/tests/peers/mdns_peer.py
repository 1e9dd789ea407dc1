"""A peer that hides its address behind a name, which aioice's responder of multicast DNS knows. It answers no
check, but says that one came: nothing but the name can have led there."""

import asyncio
import sys

from aioice import mdns
from json_lines import obey_lines, say


class Socket(asyncio.DatagramProtocol):
    def datagram_received(self, data, source):
        say("checked", source=source[0], length=len(data))


async def obey(line):
    return line["message"] != "stop"


async def main():
    address, is_published = sys.argv[1], sys.argv[2] == "published"
    name = mdns.create_mdns_hostname()
    responder = await mdns.create_mdns_protocol()
    if is_published:
        await responder.publish(name, address)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Socket, local_addr=(address, 0))
    port = transport.get_extra_info("sockname")[1]
    say("local_credentials", credentials="peer " + "p" * 24)
    candidate = f"candidate:1 1 udp 2130706431 {name} {port} typ host"
    say("new_candidate_full", component_id=1, candidate=candidate)
    await obey_lines(obey)
    await responder.close()
    say("stopped")


asyncio.run(main())
