"""A whole session with a Sekisho node over gRPC, without an SDK.

It proves its key, publishes one reading to a topic of class open, and reads back what is kept there,
believing no record that the publisher has not signed. docs/protocol.md has every step; the messages
are those of proto/schema/sekisho.proto, compiled with

    python -m grpc_tools.protoc -I proto/schema --python_out OUT --grpc_python_out OUT sekisho.proto

    session.py FOLDER HOST:PORT TOPIC NAME VALUE

FOLDER is what `sekisho join` made; HOST:PORT is the node's web listener.
"""

import hashlib
import os
import queue
import ssl
import sys
import time
import tomllib
from pathlib import Path

import grpc
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

import sekisho_pb2 as wire
import sekisho_pb2_grpc

SPKI = bytes.fromhex("302a300506032b6570032100")  # what precedes an Ed25519 key in X.509
SUBSCRIPTION = 1


class Principal:
    """Keys and profile in a folder."""

    def __init__(self, folder):
        self.profile = tomllib.loads((folder / "profile.toml").read_text())
        lines = (folder / "identity.key").read_text().splitlines()[1:]
        fields = dict(line.split(": ", 1) for line in lines)
        self.organisation = fields["organisation"]
        self.key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(fields["signing-seed"]))
        self.public = self.key.public_key().public_bytes_raw()
        self.id = hashlib.sha256(SPKI + self.public).digest()
        self.node = bytes.fromhex(self.profile["node_key"])


class Session:
    """Frames both ways over one call."""

    def __init__(self, principal, address):
        host, port = address.rsplit(":", 1)
        # Any certificate will do: the login binds it to the node's key, which is what is trusted.
        pem = ssl.get_server_certificate((host, int(port)))
        self.certificate = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest()
        credentials = grpc.ssl_channel_credentials(root_certificates=pem.encode())
        self.channel = grpc.secure_channel(address, credentials)
        self.outgoing = queue.Queue()
        stub = sekisho_pb2_grpc.SekishoStub(self.channel)
        self.incoming = stub.Session(iter(self.outgoing.get, None), timeout=30)
        self.log_in(principal)

    def say(self, **kind):
        self.outgoing.put(wire.Frame(**kind))

    def hear(self, *wanted):
        """The next frame, which must be one of those wanted."""
        for frame in self.incoming:
            kind = frame.WhichOneof("kind")
            if kind == "ping":
                self.say(pong=wire.Pong(token=frame.ping.token))
            elif kind in wanted:
                return kind, getattr(frame, kind)
            elif kind == "refused":
                raise SystemExit(f"refused: {frame.refused.what}: {frame.refused.why}")
            else:
                raise SystemExit(f"wanted {wanted}, found {kind}")
        raise SystemExit(f"wanted {wanted}, found the end")

    def log_in(self, principal):
        _, challenge = self.hear("challenge")
        nonce = os.urandom(32)

        def signed(role):
            return b"".join([
                b"sekisho-login-v1\0", bytes([role]), challenge.nonce, nonce,
                principal.node, principal.public, self.certificate,
            ])

        self.say(login=wire.Login(
            public_key=principal.public, nonce=nonce, certificate=self.certificate,
            signature=principal.key.sign(signed(1)),
        ))
        _, proven = self.hear("proven")
        if proven.public_key != principal.node or proven.certificate != self.certificate:
            raise SystemExit("wanted the node of the profile, found another, or somebody in between")
        Ed25519PublicKey.from_public_bytes(principal.node).verify(proven.signature, signed(2))
        self.say(hello=wire.Hello(
            version=1, software="python-example", organisation=principal.organisation,
        ))
        _, self.welcome = self.hear("welcome")

    def close(self):
        self.say(goodbye=wire.Goodbye())
        self.outgoing.put(None)
        self.channel.close()


def signed_bytes(header, body):
    """What a publisher signs."""
    return b"sekisho-envelope-v1\0" + len(header).to_bytes(8, "big") + header + body


def envelope(principal, topic, name, value):
    """One reading, signed. It is the first of a run of this program: sequence 0, nothing before it."""
    now = time.time_ns() // 1000
    column = wire.Column(transducer=name, floats=[value], kind=1)
    batch = wire.SampleBatch(base_time_us=now, time_steps_us=[0], columns=[column])
    header = wire.Header(
        version=1, topic=topic, publisher=principal.id, boot=os.urandom(16), time_us=now,
        content_type="application/vnd.sekisho.samples", sample_count=1,
    ).SerializeToString()
    body = batch.SerializeToString()
    signature = principal.key.sign(signed_bytes(header, body))
    return wire.Envelope(header=header, body=body, signature=signature).SerializeToString()


def readings(encoded, principal):
    """What a record of the principal's own says, verified. Whose key another publisher's is, is
    proven by statements that `Query(principal)` answers; docs/protocol.md, section 7."""
    record = wire.Envelope.FromString(encoded)
    header = wire.Header.FromString(record.header)
    if header.publisher != principal.id:
        return []
    try:
        signed = signed_bytes(record.header, record.body)
        principal.key.public_key().verify(record.signature, signed)
    except InvalidSignature:
        return []
    if header.suite != 0 or header.content_type != "application/vnd.sekisho.samples":
        return []
    batch = wire.SampleBatch.FromString(record.body)
    return [(column.transducer, list(column.floats)) for column in batch.columns]


def main():
    folder, address, topic, name, value = sys.argv[1:]
    principal = Principal(Path(folder))
    session = Session(principal, address)
    print(f"welcome, {session.welcome.principal}")
    session.say(publish=wire.Publish(
        request=1, envelope=envelope(principal, topic, name, float(value)),
    ))
    _, published = session.hear("published")
    print(f"published at offset {published.offset}")
    session.say(subscribe=wire.Subscribe(
        subscription=SUBSCRIPTION, filter=topic, start=wire.Start(earliest=True), credit=1000,
    ))
    _, subscribed = session.hear("subscribed")
    while True:
        kind, frame = session.hear("record", "gap", "subscribed")
        if kind == "subscribed":
            break  # everything that was there has been told
        if kind == "record":
            for transducer, floats in readings(frame.envelope, principal):
                print(f"offset {frame.offset}: {transducer} {floats}")
    session.say(unsubscribe=wire.Unsubscribe(subscription=SUBSCRIPTION))
    session.hear("ended")
    session.close()


if __name__ == "__main__":
    main()
