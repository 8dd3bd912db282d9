// The STS client and the credential providers of the AWS SDK for JavaScript, unmodified.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

// The packages lie in the build's own folder, not beside this file.
const require = createRequire(`${process.env.DAYPASS_NODE_MODULES}/`);
const {
  AssumeRoleCommand,
  GetCallerIdentityCommand,
  GetSessionTokenCommand,
  STSClient,
} = require("@aws-sdk/client-sts");
const { fromIni, fromTemporaryCredentials } = require("@aws-sdk/credential-providers");

const endpoint = process.env.DAYPASS_URL;
const roleArn = "arn:aws:iam::123456789012:role/js-reader";

const identity = async (client) => client.send(new GetCallerIdentityCommand({}));

const refused = async (promise, name, status) => {
  const error = await promise.then(
    () => assert.fail(`should have been refused with ${name}`),
    (error) => error,
  );
  assert.equal(error.name, name, error.message);
  assert.equal(error.$metadata?.httpStatusCode, status);
  assert.equal(error.$fault, "client");
  assert.match(error.$metadata.requestId, /^[0-9a-f-]{36}$/);
};

// The profile that the server wrote, found by AWS_PROFILE.
const admin = new STSClient({});
const me = await identity(admin);
assert.equal(me.Account, "123456789012");

// AssumeRole, typed.
const session = await admin.send(
  new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: "js", DurationSeconds: 900 }),
);
assert.ok(session.Credentials.Expiration instanceof Date);
assert.ok(session.Credentials.AccessKeyId.startsWith("ASIA"));
assert.equal(
  session.AssumedRoleUser.Arn,
  "arn:aws:sts::123456789012:assumed-role/js-reader/js",
);

// The providers that applications use.
const temporary = new STSClient({
  credentials: fromTemporaryCredentials({
    params: { RoleArn: roleArn, RoleSessionName: "provider", DurationSeconds: 900 },
    clientConfig: { endpoint },
  }),
});
assert.equal(
  (await identity(temporary)).Arn,
  "arn:aws:sts::123456789012:assumed-role/js-reader/provider",
);
const fromProfile = new STSClient({
  endpoint,
  credentials: fromIni({ profile: "reader", clientConfig: { endpoint } }),
});
assert.equal(
  (await identity(fromProfile)).Arn,
  "arn:aws:sts::123456789012:assumed-role/js-reader/from-profile",
);

// Errors are of the types that applications catch.
const valid = session.Credentials;
const keys = {
  accessKeyId: valid.AccessKeyId,
  secretAccessKey: valid.SecretAccessKey,
  sessionToken: valid.SessionToken,
};
const withKeys = (changed) => new STSClient({ credentials: { ...keys, ...changed } });
await refused(
  identity(withKeys({ secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" })),
  "SignatureDoesNotMatch",
  403,
);
await refused(identity(withKeys({ sessionToken: undefined })), "InvalidClientTokenId", 403);
await refused(
  withKeys({}).send(new GetSessionTokenCommand({})),
  "AccessDenied",
  403,
);
await refused(
  admin.send(new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: "a b" })),
  "ValidationError",
  400,
);
await refused(
  admin.send(
    new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: "js", Policy: "not JSON" }),
  ),
  "MalformedPolicyDocumentException",
  400,
);

console.log("all checks passed");
