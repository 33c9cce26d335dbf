# A server of which a second instance takes over. The first argument is a port or a path, the second says how it listens,
# and in which way it is wrong:
#   path           binds a name of its own and renames it to the path; leaves the path alone when it stops
#   path-removed   the same, but unlinks the path when it stops
#   path-late      unlinks the path when it starts, and binds it 0.3 s later
#   path-busy      binds the path, and can't start where one is
#   port           SO_REUSEPORT; the second instance steers all new connections to itself
#   port-queue     the same without steering, and what waits in the queue of the first is reset when it stops
#   fds            listens on descriptor 3, which both instances get (LISTEN_FDS)
#   fds-drops      the same, but exits without awaiting its requests
#   fds-shutdown   the same, but shuts the socket down, which ends it for both
import ctypes, os, signal, socket, struct, sys, threading, time

place, how = sys.argv[1], sys.argv[2]
SO_ATTACH_REUSEPORT_CBPF = 51
open_requests, change, going = 0, threading.Condition(), threading.Event()


def on_path():
    s = socket.socket(socket.AF_UNIX)
    if how == "path-busy":
        s.bind(place)
    elif how == "path-late":
        if os.path.exists(place):
            os.unlink(place)
            time.sleep(0.3)
        s.bind(place)
    else:
        own = "%s.%d" % (place, os.getpid())
        s.bind(own)
        os.rename(own, place)
    s.listen(128)
    return s


def on_shared_port():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(("127.0.0.1", int(place)))
    s.listen(128)
    if how == "port":  # "return 1": the second socket of the group; while there is one only, the number is ignored
        code = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 1))
        s.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, struct.pack("HL", 1, ctypes.addressof(code)))
    return s


def handed_over():
    if os.environ.get("LISTEN_FDS") != "1" or os.environ.get("LISTEN_PID") != str(os.getpid()):
        sys.exit("no socket was handed over")
    return socket.socket(fileno=3)


def talk(c):
    global open_requests
    try:
        with c, c.makefile("rb") as lines:
            line = lines.readline()
            while lines.readline() not in (b"\r\n", b""):
                pass
            if line.startswith(b"GET /slow "):
                time.sleep(1.5)
            body = b"%d\n" % os.getpid() if line.startswith(b"GET /who ") else b"ok\n"
            if line:
                c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
    except OSError:
        pass
    with change:
        open_requests -= 1
        change.notify_all()


def accept_one(listener):
    global open_requests
    try:
        c, _ = listener.accept()
    except OSError:
        return False
    c.settimeout(None)
    with change:
        open_requests += 1
    threading.Thread(target=talk, args=(c,), daemon=True).start()
    return True


def main():
    signal.signal(signal.SIGTERM, lambda *_: going.set())
    kind = how.partition("-")[0]
    listener = {"path": on_path, "port": on_shared_port, "fds": handed_over}[kind]()
    listener.settimeout(0.02)
    print("ready", flush=True)
    while not going.is_set():
        accept_one(listener)
    if how == "port-queue":
        time.sleep(0.3)
    elif how == "fds-shutdown":
        listener.shutdown(socket.SHUT_RDWR)
    elif how == "fds-drops":
        while open_requests == 0:
            accept_one(listener)
    elif kind != "fds":
        listener.settimeout(0)
        while accept_one(listener):
            pass
    listener.close()
    with change:
        change.wait_for(lambda: how == "fds-drops" or open_requests == 0)
    if how == "path-removed":
        os.unlink(place)
    os._exit(0)


main()
