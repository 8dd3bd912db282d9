// A real OpenID Provider (the npm package oidc-provider) on a port of its own: what stands on the
// other side of AssumeRoleWithWebIdentity in the tests. It ends when its input does.
//
// It prints its issuer, then answers each line of input, a JSON object, with a line:
//   {"make": "access", "algorithm": "RS256", "audience": "…"}  a JWT access token of a client's own
//   {"make": "id", "account": "alice"}                          the ID token of somebody who logged in
//   {"make": "opaque"}                                          an access token that is no JWT
//   {"rotate": "keep"} or {"rotate": "drop"}                    new keys, beside the old ones or alone
// Clients that do not share its input rotate by `POST /test/rotate`.

import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

// Its advice for production would stand between the answers.
console.info = () => {};
console.warn = () => {};

// The packages lie in the build's own folder, not beside this file.
const packages = process.env.DAYPASS_NODE_MODULES;
const entry = pathToFileURL(`${packages}/oidc-provider/lib/index.js`);
const { Provider } = await import(entry);

const ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "EdDSA"];
const SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY";
const RESOURCE = "urn:audience:";
const CALLBACK = "https://app.example.com/callback";

// What the directory behind the provider says of people and machines, in AWS's claims.
const claimsOf = (name) => ({
  "https://aws.amazon.com/tags": {
    principal_tags: { team: ["blue"], who: [name] },
    transitive_tag_keys: ["team"],
  },
  "https://aws.amazon.com/source_identity": name,
});

const { CERTIFICATE, KEY } = process.env;
const options = CERTIFICATE ? { cert: readFileSync(CERTIFICATE), key: readFileSync(KEY) } : {};
const server = CERTIFICATE ? https.createServer(options) : http.createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `${CERTIFICATE ? "https" : "http"}://127.0.0.1:${server.address().port}`;

let generation = 0;
const newKeys = () => {
  generation += 1;
  const jwk = (name, type, settings) => {
    const { privateKey } = generateKeyPairSync(type, settings);
    return { ...privateKey.export({ format: "jwk" }), kid: `${name}-${generation}`, use: "sig" };
  };
  return [
    jwk("rsa", "rsa", { modulusLength: 2048 }),
    jwk("p256", "ec", { namedCurve: "P-256" }),
    jwk("p384", "ec", { namedCurve: "P-384" }),
    jwk("p521", "ec", { namedCurve: "P-521" }),
    jwk("ed25519", "ed25519", {}),
  ];
};

// One client a signing algorithm for machines, one application for people.
const machines = ALGORITHMS.map((algorithm) => ({
  client_id: `ci-${algorithm}`,
  client_secret: SECRET,
  grant_types: ["client_credentials"],
  redirect_uris: [],
  response_types: [],
}));
const application = {
  client_id: "app",
  client_secret: SECRET,
  grant_types: ["authorization_code"],
  redirect_uris: [CALLBACK],
  response_types: ["code"],
  id_token_signed_response_alg: "ES256",
};

const withKeys = (keys) =>
  new Provider(issuer, {
    jwks: { keys },
    clients: [...machines, application],
    cookies: { keys: ["some secret of the tests"] },
    enabledJWA: { idTokenSigningAlgValues: ALGORITHMS },
    conformIdTokenClaims: false,
    pkce: { required: () => false },
    claims: { openid: ["sub", ...Object.keys(claimsOf(""))] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...claimsOf(id) }) }),
    // As most providers have it; RFC 9068's own type stays on tokens for audiences that end so.
    formats: {
      customizers: {
        jwt: (_, { aud }, jwt) => {
          if (!aud.endsWith("/at")) jwt.header = { typ: "JWT" };
        },
      },
    },
    extraTokenClaims: (_, token) => claimsOf(token.clientId),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        // A resource is a URI, an audience need not be.
        getResourceServerInfo: (_, resource, client) => ({
          scope: "",
          audience: resource.replace(RESOURCE, ""),
          accessTokenFormat: resource.endsWith("/opaque") ? "opaque" : "jwt",
          jwt: { sign: { alg: client.clientId.replace("ci-", "") } },
        }),
      },
    },
  });

let keys = newKeys();
let provider = withKeys(keys);
const rotate = (how) => {
  // The newest key of a kind comes first: it signs.
  keys = how === "drop" ? newKeys() : [...newKeys(), ...keys];
  provider = withKeys(keys);
  return {};
};

server.on("request", (request, response) => {
  if (request.method === "POST" && request.url === "/test/rotate") {
    rotate("keep");
    response.end();
    return;
  }
  provider.callback()(request, response);
});

const tokens = async (form) => {
  const { client_id: id, ...rest } = form;
  const authorization = `Basic ${Buffer.from(`${id}:${SECRET}`).toString("base64")}`;
  const body = new URLSearchParams(rest);
  const reply = await fetch(`${issuer}/token`, { method: "POST", headers: { authorization }, body });
  if (!reply.ok) throw new Error(`${reply.status} ${await reply.text()}`);
  return reply.json();
};

// Logs somebody in as a browser would: follows the pages, keeps the cookies, fills in the forms.
const logIn = async (account) => {
  const cookies = new Map();
  const visit = async (url, form) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const body = form && new URLSearchParams(form);
    const reply = await fetch(new URL(url, issuer), {
      method: form ? "POST" : "GET",
      headers: { cookie },
      body,
      redirect: "manual",
    });
    for (const line of reply.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      cookies.set(name, value);
    }
    return reply;
  };
  const question = new URLSearchParams({
    client_id: "app",
    response_type: "code",
    redirect_uri: CALLBACK,
    scope: "openid",
    nonce: "n",
  });
  let reply = await visit(`/auth?${question}`);
  for (let step = 0; step < 10; step += 1) {
    const next = reply.headers.get("location");
    if (next?.startsWith(CALLBACK)) return new URL(next).searchParams.get("code");
    if (next) {
      reply = await visit(next);
      continue;
    }
    const page = await reply.text();
    const [, prompt] = /name="prompt" value="(\w+)"/.exec(page) ?? [];
    const [, action] = /<form[^>]* action="([^"]+)"/.exec(page) ?? [];
    if (!prompt || !action) throw new Error(`${reply.status} ${page}`);
    reply = await visit(action, { prompt, login: account, password: "any" });
  }
  throw new Error("the login never ends");
};

const make = async ({ make: kind, algorithm = "RS256", audience, account }) => {
  if (kind === "id") {
    const code = await logIn(account);
    const grant = { grant_type: "authorization_code", code, redirect_uri: CALLBACK };
    return (await tokens({ client_id: "app", ...grant })).id_token;
  }
  const resource = kind === "opaque" ? "api.example.com/opaque" : audience;
  const grant = { grant_type: "client_credentials", resource: `${RESOURCE}${resource}` };
  return (await tokens({ client_id: `ci-${algorithm}`, ...grant })).access_token;
};

console.log(issuer);
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const answer = asked.rotate ? rotate(asked.rotate) : { token: await make(asked) };
  console.log(JSON.stringify(answer));
}
process.exit();
