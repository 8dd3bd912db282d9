"""SAML providers: made, read, listed, changed, tagged and deleted, with metadata from 1,000 to
10,000,000 characters; with each refusal that AWS documents. Others are answered while a large document is
being read."""

import base64
import hashlib
import pathlib
import random
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from checks import ACCOUNT, arn, client, document, iam, paged, refused, trust

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "crates/federation/src/saml/testdata"
METADATA = (FOLDER / "metadata.xml").read_text()
ONE = arn("saml-provider/", "Corp", path="")


def sized(characters, filling="x"):
    """The metadata with a filling that makes it so many characters long."""
    before, behind = METADATA.split("  <md:IDPSSODescriptor", 1)
    room = characters - len(METADATA) - len("<md:Extensions></md:Extensions>")
    text = before + "<md:Extensions>" + filling * room + "</md:Extensions>  <md:IDPSSODescriptor" + behind
    assert len(text) == characters
    return text


def prime(bits, chance):
    """A probable prime with its two highest bits set (Miller and Rabin)."""
    while True:
        number = chance.getrandbits(bits) | 3 << (bits - 2) | 1
        if any(number % small == 0 for small in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)):
            continue
        odd, twos = number - 1, 0
        while odd % 2 == 0:
            odd, twos = odd // 2, twos + 1
        for _ in range(12):
            power = pow(chance.randrange(2, number - 1), odd, number)
            if power in (1, number - 1):
                continue
            for _ in range(twos - 1):
                power = power * power % number
                if power == number - 1:
                    break
            else:
                break
        else:
            return number


def der(tag, content):
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 128 | size]) + length.to_bytes(size, "big") + content


