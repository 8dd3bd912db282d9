//! The AWS managed policies that come with the program: path, name, description and document.
//!
//! Names and paths are AWS's. The documents are ours and list what AWS's allow of `iam`, `s3` and
//! `sts`, with the few neighbours that go with a policy's purpose; what AWS's allow of services
//! that are not served here is left out, so that none allows more than its namesake. AWS managed
//! policy reference guide, as of autumn 2026.
//!
//! Widening one widens everybody who has it: a change belongs in the change log.

/// Ordered by name.
pub(super) const TABLE: &[(&str, &str, &str, &str)] = &[
    (
        "/",
        "AdministratorAccess",
        "Allows everything.",
        r#"{
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
}"#,
    ),
    (
        "/",
        "AmazonS3FullAccess",
        "Allows everything in S3.",
        r#"{
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Action": ["s3-object-lambda:*", "s3:*"],
        "Resource": "*"
    }]
}"#,
    ),
    (
        "/",
        "AmazonS3ReadOnlyAccess",
        "Allows to read everything in S3, objects included.",
        r#"{
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Action": [
            "s3-object-lambda:Get*",
            "s3-object-lambda:List*",
            "s3:Describe*",
            "s3:Get*",
            "s3:List*"
        ],
        "Resource": "*"
    }]
}"#,
    ),
    (
        "/job-function/",
        "Billing",
        "Allows to see and settle bills; nothing of IAM, STS or S3.",
        r#"{
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Action": [
            "account:GetAccountInformation",
            "aws-portal:*Billing",
            "aws-portal:*PaymentMethods",
            "aws-portal:*Usage",
            "budgets:ModifyBudget",
            "budgets:ViewBudget"
        ],
        "Resource": "*"
    }]
}"#,
    ),
    (
        "/job-function/",
        "DatabaseAdministrator",
        "Allows to keep data in S3 and to pass on the roles that database services use.",
        r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "iam:GetRole",
                "iam:ListRoles",
                "s3:AbortMultipartUpload",
                "s3:CreateBucket",
                "s3:DeleteObject*",
                "s3:Get*",
                "s3:List*",
                "s3:PutAccelerateConfiguration",
                "s3:PutBucketTagging",
                "s3:PutBucketVersioning",
                "s3:PutBucketWebsite",
                "s3:PutLifecycleConfiguration",
                "s3:PutObject*",
                "s3:PutReplicationConfiguration",
                "s3:Replicate*",
                "s3:RestoreObject"
            ],
            "Resource": "*"
        },
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": [
                "arn:aws:iam::*:role/DataPipelineDefaultResourceRole",
                "arn:aws:iam::*:role/DataPipelineDefaultRole",
                "arn:aws:iam::*:role/lambda-dynamodb-*",
                "arn:aws:iam::*:role/lambda-vpc-execution-role",
                "arn:aws:iam::*:role/lambda_exec_role",
                "arn:aws:iam::*:role/rdbms-lambda-access",
                "arn:aws:iam::*:role/rds-monitoring-role"
            ]
        }
    ]
}"#,
    ),
    (
        "/job-function/",
        "DataScientist",
        "Allows to work on data in S3 and to pass on the roles that analysis services use.",
        r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "iam:GetInstanceProfile",
                "iam:GetPolicy",
                "iam:GetPolicyVersion",
                "iam:GetRole",
                "iam:ListRoles",
                "s3:Abort*",
                "s3:CreateBucket",
                "s3:DeleteObject",
                "s3:Get*",
                "s3:List*",
                "s3:PutAccelerateConfiguration",
                "s3:PutBucketCors",
                "s3:PutBucketLogging",
                "s3:PutBucketNotification",
                "s3:PutBucketTagging",
                "s3:PutObject",
                "s3:Replicate*",
                "s3:RestoreObject"
            ],
            "Resource": "*"
        },
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": [
                "arn:aws:iam::*:role/DataPipelineDefaultResourceRole",
                "arn:aws:iam::*:role/DataPipelineDefaultRole",
                "arn:aws:iam::*:role/EMR_DefaultRole",
                "arn:aws:iam::*:role/EMR_EC2_DefaultRole",
                "arn:aws:iam::*:role/kinesis-*"
            ]
        },
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": "*",
            "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
        }
    ]
}"#,
    ),
    (
        "/",
        "IAMFullAccess",
        "Allows everything in IAM.",
        r#"{
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Action": [
            "iam:*",
            "organizations:DescribeAccount",
            "organizations:DescribeOrganization",
            "organizations:DescribeOrganizationalUnit",
            "organizations:DescribePolicy",
            "organizations:ListChildren",
            "organizations:ListParents",
            "organizations:ListPolicies",
            "organizations:ListPoliciesForTarget",
            "organizations:ListRoots",
            "organizations:ListTargetsForPolicy"
        ],
        "Resource": "*"
    }]
}"#,
    ),
    (
        "/",
        "IAMReadOnlyAccess",
        "Allows to read everything in IAM.",
        r#"{
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Action": [
            "iam:GenerateCredentialReport",
            "iam:GenerateServiceLastAccessedDetails",
            "iam:Get*",
            "iam:List*",
            "iam:SimulateCustomPolicy",
            "iam:SimulatePrincipalPolicy"
        ],
        "Resource": "*"
    }]
}"#,
    ),
    (
        "/",
        "IAMUserChangePassword",
        "Allows a user to change the own password.",
        r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "iam:ChangePassword",
            "Resource": [
                "arn:aws:iam::*:user/${aws:username}",
                "arn:aws:iam::*:user/*/${aws:username}"
            ]
        },
        {"Effect": "Allow", "Action": "iam:GetAccountPasswordPolicy", "Resource": "*"}
    ]
}"#,
    ),
    (
        "/job-function/",
        "NetworkAdministrator",
        "Allows to see which buckets serve web sites and to pass on the roles of flow logs.",
        r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["s3:GetBucketLocation", "s3:GetBucketWebsite", "s3:ListBucket"],
            "Resource": "*"
        },
        {
            "Effect": "Allow",
            "Action": ["iam:GetRole", "iam:ListRoles", "iam:PassRole"],
            "Resource": "arn:aws:iam::*:role/flow-logs-*"
        },
        {
            "Effect": "Allow",
            "Action": "iam:CreateServiceLinkedRole",
            "Resource": "*",
            "Condition": {
                "StringLike": {"iam:AWSServiceName": "transitgateway.amazonaws.com"}
            }
        }
    ]
}"#,
    ),
    (
        "/",
        "PowerUserAccess",
        "Allows everything but users, groups, accounts and their rights.",
        r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "NotAction": ["account:*", "iam:*", "organizations:*"],
            "Resource": "*"
        },
        {
            "Effect": "Allow",
            "Action": [
                "account:GetAccountInformation",
                "account:GetGovCloudAccountInformation",
                "account:GetPrimaryEmail",
                "account:ListRegions",
                "iam:CreateServiceLinkedRole",
                "iam:DeleteServiceLinkedRole",
                "iam:ListRoles",
                "organizations:DescribeEffectivePolicy",
                "organizations:DescribeOrganization"
            ],
            "Resource": "*"
        }
    ]
}"#,
    ),
    (
        "/",
        "ReadOnlyAccess",
        "Allows to read everything, objects in S3 included.",
        r#"{
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Action": [
            "iam:Generate*",
            "iam:Get*",
            "iam:List*",
            "iam:Simulate*",
            "s3-object-lambda:Get*",
            "s3-object-lambda:List*",
            "s3:DescribeJob",
            "s3:Get*",
            "s3:List*",
            "sts:GetAccessKeyInfo",
            "sts:GetCallerIdentity",
            "sts:GetSessionToken"
        ],
        "Resource": "*"
    }]
}"#,
    ),
    (
        "/",
        "SecurityAudit",
        "Allows to read how everything is set up, but not the contents of objects.",
        r#"{
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Action": [
            "iam:GenerateCredentialReport",
            "iam:GenerateServiceLastAccessedDetails",
            "iam:Get*",
            "iam:List*",
            "iam:SimulateCustomPolicy",
            "iam:SimulatePrincipalPolicy",
            "s3:DescribeJob",
            "s3:GetAccelerateConfiguration",
            "s3:GetAccessGrantsInstanceResourcePolicy",
            "s3:GetAccessPoint",
            "s3:GetAccessPointConfigurationForObjectLambda",
            "s3:GetAccessPointForObjectLambda",
            "s3:GetAccessPointPolicy",
            "s3:GetAccessPointPolicyForObjectLambda",
            "s3:GetAccessPointPolicyStatus",
            "s3:GetAccessPointPolicyStatusForObjectLambda",
            "s3:GetAccountPublicAccessBlock",
            "s3:GetAnalyticsConfiguration",
            "s3:GetBucket*",
            "s3:GetEncryptionConfiguration",
            "s3:GetInventoryConfiguration",
            "s3:GetLifecycleConfiguration",
            "s3:GetMetricsConfiguration",
            "s3:GetMultiRegionAccessPoint",
            "s3:GetMultiRegionAccessPointPolicy",
            "s3:GetMultiRegionAccessPointPolicyStatus",
            "s3:GetObjectAcl",
            "s3:GetObjectTagging",
            "s3:GetObjectVersionAcl",
            "s3:GetReplicationConfiguration",
            "s3:GetStorageLensConfiguration",
            "s3:GetStorageLensGroup",
            "s3:ListAccessGrants",
            "s3:ListAccessGrantsInstances",
            "s3:ListAccessPoints",
            "s3:ListAccessPointsForObjectLambda",
            "s3:ListAllMyBuckets",
            "s3:ListBucket",
            "s3:ListCallerAccessGrants",
            "s3:ListJobs",
            "s3:ListMultiRegionAccessPoints",
            "s3:ListStorageLensConfigurations",
            "s3:ListStorageLensGroups",
            "sts:GetAccessKeyInfo"
        ],
        "Resource": "*"
    }]
}"#,
    ),
    (
        "/job-function/",
        "SupportUser",
        "Allows to read IAM and the lists of S3 in order to help others.",
        r#"{
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Action": [
            "iam:GenerateCredentialReport",
            "iam:GenerateServiceLastAccessedDetails",
            "iam:Get*",
            "iam:List*",
            "s3:List*",
            "support:*"
        ],
        "Resource": "*"
    }]
}"#,
    ),
    (
        "/job-function/",
        "SystemAdministrator",
        "Allows everything in S3, to read IAM, and to pass on the roles of administrators.",
        r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "iam:GetAccessKeyLastUsed",
                "iam:GetAccount*",
                "iam:GetContextKeys*",
                "iam:GetCredentialReport",
                "iam:GetGroup*",
                "iam:GetInstanceProfile",
                "iam:GetLoginProfile",
                "iam:GetOpenIDConnectProvider",
                "iam:GetPolicy*",
                "iam:GetRole*",
                "iam:GetSAMLProvider",
                "iam:GetSSHPublicKey",
                "iam:GetServerCertificate",
                "iam:GetServiceLastAccessed*",
                "iam:GetUser*",
                "iam:ListAccessKeys",
                "iam:ListAccountAliases",
                "iam:ListAttached*",
                "iam:ListEntitiesForPolicy",
                "iam:ListGroupPolicies",
                "iam:ListGroups",
                "iam:ListGroupsForUser",
                "iam:ListInstanceProfiles*",
                "iam:ListMFADevices",
                "iam:ListOpenIDConnectProviders",
                "iam:ListPolicies",
                "iam:ListPoliciesGrantingServiceAccess",
                "iam:ListPolicyVersions",
                "iam:ListRolePolicies",
                "iam:ListRoles",
                "iam:ListSAMLProviders",
                "iam:ListSSHPublicKeys",
                "iam:ListServerCertificates",
                "iam:ListSigningCertificates",
                "iam:ListUserPolicies",
                "iam:Simulate*",
                "iam:UpdateServerCertificate",
                "iam:UpdateSigningCertificate",
                "iam:Upload*",
                "s3:*"
            ],
            "Resource": "*"
        },
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": [
                "arn:aws:iam::*:role/ec2-sysadmin-*",
                "arn:aws:iam::*:role/ecr-sysadmin-*",
                "arn:aws:iam::*:role/lambda-sysadmin-*",
                "arn:aws:iam::*:role/rds-monitoring-role"
            ]
        }
    ]
}"#,
    ),
    (
        "/job-function/",
        "ViewOnlyAccess",
        "Allows to see which things there are, but not what is in them.",
        r#"{
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Action": [
            "iam:GetAccountSummary",
            "iam:GetLoginProfile",
            "iam:List*",
            "s3:ListAllMyBuckets",
            "s3:ListBucket",
            "s3:ListMultiRegionAccessPoints"
        ],
        "Resource": "*"
    }]
}"#,
    ),
];
