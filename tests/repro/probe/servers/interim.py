# 102: an interim response, and never the final one. 103: Early Hints, and the final response 0.7 s later. cut: Early Hints,
# and half of the final response. split: two interim responses, in pieces.
import sys, time
import common


def answer(client, path):
    if path != b'/slow':
        return client.sendall(common.OK)
    mode = sys.argv[2]
    if mode == '102':
        common.stopping.wait(5)
        client.sendall(b'HTTP/1.1 102 Processing\r\n\r\n')
        return time.sleep(.1)
    client.sendall(b'HTTP/1.1 103 Early Hints\r\nLink: </x.css>; rel=preload\r\n\r\n')
    if mode == 'split':
        for piece in (b'HTTP/1.1 102', b' Processing\r\n\r', b'\nHTTP/1.1 '):
            client.sendall(piece)
            time.sleep(.05)
    time.sleep(.7)
    whole = common.OK[len(b'HTTP/1.1 '):] if mode == 'split' else common.OK
    client.sendall(whole[:-1] if mode == 'cut' else whole)


common.serve(answer)
