"""moto's server, one request at a time.

moto compares the If-Match of a write and then writes, in as many threads as there are connections, so that two writers can both win.
The services that it stands in for do not do that.
"""

import io
import threading

from moto import server

one_at_a_time = threading.Lock()
run_simple = server.run_simple


def run(host, port, app, **options):
    def one(environ, start_response):
        # A client that sends its request slowly holds nobody up.
        if environ.get("CONTENT_LENGTH"):
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(body)
        with one_at_a_time:
            return list(app(environ, start_response))

    run_simple(host, port, one, **options)


server.run_simple = run
server.main()
