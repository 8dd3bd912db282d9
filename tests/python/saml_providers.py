"""What an identity provider gives: one JSON object with its metadata, a response for the role `staff`
and others at the SAML provider `Corp`, the private key that opens it if it is encrypted, and what it says.

The providers are the shapes of `saml_documents.py`, the library pysaml2 with xmlsec1, and SimpleSAMLphp, into
which somebody logs in."""

import html
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile

import requests
from cryptography.hazmat.primitives import serialization

import saml_documents as documents
import saml_encryption as encryption
from saml_documents import AWS, FORMATS, Facts, Key

PROVIDER = "arn:aws:iam::123456789012:saml-provider/Corp"
PAIRS = tuple(f"arn:aws:iam::123456789012:role/{name},{PROVIDER}" for name in ("staff", "others", "untagged"))
TAGS = (
    (f"{AWS}PrincipalTag:team", ("blue",)),
    (f"{AWS}TransitiveTagKeys", ("team",)),
    (f"{AWS}SourceIdentity", ("ada",)),
)


def write(path, text):
    path.write_text(text)
    return str(path)


def certificate(key):
    return key.certificate.public_bytes(serialization.Encoding.PEM).decode()


def shape(kind):
    """A response of the four shapes; `adfs-ec`, `keycloak-encrypted` and so on."""
    name, _, variant = kind.partition("-")
    key = Key.ec() if variant == "ec" else Key.rsa()
    issuer = {
        "adfs": "http://adfs.example.com/adfs/services/trust",
        "entra": "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
        "okta": "http://www.okta.com/exk1fcia6d6EMsf331d8",
        "keycloak": "https://idp.example.com/realms/corp",
    }[name]
    # SAML sessions shorter than the one that is asked for shorten it.
    facts = Facts(issuer=issuer, roles=PAIRS, attributes=TAGS, session_s=1800)
    told = {
        "metadata": documents.metadata(name, issuer, key),
        "issuer": issuer,
        "subject": facts.subject,
        "subject_type": "persistent",
        "longest": 1800 if name in ("okta", "keycloak") else 3600,
    }
    if not variant.startswith("encrypted"):
        return {**told, "response": documents.SHAPES[name](facts, key)}
    ours = Key.rsa()
    if name == "keycloak":
        # AES-CBC, inside a response that is signed.
        root = documents.etree.fromstring(documents.keycloak(facts, key).encode())
        inner = documents.serialised(root.find(f"{{{documents.SAML}}}Assertion")).decode()
        body = encryption.encrypted(inner, ours, content="aes128-cbc")
        text = documents.keycloak_response(facts, key, body)
    else:
        text = documents.SHAPES[name](facts, key)
        inner = re.search("<Assertion .*</Assertion>", text, re.DOTALL).group()
        text = text.replace(inner, encryption.encrypted(inner, ours, content="aes256-gcm"))
    return {**told, "response": text, "key": ours.pem()}


def pysaml2(kind, folder):
    """The library's server side, which signs with xmlsec1."""
    import saml2.config
    import saml2.metadata
    import saml2.saml
    import saml2.server
    import saml2.xmldsig

    key, issuer = Key.rsa(), "https://pysaml2.example.com/idp"
    xmlsec = shutil.which("xmlsec1")
    assert xmlsec, "xmlsec1 is missing: run `cargo xtask setup`"
    service = write(
        folder / "aws.xml",
        (
            '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="urn:amazon:webservices">'
            f'<md:SPSSODescriptor protocolSupportEnumeration="{documents.SAMLP}" WantAssertionsSigned="true">'
            f'<md:AssertionConsumerService index="1" Binding="{saml2.BINDING_HTTP_POST}" Location="{documents.RECIPIENT}"/>'
            "</md:SPSSODescriptor></md:EntityDescriptor>"
        ),
    )
    settings = {
        "entityid": issuer,
        "xmlsec_binary": xmlsec,
        "key_file": write(folder / "idp.key", key.pem()),
        "cert_file": write(folder / "idp.pem", certificate(key)),
        "metadata": {"local": [service]},
        "service": {
            "idp": {
                "endpoints": {"single_sign_on_service": [(f"{issuer}/sso", saml2.BINDING_HTTP_POST)]},
                "policy": {"default": {"lifetime": {"minutes": 15}, "name_form": f"{documents.NAMES}uri"}},
            }
        },
    }
    config = saml2.config.IdPConfig().load(settings)
    values = {f"{AWS}Role": list(PAIRS), f"{AWS}RoleSessionName": ["ada@example.com"]}
    values |= {name: list(given) for name, given in TAGS}
    made = saml2.server.Server(config=config).create_authn_response(
        values,
        in_response_to=None,
        destination=documents.RECIPIENT,
        sp_entity_id="urn:amazon:webservices",
        name_id=saml2.saml.NameID(format=f"{FORMATS}transient", text="ada-transient"),
        authn={"class_ref": saml2.saml.AUTHN_PASSWORD, "authn_auth": issuer},
        sign_assertion=kind != "pysaml2-response",
        sign_response=kind != "pysaml2",
        sign_alg=saml2.xmldsig.SIG_RSA_SHA384,
        digest_alg=saml2.xmldsig.DIGEST_SHA256,
    )
    return {
        "metadata": str(saml2.metadata.entity_descriptor(config)),
        "issuer": issuer,
        "response": str(made),
        "subject": "ada-transient",
        "subject_type": "transient",
        "longest": 3600,
    }


