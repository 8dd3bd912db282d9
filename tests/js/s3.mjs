// The AWS SDK for JavaScript on a store: objects, lists, uploads in parts, checksums in trailers,
// presigned URLs: with the credentials of the environment, or those of a role that it assumes itself
// where that names a web identity token.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { Readable } from "node:stream";

// The packages lie in the build's own folder, not beside this file.
const require = createRequire(`${process.env.DAYPASS_NODE_MODULES}/`);
const {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  paginateListObjectsV2,
} = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");

const { BUCKET: Bucket } = process.env;
const s3 = new S3Client({ forcePathStyle: true });
const read = async (Key, more = {}) => {
  const reply = await s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return Buffer.from(await reply.Body.transformToByteArray());
};
const content = (size, seed) => {
  const parts = [];
  for (let number = 0; parts.length * 32 < size; number += 1) {
    parts.push(createHash("sha256").update(`${seed} ${number}`).digest());
  }
  return Buffer.concat(parts).subarray(0, size);
};
const refused = async (promise, name, status) => {
  const error = await promise.then(
    () => assert.fail(`should have been refused with ${name}`),
    (error) => error,
  );
  assert.equal(error.name, name, error.message);
  assert.equal(error.$metadata?.httpStatusCode, status);
};

await s3.send(new CreateBucketCommand({ Bucket }));

// Small objects, with every checksum that it knows.
const text = Buffer.from("Grüße, Susan\n");
for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
  const Key = `sums/${ChecksumAlgorithm} ü`;
  const put = { Bucket, Key, Body: text, ChecksumAlgorithm, Metadata: { by: "js" } };
  await s3.send(new PutObjectCommand(put));
  assert.deepEqual(await read(Key, { ChecksumMode: "ENABLED" }), text);
}
const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "sums/CRC32 ü" }));
assert.equal(head.ContentLength, text.length);
assert.deepEqual(head.Metadata, { by: "js" });
assert.deepEqual(await read("sums/SHA256 ü", { Range: "bytes=0-3" }), text.subarray(0, 4));

// A stream, of which the SDK sends the checksum behind the body.
const streamed = content(300_000, "stream");
await s3.send(
  new PutObjectCommand({
    Bucket,
    Key: "streamed",
    Body: Readable.from([streamed.subarray(0, 100_000), streamed.subarray(100_000)]),
    ContentLength: streamed.length,
    ChecksumAlgorithm: "CRC64NVME",
  }),
);
assert.deepEqual(await read("streamed"), streamed);

// In parts.
const large = content(12 << 20, "large");
await new Upload({
  client: s3,
  params: { Bucket, Key: "large", Body: Readable.from(large), ContentType: "text/plain" },
  partSize: 5 << 20,
}).done();
assert.ok((await read("large")).equals(large));

// Lists, page by page.
const keys = [];
for await (const page of paginateListObjectsV2({ client: s3, pageSize: 3 }, { Bucket })) {
  keys.push(...(page.Contents ?? []).map((item) => item.Key));
}
assert.equal(keys.length, 7, keys);
assert.deepEqual(keys.toSorted(), keys);
const folders = await s3.send(new ListObjectsV2Command({ Bucket, Delimiter: "/" }));
assert.deepEqual(
  folders.CommonPrefixes.map((item) => item.Prefix),
  ["sums/"],
);

// Copies, and what is not there.
await s3.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/streamed` }));
assert.deepEqual(await read("copy"), streamed);
await refused(s3.send(new GetObjectCommand({ Bucket, Key: "none" })), "NoSuchKey", 404);

// Presigned, without a checksum of what nobody has yet.
const plain = new S3Client({ forcePathStyle: true, requestChecksumCalculation: "WHEN_REQUIRED" });
const put = await getSignedUrl(plain, new PutObjectCommand({ Bucket, Key: "presigned" }), {
  expiresIn: 60,
});
const uploaded = await fetch(put, { method: "PUT", body: "by anybody" });
assert.equal(uploaded.status, 200, await uploaded.text());
const get = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "presigned" }));
assert.equal(await (await fetch(get)).text(), "by anybody");

const gone = await s3.send(
  new DeleteObjectsCommand({
    Bucket,
    Delete: { Objects: [...keys, "copy", "presigned"].map((Key) => ({ Key })) },
  }),
);
assert.equal(gone.Deleted.length, 9);
assert.equal(gone.Errors?.length ?? 0, 0, JSON.stringify(gone.Errors));
await s3.send(new DeleteBucketCommand({ Bucket }));
console.log("all checks passed");
