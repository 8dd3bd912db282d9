//! The table of the S3 API: every operation of AWS's service model, and forms.
//!
//! Actions: S3 user guide, "Required permissions for Amazon S3 API operations". A request belongs to
//! the one row whose method, shape, parameters and headers it fits, all of its parameters being of
//! that row; one that fits none is refused. `docs/s3-operations.md` is written from here.

use crate::operation::{
    BodyUse, NeedRow, On, Operation as Op, OperationRow, Shape, When, need, needed_when, row,
    versioned,
};

/// Most bytes of a DeleteObjects document: a thousand keys of the greatest length, a third of it
/// escapes, with versions and entity tags.
const DELETE_MAX: usize = 2 << 20;

/// Most bytes of the other documents that are read: S3's own limits are far lower.
const DOCUMENT_MAX: usize = 64 << 10;

/// A bucket policy has at most 20 KB; white space around it counts for nothing.
const POLICY_MAX: usize = 64 << 10;

const DOCUMENT: BodyUse = BodyUse::Document { max: DOCUMENT_MAX };
const TABLES: &str = "it needs S3 Tables";
const DIRECTORY: &str = "it is one of directory buckets";
const LAMBDA: &str = "it is one of S3 Object Lambda";
const ANNOTATIONS: &str = "object annotations are not known to storage behind the gateway";
const ABAC: &str = "tags of buckets do not take part in decisions";
const EXPORTS: &str =
    "the storage would write to, or read from, other buckets without asking who may";

/// What is known of the parameters of a GET of an object.
const OVERRIDES: &[&str] = &[
    "partNumber",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "versionId",
];
const VERSION: &[&str] = &["versionId"];
const LISTING: &[&str] = &["delimiter", "encoding-type", "marker", "max-keys", "prefix"];

/// What putting an object may need.
const PUT: &[NeedRow] = &[
    need("s3:PutObject", On::Object),
    needed_when(When::Acl, "s3:PutObjectAcl", On::Object),
    needed_when(When::Tagging, "s3:PutObjectTagging", On::Object),
    needed_when(When::Retention, "s3:PutObjectRetention", On::Object),
    needed_when(When::LegalHold, "s3:PutObjectLegalHold", On::Object),
];
const SOURCE: NeedRow = versioned("s3:GetObject", "s3:GetObjectVersion", On::Source);

const fn get(op: Op, name: &'static str) -> OperationRow {
    row(op, name).at("GET", Shape::Bucket)
}

const fn put(op: Op, name: &'static str) -> OperationRow {
    row(op, name).at("PUT", Shape::Bucket).body(BodyUse::Stream)
}

const fn delete(op: Op, name: &'static str) -> OperationRow {
    row(op, name).at("DELETE", Shape::Bucket)
}

const fn post(op: Op, name: &'static str) -> OperationRow {
    row(op, name).at("POST", Shape::Bucket).body(BodyUse::Stream)
}

const fn object(op: Op, name: &'static str, method: &'static str) -> OperationRow {
    row(op, name).at(method, Shape::Object)
}

/// Needs of operations on a bucket: one action.
macro_rules! on_bucket {
    ($action:literal) => {
        &[need($action, On::Bucket)]
    };
}

/// Needs of operations on an object: one action, and that of a version.
macro_rules! on_object {
    ($action:literal) => {
        &[need($action, On::Object)]
    };
    ($action:literal, $of_version:literal) => {
        &[versioned($action, $of_version, On::Object)]
    };
}

