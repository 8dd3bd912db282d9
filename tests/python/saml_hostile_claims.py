"""Hostile responses that say what they must not, whoever signed them; and those that are encrypted."""

import dataclasses

import saml_documents as documents
import saml_encryption as encryption
from saml_documents import FORMATS, Facts
from saml_parts import (
    ACCOUNT,
    BEARER,
    ISSUER,
    IDP,
    ATTACKER,
    OURS,
    NOT_OURS,
    arn,
    assertion,
    attribute,
    between,
    conditions,
    facts,
    parts_of,
    response,
    signed,
    subject,
    whole,
)
from saml_rows import (
    DENIED,
    EXPIRED,
    NO_SIGNATURE,
    NOT_ALLOWED,
    NO_ISSUER,
    NO_AUDIENCE,
    TOO_OLD,
    ENDED,
    NO_NAME,
    BAD_NAME,
    BAD_SOURCE,
    good,
    row,
    unfit,
)


def times():
    minutes = 60

    def at(seconds):
        return facts(now=Facts().now + documents.datetime.timedelta(seconds=seconds))

    def issued(seconds):
        f = facts()
        return signed(f, head=f'ID="{f.assertion_id}" Version="2.0" IssueInstant="{f.time(seconds)}"')

    row("issued seven minutes ago", issued(-7 * minutes), EXPIRED, TOO_OLD)
    row("issued a day ago", issued(-1440 * minutes), EXPIRED, TOO_OLD)
    row("issued in three minutes", issued(3 * minutes))
    row("issued in a year", issued(525_600 * minutes))
    good("issued four minutes ago", issued(-4 * minutes))
    good("issued in half a minute", issued(30))
    f = facts()
    over = f'NotBefore="{f.time(-600)}" NotOnOrAfter="{f.time(-120)}"'
    row("the conditions are over", signed(f, conditions_=conditions(f, times=over)), EXPIRED, ENDED)
    ahead = f'NotBefore="{f.time(120)}" NotOnOrAfter="{f.time(600)}"'
    row("the conditions lie ahead", signed(f, conditions_=conditions(f, times=ahead)))
    until = (
        lambda seconds, more="": f'<saml:SubjectConfirmationData NotOnOrAfter="{f.time(seconds)}" Recipient="{f.recipient}"{more}/>'
    )
    row("the confirmation is over", signed(f, subject_=subject(f, data=until(-120))), EXPIRED, ENDED)
    row(
        "the confirmation begins",
        signed(f, subject_=subject(f, data=until(300, f' NotBefore="{f.time(-60)}"'))),
    )
    session = lambda until: f'<saml:AuthnStatement AuthnInstant="{f.time()}" SessionNotOnOrAfter="{until}"/>'
    row("the session is over", signed(f, authn=session(f.time(-120))), EXPIRED, ENDED)
    good("the session is as long as another", signed(f, authn=session(f.time(3600))))
    for name, time in {
        "no time": "now",
        "a date": "2031-01-01",
        "a number": "1900000000",
        "a thirteenth month": "2031-13-01T00:00:00Z",
        "empty": "",
    }.items():
        f = facts()
        row(
            f"IssueInstant is {name}",
            signed(f, head=f'ID="{f.assertion_id}" Version="2.0" IssueInstant="{time}"'),
        )
        row(f"NotOnOrAfter is {name}", signed(f, conditions_=conditions(f, times=f'NotOnOrAfter="{time}"')))
        row(f"SessionNotOnOrAfter is {name}", signed(f, authn=session(time)))
    f = facts()
    row("IssueInstant is missing", signed(f, head=f'ID="{f.assertion_id}" Version="2.0"'))
    other = f.time().replace("Z", "+00:00")
    good(
        "times with an offset", signed(f, head=f'ID="{f.assertion_id}" Version="2.0" IssueInstant="{other}"')
    )
    f = at(0)
    good(
        "times without fractions",
        signed(f, head=f'ID="{f.assertion_id}" Version="2.0" IssueInstant="{f.time(fraction=False)}"'),
    )
    good("no times in the conditions", signed(f := facts(), conditions_=conditions(f, times="")))


