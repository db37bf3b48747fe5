#!/usr/bin/env python3
"""Verifies a .tlog-proof of Sekisho from nothing but the fingerprint of an organisation's root.

An implementation of its own, from docs/protocol.md and the documents of c2sp.org, in the standard
library alone: SHA-256 is hashlib's, Ed25519 (RFC 8032) and the reading of protobuf are here. It
keeps no secret, so that nothing here needs to take constant time.

    verify.py FILE.tlog-proof ROOT-FINGERPRINT

It prints what was proven as JSON, or says what does not hold and ends with 1.
"""

import base64
import hashlib
import hmac
import json
import struct
import sys

KINDS = {
    1: "org-root", 2: "issuer", 3: "principal", 4: "grant", 5: "deny", 6: "revoke",
    7: "stream-descriptor", 8: "epoch-announce", 9: "key-grant", 10: "peering", 11: "role",
    12: "erasure",
}
ORG_ROOT, ISSUER, PRINCIPAL = 1, 2, 3
NODE = 6
SPKI = bytes.fromhex("302a300506032b6570032100")


class Wrong(Exception):
    """What does not hold."""


def demand(condition, what):
    if not condition:
        raise Wrong(what)


# ---- Ed25519, RFC 8032 section 5.1 ---------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
I = pow(2, (P - 1) // 4, P)


def recover(encoded):
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    demand(y < P, "a point in its one encoding")
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * I % P
    demand((x * x - square) % P == 0, "a point of the curve")
    demand(x or not sign, "a point in its one encoding")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def add(left, right):
    a = (left[1] - left[0]) * (right[1] - right[0]) % P
    b = (left[1] + left[0]) * (right[1] + right[0]) % P
    c, d = 2 * left[3] * right[3] * D % P, 2 * left[2] * right[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def same(left, right):
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (
        left[1] * right[2] - right[1] * left[2]
    ) % P == 0


BASE = recover((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
IDENTITY = (0, 1, 1, 0)


def is_signed(key, message, signature):
    """As `verify_strict` does: no weak key, no weak R, a reduced S, and no cofactor."""
    if len(signature) != 64 or len(key) != 32:
        return False
    scalar = int.from_bytes(signature[32:], "little")
    if scalar >= L:
        return False
    try:
        public, first = recover(key), recover(signature[:32])
    except Wrong:
        return False
    if same(times(8, public), IDENTITY) or same(times(8, first), IDENTITY):
        return False
    digest = hashlib.sha512(signature[:32] + key + message).digest()
    challenge = int.from_bytes(digest, "little") % L
    return same(times(scalar, BASE), add(first, times(challenge, public)))


# ---- Protobuf -----------------------------------------------------------------------------------


def varint(data, at):
    value = shift = 0
    while True:
        demand(at < len(data) and shift < 64, "a whole number")
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def fields(data):
    """Every field of a message: number to list of values."""
    found, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        else:
            demand(tag & 7 == 2, "fields of numbers and of bytes")
            length, at = varint(data, at)
            value, at = data[at : at + length], at + length
            demand(at <= len(data), "a whole message")
        found.setdefault(tag >> 3, []).append(value)
    return found


def one(message, number, default=None):
    values = message.get(number, [default])
    demand(len(values) == 1, "a field once")
    return values[0]


# ---- Statements ---------------------------------------------------------------------------------


def id_of(key):
    return hashlib.sha256(SPKI + key).digest()


class Statement:
    def __init__(self, encoded):
        message = fields(encoded)
        self.kind, self.body = one(message, 1, 0), one(message, 2, b"")
        demand(self.kind in KINDS, "a statement of a kind that is known")
        self.fields = fields(self.body)
        self.signatures = [
            (one(fields(signed), 1, b""), one(fields(signed), 2, b""))
            for signed in message.get(3, [])
        ]
        context = f"sekisho-statement-{KINDS[self.kind]}-v1\0".encode()
        self.signed = context + struct.pack(">Q", len(self.body)) + self.body

    def id(self):
        return hashlib.sha256(self.signed).hexdigest()

    def text(self, number):
        return one(self.fields, number, b"").decode()

    def signers(self, keys):
        """Which of the keys signed it: each counts once."""
        known = {id_of(key): key for key in keys}
        return {
            signer
            for signer, signature in self.signatures
            if signer in known and is_signed(known[signer], self.signed, signature)
        }


def node_keys(statements, organisation, fingerprint):
    """Follows statements from the root to the keys of the organisation's nodes."""
    roots, threshold, issuers, nodes = [], 1, [], {}
    for statement in statements:
        demand(statement.text(1) == organisation or statement.kind > PRINCIPAL, "its own statements")
        if statement.kind == ORG_ROOT:
            found = hashlib.sha256(statement.body).hexdigest()
            demand(found == fingerprint, f"root {fingerprint}, found {found}")
            roots, threshold = statement.fields[2], one(statement.fields, 3)
            demand(len(statement.signers(roots)) >= threshold, "a root that its own keys signed")
        elif statement.kind == ISSUER:
            demand(roots and len(statement.signers(roots)) >= threshold, "an issuer by the root")
            issuers.append(one(statement.fields, 3))
        elif statement.kind == PRINCIPAL:
            demand(statement.signers(issuers), "a principal by an issuer")
            if one(statement.fields, 3, 0) == NODE:
                nodes[one(statement.fields, 4)] = statement.text(2)
    return nodes


# ---- Proofs -------------------------------------------------------------------------------------


def decode(text):
    return base64.b64decode(text, validate=True)


def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(leaf, index, size, path):
    """RFC 9162 section 2.1.3.2."""
    demand(index < size, f"an index below {size}, found {index}")
    node, last, found = index, size - 1, leaf
    for beside in path:
        demand(last > 0, "a shorter path")
        if node & 1 or node == last:
            found = node_hash(beside, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, beside)
        node, last = node >> 1, last >> 1
    demand(last == 0, "a longer path")
    return found


def signature_of(note, name, kind, key):
    """The signature that a key has put under a note; None where it has not."""
    key_id = hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:4]
    for line in note["lines"]:
        _, signer, signature = line.split(" ")
        signature = decode(signature)
        if signer == name and signature[:4] == key_id:
            return signature[4:]
    return None


def parse(text):
    head, text, signatures = text.split("\n\n")
    lines = head.split("\n")
    demand(lines[0] == "c2sp.org/tlog-proof@v1", "a tlog-proof")
    demand(lines[1].startswith("extra ") and lines[2].startswith("index "), "extra data, an index")
    origin, size, root = text.split("\n")[:3]
    note = {"text": text + "\n", "lines": signatures.rstrip("\n").split("\n")}
    path = [decode(line) for line in lines[3:]]
    return decode(lines[1][6:]).decode(), int(lines[2][6:]), path, origin, int(size), decode(root), note


def verify(text, fingerprint):
    extra, index, path, origin, size, root, note = parse(text)
    lines = extra.split("\n")
    demand(lines[0] == "sekisho-proof/v1", "extra data of a Sekisho proof")
    parts = [line.split(" ", 1) for line in lines[1:] if line]
    entry = decode(next(value for name, value in parts if name == "entry"))
    statements = [Statement(decode(value)) for name, value in parts if name == "statement"]
    prefix, organisation, log = origin.split("/")
    demand(prefix == "sekisho" and log in ("control", "access"), f"a log, found {origin}")
    for key, node in node_keys(statements, organisation, fingerprint).items():
        signature = signature_of(note, origin, 1, key)
        if signature and is_signed(key, note["text"].encode(), signature):
            break
    else:
        raise Wrong("a checkpoint signed by a node that leads to the root")
    found = root_of(leaf_hash(entry), index, size, path)
    demand(found == root, f"an entry under root {root.hex()}, found {found.hex()}")
    proven = {"log": origin, "index": index, "entries": size, "node": f"{node}@{organisation}"}
    message = fields(entry)
    if log == "control":
        statement = Statement(one(message, 2))
        return proven | {"kind": KINDS[statement.kind], "statement": statement.id()}
    record = next((decode(value) for name, value in parts if name == "record"), None)
    if record is None:
        return proven | {"subject": None}
    opening = bytes.fromhex(next(value for name, value in parts if name == "opening"))
    committed = b"sekisho-access-commitment-v1\0" + record
    commitment = hmac.new(opening, committed, hashlib.sha256).digest()
    demand(commitment == one(message, 3), "the record that the entry commits to")
    return proven | {"subject": one(fields(record), 2).decode()}


def main():
    path, fingerprint = sys.argv[1:]
    try:
        with open(path, encoding="utf-8") as file:
            proven = verify(file.read(), fingerprint)
    except (Wrong, ValueError, StopIteration, IndexError, KeyError) as cause:
        print(f"{path}: wanted {cause}", file=sys.stderr)
        return 1
    print(json.dumps(proven))
    return 0


if __name__ == "__main__":
    sys.exit(main())
