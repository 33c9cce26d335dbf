# A parent and one worker, which answers the requests. At SIGTERM the worker ends its requests, and then ends as the argument
# says: a signal's name, or "well". The parent reaps it and exits with 0. ignores-HOW: the parent has set SIGCHLD to be
# ignored, so that nobody reaps it. brief-HOW: the worker ends well, and forks a process that ends HOW at once.
import os, signal, socket, sys, threading, time
import common

how = sys.argv[2].split('-')
listener = common.listen()
if how[0] == 'ignores':
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def die(name):
    if name != 'well':
        signal.signal(getattr(signal, name), signal.SIG_DFL)
        os.kill(os.getpid(), getattr(signal, name))
        time.sleep(1)


def end():
    if how[0] == 'brief':
        brief = os.fork()
        if brief == 0:
            die(how[-1])
            os._exit(0)
        os.waitpid(brief, 0)
    else:
        time.sleep(.1)
        die(how[-1])


def answer(client, path):
    if path == b'/slow':
        time.sleep(.7)
    client.sendall(common.OK)


worker = os.fork()
if worker == 0:
    common.serve(answer, listener, end)
listener.close()
signal.signal(signal.SIGTERM, lambda *_: os.kill(worker, signal.SIGTERM))
while True:
    try:
        os.waitpid(worker, 0)
        break
    except InterruptedError:
        pass
    except ChildProcessError:
        break
sys.exit(0)
