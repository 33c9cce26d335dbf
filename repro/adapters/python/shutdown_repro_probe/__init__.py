"""Records events of a Python program for shutdown-repro, one write(2) for each (man 7 shutdown-repro-target).
Independent of frameworks."""
import atexit
import json
import os
import re
import sys
import threading
import time

OBSERVES = ["coroutines", "server", "loops", "timers"]

_lock = threading.RLock()  # reentrant, because a garbage collection may record events while we hold it
# A child of fork(2) has only the thread that forked, so no other thread may hold the lock meanwhile.
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
_last = {}
_looks_like_id = re.compile(r"[a-z_]+:(0|[1-9][0-9]*)\Z")
_file = None
_writer = None
_next = 0
_queued = []
_recording = False
_over = False
_thread = threading.local()


def acting():
    """Returns the stack of actors of this thread, the current one last. The caller pushes and pops."""
    if not hasattr(_thread, "acting"):
        _thread.acting = []
    return _thread.acting


class Id(str):
    """A text that is the id of an actor."""


def fresh(word):
    """Returns a new id for a word: "timer:7"."""
    with _lock:
        _last[word] = _last.get(word, 0) + 1
        return Id(f"{word}:{_last[word]}")


def event(kind, id=None, parent=None, because=(), **detail):
    """Records an event and returns its number, or None after recording has ended."""
    global _next, _recording
    if _over:
        return None
    recorded = []
    with _lock:
        if _recording:  # called by a garbage collection during another event; recorded after that event
            return _queue(kind, id, parent, because, detail)
        _recording = True
        try:
            if _writer != os.getpid():
                _open()
            number = _queue(kind, id, parent, because, detail)
            while _queued:
                recorded.append(_record(*_queued.pop(0)))
        finally:
            _recording = False
    if os.environ.get("SHUTDOWN_REPRO_CONTROL"):
        from shutdown_repro_probe import control
        for kind in recorded:
            control.reach(kind)
    return number


def _queue(kind, id, parent, because, detail):
    """Takes a number and queues the event. Creates no object in between: a garbage collection could begin there."""
    global _next
    entry = [0, kind, id, parent, because, acting()[-1] if acting() else None, detail]
    number = entry[0] = _next
    _next += 1
    _queued.append(entry)
    return number


def _record(number, kind, id, parent, because, by, detail):
    line = {"seq": number, "t": time.monotonic_ns(), "kind": kind}
    if id:
        line["id"] = id
    if parent:
        line["parent"] = parent
    if by:
        line["by"] = by
    causes = sorted({b for b in because if b is not None and b < number})
    if causes:
        line["because"] = causes
    detail = {key: _value(value) for key, value in detail.items() if value is not None}
    if detail:
        line["detail"] = detail
    _append(line)
    return kind


def _value(value):
    if isinstance(value, str) and not isinstance(value, Id) and _looks_like_id.match(value):
        return {"text": value}
    return value


def _open():
    """Opens the file of this process: for the first process the given one, for others one with the process id in its name."""
    global _file, _writer, _next
    _writer, _next, _file = os.getpid(), 0, None
    failure = None
    path = os.environ["SHUTDOWN_REPRO_TRACE"]
    for name in (path, f"{path}.{_writer}"):
        try:
            _file = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            break
        except FileExistsError as error:
            failure = error
        except OSError as error:
            failure = error
            break
    if _file is None:
        sys.stderr.write(f"shutdown-repro: cannot record to {path}: {failure.strerror}\n")
        return
    _append({"format": "shutdown-repro/trace", "version": "1.0", "tool": "asyncio adapter", "world": "live", "observes": OBSERVES})


def _append(line):
    """Ends the trace after an incomplete write, because continuing would leave a gap in its numbers."""
    global _file
    if _file is None:
        return
    text = (json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n").encode("utf-8", "replace")
    try:
        if os.write(_file, text) == len(text):
            return
        reason = "the disk is full"
    except OSError as error:
        reason = error.strerror
    _file = None
    sys.stderr.write(f"shutdown-repro: cannot record: {reason}\n")


@atexit.register
def _end():
    """Stops recording. What the interpreter destroys from now on, while it shuts down, is no act of the program."""
    global _over
    _over = True


def place(outside):
    """Returns the innermost line on the stack that is in none of the folders `outside`: ("app.py:12", "/srv/app.py:12")."""
    frame = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if not path.startswith(outside) and not path.startswith("<"):
            return f"{os.path.basename(path)}:{frame.f_lineno}", f"{path}:{frame.f_lineno}"
        frame = frame.f_back
    return None, None
