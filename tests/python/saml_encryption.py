"""Encrypts assertions as identity providers do (XML Encryption 1.1), and as nobody should."""

import base64
import os

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from saml_documents import DS, SAML, XENC

XENC11 = "http://www.w3.org/2009/xmlenc11#"


def padded(text, size, how):
    """Padded as XML Encryption wants it (section 5.2.2): any bytes, and their number."""
    number = size - len(text) % size
    last = {"": number, "zero": 0, "too long": size + 1, "all": 255}[how]
    return text + os.urandom(number - 1) + bytes([last])


def oaep(digest, mask):
    return padding.OAEP(padding.MGF1(mask()), digest(), None)


def wrapped(key, secret, transport):
    """The parameters of a transport, and what it makes of a key."""
    public = key.private.public_key()
    mgf1p = f'<xenc:EncryptionMethod Algorithm="{XENC}rsa-oaep-mgf1p"'
    if transport == "rsa-oaep-mgf1p":
        return f"{mgf1p}/>", public.encrypt(secret, oaep(hashes.SHA1, hashes.SHA1))
    if transport == "rsa-oaep-mgf1p sha1":
        method = f'{mgf1p}><ds:DigestMethod xmlns:ds="{DS}" Algorithm="{DS}sha1"/></xenc:EncryptionMethod>'
        return method, public.encrypt(secret, oaep(hashes.SHA1, hashes.SHA1))
    if transport == "rsa-oaep sha256":
        method = (
            f'<xenc:EncryptionMethod Algorithm="{XENC11}rsa-oaep"><ds:DigestMethod xmlns:ds="{DS}" '
            f'Algorithm="{XENC}sha256"/><x:MGF xmlns:x="{XENC11}" Algorithm="{XENC11}mgf1sha256"/></xenc:EncryptionMethod>'
        )
        return method, public.encrypt(secret, oaep(hashes.SHA256, hashes.SHA256))
    method = f'<xenc:EncryptionMethod Algorithm="{XENC}rsa-1_5"/>' if transport == "rsa-1_5" else f"{mgf1p}/>"
    return method, public.encrypt(secret, padding.PKCS1v15())


def tampered(value, part):
    at = {"first": 0, "middle": len(value) // 2, "last": len(value) - 1}.get(part)
    if at is not None:
        return value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
    return {"short": value[:20], "empty": value[:12], "nothing": b""}[part]


def encrypted(
    text,
    key,
    content="aes256-gcm",
    transport="rsa-oaep-mgf1p",
    beside=False,
    also=None,
    tamper=None,
    pad="",
    kind="Element",
    copies=1,
    key_size=None,
):
    """The `EncryptedAssertion` of a text for a key."""
    text = text.encode() if isinstance(text, str) else text
    size = {"tripledes-cbc": 24, "none": 16}.get(content) or int(content[3:6]) // 8
    secret = os.urandom(size)
    if content.endswith("-gcm"):
        nonce = os.urandom(12)
        value, algorithm = nonce + AESGCM(secret).encrypt(nonce, text, None), f"{XENC11}{content}"
    elif content == "none":
        value, algorithm = text, "urn:none"
    else:
        kind_of = TripleDES if content == "tripledes-cbc" else algorithms.AES
        block = 8 if kind_of is TripleDES else 16
        vector = os.urandom(block)
        encryptor = Cipher(kind_of(secret), modes.CBC(vector)).encryptor()
        value = vector + encryptor.update(padded(text, block, pad)) + encryptor.finalize()
        algorithm = f"{XENC}{content}"
    value = value if tamper is None else tampered(value, tamper)
    secret = secret if key_size is None else os.urandom(key_size)
    keys = ""
    for recipient in ([also] if also else []) + [key] * copies:
        method, hidden = wrapped(recipient, secret, transport)
        keys += (
            f'<xenc:EncryptedKey xmlns:xenc="{XENC}">{method}<xenc:CipherData><xenc:CipherValue>'
            f"{base64.b64encode(hidden).decode()}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>"
        )
    key_info = "" if beside else f'<ds:KeyInfo xmlns:ds="{DS}">{keys}</ds:KeyInfo>'
    return (
        f'<saml:EncryptedAssertion xmlns:saml="{SAML}"><xenc:EncryptedData xmlns:xenc="{XENC}" Type="{XENC}{kind}">'
        f'<xenc:EncryptionMethod Algorithm="{algorithm}"/>{key_info}<xenc:CipherData><xenc:CipherValue>'
        f"{base64.b64encode(value).decode()}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>"
        f"{keys if beside else ''}</saml:EncryptedAssertion>"
    )


def content_value(text):
    """The base64 of what is encrypted, in a document."""
    return text.rpartition("<xenc:CipherValue>")[2].partition("</xenc:CipherValue>")[0]
