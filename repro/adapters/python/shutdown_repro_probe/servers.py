"""Records when the servers of frameworks begin and end. The listening servers inside them belong to them."""
import functools
import sys

from shutdown_repro_probe import event, fresh
from shutdown_repro_probe.loops import framework


def watch(module):
    if module == "uvicorn.server":
        server = sys.modules[module].Server
        server.serve = _from_begin_to_end(server.serve, "uvicorn")
    elif module == "aiohttp.web_runner":
        runner = sys.modules[module].BaseRunner
        runner.setup = _begin(runner.setup, "aiohttp")
        runner.cleanup = _end(runner.cleanup)


_running = {}  # by identity: (server, id); keeps the server alive so that its identity is not reused


def _opened(self, name):
    if id(self) in _running:
        return
    own = fresh("server")
    _running[id(self)] = (self, own)
    framework.append(own)
    event("server.open", own, name=name)


def _stopped(self):
    _, own = _running.pop(id(self), (None, None))
    if own is not None:
        framework.remove(own)
        event("server.stopped", own)


def _begin(before, name):
    @functools.wraps(before)
    async def setup(self, *args, **more):
        _opened(self, name)
        return await before(self, *args, **more)
    return setup


def _end(before):
    @functools.wraps(before)
    async def cleanup(self, *args, **more):
        try:
            return await before(self, *args, **more)
        finally:
            _stopped(self)
    return cleanup


def _from_begin_to_end(before, name):
    return _end(_begin(before, name))
