<?php
// Whoever may log in, with the attributes that AWS wants.
$config = [
    'userpass' => [
        'exampleauth:UserPass',
        'alice:secret' => json_decode(file_get_contents(getenv('FOLDER') . '/attributes.json'), true),
    ],
];
