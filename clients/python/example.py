"""Two peers that meet: run it twice, with the same file as their meeting place.

    python3 example.py listen /tmp/meeting &
    python3 example.py call /tmp/meeting

Each opens a stream in the daemon at --socket, which may be the same one or one of each peer's machine. What a stream
says for the other is carried through a Unix socket, where a real application has its signalling server.
"""

from __future__ import annotations

import argparse
import asyncio
import json

import handclasp


async def talk(socket: str | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_caller: bool) -> None:
    async with handclasp.connect(socket) as daemon:
        # Two streams of one daemon need other ports to tell them apart; with a daemon each, leave that out.
        stream = await daemon.open(plugin="dtls-srtp", controlling=is_caller, own_ports=True, retry=10)

        async def hear_the_other_side() -> None:
            while line := await reader.readline():
                await stream.from_peer(json.loads(line))

        hearing = asyncio.ensure_future(hear_the_other_side())
        try:
            async for event in stream:
                message = event.for_peer(stream.peer_role)
                if message is not None:
                    writer.write(json.dumps(message).encode() + b"\n")
                elif isinstance(event, handclasp.ComponentStateReady):
                    print(f"ready, with {len(event.handshake_data)} bytes of keys", flush=True)
                    if is_caller:
                        await stream.send_payload(b"\x80hello")
                elif isinstance(event, handclasp.IcePayload):
                    print(f"heard {event.payload!r}", flush=True)
                    if is_caller:
                        await stream.stop()
                    else:
                        await stream.send_payload(event.payload)
                elif isinstance(event, handclasp.ComponentClosed) and event.by_peer:
                    await stream.stop()
                elif isinstance(event, (handclasp.ComponentStateFailed, handclasp.ErrorEvent)):
                    raise SystemExit(str(event))
        finally:
            hearing.cancel()
            writer.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description="Two peers that meet.")
    parser.add_argument("side", choices=("listen", "call"))
    parser.add_argument("meeting", help="where the two meet: a Unix socket that is made there")
    parser.add_argument("--socket", help="the daemon's control socket, if it is not where it is by default")
    arguments = parser.parse_args()
    if arguments.side == "call":
        reader, writer = await asyncio.open_unix_connection(arguments.meeting)
        return await talk(arguments.socket, reader, writer, True)
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def called(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(arguments.socket, reader, writer, False)
        except BaseException as error:
            ended.set_exception(error)
        else:
            ended.set_result(None)

    async with await asyncio.start_unix_server(called, arguments.meeting):
        print("listening", flush=True)
        await ended


if __name__ == "__main__":
    asyncio.run(main())
