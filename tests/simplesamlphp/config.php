<?php
// What the tests change in the configuration of Debian's package, whose file `PACKAGED` names.
require getenv('PACKAGED');

$folder = getenv('FOLDER') . '/';
$config = array_merge($config, [
    'baseurlpath' => getenv('BASE_URL'),
    'certdir' => $folder,
    'metadatadir' => $folder,
    'tempdir' => $folder,
    'datadir' => $folder,
    'loggingdir' => $folder,
    'logging.handler' => 'errorlog',
    'secretsalt' => 'of-tests-only',
    'technicalcontact_email' => 'nobody@example.com',
    'enable.saml20-idp' => true,
    'session.cookie.secure' => false,
    'session.cookie.samesite' => 'Lax',
    'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
    'metadata.sources' => [['type' => 'flatfile']],
    'store.type' => 'phpsession',
]);
