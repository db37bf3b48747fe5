"""Runs Eclipse Paho's interoperability suite (paho.mqtt.testing) as it is against one broker.

The suite knows neither TLS nor passwords: it is let through a forwarder that speaks TLS to the
broker, and every client of it is given the same user name and password. Nothing else is changed.
Prints one line of JSON for each test, and one at the end.

    run.py SUITE_FOLDER client_test|client_test5 PORT [--user FILE] [--plain] [--only TEST]

FILE holds the user name in its first line and the password in its second.
"""

import argparse
import asyncio
import json
import os
import signal
import ssl
import sys
import threading
import time
import unittest

SECONDS_PER_TEST = 75
TOPICS = ("TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA")
WILD = ("TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#")


async def copy(reader, writer):
    """Copies until the end; whoever talks on to somebody who left is let finish, as TCP would."""
    is_open = True
    try:
        while data := await reader.read(65536):
            try:
                if is_open:
                    writer.write(data)
                    await writer.drain()
            except OSError:
                is_open = False
        if writer.can_write_eof():
            writer.write_eof()
        else:
            writer.close()
    except OSError:
        writer.close()


async def forward(port, context, ready):
    async def take(reader, writer):
        try:
            onward = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname="localhost"
            )
        except OSError as fault:
            print(f"forwarder: {fault}", file=sys.stderr)
            writer.close()
            return
        try:
            await asyncio.gather(copy(reader, onward[1]), copy(onward[0], writer))
        except OSError:
            pass
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    ready.append(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


def forwarder(port):
    """Starts the forwarder in a thread of its own; the port on which it takes connections."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    ready = []
    run = lambda: asyncio.run(forward(port, context, ready))
    threading.Thread(target=run, daemon=True).start()
    while not ready:
        time.sleep(0.01)
    return ready[0]


def log_in(client, user, password):
    """Gives every connection of the suite's client a user name and a password."""
    connect = client.connect

    def with_password(self, *args, **named):
        named.setdefault("username", user)
        named.setdefault("password", password)
        return connect(self, *args, **named)

    client.connect = with_password


class Told(unittest.TestResult):
    """Says what became of each test as soon as it is known."""

    def startTest(self, test):
        super().startTest(test)
        self.outcome, self.started = None, time.monotonic()
        signal.alarm(SECONDS_PER_TEST)

    def stopTest(self, test):
        signal.alarm(0)
        super().stopTest(test)
        seconds = round(time.monotonic() - self.started, 1)
        name = test.id().split(".")[-1]
        print(json.dumps({"test": name, "fault": self.outcome, "seconds": seconds}), flush=True)

    def addError(self, test, err):
        super().addError(test, err)
        self.outcome = self.errors[-1][1]
        if not hasattr(self, "started"):
            print(json.dumps({"test": "set-up", "fault": self.outcome}), flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.outcome = self.failures[-1][1]


def too_long(_signal, _frame):
    raise TimeoutError(f"wanted an end within {SECONDS_PER_TEST} seconds")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("suite")
    parser.add_argument("module", choices=["client_test", "client_test5"])
    parser.add_argument("port", type=int)
    parser.add_argument("--user")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--only", action="append")
    given = parser.parse_args()
    folder = os.path.abspath(os.path.join(given.suite, "interoperability"))
    given.user = given.user and os.path.abspath(given.user)
    os.chdir(folder)
    sys.path.insert(0, folder)
    sys.argv = [given.module]
    module = __import__(given.module)
    module.host = "localhost"
    module.port = given.port if given.plain else forwarder(given.port)
    # What the suite's main part sets, where it is the program.
    module.topic_prefix = "client_test5/"
    module.topics, module.wildtopics = TOPICS, WILD
    module.nosubscribe_topics = ("test/nosubscribe",)
    if given.user:
        with open(given.user, encoding="utf-8") as file:
            user, password = file.read().splitlines()[:2]
        log_in(module.mqtt_client.Client, user, password.encode())
    signal.signal(signal.SIGALRM, too_long)
    loader = unittest.defaultTestLoader
    names = given.only or loader.getTestCaseNames(module.Test)
    suite = loader.suiteClass(module.Test(name) for name in names)
    told = Told()
    suite.run(told)
    faults = len(told.errors) + len(told.failures)
    print(json.dumps({"run": told.testsRun, "faults": faults}), flush=True)
    # Threads of clients that were given up do not end by themselves.
    os._exit(0 if faults == 0 else 1)


if __name__ == "__main__":
    main()
