# Keeps connections. /slow takes 0.7 s. At SIGTERM it stops listening and exits when the last connection has ended. The
# first argument says for how many seconds a connection may be idle; the second what it does after the stop:
#   keeps      answers as before
#   says       answers with Connection: close
#   drops      closes a connection when a second request comes on it, without a response
#   delays N   goes on accepting for N seconds first
#   early      exits at once
import os, select, signal, socket, sys, threading, time

idle, how = float(sys.argv[2]), sys.argv[3]
delay = float(sys.argv[4]) if how == 'delays' else 0
stopping = threading.Event()
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])), backlog=128)
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
threads = []


def converse(client):
    asked = b''
    while True:
        while b'\r\n\r\n' not in asked:
            waited = 0
            while waited < idle and not select.select([client], [], [], .02)[0]:
                waited += .02
                if stopping.is_set() and how in ('says', 'delays') and not asked and not accepting.is_set():
                    return client.close()
            if waited >= idle:
                return client.close()
            data = client.recv(65536)
            if not data:
                return client.close()
            asked += data
        if stopping.is_set() and how == 'drops':
            time.sleep(.4)
            return client.close()
        if asked.split()[1] == b'/slow':
            time.sleep(.7)
        asked = asked.partition(b'\r\n\r\n')[2]
        close = stopping.is_set() and how in ('says', 'delays')
        client.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n' + (b'Connection: close\r\n' if close else b'') + b'\r\nok')
        if close:
            return client.close()


accepting = threading.Event()
accepting.set()
listener.settimeout(.02)
stopped = None
while stopped is None or time.monotonic() - stopped < delay:
    try:
        client, _ = listener.accept()
        client.setblocking(True)
        threads.append(threading.Thread(target=converse, args=(client,), daemon=True))
        threads[-1].start()
    except TimeoutError:
        pass
    if stopping.is_set() and stopped is None:
        stopped = time.monotonic()
    if stopped and how == 'early':
        os._exit(0)
accepting.clear()
listener.close()
for t in threads:
    t.join()
os._exit(0)
