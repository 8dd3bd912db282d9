<?php
// AWS, and what else Daypass may call itself; the latter takes assertions that are encrypted.
$service = [
    'AssertionConsumerService' => getenv('RECIPIENT'),
    'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
    'simplesaml.nameidattribute' => 'uid',
    'saml20.sign.assertion' => true,
];
$metadata['urn:amazon:webservices'] = $service + ['saml20.sign.response' => false];
$metadata['urn:example:signed'] = $service + ['saml20.sign.response' => true];
$metadata['urn:example:encrypted'] = $service + [
    'saml20.sign.response' => true,
    'assertion.encryption' => true,
    'certificate' => 'ours.pem',
];
