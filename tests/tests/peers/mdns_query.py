"""Somebody on the network, with plain sockets: says what it hears of names, and asks for them, once as responders do
among each other and once as a program that knows nothing of multicast DNS, from a port of its own."""

import asyncio
import socket
import struct

import dns.flags
import dns.message
from json_lines import obey_lines, say

GROUP = ("224.0.0.251", 5353)
CACHE_FLUSH = 0x8000


class Listener(asyncio.DatagramProtocol):
    def __init__(self, event):
        self.event = event

    def datagram_received(self, data, source):
        message = dns.message.from_wire(data)
        if not message.flags & dns.flags.QR:
            return
        for record in message.answer:
            say(
                self.event,
                name=record.name.to_text(omit_final_dot=True),
                address=[socket.inet_ntoa(item.to_generic().data) for item in record],
                ttl=record.ttl,
                flushes=bool(record.rdclass & CACHE_FLUSH),
                questions=len(message.question),
            )


async def main():
    loop = asyncio.get_running_loop()
    group = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    group.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    group.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    group.bind(("", GROUP[1]))
    member = struct.pack("4s4s", socket.inet_aton(GROUP[0]), b"\0" * 4)
    group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    responder, _ = await loop.create_datagram_endpoint(
        lambda: Listener("all_hear"), sock=group
    )
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.bind(("", 0))
    asker, _ = await loop.create_datagram_endpoint(lambda: Listener("answer"), sock=own)

    async def obey(line):
        if line["message"] == "ask":
            query = dns.message.make_query(line["name"], "A").to_wire()
            asker.sendto(query, GROUP)
            responder.sendto(query, GROUP)
        return line["message"] != "stop"

    say("local_credentials", credentials="peer " + "p" * 24)
    await obey_lines(obey)
    say("stopped")


asyncio.run(main())
