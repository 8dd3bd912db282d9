//! Which services of AWS have a service-linked role that IAM makes on request, and what they call
//! it: facts of AWS's documentation, each service's page "Using service-linked roles".
//!
//! A service that is not in the table is refused. Nothing here says what a service may do: that is
//! in its policy, which a deployment has or has not (`--managed-policies`).

/// The service-linked role of a service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LinkedService {
    /// The service principal.
    pub principal: &'static str,
    /// The role's name without what all such names begin with, and without a suffix.
    name: &'static str,
    /// The AWS managed policy below `/aws-service-role/` that the role has.
    pub policy: &'static str,
}

/// What the names of all service-linked roles begin with.
const BEGINNING: &str = "AWSServiceRoleFor";

/// The services whose roles may have a suffix, so that there can be several.
const WITH_SUFFIX: [&str; 3] =
    ["autoscaling.amazonaws.com", "connect.amazonaws.com", "lexv2.amazonaws.com"];

impl LinkedService {
    /// The service of exactly that principal: the case matters, as with AWS.
    pub fn of(principal: &str) -> Option<Self> {
        let at = SERVICES.binary_search_by(|(of, _, _)| (*of).cmp(principal)).ok()?;
        let (principal, name, policy) = *SERVICES.get(at)?;
        Some(Self { principal, name, policy })
    }

    /// Whether its roles may have a suffix.
    pub fn takes_suffix(self) -> bool {
        WITH_SUFFIX.contains(&self.principal)
    }

    /// What its role is called.
    pub fn role_name(self, suffix: Option<&str>) -> String {
        role_name(self.name, suffix)
    }

    /// What the role of an unknown service would be called.
    pub fn unknown_role_name(suffix: Option<&str>) -> String {
        role_name("", suffix)
    }

    /// Whether one of its roles can be called so.
    pub(crate) fn can_name(self, name: &str) -> bool {
        let suffix = name.strip_prefix(&self.role_name(None));
        suffix.is_some_and(|rest| {
            let suffix = rest.strip_prefix('_').filter(|suffix| !suffix.is_empty());
            rest.is_empty() || (suffix.is_some() && self.takes_suffix())
        })
    }
}

fn role_name(name: &str, suffix: Option<&str>) -> String {
    match suffix {
        Some(suffix) => format!("{BEGINNING}{name}_{suffix}"),
        None => format!("{BEGINNING}{name}"),
    }
}

