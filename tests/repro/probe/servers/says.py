# Writes a log after its stop, and then what a sanitizer would write. lines N: N lines of log. line N: one line of N bytes
# before the report, and the report at its end, after which it ends as LeakSanitizer would. stdout N: as lines, on the other
# stream. frozen N, worker N: as lines, while its parent is frozen, so that it sees the words and the exit together; the
# process that writes and ends is the first one, or a worker that it has.
import os, sys
import common

REPORT = b'==1==ERROR: LeakSanitizer: detected memory leaks\n'


def write_while_frozen(observer, count):
    common.freeze(observer, .1)
    os.write(2, (b'x' * 79 + b'\n') * count)
    os.write(2, REPORT)
    os._exit(23)


def last_words():
    how, count = sys.argv[2], int(sys.argv[3])
    if how == 'frozen':
        write_while_frozen(observer, count)
    if how == 'worker':
        os.close(begin)
        os.waitpid(worker, 0)
        return
    if how == 'line':
        os.write(2, b'x' * count + b' ' + REPORT)
        os._exit(23)
    stream = 1 if how == 'stdout' else 2
    for i in range(count):
        os.write(stream, b'127.0.0.1 - "GET /index.html HTTP/1.1" 200 2 "-" "-" %d\n' % i)
    os.write(stream, REPORT)


observer = os.getppid()
if sys.argv[2] == 'worker':
    wait, begin = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(begin)
        os.read(wait, 1)
        write_while_frozen(observer, int(sys.argv[3]))
common.serve(lambda client, path: client.sendall(common.OK), at_the_end=last_words)