def simplesamlphp(kind, folder):
    """Logs in as a browser would, to the provider as Debian packages it."""
    package = pathlib.Path(os.environ["SIMPLESAMLPHP"])
    assert package.exists() and shutil.which(
        "php"
    ), "SimpleSAMLphp or PHP is missing: run `cargo xtask setup`"
    own = pathlib.Path(__file__).resolve().parents[1] / "simplesamlphp"
    for file in own.iterdir():
        shutil.copy(file, folder)
    key, ours = Key.rsa(), Key.rsa()
    write(folder / "idp.key", key.pem())
    write(folder / "idp.pem", certificate(key))
    write(folder / "ours.pem", certificate(ours))
    values = {"uid": ["alice"], f"{AWS}Role": list(PAIRS), f"{AWS}RoleSessionName": ["alice@example.com"]}
    write(folder / "attributes.json", json.dumps(values | {name: list(given) for name, given in TAGS}))
    # Its last line reads secrets that the package's installation makes.
    packaged = (package / "etc/simplesamlphp/config.php").read_text().splitlines()
    packaged = write(
        folder / "packaged.php", "\n".join(line for line in packaged if "secrets.inc.php" not in line)
    )
    # PHP does not tell which port it took.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    url = f"http://{address}/"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "SIMPLESAMLPHP_CONFIG_DIR": str(folder),
        "FOLDER": str(folder),
        "BASE_URL": url,
        "PACKAGED": packaged,
        "RECIPIENT": documents.RECIPIENT,
    }
    web = package / "usr/share/simplesamlphp/www"
    php = subprocess.Popen(
        ["php", "-d", f"session.save_path={folder}", "-d", "display_errors=0", "-S", address, "-t", web],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = php.stderr.readline()
        assert "started" in said, said
        browser = requests.Session()
        metadata = browser.get(f"{url}saml2/idp/metadata.php", timeout=60).text
        wanted = {"simplesamlphp": "urn:amazon:webservices"}.get(
            kind, f"urn:example:{kind.partition('-')[2]}"
        )
        page = browser.get(f"{url}saml2/idp/SSOService.php", params={"spentityid": wanted}, timeout=60)
        state = html.unescape(re.search(r'name="AuthState" value="([^"]*)"', page.text).group(1))
        login = {"username": "alice", "password": "secret", "AuthState": state}
        page = browser.post(f"{url}module.php/core/loginuserpass.php", login, timeout=60)
        sent = html.unescape(re.search(r'name="SAMLResponse" value="([^"]*)"', page.text).group(1))
    finally:
        php.terminate()
        php.stderr.close()
        php.wait()
    told = {
        "metadata": metadata,
        "issuer": url,
        "encoded": sent,
        "subject": "alice",
        "subject_type": "persistent",
        "longest": 3600,
        "session": "alice@example.com",
    }
    return {**told, "key": ours.pem()} if kind.endswith("encrypted") else told


def main(kind):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        if kind.startswith("pysaml2"):
            told = pysaml2(kind, folder)
        elif kind.startswith("simplesamlphp"):
            told = simplesamlphp(kind, folder)
        else:
            told = shape(kind)
    told.setdefault("encoded", documents.encoded(told.get("response", "")))
    print(json.dumps({"key": None, "response": None, "session": "ada@example.com", **told}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
