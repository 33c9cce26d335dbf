# Listens at the address that is given, and answers each request at once.
import sys
import common

common.serve(lambda client, path: client.sendall(common.OK), common.listen(sys.argv[2]))
