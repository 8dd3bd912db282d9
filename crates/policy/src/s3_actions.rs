//! What S3 has: its actions, by what they are on, and its condition keys.
//!
//! Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; the
//! actions of annotations, which are newer, are those of the S3 API reference. Bucket policies are
//! held to it: S3 does not save one that names anything else.

use std::sync::LazyLock;

use crate::pattern::{Pattern, Scan, Syntax};

/// What an action is on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum On {
    /// A bucket.
    Bucket,
    /// An object in a bucket.
    Object,
    /// The account, an access point, a job: nothing that the policy of a bucket can speak of.
    Elsewhere,
}

/// What each action is on that a pattern such as `s3:Get*` matches; none for what is no pattern.
pub(crate) fn matched(pattern: &str) -> impl Iterator<Item = On> {
    // In lower case, as actions are compared.
    static ACTIONS: LazyLock<Vec<(String, On)>> = LazyLock::new(|| {
        let lists: [(&[&str], On); 3] =
            [(&ON_BUCKETS, On::Bucket), (&ON_OBJECTS, On::Object), (&ELSEWHERE, On::Elsewhere)];
        let named =
            lists.into_iter().flat_map(|(names, on)| names.iter().map(move |name| (name, on)));
        named.map(|(name, on)| (format!("s3:{}", name.to_ascii_lowercase()), on)).collect()
    });
    let syntax = Syntax { wildcards: true, variables: false };
    let pattern = Pattern::compile(&pattern.to_ascii_lowercase(), syntax).ok();
    let matches = move |action: &str| {
        let pattern = pattern.as_ref();
        pattern.is_some_and(|pattern| pattern.scan(&[], action.as_bytes()) == Scan::Matches)
    };
    ACTIONS.iter().filter(move |(action, _)| matches(action)).map(|(_, on)| *on)
}

/// Whether S3 has a condition key of that name, which is given without `s3:`.
pub(crate) fn has_key(name: &str) -> bool {
    let is_of = |family: &&str| {
        let head = name.get(..family.len());
        name.len() > family.len() && head.is_some_and(|head| head.eq_ignore_ascii_case(family))
    };
    KEYS.iter().any(|key| key.eq_ignore_ascii_case(name)) || FAMILIES.iter().any(is_of)
}

/// The actions on buckets.
const ON_BUCKETS: [&str; 61] = [
    "CreateBucket",
    "CreateBucketMetadataTableConfiguration",
    "DeleteBucket",
    "DeleteBucketMetadataTableConfiguration",
    "DeleteBucketPolicy",
    "DeleteBucketWebsite",
    "GetAccelerateConfiguration",
    "GetAnalyticsConfiguration",
    "GetBucketAbac",
    "GetBucketAcl",
    "GetBucketCORS",
    "GetBucketLocation",
    "GetBucketLogging",
    "GetBucketMetadataTableConfiguration",
    "GetBucketNotification",
    "GetBucketObjectLockConfiguration",
    "GetBucketOwnershipControls",
    "GetBucketPolicy",
    "GetBucketPolicyStatus",
    "GetBucketPublicAccessBlock",
    "GetBucketRequestPayment",
    "GetBucketTagging",
    "GetBucketVersioning",
    "GetBucketWebsite",
    "GetEncryptionConfiguration",
    "GetIntelligentTieringConfiguration",
    "GetInventoryConfiguration",
    "GetLifecycleConfiguration",
    "GetMetricsConfiguration",
    "GetReplicationConfiguration",
    "ListBucket",
    "ListBucketMultipartUploads",
    "ListBucketVersions",
    "ListTagsForResource",
    "PauseReplication",
    "PutAccelerateConfiguration",
    "PutAnalyticsConfiguration",
    "PutBucketAbac",
    "PutBucketAcl",
    "PutBucketCORS",
    "PutBucketLogging",
    "PutBucketNotification",
    "PutBucketObjectLockConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketPublicAccessBlock",
    "PutBucketRequestPayment",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutBucketWebsite",
    "PutEncryptionConfiguration",
    "PutIntelligentTieringConfiguration",
    "PutInventoryConfiguration",
    "PutLifecycleConfiguration",
    "PutMetricsConfiguration",
    "PutReplicationConfiguration",
    "TagResource",
    "UntagResource",
    "UpdateBucketMetadataAnnotationTableConfiguration",
    "UpdateBucketMetadataInventoryTableConfiguration",
    "UpdateBucketMetadataJournalTableConfiguration",
];

