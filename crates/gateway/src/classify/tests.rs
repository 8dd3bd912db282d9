use daypass_policy::Value;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use proptest::prelude::*;

use super::*;
use crate::{Document, Domains, S3Code as C, Shape};

const NOW: &str = "2026-01-01T00:00:00Z";

fn headers_of(given: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("s3.example.com"));
    for (name, value) in given {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// Reads and classifies a request, with its body where the operation has a document.
fn classified(
    request: &str,
    given: &[(&str, &str)],
    body: &[u8],
) -> Result<(Classified, Option<Document>), S3Fault> {
    let (method, target) = request.split_once(' ').unwrap();
    let (method, uri): (Method, Uri) = (method.parse().unwrap(), target.parse().unwrap());
    let headers = headers_of(given);
    let domains = Domains::new(["s3.example.com"]).unwrap();
    let head = RequestHead::read(&method, &uri, &headers, &domains)?;
    let now = NOW.parse().unwrap();
    let mut classified = classify(&head, now)?;
    let mut document = None;
    if matches!(classified.row.body, BodyUse::Document { .. }) {
        assert!(classified.needs().is_err(), "{request}: needs before the body");
        document = Some(classified.read_body(&head, body, now)?);
    }
    Ok((classified, document))
}

/// The operation and its needs, `action resource` each; a `?` follows one that counts only where
/// the source has tags.
fn needs(request: &str, given: &[(&str, &str)], body: &str) -> Result<Vec<String>, S3Code> {
    let (classified, _) =
        classified(request, given, body.as_bytes()).map_err(|fault| fault.code())?;
    let needs = classified.needs().unwrap().iter().map(|need| {
        let mark = if need.only_if_tagged { " ?" } else { "" };
        let resource = need.resource.strip_prefix("arn:aws:s3:::").unwrap_or(&need.resource);
        format!("{} {resource}{mark}", need.action.strip_prefix("s3:").unwrap())
    });
    Ok(std::iter::once(classified.row.name.to_owned()).chain(needs).collect())
}

#[test]
fn each_request_is_one_operation_with_its_needs() {
    const SOURCE: (&str, &str) = ("x-amz-copy-source", "src/s?versionId=7");
    const PLAIN: (&str, &str) = ("x-amz-copy-source", "/src/s");
    for (request, given, want) in [
        ("GET /", &[][..], "ListBuckets, ListAllMyBuckets *"),
        ("GET /?max-buckets=5&prefix=a", &[], "ListBuckets, ListAllMyBuckets *"),
        ("HEAD /bkt", &[], "HeadBucket, ListBucket bkt"),
        ("GET /bkt?prefix=a&marker=b", &[], "ListObjects, ListBucket bkt"),
        ("GET /bkt?list-type=2&prefix=a", &[], "ListObjectsV2, ListBucket bkt"),
        ("GET /bkt?versions", &[], "ListObjectVersions, ListBucketVersions bkt"),
        ("GET /bkt?uploads", &[], "ListMultipartUploads, ListBucketMultipartUploads bkt"),
        ("GET /bkt?location", &[], "GetBucketLocation, GetBucketLocation bkt"),
        ("GET /bkt?policy", &[], "GetBucketPolicy, GetBucketPolicy bkt"),
        ("GET /bkt?policyStatus", &[], "GetBucketPolicyStatus, GetBucketPolicyStatus bkt"),
        ("DELETE /bkt", &[], "DeleteBucket, DeleteBucket bkt"),
        ("DELETE /bkt?policy", &[], "DeleteBucketPolicy, DeleteBucketPolicy bkt"),
        ("DELETE /bkt?cors", &[], "DeleteBucketCors, PutBucketCORS bkt"),
        ("PUT /bkt?cors", &[], "PutBucketCors, PutBucketCORS bkt"),
        ("PUT /bkt?versioning", &[], "PutBucketVersioning, PutBucketVersioning bkt"),
        (
            "GET /bkt?inventory&id=1",
            &[],
            "GetBucketInventoryConfiguration, GetInventoryConfiguration bkt",
        ),
        (
            "GET /bkt?inventory",
            &[],
            "ListBucketInventoryConfigurations, GetInventoryConfiguration bkt",
        ),
        ("GET /bkt/k", &[], "GetObject, GetObject bkt/k"),
        ("GET /bkt/k?versionId=v", &[], "GetObject, GetObjectVersion bkt/k"),
        ("GET /bkt/k?versionId=null", &[], "GetObject, GetObjectVersion bkt/k"),
        ("HEAD /bkt/k?partNumber=1", &[], "HeadObject, GetObject bkt/k"),
        (
            "GET /bkt/k?attributes",
            &[],
            "GetObjectAttributes, GetObject bkt/k, GetObjectAttributes bkt/k",
        ),
        (
            "GET /bkt/k?attributes&versionId=v",
            &[],
            "GetObjectAttributes, GetObjectVersion bkt/k, GetObjectVersionAttributes bkt/k",
        ),
        ("GET /bkt/k?tagging&versionId=v", &[], "GetObjectTagging, GetObjectVersionTagging bkt/k"),
        ("GET /bkt/k?acl", &[], "GetObjectAcl, GetObjectAcl bkt/k"),
        ("GET /bkt/k?uploadId=u", &[], "ListParts, ListMultipartUploadParts bkt/k"),
        ("POST /bkt/k?select&select-type=2", &[], "SelectObjectContent, GetObject bkt/k"),
        ("PUT /bkt/k", &[], "PutObject, PutObject bkt/k"),
        ("PUT /bkt/a%2F*b?x-id=PutObject", &[], "PutObject, PutObject bkt/a/*b"),
        (
            "PUT /bkt/k",
            &[("x-amz-acl", "bucket-owner-full-control"), ("x-amz-tagging", "a=b")],
            "PutObject, PutObject bkt/k, PutObjectAcl bkt/k, PutObjectTagging bkt/k",
        ),
        (
            "PUT /bkt/k",
            &[
                ("x-amz-object-lock-mode", "GOVERNANCE"),
                ("x-amz-object-lock-retain-until-date", "2026-02-01T00:00:00Z"),
                ("x-amz-object-lock-legal-hold", "ON"),
            ],
            "PutObject, PutObject bkt/k, PutObjectRetention bkt/k, PutObjectLegalHold bkt/k",
        ),
        (
            "PUT /bkt/k",
            &[SOURCE],
            "CopyObject, PutObject bkt/k, GetObjectVersion src/s, GetObjectVersionTagging src/s ?, \
             PutObjectTagging bkt/k ?",
        ),
        (
            "PUT /bkt/k",
            &[PLAIN, ("x-amz-tagging-directive", "REPLACE"), ("x-amz-tagging", "a=b")],
            "CopyObject, PutObject bkt/k, GetObject src/s, PutObjectTagging bkt/k",
        ),
        ("PUT /bkt/k?partNumber=1&uploadId=u", &[], "UploadPart, PutObject bkt/k"),
        (
            "PUT /bkt/k?partNumber=1&uploadId=u",
            &[SOURCE],
            "UploadPartCopy, PutObject bkt/k, GetObjectVersion src/s",
        ),
        ("POST /bkt/k?uploads", &[], "CreateMultipartUpload, PutObject bkt/k"),
        ("POST /bkt/k?uploadId=u", &[], "CompleteMultipartUpload, PutObject bkt/k"),
        ("DELETE /bkt/k?uploadId=u", &[], "AbortMultipartUpload, AbortMultipartUpload bkt/k"),
        ("DELETE /bkt/k", &[], "DeleteObject, DeleteObject bkt/k"),
        (
            "DELETE /bkt/k?versionId=v",
            &[("x-amz-bypass-governance-retention", "True")],
            "DeleteObject, DeleteObjectVersion bkt/k, BypassGovernanceRetention bkt/k",
        ),
        (
            "DELETE /bkt/k",
            &[("x-amz-bypass-governance-retention", "false")],
            "DeleteObject, DeleteObject bkt/k",
        ),
        ("DELETE /bkt/k?tagging", &[], "DeleteObjectTagging, DeleteObjectTagging bkt/k"),
    ] {
        let want: Vec<String> = want.split(", ").map(str::to_owned).collect();
        assert_eq!(needs(request, given, ""), Ok(want), "{request} {given:?}");
    }
}

#[test]
fn documents_complete_the_needs() {
    const DELETE: &str = "<Delete><Object><Key>a/*</Key></Object><Object><Key>b</Key><VersionId>v\
                          </VersionId></Object></Delete>";
    const HOLD: &str = "<LegalHold><Status>ON</Status></LegalHold>";
    const LOCK: (&str, &str) = ("x-amz-bucket-object-lock-enabled", "true");
    const OWNER: (&str, &str) = ("x-amz-object-ownership", "BucketOwnerEnforced");
    const BYPASS: (&str, &str) = ("x-amz-bypass-governance-retention", "true");
    for (request, given, body, want) in [
        ("PUT /bkt", &[][..], "", "CreateBucket, CreateBucket bkt"),
        (
            "PUT /bkt",
            &[LOCK, OWNER, ("x-amz-acl", "private")],
            "",
            "CreateBucket, CreateBucket bkt, PutBucketAcl bkt, PutBucketObjectLockConfiguration \
             bkt, PutBucketVersioning bkt, PutBucketOwnershipControls bkt",
        ),
        (
            "POST /bkt?delete",
            &[],
            DELETE,
            "DeleteObjects, DeleteObject bkt/a/*, DeleteObjectVersion bkt/b",
        ),
        (
            "POST /bkt?delete",
            &[BYPASS],
            DELETE,
            "DeleteObjects, DeleteObject bkt/a/*, BypassGovernanceRetention bkt/a/*, \
             DeleteObjectVersion bkt/b, BypassGovernanceRetention bkt/b",
        ),
        ("PUT /bkt?policy", &[], "{}", "PutBucketPolicy, PutBucketPolicy bkt"),
        ("PUT /bkt/k?legal-hold", &[], HOLD, "PutObjectLegalHold, PutObjectLegalHold bkt/k"),
        (
            "PUT /bkt/k?retention",
            &[BYPASS],
            "<Retention/>",
            "PutObjectRetention, PutObjectRetention bkt/k, BypassGovernanceRetention bkt/k",
        ),
        (
            "PUT /bkt/k?acl&versionId=v",
            &[("x-amz-acl", "bucket-owner-full-control")],
            "",
            "PutObjectAcl, PutObjectVersionAcl bkt/k",
        ),
        (
            "POST /bkt/k?restore",
            &[],
            "<RestoreRequest><Days>1</Days></RestoreRequest>",
            "RestoreObject, RestoreObject bkt/k",
        ),
    ] {
        let want: Vec<String> = want.split(", ").map(str::to_owned).collect();
        assert_eq!(needs(request, given, body), Ok(want), "{request} {given:?}");
    }
    let (read, _) = classified("POST /bkt?delete", &[BYPASS], DELETE.as_bytes()).unwrap();
    let of = |place| read.needs_of_deletion(place).iter().map(|n| n.action).collect::<Vec<_>>();
    assert_eq!(of(1), ["s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"]);
    assert_eq!(of(2), [""; 0]);
}

#[test]
fn other_requests_are_refused() {
    let bypass = ("x-amz-bypass-governance-retention", "true");
    for (request, given, body, code) in [
        // No operation, or one that is not here.
        ("POST /", &[][..], "", C::NotImplemented),
        ("PUT /", &[], "", C::MethodNotAllowed),
        ("DELETE /", &[], "", C::MethodNotAllowed),
        ("HEAD /", &[], "", C::MethodNotAllowed),
        ("GET /?max-directory-buckets=1", &[], "", C::NotImplemented),
        ("GET /bkt?session", &[], "", C::NotImplemented),
        ("GET /bkt?torrent", &[], "", C::NotImplemented),
        ("PUT /bkt?acl&policy", &[], "", C::InvalidArgument),
        ("PUT /bkt/k?acl&tagging", &[], "", C::InvalidArgument),
        ("GET /bkt/k?policy", &[], "", C::NotImplemented),
        ("GET /bkt?versionId=1", &[], "", C::NotImplemented),
        ("GET /bkt?list-type=1", &[], "", C::NotImplemented),
        ("PUT /bkt/k?versionId=1", &[], "", C::NotImplemented),
        ("PUT /bkt/k?uploadId=u", &[], "", C::NotImplemented),
        ("PUT /bkt/k?partNumber=1", &[], "", C::NotImplemented),
        ("PUT /bkt/k?append", &[], "", C::NotImplemented),
        ("GET /bkt/k?cors", &[], "", C::NotImplemented),
        ("PUT /bkt?replication", &[], "", C::NotImplemented),
        ("PUT /bkt?logging", &[], "", C::NotImplemented),
        ("PUT /bkt?notification", &[], "", C::NotImplemented),
        ("PUT /bkt/k?renameObject", &[], "", C::NotImplemented),
        ("POST /WriteGetObjectResponse", &[], "", C::InvalidBucketName),
        ("POST /bkt/k", &[], "", C::MethodNotAllowed),
        ("POST /bkt?delete&uploads", &[], "", C::InvalidArgument),
        ("PATCH /bkt/k", &[], "", C::MethodNotAllowed),
        ("OPTIONS /bkt/k", &[], "", C::MethodNotAllowed),
        ("TRACE /bkt/k", &[], "", C::MethodNotAllowed),
        ("get /bkt/k", &[], "", C::MethodNotAllowed),
        // What it says is not what it is.
        ("PUT /bkt/k?x-id=GetObject", &[], "", C::InvalidArgument),
        ("GET /bkt/k?x-id=getobject", &[], "", C::InvalidArgument),
        ("GET /bkt?lifecycle&x-id=GetBucketCors", &[], "", C::InvalidArgument),
        // Powers in the wrong place.
        ("GET /bkt/k", &[("x-amz-copy-source", "src/s")], "", C::NotImplemented),
        ("POST /bkt/k?uploads", &[("x-amz-copy-source", "src/s")], "", C::NotImplemented),
        ("PUT /bkt/k?tagging", &[("x-amz-copy-source", "src/s")], "", C::NotImplemented),
        ("PUT /bkt/k", &[("x-amz-copy-source-if-match", "e")], "", C::NotImplemented),
        ("PUT /bkt/k?partNumber=1&uploadId=u", &[("x-amz-tagging", "a=b")], "", C::NotImplemented),
        ("PUT /bkt/k", &[bypass], "", C::NotImplemented),
        ("GET /bkt/k", &[("x-amz-acl", "private")], "", C::NotImplemented),
        ("GET /bkt", &[("x-amz-object-ownership", "ObjectWriter")], "", C::NotImplemented),
        // Values out of their range.
        ("PUT /bkt/k?partNumber=0&uploadId=u", &[], "", C::InvalidArgument),
        ("PUT /bkt/k?partNumber=10001&uploadId=u", &[], "", C::InvalidArgument),
        ("PUT /bkt/k?partNumber=%2B1&uploadId=u", &[], "", C::InvalidArgument),
        ("PUT /bkt/k?partNumber=1&uploadId=", &[], "", C::InvalidArgument),
        // What would lead out of the upload, where parts are files.
        ("PUT /bkt/k?partNumber=1&uploadId=u/../../other/k", &[], "", C::InvalidArgument),
        ("PUT /bkt/k?partNumber=1&uploadId=u%2F..%2F..%2Fother", &[], "", C::InvalidArgument),
        ("GET /bkt/k?uploadId=..", &[], "", C::InvalidArgument),
        ("POST /bkt/k?uploadId=u%5C..%5Cother", &[], "", C::InvalidArgument),
        ("DELETE /bkt/k?uploadId=u%252F..", &[], "", C::InvalidArgument),
        ("GET /bkt?max-keys=-1", &[], "", C::InvalidArgument),
        ("GET /bkt?max-keys=", &[], "", C::InvalidArgument),
        ("GET /bkt?max-keys=2147483648", &[], "", C::InvalidArgument),
        ("GET /bkt?encoding-type=raw", &[], "", C::InvalidArgument),
        ("PUT /bkt/k", &[("x-amz-acl", "everybody")], "", C::InvalidArgument),
        (
            "PUT /bkt/k",
            &[("x-amz-acl", "private"), ("x-amz-grant-read", "id=1")],
            "",
            C::InvalidRequest,
        ),
        ("PUT /bkt/k", &[("x-amz-tagging", "a=b&a=c")], "", C::InvalidTag),
        ("PUT /bkt/k", &[("x-amz-object-lock-mode", "GOVERNANCE")], "", C::InvalidArgument),
        ("PUT /bkt/k", &[("x-amz-object-lock-legal-hold", "on")], "", C::InvalidArgument),
        ("DELETE /bkt/k", &[("x-amz-bypass-governance-retention", "1")], "", C::InvalidArgument),
        ("PUT /bkt/k", &[("x-amz-copy-source", "src/../s")], "", C::InvalidURI),
        (
            "PUT /bkt/k",
            &[("x-amz-copy-source", "src/s"), ("x-amz-metadata-directive", "replace")],
            "",
            C::InvalidArgument,
        ),
        // Documents.
        ("POST /bkt?delete", &[], "<Delete/>", C::MalformedXML),
        ("PUT /bkt/k?tagging", &[], "<Tagging/>", C::MalformedXML),
        (
            "PUT /bkt/k?legal-hold",
            &[],
            "<LegalHold><Status>on</Status></LegalHold>",
            C::InvalidArgument,
        ),
        ("PUT /bkt/k?acl", &[], "", C::MissingSecurityHeader),
        ("PUT /bkt/k?acl", &[("x-amz-acl", "private")], "x", C::UnexpectedContent),
        ("PUT /bkt?policy", &[], &"x".repeat(65_537), C::MaxMessageLengthExceeded),
        (
            "POST /bkt/k?restore",
            &[],
            "<RestoreRequest><Type>SELECT</Type></RestoreRequest>",
            C::NotImplemented,
        ),
        (
            "POST /bkt/k?restore",
            &[],
            "<RestoreRequest><OutputLocation/></RestoreRequest>",
            C::NotImplemented,
        ),
    ] {
        let got = needs(request, given, body);
        assert_eq!(got, Err(code), "{request} {given:?} {:.80}", body);
    }
}

#[test]
fn lists_are_refused_where_ownership_is_enforced() {
    let refused = |request: &str, given: &[(&str, &str)]| {
        let (classified, _) = classified(request, given, b"").unwrap();
        assert!(!classified.needs().unwrap().is_empty());
        classified.refused.map(|fault| fault.code())
    };
    let acl = |value| ("x-amz-acl", value);
    let grant = ("x-amz-grant-read", "id=\"1\"");
    for (request, given, want) in [
        ("PUT /bkt/k", &[][..], None),
        ("PUT /bkt/k", &[acl("bucket-owner-full-control")], None),
        ("PUT /bkt/k", &[acl("private")], Some(C::AccessControlListNotSupported)),
        ("PUT /bkt/k", &[acl("public-read")], Some(C::AccessControlListNotSupported)),
        ("PUT /bkt/k", &[grant], Some(C::AccessControlListNotSupported)),
        ("POST /bkt/k?uploads", &[acl("public-read")], Some(C::AccessControlListNotSupported)),
        ("PUT /bkt?acl", &[acl("public-read")], Some(C::AccessControlListNotSupported)),
        ("PUT /bkt", &[acl("private")], None),
        ("PUT /bkt", &[acl("public-read")], Some(C::InvalidBucketAclWithObjectOwnership)),
        ("PUT /bkt", &[grant], Some(C::InvalidBucketAclWithObjectOwnership)),
        ("PUT /bkt", &[("x-amz-object-ownership", "ObjectWriter")], Some(C::NotImplemented)),
    ] {
        assert_eq!(refused(request, given), want, "{request} {given:?}");
    }
}

/// The condition keys of the first need, as a policy sees them.
fn keys(request: &str, given: &[(&str, &str)], body: &str, action: &str) -> Vec<String> {
    let (classified, _) = classified(request, given, body.as_bytes()).unwrap();
    let needs = classified.needs().unwrap();
    let need = needs.iter().find(|need| need.action == action).unwrap();
    let one = need.keys.iter().map(|(key, value)| {
        let kind = match value {
            Value::Text(_) => "",
            Value::Number(_) => "#",
            Value::Bool(_) => "?",
            Value::Date(_) => "@",
            _ => "!",
        };
        format!("{}={kind}{}", key.strip_prefix("s3:").unwrap(), value.text())
    });
    let many = need.lists.iter().map(|(key, values)| {
        let values: Vec<_> = values.iter().map(|value| value.text().into_owned()).collect();
        format!("{}=[{}]", key.strip_prefix("s3:").unwrap(), values.join(","))
    });
    let mut all: Vec<String> = one.chain(many).collect();
    all.sort();
    all
}

#[test]
fn each_action_has_its_condition_keys_and_no_others() {
    const ALL: &[(&str, &str)] = &[
        ("if-none-match", "*"),
        ("x-amz-acl", "bucket-owner-full-control"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-object-lock-legal-hold", "OFF"),
        ("x-amz-object-lock-mode", "COMPLIANCE"),
        ("x-amz-object-lock-retain-until-date", "2026-01-02T00:00:01Z"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "k"),
        ("x-amz-storage-class", "STANDARD_IA"),
        ("x-amz-tagging", "Team=a+b&x="),
        ("x-amz-website-redirect-location", "/there"),
    ];
    const HASH: &str = "x-amz-content-sha256=UNSIGNED-PAYLOAD";
    const TAGS: [&str; 3] =
        ["RequestObjectTag/Team=a b", "RequestObjectTag/x=", "RequestObjectTagKeys=[Team,x]"];
    let of = |action| keys("PUT /bkt/k", ALL, "", action);
    assert_eq!(
        of("s3:PutObject"),
        [
            "ObjectCreationOperation=?true",
            TAGS[0],
            TAGS[1],
            TAGS[2],
            "if-none-match=*",
            "object-lock-legal-hold=OFF",
            "object-lock-mode=COMPLIANCE",
            // One day and a second: the second day has begun.
            "object-lock-remaining-retention-days=#2",
            "object-lock-retain-until-date=@2026-01-02T00:00:01Z",
            "x-amz-acl=bucket-owner-full-control",
            HASH,
            "x-amz-server-side-encryption-aws-kms-key-id=k",
            "x-amz-server-side-encryption=aws:kms",
            "x-amz-storage-class=STANDARD_IA",
            "x-amz-website-redirect-location=/there",
        ]
    );
    assert_eq!(
        of("s3:PutObjectAcl"),
        ["x-amz-acl=bucket-owner-full-control", HASH, "x-amz-storage-class=STANDARD_IA"]
    );
    assert_eq!(of("s3:PutObjectTagging"), [TAGS[0], TAGS[1], TAGS[2], HASH]);
    assert_eq!(of("s3:PutObjectLegalHold"), ["object-lock-legal-hold=OFF", HASH]);
    assert_eq!(
        of("s3:PutObjectRetention"),
        [
            "object-lock-mode=COMPLIANCE",
            "object-lock-remaining-retention-days=#2",
            "object-lock-retain-until-date=@2026-01-02T00:00:01Z",
            HASH
        ]
    );

    let copy = &[
        ("x-amz-copy-source", "/src/a%20b?versionId=7"),
        ("x-amz-metadata-directive", "COPY"),
        ("if-match", "e"),
    ][..];
    assert_eq!(
        keys("PUT /bkt/k", copy, "", "s3:PutObject"),
        [
            "ObjectCreationOperation=?true",
            "if-match=e",
            "x-amz-copy-source=src/a b?versionId=7",
            "x-amz-metadata-directive=COPY",
        ]
    );
    assert_eq!(keys("PUT /bkt/k", copy, "", "s3:GetObjectVersion"), ["versionid=7"]);

    let listing = "GET /bkt?list-type=2&prefix=a%2F&delimiter=/&max-keys=10&start-after=x";
    let want = ["delimiter=/", "max-keys=#10", "prefix=a/"];
    assert_eq!(keys(listing, &[], "", "s3:ListBucket"), want);
    assert_eq!(keys("GET /bkt?prefix=", &[], "", "s3:ListBucket"), ["prefix="]);
    // What is not said is absent, not empty.
    assert_eq!(keys("GET /bkt", &[], "", "s3:ListBucket"), [""; 0]);
    assert_eq!(
        keys("GET /bkt?uploads&prefix=a", &[], "", "s3:ListBucketMultipartUploads"),
        [""; 0]
    );
    assert_eq!(keys("GET /?prefix=a", &[], "", "s3:ListAllMyBuckets"), [""; 0]);
    assert_eq!(keys("GET /bkt/k", &[("if-match", "e")], "", "s3:GetObject"), [""; 0]);
    assert_eq!(keys("GET /bkt/k?versionId=v", &[], "", "s3:GetObjectVersion"), ["versionid=v"]);
    assert_eq!(keys("DELETE /bkt/k", &[("if-match", "e")], "", "s3:DeleteObject"), ["if-match=e"]);
    assert_eq!(
        keys("GET /bkt/k?legal-hold&versionId=v", &[], "", "s3:GetObjectLegalHold"),
        [""; 0]
    );
    let presigned = "GET /bkt/k?X-Amz-Signature=0";
    assert_eq!(keys(presigned, &[], "", "s3:GetObject"), [HASH]);
    let presigned = "PUT /bkt/k?X-Amz-Signature=0&x-amz-acl=private&X-Amz-Storage-Class=GLACIER";
    assert_eq!(
        keys(presigned, &[], "", "s3:PutObject"),
        ["ObjectCreationOperation=?true", "x-amz-acl=private", HASH, "x-amz-storage-class=GLACIER"]
    );
    let part = "PUT /bkt/k?partNumber=1&uploadId=u";
    assert_eq!(keys(part, &[], "", "s3:PutObject"), ["ObjectCreationOperation=?false"]);

    let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
    assert_eq!(
        keys("PUT /bkt/k?tagging&versionId=v", &[], tags, "s3:PutObjectVersionTagging"),
        ["RequestObjectTag/a=b", "RequestObjectTagKeys=[a]", "versionid=v"]
    );
    let bucket = "<CreateBucketConfiguration><LocationConstraint>EU</LocationConstraint>\
                  </CreateBucketConfiguration>";
    assert_eq!(keys("PUT /bkt", &[], bucket, "s3:CreateBucket"), ["locationconstraint=EU"]);
    let delete = "<Delete><Object><Key>b</Key><ETag>e</ETag></Object></Delete>";
    assert_eq!(keys("POST /bkt?delete", &[], delete, "s3:DeleteObject"), ["if-match=e"]);
    let retention = "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2026-01-11T00:00:00Z\
                     </RetainUntilDate></Retention>";
    assert_eq!(
        keys("PUT /bkt/k?retention", &[], retention, "s3:PutObjectRetention"),
        [
            "object-lock-mode=GOVERNANCE",
            "object-lock-remaining-retention-days=#10",
            "object-lock-retain-until-date=@2026-01-11T00:00:00Z",
        ]
    );
}

#[test]
fn tags_of_the_object_are_wanted_where_a_policy_may_ask() {
    let wants = |request: &str, given: &[(&str, &str)]| {
        let (classified, _) = classified(request, given, b"").unwrap();
        classified.needs().unwrap().iter().map(|need| need.wants_existing_tags).collect::<Vec<_>>()
    };
    assert_eq!(wants("GET /bkt/k", &[]), [true]);
    assert_eq!(wants("GET /bkt/k?tagging", &[]), [true]);
    assert_eq!(wants("PUT /bkt/k", &[]), [false]);
    assert_eq!(wants("DELETE /bkt/k", &[]), [false]);
    assert_eq!(wants("GET /bkt", &[]), [false]);
    let copy = [("x-amz-copy-source", "src/s")];
    assert_eq!(wants("PUT /bkt/k", &copy), [false, true, true, true]);
}

/// A request as a row describes it, with all parameters that it may have.
fn sample(row: &OperationRow, with_optional: bool) -> (String, HeaderMap) {
    let path = match row.shape {
        Shape::Service => "/",
        Shape::Bucket => "/bkt",
        Shape::Object => "/bkt/key",
    };
    let value = |name: &str| match name {
        "encoding-type" => "url".to_owned(),
        _ => "1".to_owned(),
    };
    let required = row.requires.iter().map(|(name, fixed)| {
        format!("{name}={}", fixed.map_or_else(|| value(name), str::to_owned))
    });
    let optional = row.optional.iter().map(|name| format!("{name}={}", value(name)));
    let query: Vec<String> = required.chain(optional.filter(|_| with_optional)).collect();
    let headers = match row.header {
        Some((name, true)) => headers_of(&[(name, "src/s")]),
        _ => headers_of(&[]),
    };
    (format!("{path}?{}", query.join("&")), headers)
}

/// Every row is reached by its own request, and by no other row's.
#[test]
fn a_request_is_of_one_row() {
    let domains = Domains::default();
    for row in OPERATIONS {
        for with_optional in [false, true] {
            let (target, headers) = sample(row, with_optional);
            let (method, uri) = (row.method.parse().unwrap(), target.parse().unwrap());
            let head = RequestHead::read(&method, &uri, &headers, &domains).unwrap();
            let found = row_of(&head).unwrap_or_else(|fault| panic!("{}: {fault:?}", row.name));
            assert_eq!(found.name, row.name, "{target}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Whatever parameters come together: a request is one operation or refused, and what the
    /// backend gets is the same operation with the same needs.
    #[test]
    fn the_backend_gets_the_operation_that_was_decided_on(
        method in prop::sample::select(vec!["GET", "HEAD", "PUT", "POST", "DELETE"]),
        path in prop::sample::select(vec!["/", "/bkt", "/bkt/a", "/bkt/a%2Fb%252e"]),
        parameters in prop::collection::vec(prop::sample::select(
            OPERATIONS.iter().flat_map(|row| {
                row.requires.iter().map(|(name, value)| {
                    format!("{name}={}", value.unwrap_or("1"))
                })
            }).chain(["versionId=1", "prefix=a%2Bb", "x-id=GetObject", "x-a=1"].map(str::to_owned))
            .collect::<Vec<_>>(),
        ), 0..3),
        copies in any::<bool>(),
    ) {
        let target = format!("{path}?{}", parameters.join("&"));
        let given = [("x-amz-copy-source", "/src/s")];
        let headers = headers_of(if copies { &given } else { &[] });
        let (method, uri): (Method, Uri) = (method.parse().unwrap(), target.parse().unwrap());
        let domains = Domains::default();
        let now = NOW.parse().unwrap();
        let Ok(head) = RequestHead::read(&method, &uri, &headers, &domains) else { return Ok(()) };
        let Ok(classified) = classify(&head, now) else { return Ok(()) };
        let sent: Uri = format!("{}?{}", head.backend_path(), head.backend_query()).parse().unwrap();
        let mut passed = headers_of(&[]);
        passed.extend(head.backend_headers().unwrap());
        let again = RequestHead::read(&method, &sent, &passed, &domains).unwrap();
        let again = classify(&again, now).unwrap();
        prop_assert_eq!(again.row.name, classified.row.name);
        prop_assert_eq!(again.needs, classified.needs);
        prop_assert_eq!(again.source, classified.source);
    }
}
