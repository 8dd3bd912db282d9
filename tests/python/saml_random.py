"""Randomly shaped signed responses, one JSON object a line: the document, whether signxml accepts all
of its signatures, and elements of it with their exclusive canonical forms by libxml2. Half of the
documents are changed after they were signed, in ways that signatures must notice or must not.

Called with the number of documents and a seed; the same seed draws the same shapes. Half of them
signxml signs, the other half `saml_documents.sign`, which can write more."""

import json
import random
import re
import sys
import xml.etree.ElementTree

from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree
from signxml import methods

import saml_documents as documents
from saml_documents import DS, ENVELOPED, EXCLUSIVE, SAML, SAMLP, SHA256, SHA384, SHA512

# No ampersand: libxml2's canonical form has it unescaped in declarations, which is no XML.
NAMESPACES = ["urn:a", "urn:b", "urn:B", "http://example.com/x?a=1", "http://example.com/", SAML, "tag:z"]
PREFIXES = ["p", "q", "r", "a", "zz", "_1"]
LOCALS = ["x", "y", "B", "a", "Größe", "n-1", "_", "é.e", "名"]
PIECES = [
    "plain",
    " ",
    "  ",
    "\n",
    "\r\n",
    "\t",
    "é",
    "\u0085",
    "\u2028",
    "\u00a0",
    "\U0001f511",
    "\U0010fffd",
    "&",
    "<",
    ">",
    '"',
    "'",
    "]]",
    "\r",
    "a b",
    "ä",
    "\u200b",
    "\ufffd",
    "0",
    "&amp;",
    "e\u0301",
]
XML_ATTRIBUTES = [("xml:lang", ["en", "de-CH", ""]), ("xml:space", ["preserve", "default"])]


# Where a signature of signxml's will stand.
PLACE = "@SIGNATURE@"


class Written(str):
    """What is written as it stands."""


class Node:
    """An element before it is written."""

    def __init__(self, prefix, local, declarations=(), attributes=(), children=(), free=False):
        self.prefix, self.local = prefix, local
        self.declarations, self.attributes = list(declarations), list(attributes)
        self.children = list(children)
        # Whether it may be changed without the response losing its form.
        self.free = free

    def walk(self):
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.walk()


def words(chance, most=4):
    return "".join(chance.choice(PIECES) for _ in range(chance.randint(0, most)))


def random_element(chance, scope, depth):
    """An element of any names, in a scope of prefixes and namespaces."""
    scope, declarations = dict(scope), []
    for _ in range(chance.choice([0, 0, 1, 1, 2, 3])):
        prefix = chance.choice([*PREFIXES, "", ""])
        if prefix in dict(declarations):
            continue
        namespace = chance.choice(NAMESPACES)
        if prefix == "" and chance.random() < 0.3:
            namespace = ""
        declarations.append((prefix, namespace))
        scope[prefix] = namespace
    prefix = chance.choice([*[p for p in scope if p], "", ""])
    attributes, seen = [], set()
    for _ in range(chance.choice([0, 0, 1, 2, 3, 6])):
        owner = chance.choice(["", "", *[p for p in scope if p]])
        local = chance.choice(LOCALS)
        name = (scope[owner] if owner else None, local)
        if name in seen:
            continue
        seen.add(name)
        attributes.append((f"{owner}:{local}" if owner else local, words(chance)))
    if chance.random() < 0.1:
        name, values = chance.choice(XML_ATTRIBUTES)
        attributes.append((name, chance.choice(values)))
    element = Node(prefix, chance.choice(LOCALS), declarations, attributes, free=True)
    for _ in range(chance.randint(0, 3) if depth else 0):
        part = random_element(chance, scope, depth - 1) if chance.random() < 0.6 else words(chance)
        if part:
            element.children.append(part)
    if not element.children and chance.random() < 0.5:
        element.children.append(words(chance) or "-")
    return element