def addressees():
    for name, audience in {
        "another": "urn:example:other",
        "with more behind": "urn:amazon:webservices.evil",
        "with a slash": "urn:amazon:webservices/",
        "in upper case": "URN:AMAZON:WEBSERVICES",
        "empty": "",
        "the recipient of another": "https://signin.aws.amazon.com/saml/",
    }.items():
        row(f"audience: {name}", signed(facts(audience=audience)), told=NO_AUDIENCE if audience else None)
    restriction = (
        lambda *all: "<saml:AudienceRestriction>"
        + "".join(f"<saml:Audience>{one}</saml:Audience>" for one in all)
        + "</saml:AudienceRestriction>"
    )
    ours, others = documents.AUDIENCE, "urn:example:other"
    limited = lambda restriction: signed(f := facts(), conditions_=conditions(f, restriction))
    row("audience: none", limited(""), told=NO_AUDIENCE)
    row("audience: a restriction to nobody", limited("<saml:AudienceRestriction/>"))
    row(
        "audience: two restrictions, one of which is not met",
        limited(restriction(ours) + restriction(others)),
        told=NO_AUDIENCE,
    )
    row(
        "audience: in another namespace",
        limited(
            restriction(ours)
            .replace("saml:", "x:")
            .replace("<x:AudienceRestriction>", '<x:AudienceRestriction xmlns:x="urn:x">')
        ),
    )
    row("audience: no conditions at all", signed(facts(), conditions_=""))
    good("two audiences, one of them ours", limited(restriction(others, ours)))
    good("two restrictions, both met", limited(restriction(ours) * 2))
    good("the other audience of AWS", signed(facts(audience="https://signin.aws.amazon.com/saml")))
    for name, recipient in {
        "another": "https://sp.example.com/saml",
        "with more behind": "https://signin.aws.amazon.com/saml/x",
        "with a slash": "https://signin.aws.amazon.com/saml/",
        "a host that begins so": "https://signin.aws.amazon.com.evil.example/saml",
        "a host that ends so": "https://evilsignin.aws.amazon.com/saml",
        "without TLS": "http://signin.aws.amazon.com/saml",
        "a user before the host": "https://x@signin.aws.amazon.com/saml",
        "empty": "",
        "two regions": "https://a.b.signin.aws.amazon.com/saml",
        "no region": "https://.signin.aws.amazon.com/saml",
        "a star": "https://*.signin.aws.amazon.com/saml",
        "a path before it": "https://evil.example/.signin.aws.amazon.com/saml",
        "in upper case": "HTTPS://SIGNIN.AWS.AMAZON.COM/SAML",
    }.items():
        row(f"recipient: {name}", signed(facts(recipient=recipient)))
    good("the recipient of a Region", signed(facts(recipient="https://eu-west-1.signin.aws.amazon.com/saml")))
    good("the recipient that is an audience", signed(facts(recipient="urn:amazon:webservices")))
    good("a recipient that an operator named", signed(facts(recipient="https://sts.example.com/saml")))
    good("an audience that an operator named", signed(facts(audience="urn:example:daypass")))

    def confirmed(**more):
        f = facts()
        return signed(
            f,
            subject_=subject(
                f, **{name: value(f) if callable(value) else value for name, value in more.items()}
            ),
        )

    data = lambda f: f'<saml:SubjectConfirmationData NotOnOrAfter="{f.time(300)}" Recipient="{f.recipient}"/>'
    method = "urn:oasis:names:tc:SAML:2.0:cm:"
    row("confirmation: by a key", confirmed(method=f"{method}holder-of-key"))
    row("confirmation: by the sender", confirmed(method=f"{method}sender-vouches"))
    row("confirmation: by nobody's method", confirmed(method="urn:x"))
    row("confirmation: none", confirmed(confirmation=""))
    row(
        "confirmation: two",
        confirmed(
            twice=lambda f: f'<saml:SubjectConfirmation Method="{BEARER}">{data(f)}</saml:SubjectConfirmation>'
        ),
    )
    row("confirmation: without data", confirmed(data=""))
    row(
        "confirmation: without an end",
        confirmed(data=lambda f: f'<saml:SubjectConfirmationData Recipient="{f.recipient}"/>'),
    )
    row(
        "confirmation: without a recipient",
        confirmed(data=lambda f: f'<saml:SubjectConfirmationData NotOnOrAfter="{f.time(300)}"/>'),
    )
    row(
        "confirmation: two recipients",
        confirmed(
            data=lambda f: data(f)
            .replace("Recipient=", 'saml:Recipient="https://signin.aws.amazon.com/saml" Recipient=')
            .replace(f'saml" Recipient="{f.recipient}', 'saml" Recipient="https://evil.example/')
        ),
    )
    row("confirmation: no subject at all", signed(facts(), subject_=""), DENIED, NOT_ALLOWED)


