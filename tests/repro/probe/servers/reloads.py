# Reloads on SIGHUP, in the way that its second argument says:
#   workers   a new worker is forked, and the old one finishes its requests and exits
#   drops     the same, but the old worker exits at once
#   stuck     the same, but the old worker never exits
#   closes    one process, which closes its port for 0.3 s
#   quiet     one process, in which only the answer to /generation changes
#   nothing   one process, which ignores the signal
#   errors    one process, which answers 503 for 0.3 s
#   forgets   one process, which neither answers nor closes what it accepts for 0.1 s
#   forgets-then-closes   the same, and then it closes its port for 0.3 s
# The first three reload on POST /reload with the body "now", too.
import os, signal, socket, sys, threading, time

port, how = int(sys.argv[1]), sys.argv[2]
generation, failing, forgetting, open_requests = 0, False, False, 0
forgotten = []
change = threading.Condition()
listener = socket.create_server(("127.0.0.1", port), backlog=512)


def answer(line):
    if failing:
        return b"HTTP/1.1 503 Unavailable\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n"
    if line.startswith(b"GET /slow "):
        time.sleep(1.5)
    body = b"%d\n" % generation if line.startswith(b"GET /generation ") else b"ok\n"
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)


def talk(c):
    global open_requests
    try:
        with c, c.makefile("rb") as lines:
            line, length = lines.readline(), 0
            for header in iter(lines.readline, b"\r\n"):
                if not header:
                    break
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            if line.startswith(b"POST /reload "):
                reload_by_request(c, lines.read(length))
            elif line:
                c.sendall(answer(line))
    except OSError:
        pass
    with change:
        open_requests -= 1
        change.notify_all()


def reload_by_request(c, body):
    if body == b"now":
        c.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        os.kill(os.getppid(), signal.SIGHUP)
    else:
        c.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def serve(on):
    global open_requests
    while True:
        try:
            c, _ = on.accept()
        except OSError:
            return
        if forgetting:
            forgotten.append(c)
            continue
        with change:
            open_requests += 1
        threading.Thread(target=talk, args=(c,), daemon=True).start()


def start_serving(on):
    threading.Thread(target=serve, args=(on,), daemon=True).start()


def drain():
    with change:
        change.wait_for(lambda: open_requests == 0)


def worker():
    """Accepts with a time limit, so that it sees when it should go."""
    global open_requests
    going = threading.Event()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    signal.signal(signal.SIGTERM, lambda *_: going.set())
    listener.settimeout(0.02)
    while not going.is_set():
        try:
            c, _ = listener.accept()
        except OSError:
            continue
        c.settimeout(None)
        with change:
            open_requests += 1
        threading.Thread(target=talk, args=(c,), daemon=True).start()
    if how == "stuck":
        time.sleep(1000)
    if how != "drops":
        drain()
    os._exit(0)


def fork_worker():
    pid = os.fork()
    if pid == 0:
        worker()
    return pid


def reload_in_place():
    global listener, generation, failing, forgetting
    generation += 1
    if how.startswith("forgets"):
        forgetting = True
        time.sleep(0.1)
        forgetting = False
    if how.endswith("closes"):
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        time.sleep(0.3)
        listener = socket.create_server(("127.0.0.1", port), backlog=512)
        start_serving(listener)
    if how == "errors":
        failing = True
        time.sleep(0.3)
        failing = False


def main():
    asked = {signal.SIGHUP} if how != "nothing" else set()
    if how == "nothing":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, asked)
    if how in ("workers", "drops", "stuck"):
        current = fork_worker()
        print("ready", flush=True)
        while True:
            signal.sigwait(asked)
            following = fork_worker()
            time.sleep(0.1)
            os.kill(current, signal.SIGTERM)
            if how != "stuck":
                os.waitpid(current, 0)
            current = following
    start_serving(listener)
    print("ready", flush=True)
    while True:
        if asked:
            signal.sigwait(asked)
            reload_in_place()
        else:
            time.sleep(1000)


main()
