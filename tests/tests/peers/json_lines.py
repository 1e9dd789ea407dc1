"""The JSON lines of docs/json-lines.md, for peers in Python."""

import asyncio
import base64
import json
import sys


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def encode(data):
    return base64.b64encode(data).decode()


async def obey_lines(obey):
    """Until `obey` answers False or the input ends."""
    lines = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    while line := await lines.readline():
        if not await obey(json.loads(line)):
            break
