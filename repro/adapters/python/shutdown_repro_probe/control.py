"""Holds the program at points that the controller selects. SHUTDOWN_REPRO_CONTROL is the path of its socket
(man 7 shutdown-repro-target). When the controller disconnects, every hold ends. The command "stop" sends the program the
signal that asks it to end."""
import os
import signal
import socket
import sys
import time

_does = {"stop": lambda: signal.raise_signal(signal.SIGTERM)}
_socket = None
_owner = None
_said = b""
_holding = False
_armed = set()
_reached = {}


def _meet():
    """After a fork the child connects to the controller on its own."""
    global _socket, _owner, _said
    _owner, _said = os.getpid(), b""
    _armed.clear()
    _reached.clear()
    _socket = socket.socket(socket.AF_UNIX)
    try:
        _socket.connect(os.environ["SHUTDOWN_REPRO_CONTROL"])
    except OSError as error:
        sys.stderr.write(f"shutdown-repro: cannot reach the controller: {error.strerror}\n")
        return _lose()
    _say(f"hello 1 {_owner}")
    until = time.monotonic() + 5
    while (line := _heard(until)) not in (None, "go"):
        if line.startswith("arm "):
            _armed.add(line[4:])


def _lose():
    global _socket
    _armed.clear()
    if _socket is not None:
        _socket.close()
    _socket = None


def _say(line):
    try:
        if _socket is not None:
            _socket.sendall(line.encode() + b"\n")
    except OSError:
        _lose()


def _heard(until):
    """Returns the next line, or None if none comes in time or the controller has disconnected."""
    global _said
    while _socket is not None:
        line, end, rest = _said.partition(b"\n")
        if end:
            _said = rest
            return line.decode("utf-8", "replace")
        left = until - time.monotonic()
        if left <= 0 or len(_said) > 1024:
            return None
        _socket.settimeout(left)
        try:
            part = _socket.recv(256)
        except TimeoutError:
            return None
        except OSError:
            part = b""
        if not part:
            return _lose()
        _said += part
    return None


def reach(name):
    """Holds the program here if the controller has armed this point. Code that runs meanwhile passes other points."""
    global _holding
    if _owner != os.getpid():
        _holding = False  # only a thread of the parent was held
        _meet()
    if _holding:
        return
    _reached[name] = _reached.get(name, 0) + 1
    point = f"{name}#{_reached[name]}"
    if point not in _armed and name not in _armed:
        return
    _holding = True
    _say("at " + point)
    until = time.monotonic() + 30
    while _socket is not None:
        command = _heard(until)
        if command is None:
            _say("expired " + point)
            _armed.clear()
            break
        if command == "release":
            break
        if command in _does:
            _does[command]()
        else:
            _say("unknown " + command)
    _holding = False
