"""An ASGI application under uvicorn. Its lifespan cancels a worker that still has to clean up. With "lost" as the first argument
it does not wait for that. The second argument is the loop of uvicorn: asyncio or uvloop."""
import asyncio
import contextlib
import os
import signal
import sys

import uvicorn

listening, put_away = asyncio.Event(), asyncio.Event()


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        listening.set()


async def work():
    try:
        await asyncio.Event().wait()
    finally:
        await put_away.wait()


async def ask():
    await listening.wait()
    reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    await reader.read()
    writer.close()
    await writer.wait_closed()
    os.kill(os.getpid(), signal.SIGTERM)


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        worker = asyncio.create_task(work(), name="worker")
        client = asyncio.create_task(ask())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await client
        worker.cancel()
        if sys.argv[1] == "awaited":
            put_away.set()
            with contextlib.suppress(asyncio.CancelledError):
                await worker
        return await send({"type": "lifespan.shutdown.complete"})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
    await send({"type": "http.response.body", "body": b"ok\n"})


server = Server(uvicorn.Config(app, loop=sys.argv[2], host="127.0.0.1", port=0, log_level="critical"))
server.run()