def claims():
    staff, corp = arn("role", "staff"), arn("saml-provider", "Corp")
    denied = {"code": DENIED, "told": NOT_ALLOWED}

    def roles(*values):
        return signed(facts(roles=values))

    row("roles: none", signed(f := facts(), attributes=attribute("RoleSessionName", "ada")), **denied)
    row("roles: another role", roles(f"{arn('role', 'admin')},{corp}"), **denied)
    row("roles: another provider", roles(f"{staff},{arn('saml-provider', 'Other')}"), **denied)
    row(
        "roles: a role of another account",
        roles(f"{staff.replace(ACCOUNT, '210987654321')},{corp}"),
        **denied,
    )
    row("roles: in upper case", roles(f"{staff.upper()},{corp}"), **denied)
    row("roles: one that begins so", roles(f"{staff}x,{corp}"), **denied)
    no_pair = "a value of the attribute Role is not the ARN of a role and that of a provider with one comma between them"
    for name, value in {
        "the role alone": staff,
        "three parts": f"{staff},{corp},{corp}",
        "empty": "",
        "a comma": ",",
        "the provider alone": corp,
    }.items():
        row(f"roles: {name}", roles(value), told=unfit(no_pair))
    row(
        "roles: the name in lower case",
        signed(f := facts(), attributes=attribute("role", *f.roles) + attribute("RoleSessionName", "ada")),
        **denied,
    )
    row(
        "roles: the name with a space",
        signed(f := facts(), attributes=attribute("Role ", *f.roles) + attribute("RoleSessionName", "ada")),
        **denied,
    )
    row(
        "roles: of another namespace",
        signed(
            f := facts(),
            attributes=attribute("Role", *f.roles, kind="x:Attribute").replace(
                "<x:Attribute ", '<x:Attribute xmlns:x="urn:x" '
            )
            + attribute("RoleSessionName", "ada"),
        ),
    )
    row(
        "roles: a value in another element",
        signed(
            f := facts(),
            attributes=attribute("Role", f"<x xmlns='urn:x'>{f.roles[0]}</x>")
            + attribute("RoleSessionName", "ada"),
        ),
    )
    good("the provider before the role", roles(f"{corp},{staff}"))
    good("spaces around the role", roles(f" {staff} , {corp} "))
    good("several roles", roles(f"{arn('role', 'admin')},{corp}", f"{staff},{corp}"))

    for name, values, told in (
        ("missing", None, NO_NAME),
        ("empty", [""], BAD_NAME),
        ("one letter", ["a"], BAD_NAME),
        ("65 letters", ["a" * 65], BAD_NAME),
        ("a space", ["ada l"], BAD_NAME),
        ("a slash", ["ada/admin"], BAD_NAME),
        ("two", ["ada", "eve"], BAD_NAME),
        ("a line break", ["ada\n"], BAD_NAME),
        ("other letters", ["ädä"], BAD_NAME),
        ("another alphabet's digits", ["a\u0661"], BAD_NAME),
    ):
        given = attribute("RoleSessionName", *values) if values is not None else ""
        row(
            f"RoleSessionName: {name}",
            signed(f := facts(), attributes=attribute("Role", *f.roles) + given),
            told=told,
        )
    row(
        "RoleSessionName: twice",
        signed(f := facts(), more_attributes=attribute("RoleSessionName", "eve")),
        told=BAD_NAME,
    )
    good("a RoleSessionName of 64 letters", signed(facts(session_name="a" * 64)))
    good("a RoleSessionName of all characters", signed(facts(session_name="a_0+=,.@-")))
    for value in ("899", "43201", "x", "", "-900", "0x384", "1e3", "900.5", "99999999999999999999"):
        row(
            f"SessionDuration: {value!r}",
            signed(facts(), more_attributes=attribute("SessionDuration", value)),
        )
    row("SessionDuration: two", signed(facts(), more_attributes=attribute("SessionDuration", "900", "901")))
    good("a SessionDuration", signed(facts(), more_attributes=attribute("SessionDuration", "900")))
    for value in ("aws:ada", "a", "x" * 65, "a b"):
        row(
            f"SourceIdentity: {value[:9]!r}",
            signed(facts(), more_attributes=attribute("SourceIdentity", value)),
            told=BAD_SOURCE,
        )
    good("a SourceIdentity", signed(facts(), more_attributes=attribute("SourceIdentity", "ada")))
    row("PrincipalTag: two values", signed(facts(), more_attributes=attribute("PrincipalTag:team", "a", "b")))
    row(
        "PrincipalTag: twice in other cases",
        signed(
            facts(), more_attributes=attribute("PrincipalTag:team", "a") + attribute("PrincipalTag:TEAM", "b")
        ),
        "InvalidParameterValue",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )
    row("PrincipalTag: no key", signed(facts(), more_attributes=attribute("PrincipalTag:", "a")))
    row(
        "PrincipalTag: one of AWS's",
        signed(facts(), more_attributes=attribute("PrincipalTag:aws:x", "a")),
        "InvalidParameterValue",
        "aws: prefixed tag key names are not allowed for external use.",
    )
    row(
        "PrincipalTag: 51 of them",
        signed(facts(), more_attributes="".join(attribute(f"PrincipalTag:t{n}", "v") for n in range(51))),
        "InvalidParameterValue",
        "The session would have more than 50 tags, inherited ones among them.",
    )
    row(
        "TransitiveTagKeys: one that is no tag",
        signed(facts(), more_attributes=attribute("TransitiveTagKeys", "team")),
        "InvalidParameterValue",
        "The specified transitive tag key must be included in the requested tags.",
    )
    good(
        "tags",
        signed(
            facts(),
            more_attributes=attribute("PrincipalTag:team", "a") + attribute("TransitiveTagKeys", "team"),
        ),
    )

    row("NameID: missing", signed(f := facts(), subject_=subject(f, name_id="")), **denied)
    row("NameID: empty", signed(facts(subject="")))
    row(
        "NameID: two",
        signed(
            f := facts(),
            subject_=subject(f, name_id="<saml:NameID>ada</saml:NameID><saml:NameID>eve</saml:NameID>"),
        ),
    )
    row("NameID: an element in it", signed(facts(subject='ada<x xmlns="urn:x"/>')))
    row("NameID: encrypted", signed(f := facts(), subject_=subject(f, name_id="<saml:EncryptedID/>")))
    row("NameID: a base ID", signed(f := facts(), subject_=subject(f, name_id="<saml:BaseID/>")))
    row("the issuer is another", signed(facts(issuer="https://evil.example/")), told=NO_ISSUER)
    row("the issuer is in upper case", signed(facts(issuer=ISSUER.upper())), told=NO_ISSUER)
    row("the issuer has no slash", signed(facts(issuer=ISSUER[:-1])), told=NO_ISSUER)
    row("the issuer is missing", signed(facts(), issuer=""))
    row("the issuer is empty", signed(facts(issuer="")))
    row("two issuers", signed(facts(), issuer=f"<saml:Issuer>{ISSUER}</saml:Issuer>" * 2))
    row(
        "the issuer is of another format",
        signed(facts(), issuer=f'<saml:Issuer Format="{FORMATS}emailAddress">{ISSUER}</saml:Issuer>'),
    )
    row(
        "response and assertion have other issuers",
        signed(facts(), response_={"issuer": "<saml:Issuer>https://evil.example/</saml:Issuer>"}),
    )
    good("the response has no issuer", signed(facts(), response_={"issuer": ""}))
    failed = unfit("the identity provider reports a failure: the status of the Response is not Success")
    for name in ("Responder", "Requester", "AuthnFailed"):
        row(
            f"status: {name}", signed(facts(status=f"urn:oasis:names:tc:SAML:2.0:status:{name}")), told=failed
        )
    row("status: none", signed(facts(), response_={"status": ""}))
    row(
        "status: two",
        signed(
            f := facts(),
            response_={"status": f'<samlp:Status><samlp:StatusCode Value="{f.status}"/></samlp:Status>' * 2},
        ),
    )
    nested = '<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:StatusCode></samlp:Status>'
    row("status: Success within a failure", signed(facts(), response_={"status": nested}), told=failed)
    for version in ("1.1", "2", "2.0 ", ""):
        f = facts()
        row(
            f"version: {version!r} of the assertion",
            signed(f, head=f'ID="{f.assertion_id}" Version="{version}" IssueInstant="{f.time()}"'),
        )
        row(
            f"version: {version!r} of the response",
            signed(
                f, response_={"head": f'ID="{f.response_id}" Version="{version}" IssueInstant="{f.time()}"'}
            ),
        )


