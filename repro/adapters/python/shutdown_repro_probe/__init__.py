"""Events of a Python program for shutdown-repro, one write(2) each (man 7 shutdown-repro-target). Knows no framework."""
import atexit
import json
import os
import re
import sys
import threading
import time

OBSERVES = ["coroutines", "server", "loops", "timers"]

_lock = threading.RLock()  # a garbage collection may record while we do
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
    """Who acts in this thread, the innermost last; the caller's to add to and to take from."""
    if not hasattr(_thread, "acting"):
        _thread.acting = []
    return _thread.acting


class Id(str):
    """A text that is an id."""


def fresh(word):
    """The next id of a word that was not used yet: "timer:7"."""
    with _lock:
        _last[word] = _last.get(word, 0) + 1
        return Id(f"{word}:{_last[word]}")


def event(kind, id=None, parent=None, because=(), **detail):
    """Records that it happened and returns the event's number, or None once nothing is recorded any more."""
    global _next, _recording
    if _over:
        return None
    recorded = []
    with _lock:
        if _recording:  # a garbage collection in the midst of an event: it comes behind that one
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
    """Numbers and order are one: nothing between them makes an object that a collection could begin with."""
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
    """A process has a file of its own: the first one the file that was asked for, any other that name and its number."""
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
    """After an incomplete write the trace ends: continuing would only leave a gap in its numbers."""
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
    """What the interpreter takes down from here on does not act any more."""
    global _over
    _over = True


def place(outside):
    """Where the program, and none of the folders in `outside`, led here: ("app.py:12", "/srv/app.py:12")."""
    frame = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if not path.startswith(outside) and not path.startswith("<"):
            return f"{os.path.basename(path)}:{frame.f_lineno}", f"{path}:{frame.f_lineno}"
        frame = frame.f_back
    return None, None
