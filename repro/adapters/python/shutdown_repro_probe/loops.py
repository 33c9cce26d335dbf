"""Records the events of asyncio: tasks, loops, timers, listening servers, uncaught errors, and stop signals.

Records everything on the loops of asyncio, and only tasks on a loop that is written in C (uvloop).
"""
import asyncio
import collections.abc
import contextvars
import functools
import os
import signal
import sys
import sysconfig

from shutdown_repro_probe import acting, event, fresh, order, place

_library = tuple({os.path.dirname(asyncio.__file__) + os.sep, os.path.dirname(__file__) + os.sep})
_installed = _library + tuple(sorted({sysconfig.get_paths()[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
                                     | {"/usr/lib/python3/dist-packages/"}))
_stop_signals = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)


def watch(module):
    asyncio.Task = asyncio.tasks.Task = _Task
    asyncio.TimerHandle = asyncio.events.TimerHandle = _Timer
    loop = asyncio.BaseEventLoop
    loop.run_forever = _run_forever(loop.run_forever)
    loop.call_exception_handler = _call_exception_handler(loop.call_exception_handler)
    server = asyncio.base_events.Server
    server.__init__ = _server_init(server.__init__)
    server._start_serving = _server_start(server._start_serving)
    server.close = _server_close(server.close)
    loop.close = _loop_close(loop.close)
    if hasattr(asyncio, "unix_events"):
        unix = asyncio.unix_events._UnixSelectorEventLoop
        unix.add_signal_handler = _add_signal_handler(unix.add_signal_handler)
    selecting = asyncio.selector_events.BaseSelectorEventLoop
    order.watch(selecting)


# --- tasks

inside = contextvars.ContextVar("shutdown_repro_inside", default=None)  # the framework's server that runs this; see servers.py


class _Steps(collections.abc.Coroutine):
    """A coroutine that records its steps and delegates everything else to the wrapped coroutine."""

    def __init__(self, inner, id):
        self._inner = inner
        self._id = id
        self._state = "new"  # new, suspended, running, over

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)

    def send(self, value):
        return self._step(functools.partial(self._inner.send, value), "value")

    def throw(self, *error):
        cancelled = isinstance(error[0], asyncio.CancelledError) or error[0] is asyncio.CancelledError
        return self._step(functools.partial(self._inner.throw, *error), "cancellation" if cancelled else "error")

    def _step(self, step, resumed_with):
        if self._state == "new" and resumed_with == "value":
            event("coroutine.start", self._id)
        elif self._state == "suspended":
            event("coroutine.resume", self._id, **{"with": resumed_with})
        started = self._state != "new" or resumed_with == "value"
        self._state = "running"
        acting().append(self._id)
        try:
            awaited = step()
        except StopIteration:
            self._finish("completed")
            raise
        except asyncio.CancelledError:
            self._finish("cancelled" if started else "never ran")
            raise
        except BaseException as error:
            self._finish("failed", f"{type(error).__name__}: {error}")
            raise
        finally:
            acting().pop()
        self._state = "suspended"
        event("coroutine.suspend", self._id, on="completion" if isinstance(awaited, asyncio.Task) else "future")
        return awaited

    def _finish(self, result, error=None):
        self._state = "over"
        event("coroutine.finish", self._id, result=result, error=error)
        event("coroutine.remove", self._id)

    def close(self):
        """Records that the frame is destroyed: the code after the point where it waits never runs."""
        if self._state == "suspended":
            self._finish("destroyed")
        self._state = "over"
        return self._inner.close()

    def __del__(self):
        if self._state == "suspended":
            self.close()


class _Task(asyncio.Task):
    def __init__(self, coro, *, name=None, **more):
        self._repro_id = None
        if asyncio.iscoroutine(coro):
            short, full = place(_library)
            what = name or _name_to_be() or getattr(coro, "__qualname__", type(coro).__name__)
            self._repro_id = fresh("coroutine")
            event("coroutine.spawn", self._repro_id, name=f"{what} ({short})" if short else what, created=full,
                  owner=inside.get() or _owning_loop(more.get("loop")))
            coro = _Steps(coro, self._repro_id)
        super().__init__(coro, name=name, **more)

    def cancel(self, *message, **more):
        if self._repro_id and not self.done():
            event("coroutine.cancel", self._repro_id, mode="unsafe")
        return super().cancel(*message, **more)

    def get_coro(self):
        coro = super().get_coro()
        return coro._inner if isinstance(coro, _Steps) else coro


_Task.__name__ = _Task.__qualname__ = "Task"  # as it is printed