/// The actions on objects.
const ON_OBJECTS: [&str; 38] = [
    "AbortMultipartUpload",
    "BypassGovernanceRetention",
    "DeleteObject",
    "DeleteObjectAnnotation",
    "DeleteObjectTagging",
    "DeleteObjectVersion",
    "DeleteObjectVersionTagging",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAnnotation",
    "GetObjectAttributes",
    "GetObjectLegalHold",
    "GetObjectRetention",
    "GetObjectTagging",
    "GetObjectTorrent",
    "GetObjectVersion",
    "GetObjectVersionAcl",
    "GetObjectVersionAttributes",
    "GetObjectVersionForReplication",
    "GetObjectVersionTagging",
    "GetObjectVersionTorrent",
    "InitiateReplication",
    "ListMultipartUploadParts",
    "ListObjectAnnotations",
    "ObjectOwnerOverrideToBucketOwner",
    "PutObject",
    "PutObjectAcl",
    "PutObjectAnnotation",
    "PutObjectLegalHold",
    "PutObjectRetention",
    "PutObjectTagging",
    "PutObjectVersionAcl",
    "PutObjectVersionTagging",
    "ReplicateDelete",
    "ReplicateObject",
    "ReplicateTags",
    "RestoreObject",
    "UpdateObjectEncryption",
];

/// The actions on whatever else there is.
const ELSEWHERE: [&str; 74] = [
    "AssociateAccessGrantsIdentityCenter",
    "CreateAccessGrant",
    "CreateAccessGrantsInstance",
    "CreateAccessGrantsLocation",
    "CreateAccessPoint",
    "CreateAccessPointForObjectLambda",
    "CreateJob",
    "CreateMultiRegionAccessPoint",
    "CreateStorageLensGroup",
    "DeleteAccessGrant",
    "DeleteAccessGrantsInstance",
    "DeleteAccessGrantsInstanceResourcePolicy",
    "DeleteAccessGrantsLocation",
    "DeleteAccessPoint",
    "DeleteAccessPointForObjectLambda",
    "DeleteAccessPointPolicy",
    "DeleteAccessPointPolicyForObjectLambda",
    "DeleteJobTagging",
    "DeleteMultiRegionAccessPoint",
    "DeleteStorageLensConfiguration",
    "DeleteStorageLensConfigurationTagging",
    "DeleteStorageLensGroup",
    "DescribeJob",
    "DescribeMultiRegionAccessPointOperation",
    "DissociateAccessGrantsIdentityCenter",
    "GetAccessGrant",
    "GetAccessGrantsInstance",
    "GetAccessGrantsInstanceForPrefix",
    "GetAccessGrantsInstanceResourcePolicy",
    "GetAccessGrantsLocation",
    "GetAccessPoint",
    "GetAccessPointConfigurationForObjectLambda",
    "GetAccessPointForObjectLambda",
    "GetAccessPointPolicy",
    "GetAccessPointPolicyForObjectLambda",
    "GetAccessPointPolicyStatus",
    "GetAccessPointPolicyStatusForObjectLambda",
    "GetAccountPublicAccessBlock",
    "GetDataAccess",
    "GetJobTagging",
    "GetMultiRegionAccessPoint",
    "GetMultiRegionAccessPointPolicy",
    "GetMultiRegionAccessPointPolicyStatus",
    "GetMultiRegionAccessPointRoutes",
    "GetStorageLensConfiguration",
    "GetStorageLensConfigurationTagging",
    "GetStorageLensDashboard",
    "GetStorageLensGroup",
    "ListAccessGrants",
    "ListAccessGrantsInstances",
    "ListAccessGrantsLocations",
    "ListAccessPoints",
    "ListAccessPointsForObjectLambda",
    "ListAllMyBuckets",
    "ListCallerAccessGrants",
    "ListJobs",
    "ListMultiRegionAccessPoints",
    "ListStorageLensConfigurations",
    "ListStorageLensGroups",
    "PutAccessGrantsInstanceResourcePolicy",
    "PutAccessPointConfigurationForObjectLambda",
    "PutAccessPointPolicy",
    "PutAccessPointPolicyForObjectLambda",
    "PutAccessPointPublicAccessBlock",
    "PutAccountPublicAccessBlock",
    "PutJobTagging",
    "PutMultiRegionAccessPointPolicy",
    "PutStorageLensConfiguration",
    "PutStorageLensConfigurationTagging",
    "SubmitMultiRegionAccessPointRoutes",
    "UpdateAccessGrantsLocation",
    "UpdateJobPriority",
    "UpdateJobStatus",
    "UpdateStorageLensGroup",
];

