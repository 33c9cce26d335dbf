# Each request gets a complete response that a client can read. The mode says what is unusual about it.
import sys, time
import common

LINE = b'HTTP/1.1 200 OK\r\n'
HEADS = {
    'plain': LINE,
    'long': LINE + b'X-Big: ' + b'a' * 65000 + b'\r\n',
    'many': LINE + b''.join(b'Set-Cookie: c%d=%s\r\n' % (i, b'v' * 180) for i in range(60)),
    'no-reason': b'HTTP/1.1 200\r\n',
    'lf': LINE,
    'utf8': LINE + 'X-Ä: ü\r\n'.encode(),
    'http10': b'HTTP/1.0 200 OK\r\n',
    'too-long': LINE + b'X-Big: ' + b'a' * 300000 + b'\r\n',
    'no-field': LINE + b'this line is no field\r\n',
    'no-status': b'HTTP/1.1 OK\r\n',
}


def answer(client, path):
    mode = sys.argv[2] if path == b'/slow' else 'plain'
    if path == b'/slow':
        time.sleep(.7)
    whole = HEADS[mode] + b'Content-Length: 2\r\nConnection: close\r\n\r\nok'
    client.sendall(whole.replace(b'\r\n', b'\n') if mode == 'lf' else whole)


common.serve(answer)
