"""Services that are not here: each is refused at once, in the form that botocore reads for its
protocol, with a code that is not tried again."""

import boto3
from botocore.exceptions import ClientError

NOT_HERE = "The requested operation is not served here."


def refused(service, operation, code, text):
    """Checks what a client with botocore's own settings, retries among them, makes of it."""
    call = getattr(boto3.client(service), operation)
    try:
        call()
    except ClientError as error:
        answer = error.response
    else:
        raise AssertionError(f"{service}: {operation} should have been refused")
    assert answer["Error"]["Code"] == code, (service, answer)
    assert answer["Error"]["Message"] == text, (service, answer)
    metadata = answer["ResponseMetadata"]
    assert metadata["HTTPStatusCode"] == 400 and metadata["RetryAttempts"] == 0, (service, answer)
    assert len(metadata["RequestId"]) == 36, (service, answer)


def action(name):
    return f"The action {name} is not valid for this web service."


# JSON 1.1 and 1.0, JSON with resources in the path.
refused("organizations", "describe_organization", "UnknownOperationException", NOT_HERE)
refused("resourcegroupstaggingapi", "get_resources", "UnknownOperationException", NOT_HERE)
refused("dynamodb", "list_tables", "UnknownOperationException", NOT_HERE)
refused("accessanalyzer", "list_analyzers", "UnknownOperationException", NOT_HERE)
refused("lambda", "list_functions", "UnknownOperationException", NOT_HERE)
# XML: of EC2, of the Query protocol, and with resources in the path.
refused("ec2", "describe_regions", "InvalidAction", action("DescribeRegions"))
refused("sns", "list_topics", "InvalidAction", action("ListTopics"))
refused(
    "s3", "list_buckets", "MissingAction",
    "The request is missing an action or a required parameter.",
)
# And what comes later of a service that is here.
refused(
    "iam", "list_server_certificates", "InvalidAction",
    "Could not find operation ListServerCertificates for version 2010-05-08",
)
print("all checks passed")
