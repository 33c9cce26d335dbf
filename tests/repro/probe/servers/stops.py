# Keeps connections, and answers each request at once. At SIGTERM it does as it is told, and closes its listener first:
# always N: exits after N seconds, whoever is connected. never: ignores it. drain N: goes on serving for N seconds, with its
# listener open. counts N: takes N seconds longer if a client is connected when it stops. polls N: waits until no connection is left, and looks every N seconds; it ends an idle one after 2 s.
# wakes N SOON FILE: notices the stop only when a connection wakes it, or N seconds later; its first SOON starts notice it
# after 30 ms. FILE counts the starts. freezes N: freezes its parent for N seconds.
import os, signal, socket, sys, threading, time
import common

how, period = sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 0
connections = set()
stopping, woken = threading.Event(), threading.Event()
listener = common.listen()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())


def converse(client):
    client.settimeout(2 if how == 'polls' else None)
    buffer = b''
    try:
        while data := client.recv(65536):
            buffer += data
            while b'\r\n\r\n' in buffer:
                _, buffer = buffer.split(b'\r\n\r\n', 1)
                client.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    except OSError:
        pass
    connections.discard(client)
    client.close()
    woken.set()


def accept():
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        connections.add(client)
        threading.Thread(target=converse, args=(client,), daemon=True).start()


threading.Thread(target=accept, daemon=True).start()
while not stopping.wait(.02) or how == 'never':
    pass
if how == 'drain':
    time.sleep(period)
if how == 'wakes':
    with open(sys.argv[5], 'a+') as starts:
        print(file=starts)
        starts.seek(0)
        soon = len(starts.readlines()) <= int(sys.argv[4])
    woken.clear()
    woken.wait(.03 if soon else period)
listener.shutdown(socket.SHUT_RDWR)
listener.close()
if how == 'freezes':
    common.freeze(os.getppid(), period)
    time.sleep(period)
if how == 'always' or (how == 'counts' and connections):
    time.sleep(period)
while how == 'polls' and connections:
    time.sleep(period)
os._exit(0)
