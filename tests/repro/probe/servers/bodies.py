# POST /store takes a body and answers with its size; / and /large are answered at once. At SIGTERM it stops listening
# and awaits the open requests. The argument says what it does with an upload that is not complete at the stop:
#   finish    reads it to its end and answers
#   refuse    answers 503
#   drop      closes the connection
# and with a large response that is not sent at the stop:
#   whole     sends the rest
#   cut       closes the connection
import re, socket, sys
import common

how = sys.argv[2]
LARGE = b'x' * 4_000_000
RESPONSE = b'HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s'


def store(client, head, body):
    size = int(re.search(rb'content-length: *([0-9]+)', head.lower())[1])
    if b'100-continue' in head.lower() and not body:
        client.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
    client.settimeout(.05)
    while len(body) < size:
        if common.stopping.is_set() and how == 'refuse':
            return client.sendall(RESPONSE % (b'503 Service Unavailable', 0, b''))
        if common.stopping.is_set() and how == 'drop':
            return
        try:
            body += client.recv(65536)
        except socket.timeout:
            pass
    text = b'%d bytes\n' % len(body)
    client.sendall(RESPONSE % (b'200 OK', len(text), text))


def large(client):
    rest = RESPONSE % (b'200 OK', len(LARGE), LARGE)
    client.settimeout(.05)
    while rest:
        if common.stopping.is_set() and how == 'cut':
            return
        try:
            rest = rest[client.send(rest[:65536]):]
        except socket.timeout:
            pass


def converse(client, path, head, body):
    store(client, head, body) if path == b'/store' else large(client) if path == b'/large' else client.sendall(common.OK)


common.serve(converse)