/// Principal, name and policy, ordered by principal.
#[rustfmt::skip]
const SERVICES: &[(&str, &str, &str)] = &[
    ("access-analyzer.amazonaws.com", "AccessAnalyzer", "AccessAnalyzerServiceRolePolicy"),
    ("accountdiscovery.ssm.amazonaws.com", "AmazonSSM_AccountDiscovery", "AWSSystemsManagerAccountDiscoveryServicePolicy"),
    ("acm.amazonaws.com", "CertificateManager", "CertificateManagerServiceRolePolicy"),
    ("appmesh.amazonaws.com", "AppMesh", "AWSAppMeshServiceRolePolicy"),
    ("autoscaling-plans.amazonaws.com", "AutoScalingPlans_EC2AutoScaling", "AWSAutoScalingPlansEC2AutoScalingPolicy"),
    ("autoscaling.amazonaws.com", "AutoScaling", "AutoScalingServiceRolePolicy"),
    ("backup.amazonaws.com", "Backup", "AWSBackupServiceLinkedRolePolicyForBackup"),
    ("batch.amazonaws.com", "Batch", "BatchServiceRolePolicy"),
    ("cassandra.application-autoscaling.amazonaws.com", "ApplicationAutoScaling_CassandraTable", "AWSApplicationAutoscalingCassandraTablePolicy"),
    ("cks.kms.amazonaws.com", "KeyManagementServiceCustomKeyStores", "AWSKeyManagementServiceCustomKeyStoresServiceRolePolicy"),
    ("cloudtrail.amazonaws.com", "CloudTrail", "CloudTrailServiceRolePolicy"),
    ("codestar-notifications.amazonaws.com", "CodeStarNotifications", "AWSCodeStarNotificationsServiceRolePolicy"),
    ("config.amazonaws.com", "Config", "AWSConfigServiceRolePolicy"),
    ("connect.amazonaws.com", "AmazonConnect", "AmazonConnectServiceLinkedRolePolicy"),
    ("dms-fleet-advisor.amazonaws.com", "DMSFleetAdvisor", "AWSDMSFleetAdvisorServiceRolePolicy"),
    ("dms.amazonaws.com", "DMSServerless", "AWSDMSServerlessServiceRolePolicy"),
    ("docdb-elastic.amazonaws.com", "DocDB-Elastic", "AmazonDocDB-ElasticServiceRolePolicy"),
    ("dynamodb.application-autoscaling.amazonaws.com", "ApplicationAutoScaling_DynamoDBTable", "AWSApplicationAutoscalingDynamoDBTablePolicy"),
    ("ec2-instance-connect.amazonaws.com", "Ec2InstanceConnect", "Ec2InstanceConnectEndpoint"),
    ("ec2.application-autoscaling.amazonaws.com", "ApplicationAutoScaling_EC2SpotFleetRequest", "AWSApplicationAutoscalingEC2SpotFleetRequestPolicy"),
    ("ecr.amazonaws.com", "ECRTemplate", "ECRTemplateServiceRolePolicy"),
    ("ecs.amazonaws.com", "ECS", "AmazonECSServiceRolePolicy"),
    ("ecs.application-autoscaling.amazonaws.com", "ApplicationAutoScaling_ECSService", "AWSApplicationAutoscalingECSServicePolicy"),
    ("eks-connector.amazonaws.com", "AmazonEKSConnector", "AmazonEKSConnectorServiceRolePolicy"),
    ("eks-fargate.amazonaws.com", "AmazonEKSForFargate", "AmazonEKSForFargateServiceRolePolicy"),
    ("eks-nodegroup.amazonaws.com", "AmazonEKSNodegroup", "AWSServiceRoleForAmazonEKSNodegroup"),
    ("eks.amazonaws.com", "AmazonEKS", "AmazonEKSServiceRolePolicy"),
    ("elasticache.amazonaws.com", "ElastiCache", "ElastiCacheServiceRolePolicy"),
    ("elasticbeanstalk.amazonaws.com", "ElasticBeanstalk", "AWSElasticBeanstalkServiceRolePolicy"),
    ("elasticfilesystem.amazonaws.com", "AmazonElasticFileSystem", "AmazonElasticFileSystemServiceRolePolicy"),
    ("elasticloadbalancing.amazonaws.com", "ElasticLoadBalancing", "AWSElasticLoadBalancingServiceRolePolicy"),
    ("email.cognito-idp.amazonaws.com", "AmazonCognitoIdpEmailService", "AmazonCognitoIdpEmailServiceRolePolicy"),
    ("emr-containers.amazonaws.com", "AmazonEMRContainers", "AmazonEMRContainersServiceRolePolicy"),
    ("emrwal.amazonaws.com", "EMRWAL", "EMRDescribeClusterPolicyForEMRWAL"),
    ("es.amazonaws.com", "AmazonElasticsearchService", "AmazonElasticsearchServiceRolePolicy"),
    ("fis.amazonaws.com", "FIS", "AmazonFISServiceRolePolicy"),
    ("globalaccelerator.amazonaws.com", "GlobalAccelerator", "AWSGlobalAcceleratorSLRPolicy"),
    ("grafana.amazonaws.com", "AmazonGrafana", "AmazonGrafanaServiceLinkedRolePolicy"),
    ("guardduty.amazonaws.com", "AmazonGuardDuty", "AmazonGuardDutyServiceRolePolicy"),
    ("imagebuilder.amazonaws.com", "ImageBuilder", "AWSServiceRoleForImageBuilder"),
    ("inspector2.amazonaws.com", "AmazonInspector2", "AmazonInspector2ServiceRolePolicy"),
    ("kafka.amazonaws.com", "Kafka", "KafkaServiceRolePolicy"),
    ("kafkaconnect.amazonaws.com", "KafkaConnect", "KafkaConnectServiceRolePolicy"),
    ("lakeformation.amazonaws.com", "LakeFormationDataAccess", "LakeFormationDataAccessServiceRolePolicy"),
    ("lex.amazonaws.com", "LexBots", "AmazonLexBotPolicy"),
    ("lexv2.amazonaws.com", "LexV2Bots", "AmazonLexV2BotPolicy"),
    ("lightsail.amazonaws.com", "Lightsail", "LightsailExportAccess"),
    ("m2.amazonaws.com", "AWSM2", "AWSM2ServicePolicy"),
    ("macie.amazonaws.com", "AmazonMacie", "AmazonMacieServiceRolePolicy"),
    ("memorydb.amazonaws.com", "MemoryDB", "MemoryDBServiceRolePolicy"),
    ("mq.amazonaws.com", "AmazonMQ", "AmazonMQServiceRolePolicy"),
    ("mrk.kms.amazonaws.com", "KeyManagementServiceMultiRegionKeys", "AWSKeyManagementServiceMultiRegionKeysServiceRolePolicy"),
    ("observability.aoss.amazonaws.com", "AmazonOpenSearchServerless", "AmazonOpenSearchServerlessServiceRolePolicy"),
    ("opensearchservice.amazonaws.com", "AmazonOpenSearchService", "AmazonOpenSearchServiceRolePolicy"),
    ("ops.apigateway.amazonaws.com", "APIGateway", "APIGatewayServiceRolePolicy"),
    ("ops.emr-serverless.amazonaws.com", "AmazonEMRServerless", "AmazonEMRServerlessServiceRolePolicy"),
    ("organizations.amazonaws.com", "Organizations", "AWSOrganizationsServiceTrustPolicy"),
    ("pullthroughcache.ecr.amazonaws.com", "ECRPullThroughCache", "AWSECRPullThroughCache_ServiceRolePolicy"),
    ("ram.amazonaws.com", "ResourceAccessManager", "AWSResourceAccessManagerServiceRolePolicy"),
    ("rds.amazonaws.com", "RDS", "AmazonRDSServiceRolePolicy"),
    ("rds.application-autoscaling.amazonaws.com", "ApplicationAutoScaling_RDSCluster", "AWSApplicationAutoscalingRDSClusterPolicy"),
    ("redshift.amazonaws.com", "Redshift", "AmazonRedshiftServiceLinkedRolePolicy"),
    ("replication.cassandra.amazonaws.com", "KeyspacesReplication", "KeyspacesReplicationServiceRolePolicy"),
    ("replication.dynamodb.amazonaws.com", "DynamoDBReplication", "DynamoDBReplicationServiceRolePolicy"),
    ("replication.ecr.amazonaws.com", "ECRReplication", "ECRReplicationServiceRolePolicy"),
    ("resource-explorer-2.amazonaws.com", "ResourceExplorer", "AWSResourceExplorerServiceRolePolicy"),
    ("rolesanywhere.amazonaws.com", "RolesAnywhere", "AWSRolesAnywhereServicePolicy"),
    ("s3-outposts.amazonaws.com", "S3OnOutposts", "AWSS3OnOutpostsServiceRolePolicy"),
    ("securityhub.amazonaws.com", "SecurityHub", "AWSSecurityHubServiceRolePolicy"),
    ("ses.amazonaws.com", "AmazonSES", "AmazonSESServiceRolePolicy"),
    ("shield.amazonaws.com", "AWSShield", "AWSShieldServiceRolePolicy"),
    ("spot.amazonaws.com", "EC2Spot", "AWSEC2SpotServiceRolePolicy"),
    ("spotfleet.amazonaws.com", "EC2SpotFleet", "AWSEC2SpotFleetServiceRolePolicy"),
    ("ssm-incidents.amazonaws.com", "IncidentManager", "AWSIncidentManagerServiceRolePolicy"),
    ("ssm-quicksetup.amazonaws.com", "SSMQuickSetup", "SSMQuickSetupRolePolicy"),
    ("ssm.amazonaws.com", "AmazonSSM", "AmazonSSMServiceRolePolicy"),
    ("sso.amazonaws.com", "SSO", "AWSSSOServiceRolePolicy"),
    ("support.amazonaws.com", "Support", "AWSSupportServiceRolePolicy"),
    ("transitgateway.amazonaws.com", "VPCTransitGateway", "AWSVPCTransitGatewayServiceRolePolicy"),
    ("trustedadvisor.amazonaws.com", "TrustedAdvisor", "AWSTrustedAdvisorServiceRolePolicy"),
    ("waf.amazonaws.com", "WAFLogging", "WAFLoggingServiceRolePolicy"),
    ("wafv2.amazonaws.com", "WAFV2Logging", "WAFV2LoggingServiceRolePolicy"),
];

