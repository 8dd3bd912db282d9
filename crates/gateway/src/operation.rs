//! What an operation of S3 is to the gateway: how it is told from others, what it needs, how its
//! body is used, and who answers it. The operations themselves are in [`crate::operations`].

use crate::operations::OPERATIONS;

/// An operation of the S3 API.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names are those of the S3 API reference, and tell no more")]
pub enum Operation {
    AbortMultipartUpload,
    CompleteMultipartUpload,
    CopyObject,
    CreateBucket,
    CreateBucketMetadataConfiguration,
    CreateBucketMetadataTableConfiguration,
    CreateMultipartUpload,
    CreateSession,
    DeleteBucket,
    DeleteBucketAnalyticsConfiguration,
    DeleteBucketCors,
    DeleteBucketEncryption,
    DeleteBucketIntelligentTieringConfiguration,
    DeleteBucketInventoryConfiguration,
    DeleteBucketLifecycle,
    DeleteBucketMetadataConfiguration,
    DeleteBucketMetadataTableConfiguration,
    DeleteBucketMetricsConfiguration,
    DeleteBucketOwnershipControls,
    DeleteBucketPolicy,
    DeleteBucketReplication,
    DeleteBucketTagging,
    DeleteBucketWebsite,
    DeleteObject,
    DeleteObjectAnnotation,
    DeleteObjectTagging,
    DeleteObjects,
    DeletePublicAccessBlock,
    GetBucketAbac,
    GetBucketAccelerateConfiguration,
    GetBucketAcl,
    GetBucketAnalyticsConfiguration,
    GetBucketCors,
    GetBucketEncryption,
    GetBucketIntelligentTieringConfiguration,
    GetBucketInventoryConfiguration,
    GetBucketLifecycleConfiguration,
    GetBucketLocation,
    GetBucketLogging,
    GetBucketMetadataConfiguration,
    GetBucketMetadataTableConfiguration,
    GetBucketMetricsConfiguration,
    GetBucketNotificationConfiguration,
    GetBucketOwnershipControls,
    GetBucketPolicy,
    GetBucketPolicyStatus,
    GetBucketReplication,
    GetBucketRequestPayment,
    GetBucketTagging,
    GetBucketVersioning,
    GetBucketWebsite,
    GetObject,
    GetObjectAcl,
    GetObjectAnnotation,
    GetObjectAttributes,
    GetObjectLegalHold,
    GetObjectLockConfiguration,
    GetObjectRetention,
    GetObjectTagging,
    GetObjectTorrent,
    GetPublicAccessBlock,
    HeadBucket,
    HeadObject,
    ListBucketAnalyticsConfigurations,
    ListBucketIntelligentTieringConfigurations,
    ListBucketInventoryConfigurations,
    ListBucketMetricsConfigurations,
    ListBuckets,
    ListDirectoryBuckets,
    ListMultipartUploads,
    ListObjectAnnotations,
    ListObjectVersions,
    ListObjects,
    ListObjectsV2,
    ListParts,
    PostObject,
    PutBucketAbac,
    PutBucketAccelerateConfiguration,
    PutBucketAcl,
    PutBucketAnalyticsConfiguration,
    PutBucketCors,
    PutBucketEncryption,
    PutBucketIntelligentTieringConfiguration,
    PutBucketInventoryConfiguration,
    PutBucketLifecycleConfiguration,
    PutBucketLogging,
    PutBucketMetricsConfiguration,
    PutBucketNotificationConfiguration,
    PutBucketOwnershipControls,
    PutBucketPolicy,
    PutBucketReplication,
    PutBucketRequestPayment,
    PutBucketTagging,
    PutBucketVersioning,
    PutBucketWebsite,
    PutObject,
    PutObjectAcl,
    PutObjectAnnotation,
    PutObjectLegalHold,
    PutObjectLockConfiguration,
    PutObjectRetention,
    PutObjectTagging,
    PutPublicAccessBlock,
    RenameObject,
    RestoreObject,
    SelectObjectContent,
    UpdateBucketMetadataAnnotationTableConfiguration,
    UpdateBucketMetadataInventoryTableConfiguration,
    UpdateBucketMetadataJournalTableConfiguration,
    UpdateObjectEncryption,
    UploadPart,
    UploadPartCopy,
    WriteGetObjectResponse,
}

impl Operation {
    /// Its row in the table.
    pub fn row(self) -> &'static OperationRow {
        // There is a row for each, which a test asks for.
        OPERATIONS.iter().find(|row| row.operation == self).unwrap_or(&UNKNOWN)
    }
}

/// What stands for a row that is not there: it is refused.
static UNKNOWN: OperationRow = row(Operation::WriteGetObjectResponse, "WriteGetObjectResponse")
    .at("", Shape::Service)
    .refused("it is in no table");

/// What a request names beside the service.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Shape {
    /// Nothing: `/`.
    Service,
    /// A bucket: `/{Bucket}`.
    Bucket,
    /// An object: `/{Bucket}/{Key+}`.
    Object,
}

impl Shape {
    /// As errors, in `ResourceType`, and S3's access logs name it.
    pub(crate) fn resource_type(self) -> &'static str {
        match self {
            Self::Service => "SERVICE",
            Self::Bucket => "BUCKET",
            Self::Object => "OBJECT",
        }
    }
}