def response(chance, number, key, signs_with_signxml):
    """A response with random content, the prefixes that are listed for the signature of each
    element, and which elements are signed."""
    saml = chance.choice(["", "saml", "saml2", "p"])
    samlp = chance.choice(["samlp", "saml2p", "q"] + ([""] if saml else []))
    at_root = chance.random() < 0.5
    declared = [(samlp, SAMLP)] + ([(saml, SAML)] if at_root else [])
    more = [(p, chance.choice(NAMESPACES)) for p in chance.sample(PREFIXES, chance.randint(0, 2))]
    declared += [(p, n) for p, n in more if p not in dict(declared)]
    chance.shuffle(declared)
    outer = {"": "", **dict(declared)}
    own = [] if at_root and chance.random() < 0.7 else [(saml, SAML)]
    if chance.random() < 0.3 and saml:
        own += [("", chance.choice(["", *NAMESPACES]))]
    inner = {**outer, **dict(own)}
    facts = documents.Facts(roles=(f"role-{number}",))

    def free(scope):
        parts = [random_element(chance, scope, 3) for _ in range(chance.randint(0, 2))]
        return [part for one in parts for part in ([one, "\n"] if chance.random() < 0.5 else [one])]

    def issuer(prefix, declarations=()):
        return Node(prefix, "Issuer", declarations, [], ["https://idp.example.com/"])

    # The issuer of the response, where the prefix may not be declared yet.
    top_issuer = issuer(saml, [] if at_root else [(saml, SAML)])
    values = []
    for index in range(chance.randint(0, 3)):
        value = Node(saml, "AttributeValue", [], [], free(inner) or [words(chance) or "v"])
        value.free = not any(isinstance(child, Node) for child in value.children)
        values.append(Node(saml, "Attribute", [], [("Name", f"urn:example:{index}")], [value]))
    confirmed = [("NotOnOrAfter", facts.time(300)), ("Recipient", documents.RECIPIENT)]
    data = Node(saml, "SubjectConfirmationData", [], confirmed)
    method = [("Method", "urn:oasis:names:tc:SAML:2.0:cm:bearer")]
    subject = [
        Node(saml, "NameID", [], [], ["ada@example.com"]),
        Node(saml, "SubjectConfirmation", [], method, [data]),
    ]
    audience = Node(
        saml, "AudienceRestriction", [], [], [Node(saml, "Audience", [], [], [documents.AUDIENCE])]
    )
    times = [("NotBefore", facts.time(-60)), ("NotOnOrAfter", facts.time(300))]
    context = Node(saml, "AuthnContext", [], [], [Node(saml, "AuthnContextClassRef", [], [], ["urn:x"])])
    statements = [Node(saml, "AuthnStatement", [], [("AuthnInstant", facts.time())], [context])]
    named = [(f"{documents.AWS}Role", f"role-{number},provider"), (f"{documents.AWS}RoleSessionName", "ada")]
    for name, value in named:
        values.append(
            Node(saml, "Attribute", [], [("Name", name)], [Node(saml, "AttributeValue", [], [], [value])])
        )
    statements.append(Node(saml, "AttributeStatement", [], [], values))
    advice = [Node(saml, "Advice", [], [], free(inner))] if chance.random() < 0.3 else []
    identity = [("ID", facts.assertion_id), ("Version", "2.0"), ("IssueInstant", facts.time())]
    assertion = Node(
        saml,
        "Assertion",
        own,
        identity,
        [
            issuer(saml),
            Node(saml, "Subject", [], [], subject),
            Node(saml, "Conditions", [], times, [audience]),
            *advice,
            *statements,
        ],
    )
    status = Node(samlp, "Status", [], [], [Node(samlp, "StatusCode", [], [("Value", facts.status)])])
    extensions = [
        Node(samlp, "Extensions", [], [], free(outer) or [Node("", "x", [("", "urn:x")], free=True)])
    ]
    identity = [("ID", facts.response_id), ("Version", "2.0"), ("IssueInstant", facts.time())]
    top = Node(
        samlp,
        "Response",
        declared,
        identity,
        [
            top_issuer,
            *(extensions if chance.random() < 0.3 else []),
            status,
            assertion,
        ],
    )
    signed = chance.choice([[assertion], [assertion], [top], [top, assertion]])
    if signs_with_signxml:
        signed = signed[:1]
    for element in signed:
        scope = {**outer, **(dict(own) if element is assertion else {})}
        element.children.insert(
            1, signature(chance, dict(element.attributes)["ID"], key, scope, signs_with_signxml)
        )
    for element in (top, assertion):
        spaced(chance, element)
    return top, facts, [dict(element.attributes)["ID"] for element in signed]


