"""Chooses the order in which sockets are served if one poll finds several of them ready. asyncio runs their callbacks in
the order in which its selector lists them, which is unspecified. The queue of callbacks stays first in, first out."""
import functools
import os
import socket
import stat

from shutdown_repro_probe import event

_order = os.environ.get("SHUTDOWN_REPRO_ORDER", "")
_decisions = os.environ.get("SHUTDOWN_REPRO_DECISIONS")
_wanted = {}
for _part in (_decisions or "").split(","):
    _number, _, _choice = _part.partition("=")
    if _number.isdigit() and _choice.isdigit():
        _wanted[int(_number)] = int(_choice)
_made = 0


def watch(loop_class):
    if not _order and _decisions is None:
        return
    before = loop_class._process_events

    @functools.wraps(before)
    def process_events(self, events):
        return before(self, _in_order(self, events))
    loop_class._process_events = process_events


def _role(loop, key):
    """Returns (rank, name): listeners, then clients, then accepted sockets; None for a socket of the loop itself."""
    if key.fileobj is getattr(loop, "_ssock", None):
        return None
    if not stat.S_ISSOCK(os.fstat(key.fd).st_mode):
        return 3, f"descriptor {key.fd}"
    with socket.socket(fileno=os.dup(key.fd)) as handle:
        if handle.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return 0, "listener"
    transport = loop._transports.get(key.fd)
    accepted = transport is not None and getattr(transport, "_server", None) is not None
    return (2, f"server connection {key.fd}") if accepted else (1, f"client connection {key.fd}")


def _in_order(loop, events):
    global _made
    roles = [(_role(loop, key), key.fd, (key, mask)) for key, mask in events]
    own = [entry for role, fd, entry in roles if role is None]
    left = sorted((role + (fd, entry) for role, fd, entry in roles if role is not None), key=lambda r: (r[0], r[2]))
    if _decisions is None:
        if _order == "server-first":
            left.reverse()
        return own + [entry for *_, entry in left]
    chosen = []
    while len(left) > 1:
        choice = _wanted.get(_made, 0)
        if choice >= len(left):
            choice = 0
        names = ", ".join(name for _, name, *_ in left)
        event("decision", getattr(loop, "_repro_id", None), number=_made, choice=choice, of=len(left),
              label=f"ready = {names}; served {left[choice][1]} first")
        _made += 1
        chosen.append(left.pop(choice))
    return own + [entry for *_, entry in chosen + left]
