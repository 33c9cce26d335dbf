"""An aiohttp application with a background task, which its cleanup cancels. With the argument "lost" the cleanup does not wait
for the end of the task."""
import asyncio
import contextlib
import os
import signal
import sys

from aiohttp import web


async def refresh():
    await asyncio.Event().wait()


async def begin(app):
    app["refresh"] = asyncio.create_task(refresh(), name="refresh-cache")


async def end(app):
    app["refresh"].cancel()
    if sys.argv[1] == "awaited":
        with contextlib.suppress(asyncio.CancelledError):
            await app["refresh"]


async def hello(request):
    return web.Response(text="ok\n")


async def ask(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    await reader.read()
    writer.close()
    await writer.wait_closed()
    os.kill(os.getpid(), signal.SIGTERM)


async def main():
    app = web.Application()
    app.router.add_get("/", hello)
    app.on_startup.append(begin)
    app.on_cleanup.append(end)
    runner = web.AppRunner(app)
    await runner.setup()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = asyncio.create_task(ask(runner.addresses[0][1]))
    await stop.wait()
    await client
    await runner.cleanup()


asyncio.run(main())
