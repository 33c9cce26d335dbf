# Takes half a second to load, after it has said so. A stop meanwhile is remembered (honors), cleared before it serves
# (forgets), or never noticed because it loads for ever (hangs).
import signal, sys, threading, time
import common

how = sys.argv[2]
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
print('loading', flush=True)
until = time.monotonic() + .5
while time.monotonic() < until or (how == 'hangs' and stop.is_set()):
    time.sleep(.02)
if stop.is_set() and how == 'honors':
    sys.exit(0)
common.serve(lambda client, path: client.sendall(common.OK))
