// AssumeRoleWithWebIdentity and the credential providers on it of the AWS SDK for JavaScript, with
// tokens of a real OpenID Provider.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";

// The packages lie in the build's own folder, not beside this file.
const require = createRequire(`${process.env.DAYPASS_NODE_MODULES}/`);
const {
  AssumeRoleWithWebIdentityCommand,
  GetCallerIdentityCommand,
  STSClient,
} = require("@aws-sdk/client-sts");
const { fromTokenFile, fromWebToken } = require("@aws-sdk/credential-providers");

const { AWS_ROLE_ARN: roleArn, CLIENT_SECRET, DAYPASS_URL: endpoint, ISSUER } = process.env;
const arn = (session) =>
  `arn:aws:sts::123456789012:assumed-role/${roleArn.split("/").at(-1)}/${session}`;

const token = async (algorithm, audience = "sts.amazonaws.com") => {
  const client = Buffer.from(`ci-${algorithm}:${CLIENT_SECRET}`).toString("base64");
  const grant = { grant_type: "client_credentials", resource: `urn:audience:${audience}` };
  const reply = await fetch(`${ISSUER}/token`, {
    method: "POST",
    headers: { authorization: `Basic ${client}` },
    body: new URLSearchParams(grant),
  });
  return (await reply.json()).access_token;
};
const identity = async (credentials) =>
  (await new STSClient({ endpoint, credentials }).send(new GetCallerIdentityCommand({}))).Arn;

// A key that the provider replaces, but still publishes when the server first asks for its keys.
const early = await token("ES512");
await fetch(`${ISSUER}/test/rotate`, { method: "POST" });

// The call, by a client that has no credentials and needs none.
const anonymous = new STSClient({ endpoint });
const assume = (WebIdentityToken, more = {}) =>
  anonymous.send(
    new AssumeRoleWithWebIdentityCommand({
      RoleArn: roleArn,
      RoleSessionName: "js",
      WebIdentityToken,
      ...more,
    }),
  );
const reply = await assume(await token("ES384"), { DurationSeconds: 900 });
assert.equal(reply.SubjectFromWebIdentityToken, "ci-ES384");
assert.equal(reply.Audience, "sts.amazonaws.com");
assert.equal(reply.Provider, ISSUER);
assert.equal(reply.SourceIdentity, "ci-ES384");
assert.equal(reply.AssumedRoleUser.Arn, arn("js"));
assert.ok(reply.PackedPolicySize > 0 && reply.PackedPolicySize <= 100);
assert.ok(reply.Credentials.Expiration instanceof Date);
const { AccessKeyId, SecretAccessKey, SessionToken } = reply.Credentials;
const keys = {
  accessKeyId: AccessKeyId,
  secretAccessKey: SecretAccessKey,
  sessionToken: SessionToken,
};
assert.equal(await identity(keys), arn("js"));

// A token that the program has, and one in a file, with the newline that files end with.
const clientConfig = { endpoint };
const held = fromWebToken({
  roleArn,
  roleSessionName: "held",
  webIdentityToken: await token("RS512"),
  clientConfig,
});
assert.equal(await identity(held), arn("held"));
writeFileSync(process.env.AWS_WEB_IDENTITY_TOKEN_FILE, `${await token("RS256")}\n`);
assert.equal(
  await identity(fromTokenFile({ clientConfig })),
  arn(process.env.AWS_ROLE_SESSION_NAME),
);
// With nothing said at all, the default chain finds role and file.
const found = new STSClient({ endpoint });
assert.equal(
  (await found.send(new GetCallerIdentityCommand({}))).Arn,
  arn(process.env.AWS_ROLE_SESSION_NAME),
);

// Both the old keys and the new ones are known.
assert.equal((await assume(early)).SubjectFromWebIdentityToken, "ci-ES512");
assert.equal((await assume(await token("ES512"))).SubjectFromWebIdentityToken, "ci-ES512");

// Errors are of the types that applications catch.
const refused = async (promise, name, status) => {
  const error = await promise.then(
    () => assert.fail(`should have been refused with ${name}`),
    (error) => error,
  );
  assert.equal(error.name, name, error.message);
  assert.equal(error.$metadata?.httpStatusCode, status);
};
await refused(assume("not.a.token"), "InvalidIdentityTokenException", 400);
await refused(
  assume(await token("RS256", "https://other.example.com")),
  "InvalidIdentityTokenException",
  400,
);
await refused(
  assume(await token("RS256"), { RoleArn: `${roleArn}-not` }),
  "AccessDenied",
  403,
);

console.log("all checks passed");
