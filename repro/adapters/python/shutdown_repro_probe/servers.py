"""Records when the servers of frameworks begin and end. What listens inside them and the tasks that they start are theirs."""
import functools
import sys

from shutdown_repro_probe import event, fresh
from shutdown_repro_probe.loops import framework, inside


def watch(module):
    if module == "uvicorn.server":
        server = sys.modules[module].Server
        server.serve = _from_begin_to_end(server.serve, "uvicorn")
    elif module == "aiohttp.web_runner":
        own = sys.modules[module]
        own.BaseRunner.setup = _begin(own.BaseRunner.setup, "aiohttp")
        own.BaseRunner.cleanup = _end(own.BaseRunner.cleanup)
        for site in list(vars(own).values()):
            if isinstance(site, type) and issubclass(site, own.BaseSite) and "start" in vars(site):
                site.start = _part(site.start)


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


async def _run_inside(self, call):
    """The tasks that are created meanwhile, and those that are created by them, belong to the server."""
    _, own = _running.get(id(self), (None, None))
    before = inside.set(own or inside.get())
    try:
        return await call
    finally:
        inside.reset(before)


def _begin(before, name):
    @functools.wraps(before)
    async def setup(self, *args, **more):
        _opened(self, name)
        return await _run_inside(self, before(self, *args, **more))
    return setup


def _end(before):
    @functools.wraps(before)
    async def cleanup(self, *args, **more):
        try:
            return await _run_inside(self, before(self, *args, **more))
        finally:
            _stopped(self)
    return cleanup


def _part(before):
    """A site of aiohttp's runner accepts connections: their handlers are the runner's."""
    @functools.wraps(before)
    async def start(self, *args, **more):
        return await _run_inside(self._runner, before(self, *args, **more))
    return start


def _from_begin_to_end(before, name):
    return _end(_begin(before, name))
