"""Eclipse Paho's Python client, used as its documentation shows, against a node.

paho_client.py HOST PORT CERTIFICATE LOGIN: LOGIN holds the user name and the password, a line each.
Prints a line for each thing that went as the standard has it, and fails with the first that did not.
"""

import queue
import socket
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

HOST, PORT, CERTIFICATE, LOGIN = sys.argv[1:]
PORT = int(PORT)
USER, PASSWORD = open(LOGIN, encoding="utf-8").read().split()
PATIENCE_S = 30


class Client:
    """A connected client whose messages wait in a queue."""

    def __init__(self, version, will=None):
        self.messages, self.done = queue.Queue(), queue.Queue()
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, protocol=version, reconnect_on_failure=False
        )
        self.client.username_pw_set(USER, PASSWORD)
        self.client.tls_set(ca_certs=CERTIFICATE)
        if will:
            self.client.will_set(will, "gone", qos=1)
        self.client.on_connect = lambda _c, _u, _f, code, _p: self.done.put(code)
        self.client.on_subscribe = lambda _c, _u, _id, codes, _p: self.done.put(codes[0])
        self.client.on_message = lambda _c, _u, message: self.messages.put(message)
        self.client.connect(HOST, PORT)
        self.client.loop_start()
        code = self.done.get(timeout=PATIENCE_S)
        assert not code.is_failure, code

    def subscribe(self, topic):
        self.client.subscribe(topic, qos=2)
        code = self.done.get(timeout=PATIENCE_S)
        assert code == 2, f"wanted quality 2 granted, found {code}"

    def publish(self, topic, payload, qos, retain=False):
        self.client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(PATIENCE_S)

    def hears(self, topic, payload, qos, retain=False):
        message = self.messages.get(timeout=PATIENCE_S)
        found = (message.topic, message.payload.decode(), message.qos, message.retain)
        wanted = (topic, payload, qos, retain)
        assert found == wanted, f"wanted {wanted}, found {found}"

    def vanish(self):
        """Ends as a device does that loses its power."""
        self.client.socket().shutdown(socket.SHUT_RDWR)

    def end(self):
        self.client.disconnect()
        self.client.loop_stop()


def messages(version, room):
    reader, writer = Client(version), Client(version)
    reader.subscribe(f"{room}/air")
    for qos in (0, 1, 2):
        writer.publish(f"{room}/air", f"reading {qos}", qos)
        reader.hears(f"{room}/air", f"reading {qos}", qos)
    reader.end()
    writer.end()


def retained(version, room):
    writer = Client(version)
    writer.publish(f"{room}/door", "open", 1, retain=True)
    late = Client(version)
    late.subscribe(f"{room}/door")
    late.hears(f"{room}/door", "open", 1, retain=True)
    late.end()
    writer.publish(f"{room}/door", "", 1, retain=True)
    later = Client(version)
    later.subscribe(f"{room}/door")
    writer.publish(f"{room}/door", "shut", 1)
    later.hears(f"{room}/door", "shut", 1)
    later.end()
    writer.end()


def will(version, room):
    heir = Client(version)
    heir.subscribe(f"{room}/will")
    device = Client(version, will=f"{room}/will")
    device.vanish()
    heir.hears(f"{room}/will", "gone", 1)
    heir.end()


for name, version in (("3.1.1", MQTTProtocolVersion.MQTTv311), ("5", MQTTProtocolVersion.MQTTv5)):
    for part in (messages, retained, will):
        part(version, f"paho/{name}")
        print(f"{name} {part.__name__}", flush=True)
