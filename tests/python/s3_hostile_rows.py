"""Cases of hostile requests to the S3 gateway: the list of them, and who sends them."""

import base64
import datetime
import json
import os

from s3_requests import Keys, Request, Signer

WORLD = json.loads(os.environ["WORLD"])
HOST, DOMAIN = WORLD["host"], WORLD["domain"]
NOW = datetime.datetime.fromtimestamp(WORLD["now"], datetime.timezone.utc)
KEYS = {name: Keys(**keys) for name, keys in WORLD["keys"].items()}
# A role that may do everything in the bucket `vault`, but nothing below `secret/` in it, and has nothing
# to do with `other`.
writer = Signer(KEYS["writer"], NOW)
# A user who may do everything.
admin = Signer(KEYS["admin"], NOW)

DENIED, MISMATCH = (403, "AccessDenied"), (403, "SignatureDoesNotMatch")
INVALID, URI, ARGUMENT = (400, "InvalidRequest"), (400, "InvalidURI"), (400, "InvalidArgument")
# What is no HTTP is refused before anything knows of S3.
NOT_HTTP = (400, "")

rows = []


def request(method, path, query="", *headers, body=b"", host=HOST):
    """A request, to the gateway's own address unless told otherwise."""
    return Request(method, path, query, headers, body, host)


def bad(name, sent, outcome, begins=False, cut=False):
    """A case that is refused. `begins`: what shows that it is hostile may come when the backend has seen
    the begin of it, but nothing may be stored; its key is that of such cases only, since the backend may
    see that late. `cut`: less is sent than is announced, and nobody need
    answer."""
    status, code = outcome
    add(name, sent, status, code, begins, cut=cut)


def good(name, sent, status=200, hidden=(), stored=None):
    """A neighbour that passes. `hidden`: headers that the backend must not see. `stored`: an object that
    is there then."""
    add(f"passes: {name}", sent, status, None, False, hidden=list(hidden), stored=stored)


def add(name, sent, status, code, begins, **more):
    assert name not in [row["name"] for row in rows], name
    sent = base64.b64encode(sent).decode()
    rows.append({"name": name, "sent": sent, "status": status, "code": code, "begins": begins, **more})


def revoke(who):
    """From here on a session is revoked."""
    rows.append({"name": f"revoke {who}", "revoke": KEYS[who].id})