def _owning_loop(loop):
    """A task outside of a framework's server is awaited by the program, before its loop ends."""
    loop = loop or asyncio._get_running_loop()
    try:
        return loop and _loop_id(loop)
    except AttributeError:  # a loop that is not written in Python
        return None


def _name_to_be():
    """create_task() sets the name of a task only after its creation."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(_library):
        if frame.f_code.co_name == "create_task" and frame.f_locals.get("name"):
            return str(frame.f_locals["name"])
        frame = frame.f_back
    return None


# --- loops

def _loop_id(loop):
    id = getattr(loop, "_repro_id", None)
    if id is None:
        id = loop._repro_id = fresh("loop")
        loop._repro_timers = {}
        loop._repro_servers = []
    return id


def _loop_close(before):
    """The program that closed a listening server has stopped when it closes its loop. It may wait for other things after
    the server."""
    @functools.wraps(before)
    def close(self):
        for server in getattr(self, "_repro_servers", ()):
            if server._repro_state == "closed":
                server._repro_state = "stopped"
                event("server.stopped", server._repro_id)
        return before(self)
    return close


def _run_forever(before):
    @functools.wraps(before)
    def run_forever(self):
        id = _loop_id(self)
        event("loop.start", id)
        acting().append(id)
        try:
            return before(self)
        finally:
            acting().pop()
            event("loop.stop", id, timers=sum(what == "user" for what in self._repro_timers.values()))
    return run_forever


def _call_exception_handler(before):
    @functools.wraps(before)
    def call_exception_handler(self, context):
        error = context.get("exception")
        what = str(context.get("message", "an error"))
        event("loop.error", _loop_id(self), error=f"{what}: {type(error).__name__}: {error}" if error else what)
        return before(self, context)
    return call_exception_handler


# --- timers

class _Timer(asyncio.TimerHandle):
    __slots__ = ("_repro",)  # (id, what, name) while it is armed

    def __init__(self, when, callback, args, loop, context=None):
        super().__init__(when, callback, args, loop, context)
        caller = sys._getframe(1)
        while caller.f_back is not None and caller.f_code.co_name in ("call_at", "call_later"):
            caller = caller.f_back
        path = caller.f_code.co_filename
        what = "user" if not path.startswith(_installed) else "sleep" if caller.f_code.co_name == "sleep" else "library"
        owner = _loop_id(loop)
        self._repro = (fresh("timer"), what, f"{os.path.basename(path)}:{caller.f_lineno}")
        loop._repro_timers[self._repro[0]] = what
        event("timer.arm", self._repro[0], owner, ms=max(0, round((when - loop.time()) * 1000)), what=what, name=self._repro[2],
              recurring=False)

    def _told(self, kind, **detail):
        loop = self._loop
        if self._repro and loop is not None and loop._repro_timers.pop(self._repro[0], None):
            event(kind, self._repro[0], _loop_id(loop), **detail)

    def _run(self):
        if not self._cancelled:
            self._told("timer.fire", what=self._repro[1], name=self._repro[2])
        super()._run()

    def cancel(self):
        self._told("timer.cancel")
        super().cancel()


# --- listening servers

framework = []  # the server of a framework that owns the listening servers; see servers.py


def _server_init(before):
    @functools.wraps(before)
    def init(self, *args, **more):
        before(self, *args, **more)
        self._repro_own = not framework
        self._repro_id = framework[-1] if framework else fresh("server")
        self._repro_state = "new"
        if self._repro_own:
            _loop_id(self._loop)
            self._loop._repro_servers.append(self)
            event("server.open", self._repro_id, name="asyncio server (%s)" % (place(_library)[0] or "?"))
    return init


def _server_start(before):
    @functools.wraps(before)
    def start(self):
        before(self)
        if self._repro_state != "new":
            return
        self._repro_state = "serving"
        for socket in self.sockets:
            name = socket.getsockname()
            event("server.listen", self._repro_id, port=name[1] if isinstance(name, tuple) else None)
        event("server.ready", self._repro_id)
    return start


def _server_close(before):
    @functools.wraps(before)
    def close(self):
        if self._repro_state == "serving":
            self._repro_state = "closed"
            event("server.close", self._repro_id)
        return before(self)
    return close


# --- signals

def _add_signal_handler(before):
    @functools.wraps(before)
    def add_signal_handler(self, number, callback, *args):
        if number not in _stop_signals:
            return before(self, number, callback, *args)

        def stop(*of):
            event("act.stop", framework[-1] if framework else "server:1", what=signal.Signals(number).name)
            return callback(*of)
        return before(self, number, stop, *args)
    return add_signal_handler