#[cfg(test)]
mod tests {
    use daypass_names::{Constrained, PolicyName, RoleName};

    use super::*;

    #[test]
    fn the_table_is_in_order_and_every_name_can_be_given() {
        assert!(SERVICES.is_sorted_by(|(one, _, _), (two, _, _)| one < two));
        for (principal, _, policy) in SERVICES {
            let service = LinkedService::of(principal).unwrap();
            assert_eq!(service.principal, *principal);
            RoleName::parse(&service.role_name(None)).unwrap();
            PolicyName::parse(policy).unwrap();
        }
        assert!(WITH_SUFFIX.iter().all(|of| LinkedService::of(of).is_some()));
    }

    #[test]
    fn a_service_is_found_by_its_very_name() {
        let service = LinkedService::of("autoscaling.amazonaws.com").unwrap();
        assert_eq!(service.role_name(None), "AWSServiceRoleForAutoScaling");
        assert_eq!(service.role_name(Some("a")), "AWSServiceRoleForAutoScaling_a");
        assert!(service.takes_suffix());
        assert!(!LinkedService::of("ecs.amazonaws.com").unwrap().takes_suffix());
        for unknown in ["", "ec2.amazonaws.com", "Autoscaling.amazonaws.com", "autoscaling"] {
            assert_eq!(LinkedService::of(unknown), None, "{unknown}");
        }
        let ecs = LinkedService::of("ecs.amazonaws.com").unwrap();
        for (of, name, can) in [
            (service, "AWSServiceRoleForAutoScaling", true),
            (service, "AWSServiceRoleForAutoScaling_a", true),
            (service, "AWSServiceRoleForAutoScaling_", false),
            (service, "AWSServiceRoleForAutoScalingPlans_EC2AutoScaling", false),
            (service, "awsServiceRoleForAutoScaling", false),
            (ecs, "AWSServiceRoleForECS", true),
            (ecs, "AWSServiceRoleForECS_a", false),
            (ecs, "Admin", false),
        ] {
            assert_eq!(of.can_name(name), can, "{name}");
        }
    }
}