/// The condition keys.
const KEYS: [&str; 48] = [
    "AccessGrantScope",
    "AccessGrantsInstanceArn",
    "AccessGrantsLocationScope",
    "AccessPointNetworkOrigin",
    "DataAccessPointAccount",
    "DataAccessPointArn",
    "ExistingJobOperation",
    "ExistingJobPriority",
    "InventoryAccessibleOptionalFields",
    "JobSuspendedCause",
    "ObjectCreationOperation",
    "RequestJobOperation",
    "RequestJobPriority",
    "RequestObjectTagKeys",
    "ResourceAccount",
    "TlsVersion",
    "authType",
    "delimiter",
    "destinationRegion",
    "if-match",
    "if-none-match",
    "isReplicationPauseRequest",
    "locationconstraint",
    "max-keys",
    "object-lock-legal-hold",
    "object-lock-mode",
    "object-lock-remaining-retention-days",
    "object-lock-retain-until-date",
    "prefix",
    "signatureAge",
    "signatureversion",
    "versionid",
    "x-amz-acl",
    "x-amz-bucket-namespace",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-metadata-directive",
    "x-amz-object-ownership",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
];

/// What the names of condition keys begin with that end in a tag.
const FAMILIES: [&str; 4] =
    ["AccessPointTag/", "BucketTag/", "ExistingObjectTag/", "RequestObjectTag/"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_what_is_on_something() {
        let on = |pattern| {
            let mut found: Vec<On> = matched(pattern).collect();
            found.dedup();
            found
        };
        for (pattern, want) in [
            ("s3:GetObject", &[On::Object][..]),
            ("S3:GETBUCKETACL", &[On::Bucket]),
            ("s3:*Acl", &[On::Bucket, On::Object]),
            ("s3:Get?bject", &[On::Object]),
            ("s3:CreateJob", &[On::Elsewhere]),
            ("s3:*", &[On::Bucket, On::Object, On::Elsewhere]),
            ("*", &[On::Bucket, On::Object, On::Elsewhere]),
            ("s3:HeadObject", &[]),
            ("s3:GetObjects", &[]),
            ("s3:Fetch*", &[]),
        ] {
            assert_eq!(on(pattern), want, "{pattern}");
        }
    }

    #[test]
    fn keys_of_tags_end_in_a_tag() {
        for (name, want) in [
            ("prefix", true),
            ("Max-Keys", true),
            ("TlsVersion", true),
            ("ExistingObjectTag/colour", true),
            ("existingobjecttag/a/b", true),
            ("RequestObjectTagKeys", true),
            ("ExistingObjectTag", false),
            ("ExistingObjectTag/", false),
            ("prefixes", false),
            ("", false),
        ] {
            assert_eq!(has_key(name), want, "{name}");
        }
    }

    #[test]
    fn nothing_is_there_twice() {
        let mut all = [&ON_BUCKETS[..], &ON_OBJECTS, &ELSEWHERE].concat();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
