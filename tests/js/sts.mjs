// The STS client and the credential providers of the AWS SDK for JavaScript, unmodified.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

// The packages lie in the build's own folder, not beside this file.
const require = createRequire(`${process.env.DAYPASS_NODE_MODULES}/`);
const {
  AssumeRoleCommand,
  GetAccessKeyInfoCommand,
  GetCallerIdentityCommand,
  GetFederationTokenCommand,
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

// What every reply says of the credentials that it hands out.
const issued = (reply, seconds) => {
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = reply.Credentials;
  assert.match(AccessKeyId, /^ASIA[A-Z2-7]{16}$/);
  assert.equal(SecretAccessKey.length, 40);
  assert.ok(Expiration instanceof Date);
  const left = (Expiration.getTime() - Date.now()) / 1000;
  assert.ok(left > seconds - 60 && left <= seconds + 1, `${left}`);
  assert.equal(reply.SessionTokenSize, SessionToken.length);
  assert.equal(reply.SessionTokenUtilization, Math.ceil((SessionToken.length * 100) / 4096));
  return reply;
};
const isPacked = (reply) => {
  assert.ok(reply.PackedPolicySize > 0 && reply.PackedPolicySize <= 100, reply.PackedPolicySize);
};

// AssumeRole, typed, with all that it takes and without.
const assume = { RoleArn: roleArn, RoleSessionName: "js", DurationSeconds: 900 };
const session = issued(await admin.send(new AssumeRoleCommand(assume)), 900);
assert.equal(
  session.AssumedRoleUser.Arn,
  "arn:aws:sts::123456789012:assumed-role/js-reader/js",
);
assert.match(session.AssumedRoleUser.AssumedRoleId, /^AROA[A-Z0-9]{17}:js$/);
assert.equal(session.PackedPolicySize, undefined);
assert.equal(session.SourceIdentity, undefined);
const look = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "iam:Get*", Resource: "*" }],
};
const policies = {
  Policy: JSON.stringify(look),
  PolicyArns: [{ arn: "arn:aws:iam::123456789012:policy/js-look" }],
};
const tags = { Tags: [{ Key: "team", Value: "blue" }, { Key: "empty", Value: "" }] };
const whole = issued(
  await admin.send(
    new AssumeRoleCommand({
      ...assume,
      ...policies,
      ...tags,
      TransitiveTagKeys: ["team"],
      SourceIdentity: "ann",
      ExternalId: "some/thing",
      MinimumSessionTokenSize: 1000,
    }),
  ),
  900,
);
isPacked(whole);
assert.equal(whole.SourceIdentity, "ann");
assert.ok(whole.SessionTokenSize >= 1000);

// The other operations.
issued(await admin.send(new GetSessionTokenCommand({ DurationSeconds: 129_600 })), 129_600);
const bob = issued(await admin.send(new GetFederationTokenCommand({ Name: "bob" })), 43_200);
assert.deepEqual(bob.FederatedUser, {
  FederatedUserId: "123456789012:bob",
  Arn: "arn:aws:sts::123456789012:federated-user/bob",
});
assert.equal(bob.PackedPolicySize, 0);
isPacked(await admin.send(new GetFederationTokenCommand({ Name: "bob", ...policies, ...tags })));
const info = new GetAccessKeyInfoCommand({ AccessKeyId: bob.Credentials.AccessKeyId });
assert.equal((await admin.send(info)).Account, "123456789012");
const asBob = new STSClient({
  credentials: {
    accessKeyId: bob.Credentials.AccessKeyId,
    secretAccessKey: bob.Credentials.SecretAccessKey,
    sessionToken: bob.Credentials.SessionToken,
  },
});
const { UserId, Account, Arn } = await identity(asBob);
assert.deepEqual({ FederatedUserId: UserId, Arn }, bob.FederatedUser);
assert.equal(Account, "123456789012");

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

await refused(
  admin.send(new GetFederationTokenCommand({ Name: "bob", Policy: "{" })),
  "MalformedPolicyDocumentException",
  400,
);
// No two values are alike, so that nothing makes them small.
const many = Array.from({ length: 50 }, (_, number) => ({
  Key: `key-${number}`,
  Value: Array.from({ length: 25 }, (_, n) => ((number + 1) * (n + 1) * 40503).toString(16).padStart(8, "0")).join(""),
}));
await refused(
  admin.send(new AssumeRoleCommand({ ...assume, Tags: many })),
  "PackedPolicyTooLargeException",
  400,
);
await refused(
  admin.send(
    new AssumeRoleCommand({ ...assume, ...tags, TransitiveTagKeys: ["other"] }),
  ),
  "InvalidParameterValue",
  400,
);

console.log("all checks passed");
