# At the stop each open request gets 500 at once, and the process exits.
import common


def answer(client, path):
    failed = path == b'/slow' and common.stopping.wait(.7)
    client.sendall(common.OK.replace(b'200 OK', b'500 Internal Server Error') if failed else common.OK)


common.serve(answer)