/// The operations, in alphabetical order.
pub static OPERATIONS: &[OperationRow] = &[
    object(Op::AbortMultipartUpload, "AbortMultipartUpload", "DELETE")
        .with(&[("uploadId", None)], &[])
        .needs(on_object!("s3:AbortMultipartUpload")),
    object(Op::CompleteMultipartUpload, "CompleteMultipartUpload", "POST")
        .with(&[("uploadId", None)], &[])
        .needs(on_object!("s3:PutObject"))
        .body(BodyUse::Stream),
    object(Op::CopyObject, "CopyObject", "PUT").telling("x-amz-copy-source", true).needs(&[
        need("s3:PutObject", On::Object),
        SOURCE,
        needed_when(When::Acl, "s3:PutObjectAcl", On::Object),
        needed_when(When::Tagging, "s3:PutObjectTagging", On::Object),
        needed_when(When::Retention, "s3:PutObjectRetention", On::Object),
        needed_when(When::LegalHold, "s3:PutObjectLegalHold", On::Object),
        NeedRow {
            action: "s3:GetObjectTagging",
            of_version: Some("s3:GetObjectVersionTagging"),
            on: On::Source,
            when: When::SourceTags,
        },
        needed_when(When::SourceTags, "s3:PutObjectTagging", On::Object),
    ]),
    put(Op::CreateBucket, "CreateBucket")
        .needs(&[
            need("s3:CreateBucket", On::Bucket),
            needed_when(When::Acl, "s3:PutBucketAcl", On::Bucket),
            needed_when(When::ObjectLock, "s3:PutBucketObjectLockConfiguration", On::Bucket),
            needed_when(When::ObjectLock, "s3:PutBucketVersioning", On::Bucket),
            needed_when(When::Ownership, "s3:PutBucketOwnershipControls", On::Bucket),
        ])
        .body(DOCUMENT)
        .answered(),
    post(Op::CreateBucketMetadataConfiguration, "CreateBucketMetadataConfiguration")
        .with(&[("metadataConfiguration", None)], &[])
        .needs(on_bucket!("s3:CreateBucketMetadataTableConfiguration"))
        .refused(TABLES),
    post(Op::CreateBucketMetadataTableConfiguration, "CreateBucketMetadataTableConfiguration")
        .with(&[("metadataTable", None)], &[])
        .needs(on_bucket!("s3:CreateBucketMetadataTableConfiguration"))
        .refused(TABLES),
    object(Op::CreateMultipartUpload, "CreateMultipartUpload", "POST")
        .with(&[("uploads", None)], &[])
        .needs(PUT),
    get(Op::CreateSession, "CreateSession").with(&[("session", None)], &[]).refused(DIRECTORY),
    delete(Op::DeleteBucket, "DeleteBucket").needs(on_bucket!("s3:DeleteBucket")).answered(),
    delete(Op::DeleteBucketAnalyticsConfiguration, "DeleteBucketAnalyticsConfiguration")
        .with(&[("analytics", None), ("id", None)], &[])
        .needs(on_bucket!("s3:PutAnalyticsConfiguration")),
    delete(Op::DeleteBucketCors, "DeleteBucketCors")
        .with(&[("cors", None)], &[])
        .needs(on_bucket!("s3:PutBucketCORS")),
    delete(Op::DeleteBucketEncryption, "DeleteBucketEncryption")
        .with(&[("encryption", None)], &[])
        .needs(on_bucket!("s3:PutEncryptionConfiguration")),
    delete(
        Op::DeleteBucketIntelligentTieringConfiguration,
        "DeleteBucketIntelligentTieringConfiguration",
    )
    .with(&[("intelligent-tiering", None), ("id", None)], &[])
    .needs(on_bucket!("s3:PutIntelligentTieringConfiguration")),
    delete(Op::DeleteBucketInventoryConfiguration, "DeleteBucketInventoryConfiguration")
        .with(&[("inventory", None), ("id", None)], &[])
        .needs(on_bucket!("s3:PutInventoryConfiguration")),
    delete(Op::DeleteBucketLifecycle, "DeleteBucketLifecycle")
        .with(&[("lifecycle", None)], &[])
        .needs(on_bucket!("s3:PutLifecycleConfiguration")),
    delete(Op::DeleteBucketMetadataConfiguration, "DeleteBucketMetadataConfiguration")
        .with(&[("metadataConfiguration", None)], &[])
        .needs(on_bucket!("s3:DeleteBucketMetadataTableConfiguration"))
        .refused(TABLES),
    delete(Op::DeleteBucketMetadataTableConfiguration, "DeleteBucketMetadataTableConfiguration")
        .with(&[("metadataTable", None)], &[])
        .needs(on_bucket!("s3:DeleteBucketMetadataTableConfiguration"))
        .refused(TABLES),
    delete(Op::DeleteBucketMetricsConfiguration, "DeleteBucketMetricsConfiguration")
        .with(&[("metrics", None), ("id", None)], &[])
        .needs(on_bucket!("s3:PutMetricsConfiguration")),
    delete(Op::DeleteBucketOwnershipControls, "DeleteBucketOwnershipControls")
        .with(&[("ownershipControls", None)], &[])
        .needs(on_bucket!("s3:PutBucketOwnershipControls"))
        .answered(),
    delete(Op::DeleteBucketPolicy, "DeleteBucketPolicy")
        .with(&[("policy", None)], &[])
        .needs(on_bucket!("s3:DeleteBucketPolicy"))
        .answered(),
    delete(Op::DeleteBucketReplication, "DeleteBucketReplication")
        .with(&[("replication", None)], &[])
        .needs(on_bucket!("s3:PutReplicationConfiguration")),
    delete(Op::DeleteBucketTagging, "DeleteBucketTagging")
        .with(&[("tagging", None)], &[])
        .needs(on_bucket!("s3:PutBucketTagging")),
    delete(Op::DeleteBucketWebsite, "DeleteBucketWebsite")
        .with(&[("website", None)], &[])
        .needs(on_bucket!("s3:DeleteBucketWebsite")),
    object(Op::DeleteObject, "DeleteObject", "DELETE").with(&[], VERSION).needs(&[
        versioned("s3:DeleteObject", "s3:DeleteObjectVersion", On::Object),
        needed_when(When::Bypass, "s3:BypassGovernanceRetention", On::Object),
    ]),
    object(Op::DeleteObjectAnnotation, "DeleteObjectAnnotation", "DELETE")
        .with(&[("annotation", None), ("annotationName", None)], VERSION)
        .needs(on_object!("s3:DeleteObjectAnnotation"))
        .refused(ANNOTATIONS),
    object(Op::DeleteObjectTagging, "DeleteObjectTagging", "DELETE")
        .with(&[("tagging", None)], VERSION)
        .needs(on_object!("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging")),
    post(Op::DeleteObjects, "DeleteObjects")
        .with(&[("delete", None)], &[])
        .needs(&[
            versioned("s3:DeleteObject", "s3:DeleteObjectVersion", On::EachObject),
            needed_when(When::Bypass, "s3:BypassGovernanceRetention", On::EachObject),
        ])
        .body(BodyUse::Document { max: DELETE_MAX })
        .object_level()
        .answered(),
    delete(Op::DeletePublicAccessBlock, "DeletePublicAccessBlock")
        .with(&[("publicAccessBlock", None)], &[])
        .needs(on_bucket!("s3:PutBucketPublicAccessBlock"))
        .recorded_as("DeleteBucketPublicAccessBlock")
        .answered(),
    get(Op::GetBucketAbac, "GetBucketAbac")
        .with(&[("abac", None)], &[])
        .needs(on_bucket!("s3:GetBucketAbac"))
        .refused(ABAC),
    get(Op::GetBucketAccelerateConfiguration, "GetBucketAccelerateConfiguration")
        .with(&[("accelerate", None)], &[])
        .needs(on_bucket!("s3:GetAccelerateConfiguration")),
    get(Op::GetBucketAcl, "GetBucketAcl")
        .with(&[("acl", None)], &[])
        .needs(on_bucket!("s3:GetBucketAcl"))
        .answered(),
    get(Op::GetBucketAnalyticsConfiguration, "GetBucketAnalyticsConfiguration")
        .with(&[("analytics", None), ("id", None)], &[])
        .needs(on_bucket!("s3:GetAnalyticsConfiguration")),
    get(Op::GetBucketCors, "GetBucketCors")
        .with(&[("cors", None)], &[])
        .needs(on_bucket!("s3:GetBucketCORS")),
    get(Op::GetBucketEncryption, "GetBucketEncryption")
        .with(&[("encryption", None)], &[])
        .needs(on_bucket!("s3:GetEncryptionConfiguration")),
    get(Op::GetBucketIntelligentTieringConfiguration, "GetBucketIntelligentTieringConfiguration")
        .with(&[("intelligent-tiering", None), ("id", None)], &[])
        .needs(on_bucket!("s3:GetIntelligentTieringConfiguration")),
    get(Op::GetBucketInventoryConfiguration, "GetBucketInventoryConfiguration")
        .with(&[("inventory", None), ("id", None)], &[])
        .needs(on_bucket!("s3:GetInventoryConfiguration")),
    get(Op::GetBucketLifecycleConfiguration, "GetBucketLifecycleConfiguration")
        .also(&["GetBucketLifecycle"])
        .with(&[("lifecycle", None)], &[])
        .needs(on_bucket!("s3:GetLifecycleConfiguration"))
        .recorded_as("GetBucketLifecycle"),
    get(Op::GetBucketLocation, "GetBucketLocation")
        .with(&[("location", None)], &[])
        .needs(on_bucket!("s3:GetBucketLocation")),
    get(Op::GetBucketLogging, "GetBucketLogging")
        .with(&[("logging", None)], &[])
        .needs(on_bucket!("s3:GetBucketLogging")),
    get(Op::GetBucketMetadataConfiguration, "GetBucketMetadataConfiguration")
        .with(&[("metadataConfiguration", None)], &[])
        .needs(on_bucket!("s3:GetBucketMetadataTableConfiguration"))
        .refused(TABLES),
    get(Op::GetBucketMetadataTableConfiguration, "GetBucketMetadataTableConfiguration")
        .with(&[("metadataTable", None)], &[])
        .needs(on_bucket!("s3:GetBucketMetadataTableConfiguration"))
        .refused(TABLES),
    get(Op::GetBucketMetricsConfiguration, "GetBucketMetricsConfiguration")
        .with(&[("metrics", None), ("id", None)], &[])
        .needs(on_bucket!("s3:GetMetricsConfiguration")),
    get(Op::GetBucketNotificationConfiguration, "GetBucketNotificationConfiguration")
        .also(&["GetBucketNotification"])
        .with(&[("notification", None)], &[])
        .needs(on_bucket!("s3:GetBucketNotification"))
        .recorded_as("GetBucketNotification"),
    get(Op::GetBucketOwnershipControls, "GetBucketOwnershipControls")
        .with(&[("ownershipControls", None)], &[])
        .needs(on_bucket!("s3:GetBucketOwnershipControls"))
        .answered(),
    get(Op::GetBucketPolicy, "GetBucketPolicy")
        .with(&[("policy", None)], &[])
        .needs(on_bucket!("s3:GetBucketPolicy"))
        .answered(),
    get(Op::GetBucketPolicyStatus, "GetBucketPolicyStatus")
        .with(&[("policyStatus", None)], &[])
        .needs(on_bucket!("s3:GetBucketPolicyStatus"))
        .answered(),
    get(Op::GetBucketReplication, "GetBucketReplication")
        .with(&[("replication", None)], &[])
        .needs(on_bucket!("s3:GetReplicationConfiguration")),
    get(Op::GetBucketRequestPayment, "GetBucketRequestPayment")
        .with(&[("requestPayment", None)], &[])
        .needs(on_bucket!("s3:GetBucketRequestPayment")),
    get(Op::GetBucketTagging, "GetBucketTagging")
        .with(&[("tagging", None)], &[])
        .needs(on_bucket!("s3:GetBucketTagging")),
    get(Op::GetBucketVersioning, "GetBucketVersioning")
        .with(&[("versioning", None)], &[])
        .needs(on_bucket!("s3:GetBucketVersioning")),
    get(Op::GetBucketWebsite, "GetBucketWebsite")
        .with(&[("website", None)], &[])
        .needs(on_bucket!("s3:GetBucketWebsite")),
    object(Op::GetObject, "GetObject", "GET")
        .with(&[], OVERRIDES)
        .needs(on_object!("s3:GetObject", "s3:GetObjectVersion")),
    object(Op::GetObjectAcl, "GetObjectAcl", "GET")
        .with(&[("acl", None)], VERSION)
        .needs(on_object!("s3:GetObjectAcl", "s3:GetObjectVersionAcl"))
        .answered(),
    object(Op::GetObjectAnnotation, "GetObjectAnnotation", "GET")
        .with(&[("annotation", None), ("annotationName", None)], VERSION)
        .needs(on_object!("s3:GetObjectAnnotation"))
        .refused(ANNOTATIONS),
    object(Op::GetObjectAttributes, "GetObjectAttributes", "GET")
        .with(&[("attributes", None)], VERSION)
        .needs(&[
            versioned("s3:GetObject", "s3:GetObjectVersion", On::Object),
            versioned("s3:GetObjectAttributes", "s3:GetObjectVersionAttributes", On::Object),
        ]),
    object(Op::GetObjectLegalHold, "GetObjectLegalHold", "GET")
        .with(&[("legal-hold", None)], VERSION)
        .needs(on_object!("s3:GetObjectLegalHold"))
        .recorded_as("GetObjectLockLegalHold"),
    get(Op::GetObjectLockConfiguration, "GetObjectLockConfiguration")
        .with(&[("object-lock", None)], &[])
        .needs(on_bucket!("s3:GetBucketObjectLockConfiguration"))
        .recorded_as("GetBucketObjectLockConfiguration"),
    object(Op::GetObjectRetention, "GetObjectRetention", "GET")
        .with(&[("retention", None)], VERSION)
        .needs(on_object!("s3:GetObjectRetention"))
        .recorded_as("GetObjectLockRetention"),
    object(Op::GetObjectTagging, "GetObjectTagging", "GET")
        .with(&[("tagging", None)], VERSION)
        .needs(on_object!("s3:GetObjectTagging", "s3:GetObjectVersionTagging")),
    object(Op::GetObjectTorrent, "GetObjectTorrent", "GET")
        .with(&[("torrent", None)], &[])
        .needs(on_object!("s3:GetObjectTorrent")),
    get(Op::GetPublicAccessBlock, "GetPublicAccessBlock")
        .with(&[("publicAccessBlock", None)], &[])
        .needs(on_bucket!("s3:GetBucketPublicAccessBlock"))
        .recorded_as("GetBucketPublicAccessBlock")
        .answered(),
    row(Op::HeadBucket, "HeadBucket")
        .at("HEAD", Shape::Bucket)
        .needs(on_bucket!("s3:ListBucket"))
        .object_level(),
    object(Op::HeadObject, "HeadObject", "HEAD")
        .with(&[], OVERRIDES)
        .needs(on_object!("s3:GetObject", "s3:GetObjectVersion")),
    get(Op::ListBucketAnalyticsConfigurations, "ListBucketAnalyticsConfigurations")
        .with(&[("analytics", None)], &["continuation-token"])
        .needs(on_bucket!("s3:GetAnalyticsConfiguration")),
    get(
        Op::ListBucketIntelligentTieringConfigurations,
        "ListBucketIntelligentTieringConfigurations",
    )
    .with(&[("intelligent-tiering", None)], &["continuation-token"])
    .needs(on_bucket!("s3:GetIntelligentTieringConfiguration")),
    get(Op::ListBucketInventoryConfigurations, "ListBucketInventoryConfigurations")
        .with(&[("inventory", None)], &["continuation-token"])
        .needs(on_bucket!("s3:GetInventoryConfiguration")),
    get(Op::ListBucketMetricsConfigurations, "ListBucketMetricsConfigurations")
        .with(&[("metrics", None)], &["continuation-token"])
        .needs(on_bucket!("s3:GetMetricsConfiguration")),
    row(Op::ListBuckets, "ListBuckets")
        .at("GET", Shape::Service)
        .with(&[], &["bucket-region", "continuation-token", "max-buckets", "prefix"])
        .needs(&[need("s3:ListAllMyBuckets", On::Service)])
        .answered(),
    row(Op::ListDirectoryBuckets, "ListDirectoryBuckets")
        .at("GET", Shape::Service)
        .with(&[("max-directory-buckets", None)], &["continuation-token"])
        .refused(DIRECTORY),
    get(Op::ListMultipartUploads, "ListMultipartUploads")
        .with(
            &[("uploads", None)],
            &[
                "delimiter",
                "encoding-type",
                "key-marker",
                "max-uploads",
                "prefix",
                "upload-id-marker",
            ],
        )
        .needs(on_bucket!("s3:ListBucketMultipartUploads")),
    object(Op::ListObjectAnnotations, "ListObjectAnnotations", "GET")
        .with(
            &[("annotation", None)],
            &["annotation-prefix", "continuation-token", "max-annotation-results", "versionId"],
        )
        .needs(on_object!("s3:ListObjectAnnotations"))
        .refused(ANNOTATIONS),
    get(Op::ListObjectVersions, "ListObjectVersions")
        .with(
            &[("versions", None)],
            &[
                "delimiter",
                "encoding-type",
                "key-marker",
                "max-keys",
                "prefix",
                "version-id-marker",
            ],
        )
        .needs(on_bucket!("s3:ListBucketVersions"))
        .object_level(),
    get(Op::ListObjects, "ListObjects")
        .with(&[], LISTING)
        .needs(on_bucket!("s3:ListBucket"))
        .object_level(),
    get(Op::ListObjectsV2, "ListObjectsV2")
        .with(
            &[("list-type", Some("2"))],
            &[
                "continuation-token",
                "delimiter",
                "encoding-type",
                "fetch-owner",
                "max-keys",
                "prefix",
                "start-after",
            ],
        )
        .needs(on_bucket!("s3:ListBucket"))
        .recorded_as("ListObjects")
        .object_level(),
    object(Op::ListParts, "ListParts", "GET")
        .with(&[("uploadId", None)], &["max-parts", "part-number-marker"])
        .needs(on_object!("s3:ListMultipartUploadParts")),
    row(Op::PostObject, "PostObject")
        .at("POST", Shape::Bucket)
        .needs(PUT)
        .body(BodyUse::Form)
        .object_level()
        .answered(),
    put(Op::PutBucketAbac, "PutBucketAbac")
        .with(&[("abac", None)], &[])
        .needs(on_bucket!("s3:PutBucketAbac"))
        .refused(ABAC),
    put(Op::PutBucketAccelerateConfiguration, "PutBucketAccelerateConfiguration")
        .with(&[("accelerate", None)], &[])
        .needs(on_bucket!("s3:PutAccelerateConfiguration")),
    put(Op::PutBucketAcl, "PutBucketAcl")
        .with(&[("acl", None)], &[])
        .needs(on_bucket!("s3:PutBucketAcl"))
        .body(DOCUMENT)
        .answered(),
    put(Op::PutBucketAnalyticsConfiguration, "PutBucketAnalyticsConfiguration")
        .with(&[("analytics", None), ("id", None)], &[])
        .needs(on_bucket!("s3:PutAnalyticsConfiguration"))
        .refused(EXPORTS),
    put(Op::PutBucketCors, "PutBucketCors")
        .with(&[("cors", None)], &[])
        .needs(on_bucket!("s3:PutBucketCORS")),
    put(Op::PutBucketEncryption, "PutBucketEncryption")
        .with(&[("encryption", None)], &[])
        .needs(on_bucket!("s3:PutEncryptionConfiguration")),
    put(Op::PutBucketIntelligentTieringConfiguration, "PutBucketIntelligentTieringConfiguration")
        .with(&[("intelligent-tiering", None), ("id", None)], &[])
        .needs(on_bucket!("s3:PutIntelligentTieringConfiguration")),
    put(Op::PutBucketInventoryConfiguration, "PutBucketInventoryConfiguration")
        .with(&[("inventory", None), ("id", None)], &[])
        .needs(on_bucket!("s3:PutInventoryConfiguration"))
        .refused(EXPORTS),
    put(Op::PutBucketLifecycleConfiguration, "PutBucketLifecycleConfiguration")
        .also(&["PutBucketLifecycle"])
        .with(&[("lifecycle", None)], &[])
        .needs(on_bucket!("s3:PutLifecycleConfiguration"))
        .recorded_as("PutBucketLifecycle"),
    put(Op::PutBucketLogging, "PutBucketLogging")
        .with(&[("logging", None)], &[])
        .needs(on_bucket!("s3:PutBucketLogging"))
        .refused(EXPORTS),
    put(Op::PutBucketMetricsConfiguration, "PutBucketMetricsConfiguration")
        .with(&[("metrics", None), ("id", None)], &[])
        .needs(on_bucket!("s3:PutMetricsConfiguration")),
    put(Op::PutBucketNotificationConfiguration, "PutBucketNotificationConfiguration")
        .also(&["PutBucketNotification"])
        .with(&[("notification", None)], &[])
        .needs(on_bucket!("s3:PutBucketNotification"))
        .recorded_as("PutBucketNotification")
        .refused("the storage would send to other services without asking who may"),
    put(Op::PutBucketOwnershipControls, "PutBucketOwnershipControls")
        .with(&[("ownershipControls", None)], &[])
        .needs(on_bucket!("s3:PutBucketOwnershipControls"))
        .body(DOCUMENT)
        .answered(),
    put(Op::PutBucketPolicy, "PutBucketPolicy")
        .with(&[("policy", None)], &[])
        .needs(on_bucket!("s3:PutBucketPolicy"))
        .body(BodyUse::Document { max: POLICY_MAX })
        .answered(),
    put(Op::PutBucketReplication, "PutBucketReplication")
        .with(&[("replication", None)], &[])
        .needs(on_bucket!("s3:PutReplicationConfiguration"))
        .refused(EXPORTS),
    put(Op::PutBucketRequestPayment, "PutBucketRequestPayment")
        .with(&[("requestPayment", None)], &[])
        .needs(on_bucket!("s3:PutBucketRequestPayment")),
    put(Op::PutBucketTagging, "PutBucketTagging")
        .with(&[("tagging", None)], &[])
        .needs(on_bucket!("s3:PutBucketTagging")),
    put(Op::PutBucketVersioning, "PutBucketVersioning")
        .with(&[("versioning", None)], &[])
        .needs(on_bucket!("s3:PutBucketVersioning")),
    put(Op::PutBucketWebsite, "PutBucketWebsite")
        .with(&[("website", None)], &[])
        .needs(on_bucket!("s3:PutBucketWebsite")),
    object(Op::PutObject, "PutObject", "PUT")
        .telling("x-amz-copy-source", false)
        .needs(PUT)
        .body(BodyUse::Stream),
    object(Op::PutObjectAcl, "PutObjectAcl", "PUT")
        .with(&[("acl", None)], VERSION)
        .needs(on_object!("s3:PutObjectAcl", "s3:PutObjectVersionAcl"))
        .body(DOCUMENT)
        .answered(),
    object(Op::PutObjectAnnotation, "PutObjectAnnotation", "PUT")
        .with(&[("annotation", None), ("annotationName", None)], VERSION)
        .needs(on_object!("s3:PutObjectAnnotation"))
        .body(BodyUse::Stream)
        .refused(ANNOTATIONS),
    object(Op::PutObjectLegalHold, "PutObjectLegalHold", "PUT")
        .with(&[("legal-hold", None)], VERSION)
        .needs(on_object!("s3:PutObjectLegalHold"))
        .recorded_as("PutObjectLockLegalHold")
        .body(DOCUMENT),
    put(Op::PutObjectLockConfiguration, "PutObjectLockConfiguration")
        .with(&[("object-lock", None)], &[])
        .needs(on_bucket!("s3:PutBucketObjectLockConfiguration"))
        .recorded_as("PutBucketObjectLockConfiguration"),
    object(Op::PutObjectRetention, "PutObjectRetention", "PUT")
        .with(&[("retention", None)], VERSION)
        .needs(&[
            need("s3:PutObjectRetention", On::Object),
            needed_when(When::Bypass, "s3:BypassGovernanceRetention", On::Object),
        ])
        .recorded_as("PutObjectLockRetention")
        .body(DOCUMENT),
    object(Op::PutObjectTagging, "PutObjectTagging", "PUT")
        .with(&[("tagging", None)], VERSION)
        .needs(on_object!("s3:PutObjectTagging", "s3:PutObjectVersionTagging"))
        .body(DOCUMENT),
    put(Op::PutPublicAccessBlock, "PutPublicAccessBlock")
        .with(&[("publicAccessBlock", None)], &[])
        .needs(on_bucket!("s3:PutBucketPublicAccessBlock"))
        .recorded_as("PutBucketPublicAccessBlock")
        .body(DOCUMENT)
        .answered(),
    object(Op::RenameObject, "RenameObject", "PUT")
        .with(&[("renameObject", None)], &[])
        .refused(DIRECTORY),
    object(Op::RestoreObject, "RestoreObject", "POST")
        .with(&[("restore", None)], VERSION)
        .needs(on_object!("s3:RestoreObject"))
        .body(DOCUMENT),
    object(Op::SelectObjectContent, "SelectObjectContent", "POST")
        .with(&[("select", None), ("select-type", Some("2"))], &[])
        .needs(on_object!("s3:GetObject"))
        .body(BodyUse::Stream)
        .reading(),
    put(
        Op::UpdateBucketMetadataAnnotationTableConfiguration,
        "UpdateBucketMetadataAnnotationTableConfiguration",
    )
    .with(&[("metadataAnnotationTable", None)], &[])
    .needs(on_bucket!("s3:UpdateBucketMetadataAnnotationTableConfiguration"))
    .refused(TABLES),
    put(
        Op::UpdateBucketMetadataInventoryTableConfiguration,
        "UpdateBucketMetadataInventoryTableConfiguration",
    )
    .with(&[("metadataInventoryTable", None)], &[])
    .needs(on_bucket!("s3:UpdateBucketMetadataInventoryTableConfiguration"))
    .refused(TABLES),
    put(
        Op::UpdateBucketMetadataJournalTableConfiguration,
        "UpdateBucketMetadataJournalTableConfiguration",
    )
    .with(&[("metadataJournalTable", None)], &[])
    .needs(on_bucket!("s3:UpdateBucketMetadataJournalTableConfiguration"))
    .refused(TABLES),
    object(Op::UpdateObjectEncryption, "UpdateObjectEncryption", "PUT")
        .with(&[("encryption", None)], VERSION)
        .needs(on_object!("s3:UpdateObjectEncryption"))
        .body(BodyUse::Stream)
        .refused("the encryption of an object is not changed in place"),
    object(Op::UploadPart, "UploadPart", "PUT")
        .with(&[("partNumber", None), ("uploadId", None)], &[])
        .telling("x-amz-copy-source", false)
        .needs(on_object!("s3:PutObject"))
        .body(BodyUse::Stream),
    object(Op::UploadPartCopy, "UploadPartCopy", "PUT")
        .with(&[("partNumber", None), ("uploadId", None)], &[])
        .telling("x-amz-copy-source", true)
        .needs(&[need("s3:PutObject", On::Object), SOURCE]),
    row(Op::WriteGetObjectResponse, "WriteGetObjectResponse")
        .at("POST", Shape::Service)
        .body(BodyUse::Stream)
        .refused(LAMBDA),
];

#[cfg(test)]
mod tests {
    use daypass_names::{BucketName, Constrained, Partition};
    use daypass_policy::Policy;

    use super::*;

    /// What decides of an operation can be said in the policy of a bucket, and on nothing else.
    #[test]
    fn bucket_policies_know_every_action_of_the_table() {
        let bucket = BucketName::parse("photos").unwrap();
        let taken = |action: &str, resource: &str| {
            let text = format!(
                r#"{{"Statement":{{"Effect":"Allow","Principal":"*","Action":"{action}","Resource":"arn:aws:s3:::{resource}"}}}}"#
            );
            Policy::parse_bucket(&text, Partition::Aws, &bucket).is_ok()
        };
        for need in OPERATIONS.iter().flat_map(|row| row.needs) {
            let want = match need.on {
                On::Service => [false, false],
                On::Bucket => [true, false],
                On::Object | On::Source | On::EachObject => [false, true],
            };
            for action in [Some(need.action), need.of_version].into_iter().flatten() {
                assert_eq!(["photos", "photos/*"].map(|on| taken(action, on)), want, "{action}");
            }
        }
    }
}
