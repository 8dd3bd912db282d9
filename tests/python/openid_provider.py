"""The real OpenID Provider of the tests, as a program in a pipeline uses it."""

import base64
import json
import os
import ssl
import urllib.parse
import urllib.request

ISSUER = os.environ["ISSUER"]
AUDIENCE = "sts.amazonaws.com"

# Straight to the provider: what the machine says about proxies is not for loopback.
opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}),
    urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=os.environ["ISSUER_CA"])),
)


def post(path, headers=None, **form):
    """The answer to a form."""
    data = urllib.parse.urlencode(form).encode()
    with opener.open(urllib.request.Request(ISSUER + path, data, headers or {}), timeout=30) as reply:
        return reply.read()


def grant(algorithm="RS256", audience=AUDIENCE):
    """What the token endpoint answers to a client of a pipeline, with its own secret."""
    basic = base64.b64encode(f"ci-{algorithm}:{os.environ['CLIENT_SECRET']}".encode()).decode()
    answer = post(
        "/token", {"authorization": f"Basic {basic}"},
        grant_type="client_credentials", resource=f"urn:audience:{audience}",
    )
    return json.loads(answer)


def token(algorithm="RS256", audience=AUDIENCE):
    return grant(algorithm, audience)["access_token"]


def write_token(text):
    """Puts a token into the file that credential providers read, as Kubernetes does: complete
    at once, and with a newline at its end."""
    path = os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"]
    with open(f"{path}.new", "w") as file:
        file.write(f"{text}\n")
    os.replace(f"{path}.new", path)
