# Upgrades itself on SIGUSR2, with the same listening socket, in the way that its second argument says.
# In the same process, which executes its program again:
#   awaits        when its requests are answered; meanwhile clients wait in the queue
#   drops         at once, so that its requests are lost
#   missing       the new program does not exist, and the old one goes on
#   broken        the new program exits at once
# With a child, which serves beside it until SIGTERM, after which it awaits its requests and exits:
#   child
#   child-drops   the same, but exits at once after SIGTERM
#   child-stuck   the same, but SIGTERM has no effect
#   child-fails   the child has the socket for 0.3 s, and exits without serving
import os, select, signal, socket, subprocess, sys, threading, time

port, how = int(sys.argv[1]), sys.argv[2]
open_requests, change = 0, threading.Condition()
heard, hearing = os.pipe()


def inherited():
    if "LISTENER" not in os.environ:
        return socket.create_server(("127.0.0.1", port), backlog=512)
    if how == "child-fails":
        time.sleep(0.3)
    if how in ("broken", "child-fails"):
        sys.exit("bad configuration")
    return socket.socket(fileno=int(os.environ["LISTENER"]))


def talk(c):
    global open_requests
    try:
        with c, c.makefile("rb") as lines:
            line = lines.readline()
            while lines.readline() not in (b"\r\n", b""):
                pass
            if line.startswith(b"GET /slow "):
                time.sleep(1.5)
            if line:
                c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
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
        return
    c.setblocking(True)
    with change:
        open_requests += 1
    threading.Thread(target=talk, args=(c,), daemon=True).start()


def serve_until_told(listener):
    while heard not in select.select([listener, heard], [], [])[0]:
        accept_one(listener)
    return os.read(heard, 1)[0]


def drain():
    with change:
        change.wait_for(lambda: open_requests == 0)


def execute_again(fd):
    if how != "drops":
        drain()
    os.set_inheritable(fd, True)
    os.environ["LISTENER"] = str(fd)
    try:
        os.execv("/nonexistent" if how == "missing" else sys.executable, [sys.executable, *sys.argv])
    except OSError as e:
        print(e, flush=True)


def main():
    listener = inherited()
    listener.setblocking(False)
    os.set_blocking(hearing, False)
    signal.set_wakeup_fd(hearing)
    for s in (signal.SIGUSR2, signal.SIGTERM):
        signal.signal(s, lambda *_: None)
    print("ready", flush=True)
    fd = listener.fileno()
    while True:
        if serve_until_told(listener) == signal.SIGTERM:
            if how == "child-stuck":
                continue
            while how == "child-drops" and open_requests == 0:
                accept_one(listener)
            if how != "child-drops":
                drain()
            os._exit(0)
        if how.startswith("child"):
            subprocess.Popen([sys.executable, *sys.argv], pass_fds=[fd], env=dict(os.environ, LISTENER=str(fd)))
        else:
            execute_again(fd)


main()