def integer(number):
    return der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def private_key(seed):
    """An RSA key of 2,048 bits in PKCS#8 and PEM, of no worth: anybody can make it again."""
    chance = random.Random(seed)
    e = 65537
    p, q = prime(1024, chance), prime(1024, chance)
    if p < q:
        p, q = q, p
    d = pow(e, -1, (p - 1) * (q - 1))
    parts = (0, p * q, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
    key = der(48, b"".join(map(integer, parts)))
    rsa = der(48, bytes.fromhex("06092a864886f70d0101010500"))
    text = base64.encodebytes(der(48, integer(0) + rsa + der(4, key))).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{text}-----END PRIVATE KEY-----\n"


def create(name="Corp", metadata=METADATA, **more):
    return iam.create_saml_provider(Name=name, SAMLMetadataDocument=metadata, **more)


def get(name="Corp"):
    return iam.get_saml_provider(SAMLProviderArn=arn("saml-provider/", name, path=""))


def a_life():
    created = create(Tags=[{"Key": "team", "Value": "blue"}])
    assert created["SAMLProviderArn"] == ONE and created["Tags"] == [{"Key": "team", "Value": "blue"}]
    got = get()
    assert got["SAMLMetadataDocument"] == METADATA
    assert got["Tags"] == created["Tags"] and got["PrivateKeyList"] == []
    assert "AssertionEncryptionMode" not in got
    assert 22 <= len(got["SAMLProviderUUID"]) <= 64
    assert (got["ValidUntil"] - got["CreateDate"]).days == 36525
    [listed] = iam.list_saml_providers()["SAMLProviderList"]
    assert listed == {key: got[key] for key in ("ValidUntil", "CreateDate")} | {"Arn": ONE}
    until = METADATA.replace("entityID=", 'validUntil="2031-02-03T04:05:06Z" entityID=')
    assert iam.update_saml_provider(SAMLProviderArn=ONE, SAMLMetadataDocument=until)["SAMLProviderArn"] == ONE
    assert get()["ValidUntil"].isoformat() == "2031-02-03T04:05:06+00:00"
    assert get()["SAMLProviderUUID"] == got["SAMLProviderUUID"]
    refused("EntityAlreadyExists", "Provider with name CORP already exists.", create, name="CORP")
    iam.delete_saml_provider(SAMLProviderArn=ONE)
    missing = f"Manifest not found for arn {ONE}"
    for call in (iam.get_saml_provider, iam.update_saml_provider, iam.delete_saml_provider,
                 iam.list_saml_provider_tags):
        refused("NoSuchEntity", missing, call, SAMLProviderArn=ONE)
    assert iam.list_saml_providers()["SAMLProviderList"] == []


def private_keys():
    first, second, third = (private_key(seed) for seed in (1, 2, 3))
    needed = "The provider has no private key: encrypted assertions cannot be required until one is added."
    refused("InvalidInput", needed, create, AssertionEncryptionMode="Required")
    create(AssertionEncryptionMode="Required", AddPrivateKey=first)
    got = get()
    [key] = got["PrivateKeyList"]
    assert got["AssertionEncryptionMode"] == "Required" and key["Timestamp"] == got["CreateDate"]
    change = lambda **more: iam.update_saml_provider(SAMLProviderArn=ONE, **more)
    refused("InvalidInput", needed, change, RemovePrivateKey=key["KeyId"])
    change(AddPrivateKey=second)
    refused("LimitExceeded", "Cannot exceed quota for PrivateKeysPerSAMLProvider: 2", change, AddPrivateKey=third)
    change(AddPrivateKey=third, RemovePrivateKey=key["KeyId"])
    assert key["KeyId"] not in [key["KeyId"] for key in get()["PrivateKeyList"]]
    gone = f"The private key with id {key['KeyId']} cannot be found."
    refused("NoSuchEntity", gone, change, RemovePrivateKey=key["KeyId"])
    for key in get()["PrivateKeyList"]:
        change(AssertionEncryptionMode="Allowed", RemovePrivateKey=key["KeyId"])
    assert get()["PrivateKeyList"] == [] and get()["AssertionEncryptionMode"] == "Allowed"
    bad = "Could not parse key: the private key is not in PEM, or not an unencrypted key in PKCS#8."
    refused("InvalidInput", bad, change, AddPrivateKey="key")
    bad = "Could not parse key: the private key is no RSA key of 2048 to 8192 bits in PKCS#8."
    refused("InvalidInput", bad, change, AddPrivateKey=first.replace("MII", "AAA", 1))
    iam.delete_saml_provider(SAMLProviderArn=ONE)


def sizes():
    for characters in (len(METADATA), 1_000_000, 10_000_000):
        text = sized(characters) if characters > len(METADATA) else METADATA
        create(metadata=text)
        got = get()["SAMLMetadataDocument"]
        assert hashlib.sha256(got.encode()).digest() == hashlib.sha256(text.encode()).digest()
        iam.delete_saml_provider(SAMLProviderArn=ONE)
    # Each character percent-encoded in six bytes: as many as a body has room for.
    create(metadata=sized(4_000_000, "\u00e9"))
    iam.delete_saml_provider(SAMLProviderArn=ONE)
    for text, word in (("x" * 999, "greater than or equal to 1000"), (sized(10_000_001), "less than or equal to 10000000")):
        try:
            create(metadata=text)
        except ClientError as error:
            told = error.response["Error"]
            assert told["Code"] == "ValidationError" and told["Message"].endswith(f"length {word}"), told
        else:
            raise AssertionError("taken")
    # A document of 1,000 characters is looked at, and found to be none.
    refused("InvalidInput", "Could not parse metadata: the document is not well-formed.", create, metadata="x" * 1000)
    # Nobody sends so much for another operation.
    try:
        iam.create_user(UserName="Ann", Path="/" + "x" * 1_100_000 + "/")
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 413, error
    else:
        raise AssertionError("taken")


def others_go_on():
    """While large documents are read, small calls are answered."""
    text = sized(10_000_000, "y")
    slowest, done = 0.0, threading.Event()

    def large():
        config = Config(retries={"total_max_attempts": 1}, read_timeout=120)
        own = boto3.client("iam", config=config)
        own.create_saml_provider(Name="Corp", SAMLMetadataDocument=text)
        done.set()

    worker = threading.Thread(target=large)
    begun = time.monotonic()
    worker.start()
    while not done.is_set():
        at = time.monotonic()
        iam.list_saml_providers()
        slowest = max(slowest, time.monotonic() - at)
        if not worker.is_alive() and not done.is_set():
            raise AssertionError("the large call failed")
    worker.join()
    print(f"10,000,000 characters in {time.monotonic() - begun:.1f} s; the slowest call beside: {slowest:.2f} s")
    iam.delete_saml_provider(SAMLProviderArn=ONE)


def tags():
    create(Tags=[{"Key": f"key-{n:02}", "Value": "x"} for n in range(48)])
    iam.tag_saml_provider(SAMLProviderArn=ONE, Tags=[{"Key": "KEY-00", "Value": "y"}, {"Key": "last", "Value": ""}])
    every = paged("list_saml_provider_tags", "Tags", size=7, SAMLProviderArn=ONE)
    assert len(every) == 49 and {"Key": "KEY-00", "Value": "y"} in every
    two = [{"Key": key, "Value": "x"} for key in ("one", "two")]
    refused("LimitExceeded", "Cannot exceed quota for TagsPerSAMLProvider: 50", iam.tag_saml_provider,
            SAMLProviderArn=ONE, Tags=two)
    iam.untag_saml_provider(SAMLProviderArn=ONE, TagKeys=["key-00", "LAST", "unknown"])
    assert len(get()["Tags"]) == 47
    twice = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
    refused("InvalidInput", twice, iam.tag_saml_provider, SAMLProviderArn=ONE,
            Tags=[{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}])
    iam.delete_saml_provider(SAMLProviderArn=ONE)


def decisions():
    """Who may do what is told by the provider's tags; a trust policy names it."""
    create(Tags=[{"Key": "team", "Value": "blue"}])
    iam.create_user(UserName="Blue")
    key = iam.create_access_key(UserName="Blue")["AccessKey"]
    blue = client("iam", key)
    mine = {"StringEquals": {"aws:ResourceTag/team": "blue"}}
    iam.put_user_policy(UserName="Blue", PolicyName="p",
                        PolicyDocument=document("iam:*SAMLProvider*", Condition=mine))
    assert blue.get_saml_provider(SAMLProviderArn=ONE)["SAMLMetadataDocument"] == METADATA
    iam.tag_saml_provider(SAMLProviderArn=ONE, Tags=[{"Key": "team", "Value": "red"}])
    try:
        blue.update_saml_provider(SAMLProviderArn=ONE, SAMLMetadataDocument=METADATA)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied", error
    else:
        raise AssertionError("allowed")
    policy = trust({"Federated": ONE}).replace("sts:AssumeRole", "sts:AssumeRoleWithSAML")
    iam.create_role(RoleName="Federated", AssumeRolePolicyDocument=policy)
    iam.delete_saml_provider(SAMLProviderArn=ONE)
    shown = iam.get_role(RoleName="Federated")["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"] == {"Federated": ONE}


def quota():
    for number in range(100):
        create(name=f"p{number:03}")
    refused("LimitExceeded", "Cannot exceed quota for SAMLProvidersPerAccount: 100", create, name="more")
    listed = [entry["Arn"] for entry in iam.list_saml_providers()["SAMLProviderList"]]
    assert listed == [arn("saml-provider/", f"p{number:03}", path="") for number in range(100)]
    for one in listed:
        iam.delete_saml_provider(SAMLProviderArn=one)


for check in (a_life, private_keys, sizes, others_go_on, tags, decisions, quota):
    begun = time.monotonic()
    check()
    print(f"{check.__name__}: {time.monotonic() - begun:.1f} s")
print("all checks passed")
