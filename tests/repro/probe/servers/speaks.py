# A server that is right, and speaks no HTTP/1.1: echo (each line), tls (answers nothing but the beginning of TLS), alert (as
# tls, and refuses everything else by an alert) or http2 (greets with its settings).
import signal, socket, sys, threading
import common

how = sys.argv[2]
listener = common.listen()
ALERT = b'\x15\x03\x01\x00\x02\x02\x46'


def converse(client):
    try:
        if how == 'http2':
            client.sendall(b'\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64')
        while data := client.recv(65536):
            if how == 'echo':
                client.sendall(b'echo ' + data)
            elif data[0] == 0x16 or how == 'alert':
                client.sendall(ALERT)
                break
            elif how == 'tls':
                break
    except OSError:
        pass
    client.close()


def accept():
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=converse, args=(client,), daemon=True).start()


threading.Thread(target=accept, daemon=True).start()
stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
while not stopping.wait(.02):
    pass
