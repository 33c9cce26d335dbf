# Starts the server that is named by its third argument, as a child, and does with SIGTERM as the second says. dies: nothing.
# deaf: it catches the signal and does nothing. forwards: hands it on and waits for the server. hurries: hands it on and exits.
import os, signal, subprocess, sys

how, server = sys.argv[2], sys.argv[3]
child = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(__file__), server + '.py'), sys.argv[1]] + sys.argv[4:])


def stop(*_):
    if how != 'deaf':
        child.send_signal(signal.SIGTERM)
    if how == 'hurries':
        os._exit(0)


if how != 'dies':
    signal.signal(signal.SIGTERM, stop)
sys.exit(child.wait())
