# A server that answers each request in a thread of its own, one request a connection, and at SIGTERM stops listening and
# awaits the open requests. `answer(client, path)` writes the response, or `answer(client, path, head, body)` with what has
# come of the request so far.
import inspect, os, signal, socket, sys, threading, time

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'
KEPT = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
stopping = threading.Event()


# Stops the process, and lets it go on when these seconds have passed, whether this one has exited by then or not.
def freeze(process, seconds):
    os.kill(process, signal.SIGSTOP)
    if os.fork() == 0:
        for fd in range(1024):
            try:
                os.close(fd)
            except OSError:
                pass
        time.sleep(seconds)
        os.kill(process, signal.SIGCONT)
        os._exit(0)



def listen(address='127.0.0.1'):
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    return socket.create_server((address, int(sys.argv[1])), family=family, backlog=128)


def serve(answer, listener=None, at_the_end=lambda: None):
    listener = listener or listen()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    changed, open_requests = threading.Condition(), [0]

    def converse(client):
        head = b''
        while b'\r\n\r\n' not in head:
            data = client.recv(65536)
            if not data:
                return client.close()
            head += data
        with changed:
            open_requests[0] += 1
        try:
            whole, _, body = head.partition(b'\r\n\r\n')
            more = (whole, body) if len(inspect.signature(answer).parameters) == 4 else ()
            answer(client, head.split()[1], *more)
        except OSError:
            pass
        client.close()
        with changed:
            open_requests[0] -= 1
            changed.notify_all()

    def accept():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=converse, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    while not stopping.wait(.02):
        pass
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    with changed:
        changed.wait_for(lambda: open_requests[0] == 0, 20)
    at_the_end()
    time.sleep(.05)
    os._exit(0)
