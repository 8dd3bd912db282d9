//! Which headers go to the backend and which come back, by name: the rest stays.
//!
//! What is on neither list is dropped or refused: a backend has headers of its own by which those
//! behind the same gateway trust each other, and a stranger is not to send them.

/// Headers of HTTP that say something about the object or the condition.
const PLAIN: &[&str] = &[
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// Headers of S3 that the backend acts on. They are forwarded once what they mean was decided.
const FORWARDED: &[&str] = &[
    "x-amz-bucket-object-lock-enabled",
    "x-amz-bypass-governance-retention",
    "x-amz-checksum-algorithm",
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-md5",
    "x-amz-checksum-mode",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
    "x-amz-checksum-sha512",
    "x-amz-checksum-type",
    "x-amz-checksum-xxhash128",
    "x-amz-checksum-xxhash3",
    "x-amz-checksum-xxhash64",
    "x-amz-copy-source",
    "x-amz-copy-source-if-match",
    "x-amz-copy-source-if-modified-since",
    "x-amz-copy-source-if-none-match",
    "x-amz-copy-source-if-unmodified-since",
    "x-amz-copy-source-range",
    "x-amz-copy-source-server-side-encryption-customer-algorithm",
    "x-amz-copy-source-server-side-encryption-customer-key",
    "x-amz-copy-source-server-side-encryption-customer-key-md5",
    "x-amz-max-parts",
    "x-amz-metadata-directive",
    "x-amz-mp-object-size",
    "x-amz-object-attributes",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-optional-object-attributes",
    "x-amz-part-number-marker",
    "x-amz-request-payer",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-server-side-encryption-context",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-server-side-encryption-customer-key",
    "x-amz-server-side-encryption-customer-key-md5",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-tagging-directive",
    "x-amz-transition-default-minimum-object-size",
    "x-amz-website-redirect-location",
];

/// Headers of S3 that the gateway itself reads, and the backend does not get, beside those of the
/// signature.
const READ: &[&str] = &[
    "x-amz-acl",
    "x-amz-bucket-namespace",
    "x-amz-confirm-remove-self-bucket-access",
    "x-amz-decoded-content-length",
    "x-amz-expected-bucket-owner",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-object-ownership",
    "x-amz-source-expected-bucket-owner",
    "x-amz-trailer",
    // What SDKs say of themselves; it means nothing to S3.
    "x-amz-api-version",
    "x-amz-te",
    "x-amz-user-agent",
];

/// What the names of S3's own headers begin with.
pub(crate) const OF_S3: &str = "x-amz-";

/// Where the metadata of an object begins.
pub(crate) const METADATA: &str = "x-amz-meta-";

/// Headers of a reply that the client gets.
const REPLY: &[&str] = &[
    "accept-ranges",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expires",
    "last-modified",
    "retry-after",
    "vary",
];

/// Headers of S3 in a reply that the client gets.
const REPLY_S3: &[&str] = &[
    "x-amz-abort-date",
    "x-amz-abort-rule-id",
    "x-amz-archive-status",
    "x-amz-bucket-region",
    "x-amz-checksum-algorithm",
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-md5",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
    "x-amz-checksum-sha512",
    "x-amz-checksum-type",
    "x-amz-checksum-xxhash128",
    "x-amz-checksum-xxhash3",
    "x-amz-checksum-xxhash64",
    "x-amz-copy-source-version-id",
    "x-amz-delete-marker",
    "x-amz-expiration",
    "x-amz-missing-meta",
    "x-amz-mp-parts-count",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-object-size",
    "x-amz-object-version-id",
    "x-amz-replication-status",
    "x-amz-request-charged",
    "x-amz-restore",
    "x-amz-restore-output-path",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-server-side-encryption-context",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-server-side-encryption-customer-key-md5",
    "x-amz-storage-class",
    "x-amz-tagging-count",
    "x-amz-transition-default-minimum-object-size",
    "x-amz-version-id",
    "x-amz-website-redirect-location",
];

/// Whether a header of a request, by its name in lower case, goes to the backend.
pub fn is_forwarded(name: &str) -> bool {
    match name.starts_with(OF_S3) {
        true if is_of_signature(name) => false,
        true => FORWARDED.contains(&name) || is_metadata(name),
        false => PLAIN.contains(&name),
    }
}

/// Whether a header of a request, by its name in lower case, says what its body is: where the
/// gateway writes the body anew these do not go with it.
pub fn is_body_digest(name: &str) -> bool {
    let checksum = name.strip_prefix("x-amz-checksum-");
    name == "content-md5"
        || name == "x-amz-sdk-checksum-algorithm"
        || checksum.is_some_and(|rest| !matches!(rest, "algorithm" | "mode" | "type"))
}

/// Whether a header of the backend's reply, by its name in lower case, goes to the client.
pub fn is_returned(name: &str) -> bool {
    match name.starts_with(OF_S3) {
        true => REPLY_S3.contains(&name) || is_metadata(name),
        false => REPLY.contains(&name),
    }
}

/// Whether a header belongs to the signature, and so is there in every request that has one.
pub(crate) fn is_of_signature(name: &str) -> bool {
    matches!(name, "x-amz-content-sha256" | "x-amz-date" | "x-amz-security-token")
}

/// Whether a header of S3, by its name in lower case, is one that the gateway knows.
pub(crate) fn is_known(name: &str) -> bool {
    is_of_signature(name) || FORWARDED.contains(&name) || READ.contains(&name) || is_metadata(name)
}

/// Whether a presigned request may have a header among its query parameters, as some SDKs put it.
/// A copy source stands in a signed header only.
pub(crate) fn may_be_parameter(name: &str) -> bool {
    is_known(name)
        && !is_of_signature(name)
        && !name.starts_with("x-amz-copy-source")
        && !matches!(name, "x-amz-decoded-content-length" | "x-amz-trailer")
}

/// Whether a form may have a header of S3, by its name in lower case, among its fields.
pub(crate) fn may_be_field(name: &str) -> bool {
    (FORWARDED.contains(&name) && !name.starts_with("x-amz-copy-source")) || is_metadata(name)
}

fn is_metadata(name: &str) -> bool {
    name.strip_prefix(METADATA).is_some_and(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_goes_on_and_comes_back() {
        for list in [PLAIN, FORWARDED, READ, REPLY, REPLY_S3] {
            assert!(list.iter().all(|name| *name == name.to_ascii_lowercase()));
        }
        for list in [FORWARDED, READ, REPLY_S3] {
            assert!(list.iter().all(|name| name.starts_with(OF_S3)));
        }
        assert!(!PLAIN.iter().chain(REPLY).any(|name| name.starts_with(OF_S3)));
        for name in ["content-type", "range", "x-amz-meta-a", "x-amz-copy-source", "x-amz-tagging"]
        {
            assert!(is_forwarded(name), "{name}");
        }
        for name in [
            "authorization",
            "connection",
            "content-length",
            "cookie",
            "expect",
            "forwarded",
            "host",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "via",
            "x-amz-acl",
            "x-amz-content-sha256",
            "x-amz-date",
            "x-amz-grant-read",
            "x-amz-meta-",
            "x-amz-security-token",
            "x-amz-trailer",
            "x-forwarded-for",
            "x-minio-any",
            "x-rgw-any",
        ] {
            assert!(!is_forwarded(name), "{name}");
        }
        for name in ["etag", "content-range", "x-amz-version-id", "x-amz-meta-a"] {
            assert!(is_returned(name), "{name}");
        }
        for name in [
            "connection",
            "server",
            "set-cookie",
            "transfer-encoding",
            "x-amz-id-2",
            "x-amz-request-id",
            "x-minio-any",
            "x-rgw-any",
        ] {
            assert!(!is_returned(name), "{name}");
        }
        assert!(is_body_digest("content-md5") && is_body_digest("x-amz-checksum-crc32"));
        assert!(!is_body_digest("x-amz-checksum-mode") && !is_body_digest("content-type"));
        assert!(may_be_parameter("x-amz-acl") && !may_be_parameter("x-amz-copy-source"));
        assert!(may_be_field("x-amz-meta-a") && !may_be_field("x-amz-acl"));
    }
}
