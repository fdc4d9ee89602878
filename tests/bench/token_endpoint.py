"""A slow token endpoint: `python token_endpoint.py SECONDS TOKEN`, in a process of its own.

Any number of requests wait at the same time, and each gets the same token. The first line on standard output is the
URL; the process ends when its standard input is closed.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

LENGTH = re.compile(rb"(?i)content-length: *(\d+)")
YEAR = 365 * 24 * 3600


def response(token: str) -> bytes:
    body = json.dumps({"access_token": token, "refresh_token": "next", "token_type": "bearer", "expires_in": YEAR})
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


async def serve(seconds: float, token: str) -> None:
    whole = response(token)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = LENGTH.search(head)
                await reader.readexactly(int(length[1]) if length else 0)
                await asyncio.sleep(seconds)
                writer.write(whole)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=256)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/token", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(serve(float(sys.argv[1]), sys.argv[2]))
