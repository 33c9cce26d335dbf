# Blocks SIGTERM in every thread, and takes it by sigwait, by a signalfd, or between short waits (part): as POSIX recommends.
# never: blocks it and waits for another signal. one-thread: a thread of its own takes it.
import ctypes, os, select, signal, sys, threading, time
import common

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
how = sys.argv[2]


def take_by_signalfd():
    libc = ctypes.CDLL(None, use_errno=True)
    mask = (ctypes.c_ulong * 16)(1 << (signal.SIGTERM - 1))
    fd = libc.signalfd(-1, mask, 0)
    select.select([fd], [], [])


def take():
    if how == 'signalfd':
        take_by_signalfd()
    elif how == 'part':
        while not signal.sigtimedwait([signal.SIGTERM], .005):
            time.sleep(.005)
    elif how == 'never':
        signal.sigwait([signal.SIGUSR1])
    else:
        signal.sigwait([signal.SIGTERM])
    common.stopping.set()


def answer(client, path):
    if path == b'/slow':
        time.sleep(.6)
    client.sendall(common.OK)


common.signal.signal = lambda *_: None  # the common server installs no handler
if how == 'one-thread':
    threading.Thread(target=take, daemon=True).start()
    common.serve(answer)
else:
    threading.Thread(target=common.serve, args=(answer,), daemon=True).start()
    take()
    time.sleep(5)