def spaced(chance, element):
    """White space between the children of an element."""
    if chance.random() < 0.5:
        space = chance.choice(["\n", "\n  ", "\r\n\t", " "])
        element.children = [part for child in element.children for part in (space, child)] + [space]


def signature(chance, identifier, key, scope, signs_with_signxml):
    """A signature without its values."""
    if signs_with_signxml:
        return PLACE
    prefix = chance.choice(["ds", "dsig", "", "p"])
    digest = chance.choice([SHA256, SHA256, SHA384, SHA512])
    algorithm = key.algorithm(chance.choice(["sha256", "sha256", "sha384", "sha512"]))

    def part(name, *children, **attributes):
        return Node(prefix, name, [], list(attributes.items()), children)

    def listed():
        if chance.random() < 0.5:
            return []
        known = [p for p in scope if p and scope[p]] + ["#default"]
        chosen = chance.sample(known, min(len(known), chance.randint(1, 3)))
        here = chance.choice(["ec", ""])
        return [Node(here, "InclusiveNamespaces", [(here, EXCLUSIVE)], [("PrefixList", " ".join(chosen))])]

    info = part(
        "SignedInfo",
        part("CanonicalizationMethod", *listed(), Algorithm=EXCLUSIVE),
        part("SignatureMethod", Algorithm=algorithm),
        part(
            "Reference",
            part(
                "Transforms",
                part("Transform", Algorithm=ENVELOPED),
                part("Transform", *listed(), Algorithm=EXCLUSIVE),
            ),
            part("DigestMethod", Algorithm=digest),
            part("DigestValue", f"@DIGEST:{identifier}@"),
            URI=f"#{identifier}",
        ),
    )
    if chance.random() < 0.3:
        for inner in list(info.walk()):
            if any(isinstance(child, Node) for child in inner.children):
                spaced(chance, inner)
    parts = [info, part("SignatureValue", f"@VALUE:{identifier}@")]
    if chance.random() < 0.6:
        certificate = part("X509Certificate", key.certificate_text(chance.choice([None, 64, 76])))
        parts.append(part("KeyInfo", part("X509Data", certificate)))
    return Node(prefix, "Signature", [(prefix, DS)], [], parts)


class Writer:
    """Writes a tree in one of the many ways that mean the same."""

    def __init__(self, seed, line_end="\n"):
        self.chance = random.Random(seed)
        self.line_end = line_end

    def reference(self, character):
        code = ord(character)
        return self.chance.choice([f"&#{code};", f"&#x{code:x};", f"&#x{code:X};", f"&#00{code};"])

    def text(self, text):
        if isinstance(text, Written) or text.startswith("@"):
            # The place of a value, or what came there.
            return text
        written = []
        for character in text:
            if character == "\r" or self.chance.random() < 0.02:
                written.append(self.reference(character))
            elif character == "\n":
                written.append(self.line_end)
            elif (
                character == ">"
                and len(written) > 1
                and written[-2:] != ["]", "]"]
                and self.chance.random() < 0.5
            ):
                written.append(">")
            elif character in "&<>":
                written.append({"&": "&amp;", "<": "&lt;", ">": "&gt;"}[character])
            elif character in "\"'" and self.chance.random() < 0.2:
                written.append({'"': "&quot;", "'": "&apos;"}[character])
            else:
                written.append(character)
        return "".join(written)

    def value(self, text, quote):
        written = []
        for character in text:
            if character in "\r\n\t" or self.chance.random() < 0.02:
                written.append(self.reference(character))
            elif character in "&<" or character == quote:
                written.append({"&": "&amp;", "<": "&lt;", '"': "&quot;", "'": "&apos;"}[character])
            elif character == " " and self.chance.random() < 0.1:
                # Normalised to a space.
                written.append(self.chance.choice([self.line_end, "\t", " "]))
            else:
                written.append(character)
        return "".join(written)

    def space(self):
        return self.chance.choice([" ", " ", " ", "  ", self.line_end, "\t"])

    def element(self, node):
        name = f"{node.prefix}:{node.local}" if node.prefix else node.local
        pairs = [
            (f"xmlns:{prefix}" if prefix else "xmlns", namespace) for prefix, namespace in node.declarations
        ]
        pairs += node.attributes
        self.chance.shuffle(pairs)
        written = [f"<{name}"]
        for one, value in pairs:
            quote = self.chance.choice('""\'')
            equals = self.chance.choice(["=", "=", "=", " = "])
            written.append(f"{self.space()}{one}{equals}{quote}{self.value(value, quote)}{quote}")
        closing = self.chance.choice(["", "", " ", self.line_end])
        if not node.children and self.chance.random() < 0.7:
            return "".join([*written, closing, "/>"])
        written.append(f"{closing}>")
        for child in node.children:
            written.append(self.element(child) if isinstance(child, Node) else self.text(child))
        return "".join([*written, f"</{name}{closing}>"])

    def document(self, node):
        before = self.chance.choice(
            ["", "", '<?xml version="1.0"?>', "<?xml version='1.0' encoding='utf-8'?>\n"]
        )
        return before + self.element(node) + self.chance.choice(["", "\n"])


