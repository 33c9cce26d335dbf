# /slow takes 0.7 s. What its response is depends on the argument, and for some on whether the stop has begun.
import os, signal, sys, time
import common

how = sys.argv[2]
HEAD = b'HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s'
TO_THE_END = b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'


def response(status, body):
    return HEAD % (status, len(body), body)


def slow(client):
    if how in ('cut', 'cut-differs', 'whole'):
        client.sendall(TO_THE_END + b'row 1\n')
        if common.stopping.wait(.7) and how != 'whole':
            return
        return client.sendall(b'row 2\nEND\n' + (b'%d' % time.time_ns() * (time.time_ns() % 3) if how == 'cut-differs' else b''))
    time.sleep(.7)
    stopped = common.stopping.is_set()
    if how == 'fails' and stopped:
        return client.sendall(response(b'500 Internal Server Error', b'x'))
    if how == 'shortens' and stopped:
        return client.sendall(response(b'200 OK', b'o'))
    if how == 'changes' and stopped:
        return client.sendall(response(b'200 OK', b'no'))
    if how == 'time':
        return client.sendall(response(b'200 OK', b'%d' % time.time_ns()))
    if how == 'always-500':
        return client.sendall(response(b'500 Internal Server Error', b'x'))
    if how == 'missing':
        return client.sendall(response(b'404 Not Found', b'x'))
    client.sendall(response(b'200 OK', b'ok'))


common.serve(lambda client, path: slow(client) if path == b'/slow' else client.sendall(common.OK))
