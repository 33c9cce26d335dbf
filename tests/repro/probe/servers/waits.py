# Answers at once, except /slow, and at SIGTERM finishes its requests. none: it installs no handler.
import signal, sys, time
import common


def answer(client, path):
    if path == b'/slow':
        time.sleep(1.2)
    client.sendall(common.OK)


if 'none' in sys.argv:
    common.signal.signal = lambda *_: None
common.serve(answer)