def with_signxml(chance, text, identifier, key):
    """The signature that signxml makes for the element of that ID."""
    digest = chance.choice(["sha256", "sha384", "sha512"])
    signer = documents.Signer(methods.enveloped, key.algorithm(digest), digest, EXCLUSIVE)
    placeholder = f'<ds:Signature xmlns:ds="{DS}" Id="placeholder"/>'
    signed = documents.by_id(etree.fromstring(text.replace(PLACE, placeholder).encode()), identifier)
    # signxml signs a document.
    alone = signer.sign(
        signed, key=key.private, cert=[key.certificate], reference_uri=identifier, id_attribute="ID"
    )
    return documents.serialised(alone.find(f"{{{DS}}}Signature")).decode()


def mutate(chance, root):
    """Changes what a signature may cover, in the tree."""
    nodes = [node for node in root.walk() if node.free]
    signed_text = [
        node for node in root.walk() if node.local in ("NameID", "Audience", "AuthnContextClassRef")
    ]
    if not nodes or chance.random() < 0.3:
        node = chance.choice(signed_text)
        node.children = [node.children[0] + chance.choice(["x", " ", "\n", "\u200b"])]
        return "the text of SAML's own elements"
    node = chance.choice(nodes)
    what = chance.choice(["text", "attribute", "value", "declaration", "local", "order", "children"])
    if what == "text":
        node.children.append(chance.choice(["x", " ", "\n", "\r", "&"]))
    elif what == "attribute":
        node.attributes.append(("added", ""))
    elif what == "value" and node.attributes:
        name, value = node.attributes[0]
        node.attributes[0] = (name, value + chance.choice(["x", " ", "\n"]))
    elif what == "declaration":
        used = dict(node.declarations)
        node.declarations += [("unused", "urn:unused")] if "unused" not in used else []
    elif what == "local":
        node.local += "x"
    elif what == "order":
        node.children.reverse()
    elif what == "children":
        node.children = node.children[1:]
    return f"its {what}"


