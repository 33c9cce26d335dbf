# Writes a log after its stop, and then what a sanitizer would write. lines N: N lines of log. line N: one line of N bytes
# before the report, and the report at its end, after which it ends as LeakSanitizer would. stdout N: as lines, on the other
# stream.
import os, sys
import common

REPORT = b'==1==ERROR: LeakSanitizer: detected memory leaks\n'


def last_words():
    how, count = sys.argv[2], int(sys.argv[3])
    if how == 'line':
        os.write(2, b'x' * count + b' ' + REPORT)
        os._exit(23)
    stream = 1 if how == 'stdout' else 2
    for i in range(count):
        os.write(stream, b'127.0.0.1 - "GET /index.html HTTP/1.1" 200 2 "-" "-" %d\n' % i)
    os.write(stream, REPORT)


common.serve(lambda client, path: client.sendall(common.OK), at_the_end=last_words)
