"""A line server on plain asyncio. Each request begins work that continues after the response. At the stop "lost" closes the
server and abandons this work, "awaited" waits for it."""
import asyncio
import os
import signal
import sys

work = set()
proceed = asyncio.Event()


async def write_behind():
    await proceed.wait()


async def handle(reader, writer):
    await reader.readline()
    work.add(asyncio.create_task(write_behind(), name="write-behind"))
    writer.write(b"ok\n")
    await writer.drain()
    writer.close()


async def ask(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"hello\n")
    await reader.read()
    writer.close()
    await writer.wait_closed()
    os.kill(os.getpid(), signal.SIGTERM)


async def main(loop):
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    client = asyncio.create_task(ask(server.sockets[0].getsockname()[1]))
    await stop.wait()
    await client
    server.close()
    if sys.argv[1] == "awaited":
        proceed.set()
        await asyncio.gather(*work)
    await server.wait_closed()


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(main(loop))
loop.close()
