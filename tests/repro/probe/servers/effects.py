# Writes a line "answered N" into its log for each response, buffered; at the stop the argument says:
#   closes    it closes the log and prints "bye"
#   forgets   it exits without either
import os, sys, threading
import common

log, how = open(sys.argv[2], 'a', buffering=1 << 16), sys.argv[3]
count, lock = 0, threading.Lock()


def answer(client, path):
    global count
    with lock:
        count += 1
        log.write('answered %d\n' % count)
        client.sendall(common.OK)


def at_the_end():
    if how == 'closes':
        log.close()
        print('bye', flush=True)


common.serve(answer, at_the_end=at_the_end)
