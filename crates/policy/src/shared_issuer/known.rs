//! The identity providers that many tenants share, as far as we know them.
//!
//! IAM user guide, "Identity-provider controls for shared OIDC providers", with the claim that it
//! asks for, and the providers that need no registration (Google, Facebook, Amazon, Cognito).

/// A shared provider, the keys of which IAM asks for one, and those that tell its tenants apart.
#[derive(Debug)]
pub(super) struct SharedIssuer {
    pub(super) host: &'static str,
    /// Where a host has providers of single tenants as well: the path of the shared one, without
    /// slashes at its ends. Empty for all paths of the host.
    pub(super) path: &'static str,
    /// A trust policy must have a condition on one of them, even if another key names the tenant.
    /// A name with a colon is a whole key, the others are claims.
    pub(super) controls: &'static [&'static str],
    pub(super) names: &'static [(&'static str, Names)],
}

/// Where the values of a key name the tenant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Names {
    /// The whole value is one id.
    Whole,
    /// `tenant/…`.
    First,
    /// `label:tenant:…` or `label:tenant/…`. Tenants may choose other labels for their tokens, and
    /// behind one that is not listed here every tenant may write the same.
    Behind {
        labels: &'static [&'static str],
        /// What ends a tenant's name, and no name has.
        ends: &'static [char],
    },
}

const ENDS: &[char] = &[':', '/'];

const fn behind(labels: &'static [&'static str]) -> Names {
    Names::Behind { labels, ends: ENDS }
}

/// The labels of GitHub Actions' `sub` that name a tenant; the first is the usual one, the others
/// come with a customised subject. `job_workflow_ref` is not among them: it names whose workflow
/// is called, and anybody may call a public one. Newer repositories have ids beside the names:
/// `repo:acme@1234/app@5678:…`.
const GITHUB: Names = Names::Behind {
    labels: &[
        "repo",
        "enterprise",
        "enterprise_id",
        "repository",
        "repository_id",
        "repository_owner",
        "repository_owner_id",
    ],
    ends: &[':', '/', '@'],
};

/// A provider whose tenants the subject names.
const fn by_subject(host: &'static str, names: &'static [(&'static str, Names)]) -> SharedIssuer {
    SharedIssuer { host, path: "", controls: &["sub"], names }
}

/// A provider whose tenants the audience names.
const fn by_audience(host: &'static str, names: &'static [(&'static str, Names)]) -> SharedIssuer {
    SharedIssuer { host, path: "", controls: &["aud"], names }
}

/// One of the clusters on which IBM runs Turbonomic, beside its customers' own clusters.
const fn turbonomic(host: &'static str, path: &'static str) -> SharedIssuer {
    SharedIssuer { host, path, controls: &["sub"], names: SUBJECT }
}

const SUBJECT: &[(&str, Names)] = &[("sub", Names::Whole)];
const AUDIENCE: &[(&str, Names)] = &[("aud", Names::Whole)];
const AUDIENCE_OR_SUBJECT: &[(&str, Names)] = &[("aud", Names::Whole), ("sub", Names::Whole)];
const ACCOUNT: &[(&str, Names)] = &[("sub", behind(&["account"]))];
const RED_HAT: &str = "rh-oidc.s3.us-east-1.amazonaws.com";
const OPENSHIFT: &str = "oidc.op1.openshiftapps.com";

pub(super) const SHARED: [SharedIssuer; 25] = [
    SharedIssuer {
        host: "accounts.google.com",
        path: "",
        controls: &["sub", "aud", "email"],
        // Not `oaud`: whoever has a service account chooses it.
        names: &[
            ("sub", Names::Whole),
            ("aud", Names::Whole),
            ("email", Names::Whole),
            ("google/organization_number", Names::Whole),
        ],
    },
    by_subject(
        "agent.buildkite.com",
        &[
            ("sub", behind(&["organization"])),
            ("organization_id", Names::Whole),
            ("organization_slug", Names::Whole),
            ("pipeline_id", Names::Whole),
            ("cluster_id", Names::Whole),
        ],
    ),
    by_audience("api.pulumi.com", AUDIENCE_OR_SUBJECT),
    by_subject("app.terraform.io", &[("sub", behind(&["organization"]))]),
    by_audience("cognito-identity.amazonaws.com", AUDIENCE_OR_SUBJECT),
    by_subject(
        "gitlab.com",
        &[
            ("sub", behind(&["project_path"])),
            ("namespace_id", Names::Whole),
            ("project_id", Names::Whole),
        ],
    ),
    SharedIssuer {
        host: "graph.facebook.com",
        path: "",
        controls: &["app_id", "id"],
        names: &[("app_id", Names::Whole), ("id", Names::Whole)],
    },
    by_subject("oidc-configuration.audit-log.githubusercontent.com", SUBJECT),
    by_subject("oidc.codefresh.io", ACCOUNT),
    turbonomic(OPENSHIFT, "2c51blsaqa9gkjt0o9rt11mle8mmropu"),
    turbonomic(OPENSHIFT, "2f785sojlpb85i7402pk3qogugim5nfb"),
    by_audience("oidc.vercel.com", &[("aud", Names::Whole), ("sub", behind(&["owner"]))]),
    by_subject("proidc.upbound.io", SUBJECT),
    turbonomic(RED_HAT, "22ejnvnnturfmt6km08idd0nt4hekbn7"),
    turbonomic(RED_HAT, "23e3sd27sju1hoou6ohfs68vbno607tr"),
    turbonomic(RED_HAT, "23ne21h005qjl3n33d8dui5dlrmv2tmg"),
    turbonomic(RED_HAT, "24jrf12m5dj7ljlfb4ta2frhrcoadm26"),
    by_audience("sandboxes.cloud", AUDIENCE),
    by_subject("scalr.io", ACCOUNT),
    // Microsoft's own directory, in which Sentinel acts for its customers: the workspace is in the
    // name that it gives the session.
    SharedIssuer {
        host: "sts.windows.net",
        path: "33e01921-4d64-4f8c-a055-5bdaffd5e33d",
        controls: &["sts:RoleSessionName"],
        names: &[("sts:RoleSessionName", Names::Whole)],
    },
    by_subject("studio.datachain.ai", SUBJECT),
    SharedIssuer {
        host: "token.actions.githubusercontent.com",
        path: "",
        controls: &["sub", "job_workflow_ref"],
        names: &[
            ("sub", GITHUB),
            ("repository", Names::First),
            ("repository_id", Names::Whole),
            ("repository_owner_id", Names::Whole),
            ("enterprise_id", Names::Whole),
        ],
    },
    by_subject("tokens.cloud.shisho.dev", SUBJECT),
    by_subject("vstoken.actions.githubusercontent.com", &[("sub", GITHUB)]),
    SharedIssuer {
        host: "www.amazon.com",
        path: "",
        controls: &["app_id", "user_id"],
        names: &[("app_id", Names::Whole), ("user_id", Names::Whole)],
    },
];
