"""Hostile SAML responses, made from valid ones, one JSON object a line: the name of the case, the
provider that is named with it, `SAMLAssertion`, and what must be answered: an error code with its text
where one is fixed, or none where it is a neighbour that must be accepted.

The first line tells which providers there are to be. Most attackers here can do more than real ones:
where a signature does not matter to the case, it is the identity provider's own."""

import json

import saml_documents as documents
import saml_hostile_claims as claims
import saml_hostile_documents as contents
import saml_hostile_signatures as signatures
from saml_parts import CURVE, IDP, ISSUER, NEXT, OTHER, OURS
from saml_rows import rows

GROUPS = (
    signatures.neighbours,
    signatures.wrapping,
    signatures.constructs,
    signatures.counts,
    signatures.transformed,
    signatures.references,
    signatures.algorithms,
    signatures.keys,
    contents.namespaces,
    contents.void,
    contents.identifiers,
    contents.read_from_elsewhere,
    contents.encodings,
    contents.sizes,
    claims.times,
    claims.addressees,
    claims.claims,
    claims.encrypted,
)

# What the first line tells: their certificates in the metadata, the key that opens what is encrypted, and
# whether it must be.
PROVIDERS = {
    "Corp": ([IDP, NEXT, CURVE], None, None),
    "Other": ([OTHER], None, None),
    "Sealed": ([IDP], OURS, "Allowed"),
    "Strict": ([IDP], OURS, "Required"),
}


def main():
    for group in GROUPS:
        group()
    told = []
    for name, (certified, opens, mode) in PROVIDERS.items():
        entity_id = "https://other.example.com/" if name == "Other" else ISSUER
        text = documents.metadata_of(entity_id, certified)
        told.append({"name": name, "metadata": text, "key": opens and opens.pem(), "mode": mode})
    print(json.dumps({"providers": told}))
    for one in rows:
        print(json.dumps(one))
    # What was good at first is good at last.
    print(json.dumps({**rows[0], "name": "accepted: the first again"}))


if __name__ == "__main__":
    main()
