# At SIGTERM it exits at once, whatever it was doing.
import os, signal
import common

common.serve(lambda client, path: common.time.sleep(.7) if path == b'/slow' else client.sendall(common.OK),
             at_the_end=lambda: os._exit(0))