def encrypted():
    pair = f"{arn('role', 'staff')},{arn('saml-provider', 'Sealed')}"

    def sealed(**more):
        return facts(roles=(pair,), **more)

    def own(f, key=IDP):
        """A signed assertion by itself."""
        return parts_of(signed(f, key))[0]

    def around(f, inner, key=None, **how):
        body = encryption.encrypted(inner, OURS if key is None else key, **how)
        return response(f, body)

    def in_signed(f, inner, **how):
        return whole(f, body=encryption.encrypted(inner, OURS, **how))

    at = {"provider": "Sealed"}
    for content in ("aes128-gcm", "aes192-gcm", "aes256-gcm"):
        f = sealed()
        good(f"encrypted with {content}", around(f, own(f), content=content), **at)
    for content in ("aes128-cbc", "aes256-cbc"):
        f = sealed()
        good(
            f"encrypted with {content} in a signed response",
            in_signed(f, assertion(f), content=content),
            **at,
        )
        row(
            f"encrypted with {content} in a response that is not signed",
            around(f, own(f), content=content),
            told=unfit("the Assertion is encrypted with AES-CBC, and the Response around it is not signed"),
            **at,
        )
    for transport in ("rsa-oaep-mgf1p", "rsa-oaep-mgf1p sha1", "rsa-oaep sha256"):
        f = sealed()
        good(f"encrypted with a key by {transport}", around(f, own(f), transport=transport), **at)
    f = sealed()
    good("encrypted with the key beside the data", around(f, own(f), beside=True), **at)
    good("encrypted and signed twice", in_signed(f := sealed(), own(f)), **at)
    good("encrypted for two, one of them us", around(f := sealed(), own(f), also=NOT_OURS), **at)
    good("not encrypted where it may be", signed(sealed()), **at)
    undone = unfit("the Assertion cannot be decrypted with a private key of the provider")
    algorithm = unfit(
        "the Assertion is encrypted with an algorithm that is not supported: take RSA-OAEP and AES-GCM"
    )
    row(
        "encryption: the key by PKCS#1 v1.5",
        around(f := sealed(), own(f), transport="rsa-1_5"),
        told=algorithm,
        **at,
    )
    row(
        "encryption: the key by PKCS#1 v1.5 that calls itself OAEP",
        around(f := sealed(), own(f), transport="rsa-1_5 as oaep"),
        told=undone,
        **at,
    )
    row(
        "encryption: Triple DES", around(f := sealed(), own(f), content="tripledes-cbc"), told=algorithm, **at
    )
    row("encryption: nothing", around(f := sealed(), own(f), content="none"), told=algorithm, **at)
    row("encryption: for another key", around(f := sealed(), own(f), NOT_OURS), told=undone, **at)
    for part in ("first", "middle", "last", "short", "empty", "nothing"):
        row(
            f"encryption: GCM, {part} bytes changed",
            around(f := sealed(), own(f), tamper=part),
            told=None if part in ("empty", "nothing") else undone,
            **at,
        )
    text = in_signed(f := sealed(), assertion(f), content="aes128-cbc")
    value = encryption.content_value(text)
    row(
        "encryption: CBC in a signed response, changed",
        text.replace(value, ("A" if value[0] != "A" else "B") + value[1:]),
        told=NO_SIGNATURE,
        **at,
    )
    for padding_ in ("zero", "too long", "all"):
        row(
            f"encryption: CBC in a signed response, padding {padding_}",
            in_signed(f := sealed(), assertion(f), content="aes128-cbc", pad=padding_),
            told=undone,
            **at,
        )
    row(
        "encryption: an assertion that nobody signed",
        around(f := sealed(), assertion(f)),
        told=NO_SIGNATURE,
        **at,
    )
    row(
        "encryption: an assertion that an attacker signed",
        around(f := sealed(), own(f, ATTACKER)),
        told=NO_SIGNATURE,
        **at,
    )
    row(
        "encryption: an attacker's assertion in a signed response",
        in_signed(f := sealed(), own(f, ATTACKER)),
        told=NO_SIGNATURE,
        **at,
    )
    row(
        "encryption: an assertion that is changed",
        around(f := sealed(), own(f).replace(">ada<", ">eve<")),
        told=NO_SIGNATURE,
        **at,
    )
    inner = lambda f: encryption.encrypted(own(f), OURS)
    row("encryption: an encrypted assertion in it", around(f := sealed(), inner(f)), **at)
    row(
        "encryption: an encrypted assertion in its assertion",
        around(f := sealed(), own(f).replace("</saml:Assertion>", f"{inner(f)}</saml:Assertion>")),
        **at,
    )
    row("encryption: a response in it", around(f := sealed(), signed(f)), **at)
    row("encryption: two assertions in it", around(f := sealed(), own(f) + own(sealed())), **at)
    row(
        "encryption: a DOCTYPE in it",
        around(f := sealed(), f"<!DOCTYPE x>{own(f)}"),
        told=unfit("the document has a document type declaration, which is not supported"),
        **at,
    )
    row(
        "encryption: a comment in it",
        around(f := sealed(), own(f).replace("<saml:Subject>", "<saml:Subject><!---->")),
        told=unfit("the document has a comment, which is not supported"),
        **at,
    )
    row("encryption: no XML in it", around(f := sealed(), "nothing"), **at)
    row("encryption: other bytes in it", around(f := sealed(), b"\xff\xfe\x00"), told=undone, **at)
    row(
        "encryption: wrapped, the original in the Object of its signature",
        around(
            f := sealed(),
            assertion(
                dataclasses.replace(f, subject="mallory"),
                parts_of(signed(f))[1].replace(
                    "</ds:Signature>", f"<ds:Object>{assertion(f)}</ds:Object></ds:Signature>"
                ),
                identifier="_evil",
            ),
        ),
        **at,
    )
    row("encryption: of the content only", around(f := sealed(), own(f), kind="Content"), **at)
    row(
        "encryption: by reference to a file",
        response(
            f := sealed(),
            encryption.encrypted(own(f), OURS).replace(
                "<xenc:CipherValue>", '<xenc:CipherReference URI="file:///etc/passwd"/><xenc:CipherValue>', 1
            ),
        ),
        **at,
    )
    row(
        "encryption: two data",
        response(
            f := sealed(),
            encryption.encrypted(own(f), OURS).replace(
                "</saml:EncryptedAssertion>",
                f"{between(encryption.encrypted(own(f), OURS), '<xenc:EncryptedData', '</xenc:EncryptedData>')}</saml:EncryptedAssertion>",
            ),
        ),
        **at,
    )
    row(
        "encryption: two encrypted assertions",
        response(f := sealed(), encryption.encrypted(own(f), OURS) * 2),
        **at,
    )
    row(
        "encryption: an assertion beside it",
        response(f := sealed(), encryption.encrypted(own(f), OURS) + assertion(sealed(subject="eve"))),
        **at,
    )
    row("encryption: a hundred keys", around(f := sealed(), own(f), copies=100), **at)
    row("encryption: a key of no bytes", around(f := sealed(), own(f), key_size=0), told=undone, **at)
    row(
        "encryption: a key of another size",
        around(f := sealed(), own(f), key_size=24, content="aes256-gcm"),
        told=undone,
        **at,
    )
    row(
        "encryption: from nobody that is known",
        around(f := sealed(issuer="https://evil.example/"), own(f)),
        told=NO_ISSUER,
        **at,
    )
    row(
        "encryption: at a provider without a key",
        around(f := facts(), own(f)),
        told=unfit("the Assertion is encrypted, and the provider has no private key to decrypt it"),
    )
    strict = f"{arn('role', 'staff')},{arn('saml-provider', 'Strict')}"
    good("encrypted where it must be", around(f := facts(roles=(strict,)), own(f)), provider="Strict")
    row(
        "encryption: none where it must be",
        signed(facts(roles=(strict,))),
        told=unfit("the Assertion is not encrypted, which the provider requires"),
        provider="Strict",
    )
    row(
        "encryption: none where it must be, the response signed",
        whole(facts(roles=(strict,))),
        told=unfit("the Assertion is not encrypted, which the provider requires"),
        provider="Strict",
    )