/// How the body of a request is used.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum BodyUse {
    /// There is none, and a body that is there is refused.
    Empty,
    /// It is streamed to the backend, and not looked at.
    Stream,
    /// It is read whole before anything is decided, because the decision or the answer needs it.
    Document {
        /// Most bytes of it, after `aws-chunked` is taken off.
        max: usize,
    },
    /// It is a form whose last field is the object.
    Form,
}

/// Who answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// The backend does.
    Backend,
    /// The gateway does, perhaps with the backend's help.
    Gateway,
    /// Nobody: the request is refused with `NotImplemented`. The reason is for the documentation
    /// and the log.
    Refused(&'static str),
}

/// Which resource an action is on.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum On {
    /// None: `*`.
    Service,
    /// The bucket of the request.
    Bucket,
    /// The object of the request.
    Object,
    /// The object that the request copies from.
    Source,
    /// Each object that the body names.
    EachObject,
}

/// When an operation needs an action.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum When {
    /// Always.
    Always,
    /// When the request sets an access control list.
    Acl,
    /// When it asks for the governance of a lock to be passed over.
    Bypass,
    /// When it sets a legal hold.
    LegalHold,
    /// When it asks for a bucket with locks.
    ObjectLock,
    /// When it says who owns the objects of a bucket.
    Ownership,
    /// When it sets a retention.
    Retention,
    /// When the tags of the source are copied and there are any.
    SourceTags,
    /// When it sets tags.
    Tagging,
}

/// An action that an operation needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NeedRow {
    /// The action.
    pub action: &'static str,
    /// The action instead when the request names a version of the object.
    pub of_version: Option<&'static str>,
    /// On which resource.
    pub on: On,
    /// When.
    pub when: When,
}

/// An operation: a row of the table of the S3 API.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OperationRow {
    /// Which it is.
    pub operation: Operation,
    /// Its name.
    pub name: &'static str,
    /// Older names of the same request.
    pub also: &'static [&'static str],
    /// The method of its requests.
    pub method: &'static str,
    /// What its requests name.
    pub shape: Shape,
    /// The query parameters that its requests have, and the value where only one is right.
    pub requires: &'static [(&'static str, Option<&'static str>)],
    /// The query parameters that its requests may have.
    pub optional: &'static [&'static str],
    /// A header whose presence, or absence, tells it from another operation.
    pub header: Option<(&'static str, bool)>,
    /// The actions that it needs.
    pub needs: &'static [NeedRow],
    /// How the body is used.
    pub body: BodyUse,
    /// Who answers.
    pub answer: Answer,
    /// Whether it changes anything.
    pub is_write: bool,
    /// Whether it is an object-level operation: recorded as a data event. S3 user guide, "Amazon S3
    /// CloudTrail events".
    pub is_object_level: bool,
    /// The name under which it is recorded.
    pub event_name: &'static str,
}

/// The beginning of a row.
pub(crate) const fn row(operation: Operation, name: &'static str) -> OperationRow {
    OperationRow {
        operation,
        name,
        also: &[],
        method: "",
        shape: Shape::Service,
        requires: &[],
        optional: &[],
        header: None,
        needs: &[],
        body: BodyUse::Empty,
        answer: Answer::Backend,
        is_write: false,
        is_object_level: false,
        event_name: name,
    }
}

impl OperationRow {
    pub(crate) const fn at(mut self, method: &'static str, shape: Shape) -> Self {
        self.method = method;
        self.shape = shape;
        self.is_object_level = matches!(shape, Shape::Object);
        self.is_write = !matches!(method.as_bytes(), b"GET" | b"HEAD");
        self
    }

    pub(crate) const fn with(
        mut self,
        requires: &'static [(&'static str, Option<&'static str>)],
        optional: &'static [&'static str],
    ) -> Self {
        self.requires = requires;
        self.optional = optional;
        self
    }

    pub(crate) const fn telling(mut self, header: &'static str, is_there: bool) -> Self {
        self.header = Some((header, is_there));
        self
    }

    pub(crate) const fn needs(mut self, needs: &'static [NeedRow]) -> Self {
        self.needs = needs;
        self
    }

    pub(crate) const fn body(mut self, body: BodyUse) -> Self {
        self.body = body;
        self
    }

    pub(crate) const fn answered(mut self) -> Self {
        self.answer = Answer::Gateway;
        self
    }

    pub(crate) const fn refused(mut self, why: &'static str) -> Self {
        self.answer = Answer::Refused(why);
        self
    }

    pub(crate) const fn also(mut self, names: &'static [&'static str]) -> Self {
        self.also = names;
        self
    }

    pub(crate) const fn recorded_as(mut self, name: &'static str) -> Self {
        self.event_name = name;
        self
    }

    pub(crate) const fn object_level(mut self) -> Self {
        self.is_object_level = true;
        self
    }

    pub(crate) const fn reading(mut self) -> Self {
        self.is_write = false;
        self
    }
}

/// An action that is always needed.
pub(crate) const fn need(action: &'static str, on: On) -> NeedRow {
    NeedRow { action, of_version: None, on, when: When::Always }
}

/// An action that another stands for when a version is named.
pub(crate) const fn versioned(action: &'static str, of_version: &'static str, on: On) -> NeedRow {
    NeedRow { action, of_version: Some(of_version), on, when: When::Always }
}

/// An action that is needed at times.
pub(crate) const fn needed_when(when: When, action: &'static str, on: On) -> NeedRow {
    NeedRow { action, of_version: None, on, when }
}
