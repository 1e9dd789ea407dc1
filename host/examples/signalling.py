#!/usr/bin/env python3
"""Signalling for `handclasp stream` over TCP: a server that joins two peers, and a client that runs a stream.

    signalling.py serve 127.0.0.1 7000
    signalling.py join 127.0.0.1 7000 handclasp stream --plugin dtls-srtp       (this line twice)

The connection is not encrypted: whoever can change it can pretend to be the peer. Use TLS between machines.
"""
import asyncio, base64, json, subprocess, sys, threading, socket

ROLES = ["initiator", "responder"]
FOR_PEER = {  # event: the peer's message
    "handshake_init_data": "set_peer_init_data",
    "local_credentials": "set_remote_credentials",
    "new_candidate_full": "set_remote_candidate",
    "candidate_gathering_done": "peer_candidate_gathering_done",
}

async def serve(host, port):
    waiting = []  # at most one peer
    async def copy(reader, writer):
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
        writer.close()
    async def joined(*peer):
        waiting.append(peer)
        if len(waiting) == 2:
            pair = [waiting.pop(0), waiting.pop(0)]
            for (_, writer), role in zip(pair, ROLES):
                writer.write(f"{role}\n".encode())
            await asyncio.gather(copy(pair[0][0], pair[1][1]), copy(pair[1][0], pair[0][1]))
    server = await asyncio.start_server(joined, host, port, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

def join(host, port, command):
    peer = socket.create_connection((host, int(port)))
    heard, said = peer.makefile("r", encoding="utf-8"), peer.makefile("w", encoding="utf-8")
    role = heard.readline().strip()
    child = subprocess.Popen(command + ["--controlling"] * (role == ROLES[0]), text=True, bufsize=1,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    def tell(to, message):
        try: print(json.dumps(message), file=to, flush=True)
        except OSError: pass  # it has ended
    def from_peer():
        for message in map(json.loads, heard):
            if message.get("message") in FOR_PEER.values():  # nothing else is the peer's to say
                tell(child.stdin, message)
    threading.Thread(target=from_peer, daemon=True).start()
    for event in map(json.loads, child.stdout):
        name = event.pop("event")
        print(role, name, flush=True)
        if name in FOR_PEER:
            of_peer = {"role": ROLES[role == ROLES[0]]} if name == "handshake_init_data" else {}
            tell(said, {"message": FOR_PEER[name], **event, **of_peer})
        elif name == "component_state_ready":
            hello = base64.b64encode(f"hello from the {role}".encode()).decode()
            tell(child.stdin, {"message": "send_payload", "component_id": 1, "payload": hello})
        elif name == "ice_payload":
            print(role, "received", base64.b64decode(event["payload"]).decode(), flush=True)
        if name in ("ice_payload", "component_closed", "component_state_failed"):
            tell(child.stdin, {"message": "stop"})
    return child.wait()

if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", host, port]: asyncio.run(serve(host, int(port)))
        case ["join", host, port, *command] if command: sys.exit(join(host, port, command))
        case _: sys.exit(__doc__)
