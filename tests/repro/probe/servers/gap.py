# Keeps connections. A request takes 0.7 s before SIGTERM. Those after it are held until there are as many as the argument
# says; then they are answered all at once and the server exits, in a moment when it has no request. Its parent is frozen
# meanwhile, so that it sees the answers and the exit together.
import os, signal, socket, sys, threading, time
import common

stopping, held, changed = threading.Event(), [], threading.Condition()


def end_together():
    common.freeze(os.getppid(), .05)
    for client in held:
        client.sendall(common.KEPT)
    os._exit(0)


def converse(client):
    while client.recv(65536):
        if stopping.is_set():
            with changed:
                held.append(client)
                changed.notify_all()
        else:
            time.sleep(.7)
            client.sendall(common.KEPT)


def accept():
    while True:
        threading.Thread(target=converse, args=(listener.accept()[0],), daemon=True).start()


listener = common.listen()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
threading.Thread(target=accept, daemon=True).start()
while not stopping.wait(.02):
    pass
with changed:
    if changed.wait_for(lambda: len(held) == int(sys.argv[2]), 2):
        end_together()
os._exit(0)