def altered(chance, tree, text, writer_seed):
    """The document, perhaps changed after it was signed; and how."""
    how = chance.choice(
        [
            None,
            None,
            "rewritten",
            "rewritten",
            "carriage returns",
            "mutated",
            "mutated",
            "lxml",
            "cleaned",
            "pretty",
            "elementtree",
            "prefix",
            "value",
            "algorithm",
        ]
    )
    if how is None:
        return text, "as signed"
    if how == "rewritten":
        return Writer(writer_seed + "again").document(tree), how
    if how == "carriage returns":
        return text.replace("\r\n", "\n").replace("\n", "\r\n"), how
    if how == "mutated":
        told = mutate(chance, tree)
        return Writer(writer_seed).document(tree), told
    if how == "prefix":
        # Everywhere, also where it is declared: the same names in other words.
        return re.sub(r"\bxmlns:p\b", "xmlns:p2", re.sub(r"(?<=[</\s])p:", "p2:", text)), how
    if how == "value":
        # Six letters in a row are no reference to a character.
        at = re.search(r"SignatureValue\b[^>]*>[^<]*?[A-Za-z0-9+/]{6}", text).end() - 1
        return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :], how
    if how == "algorithm":
        return text.replace("#sha384", "#sha256").replace("-sha512", "-sha384"), how
    root = etree.fromstring(text.encode())
    if how == "cleaned":
        etree.cleanup_namespaces(root)
    if how == "pretty":
        etree.indent(root)
    if how == "elementtree":
        return xml.etree.ElementTree.tostring(xml.etree.ElementTree.fromstring(text), encoding="unicode"), how
    return etree.tostring(root, encoding="unicode"), how


def inspected(chance, root, signed):
    """Elements of the document with their canonical forms: those that are signed, without their
    signatures, and any other."""
    found = []

    def path_of(element):
        path = []
        while element.getparent() is not None:
            path.insert(0, list(element.getparent()).index(element))
            element = element.getparent()
        return path

    elements = list(root.iter(etree.Element))
    for element in [documents.by_id(root, one) for one in signed] + [chance.choice(elements)]:
        inner = element.find(f"{{{DS}}}Signature")
        path, prefixes = path_of(element), []
        if inner is not None:
            prefixes = documents.prefix_list(inner.findall(f".//{{{DS}}}Transform")[-1])
            without, copy = list(element).index(inner), etree.fromstring(documents.serialised(root))
            there = copy
            for step in path:
                there = there[step]
            documents.detach(there[without])
        else:
            without, there = None, element
            known = [prefix for prefix in element.nsmap if prefix] + ["nobody", "#default"]
            prefixes = chance.sample(known, chance.randint(0, min(3, len(known))))
        form = documents.canonical(there, prefixes).decode()
        found.append({"path": path, "prefixes": prefixes, "without": without, "canonical": form})
    return found


def main(count, seed):
    keys = [documents.Key.rsa(), documents.Key.ec(), documents.Key.ec(ec.SECP384R1)]
    whole = documents.metadata_of("https://idp.example.com/", keys)
    print(json.dumps({"metadata": whole, "keys": [documents.public(key) for key in keys]}))
    for number in range(count):
        chance = random.Random(f"{seed}/{number}")
        key, signs_with_signxml = chance.choice(keys), chance.random() < 0.5
        tree, facts, signed = response(chance, number, key, signs_with_signxml)
        # What is drawn is the same on every run; IDs and times, which differ, draw nothing.
        writer_seed = f"{seed}/{number}/writer"
        text = Writer(writer_seed).document(tree)
        if signs_with_signxml:
            made = Written(with_signxml(chance, text, signed[0], key))
            text = text.replace(PLACE, made)
            fill(tree, {PLACE: made})
        else:
            # What contains others is signed after them.
            for one in reversed(signed):
                text = documents.sign(text, one, key)
                root = documents.by_id(etree.fromstring(text.encode()), one)
                value = root.findtext(f"{{{DS}}}Signature/{{{DS}}}SignatureValue")
                digest = root.findtext(f"{{{DS}}}Signature/{{{DS}}}SignedInfo//{{{DS}}}DigestValue")
                fill(tree, {f"@VALUE:{one}@": value, f"@DIGEST:{one}@": digest})
        text, how = altered(chance, tree, text, writer_seed)
        root = etree.fromstring(text.encode())
        print(
            json.dumps(
                {
                    "number": number,
                    "how": how,
                    "by": "signxml" if signs_with_signxml else "us",
                    "key": keys.index(key),
                    "signed": signed,
                    "valid": documents.is_valid(text, key.certificate),
                    "text": text,
                    "inspected": inspected(chance, root, signed),
                }
            )
        )


def fill(tree, values):
    """Puts into the tree what came into the places of the text."""
    for node in tree.walk():
        node.children = [
            values.get(child, child) if isinstance(child, str) else child for child in node.children
        ]


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
