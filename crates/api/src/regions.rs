//! The Regions of a deployment, to which endpoint a request came, and what an account may do there.
//!
//! IAM user guide, "Manage AWS STS in an AWS Region"; AWS General Reference, "AWS Security Token
//! Service endpoints". Nothing of this is looked at while no Regions are configured. When they are,
//! refused are: a signature for a Region that there is not, or for another one than the host name
//! stands for; credentials of an account in a Region that it has not enabled; session tokens that
//! are not good there; and to issue credentials of an account where its STS is switched off.

use daypass_directory::{AccountRegions, TokenVersion};
use daypass_names::{AccountId, HostName, Region};
use http::{HeaderMap, header};
use serde_json::{Value, json};
use thiserror::Error;

use crate::app::App;
use crate::authenticate::{Authenticated, invalid_token};
use crate::caller::Caller;
use crate::convert::found;
use crate::{Code, Fault};

/// Most Regions of a deployment; AWS has some forty.
const MAX_REGIONS: usize = 256;
/// Most host names of its endpoints: a request is compared with each.
const MAX_HOSTS: usize = 256;

/// What the names of a deployment's Regions are.
const SHAPE: &str = "1 to 64 lower-case letters, digits and hyphens, and not `aws-global`, which \
                     stands for the global endpoint";
/// What clients take for the Region of a global endpoint.
const PSEUDO: &str = "aws-global";

/// The Regions of a deployment, and the host names of its endpoints.
#[derive(Clone, Debug)]
pub struct Regions {
    /// INVARIANT: one of them is the global one, no two have one name, and names have [`SHAPE`].
    all: Vec<DeploymentRegion>,
    hosts: Vec<(HostName, EndpointName)>,
}

/// A Region of the deployment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeploymentRegion {
    name: Region,
    kind: RegionKind,
}

/// What a Region is for accounts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RegionKind {
    /// Every account has it, but may switch its STS off there.
    Default,
    /// Every account has it, and its STS cannot be switched off: the Region of the global endpoint.
    Global,
    /// An account has it when it was enabled for that account, and STS with it.
    OptIn,
}

/// Which endpoint a host name stands for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EndpointName {
    /// The global one.
    Global,
    /// That of a Region.
    Regional(Region),
}

/// Why Regions cannot be those of a deployment.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum RegionsFault {
    /// There are too many of something.
    #[error("there are more than {max} {what}")]
    TooMany {
        /// Regions or host names.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// No Region can have the name.
    #[error("`{0}` cannot be the name of a Region: {SHAPE}")]
    Name(Region),
    /// A Region or a host name is there twice.
    #[error("`{0}` is there twice")]
    Twice(String),
    /// The global Region is none of them.
    #[error("the global Region `{0}` is none of them")]
    NoGlobal(Region),
    /// The global Region has to be enabled.
    #[error("the global Region `{0}` cannot be one that accounts have to enable")]
    GlobalOptIn(Region),
    /// A host name stands for a Region that there is not.
    #[error("`{host}` stands for `{region}`, which is none of the Regions")]
    Unknown {
        /// The host name.
        host: HostName,
        /// The Region.
        region: Region,
    },
}

impl Regions {
    /// Regions, each with whether accounts have to enable it; which of them is the one of the global
    /// endpoint; and the host names of the endpoints, if any are known by name.
    pub fn new(
        global: &Region,
        all: impl IntoIterator<Item = (Region, bool)>,
        hosts: Vec<(HostName, EndpointName)>,
    ) -> Result<Self, RegionsFault> {
        let mut regions: Vec<DeploymentRegion> = Vec::new();
        for (name, opt_in) in all {
            let fits =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if name.as_str() == PSEUDO || !name.as_str().bytes().all(fits) {
                return Err(RegionsFault::Name(name));
            }
            let same = |region: &DeploymentRegion| same_name(region.name.as_str(), name.as_str());
            if regions.iter().any(same) {
                return Err(RegionsFault::Twice(name.to_string()));
            }
            let kind = match (name == *global, opt_in) {
                (true, true) => return Err(RegionsFault::GlobalOptIn(name)),
                (true, false) => RegionKind::Global,
                (false, true) => RegionKind::OptIn,
                (false, false) => RegionKind::Default,
            };
            regions.push(DeploymentRegion { name, kind });
            if regions.len() > MAX_REGIONS {
                return Err(RegionsFault::TooMany { what: "Regions", max: MAX_REGIONS });
            }
        }
        if hosts.len() > MAX_HOSTS {
            return Err(RegionsFault::TooMany { what: "host names", max: MAX_HOSTS });
        }
        let made = Self { all: regions, hosts };
        if made.find(global.as_str()).is_none() {
            return Err(RegionsFault::NoGlobal(global.clone()));
        }
        for (number, (host, endpoint)) in made.hosts.iter().enumerate() {
            if made.hosts.iter().take(number).any(|(other, _)| other == host) {
                return Err(RegionsFault::Twice(host.to_string()));
            }
            if let EndpointName::Regional(region) = endpoint
                && made.find(region.as_str()).is_none()
            {
                let (host, region) = (host.clone(), region.clone());
                return Err(RegionsFault::Unknown { host, region });
            }
        }
        Ok(made)
    }

    /// All of them, as they were given.
    pub fn iter(&self) -> impl Iterator<Item = &DeploymentRegion> {
        self.all.iter()
    }

    /// The Region of that name.
    pub fn find(&self, name: &str) -> Option<&DeploymentRegion> {
        self.all.iter().find(|region| region.name.as_str() == name)
    }

    /// The endpoint that a request came to, by its host name, or else by the Region that it is signed
    /// for; nothing when that is none. Whoever verifies the signature demands the Region of this.
    ///
    /// SECURITY: the host name is the sender's word, and is signed.
    pub(crate) fn endpoint(&self, headers: &HeaderMap, signed_for: &str) -> Option<Endpoint<'_>> {
        let global = || self.all.iter().find(|region| region.kind == RegionKind::Global);
        match host(headers).map_or(Named::Nothing, |host| self.named(host)) {
            Named::Global => global().map(|region| Endpoint { region, is_global: true }),
            Named::Regional(name) => {
                let region = self.all.iter().find(|region| same_name(region.name.as_str(), name));
                region.map(|region| Endpoint { region, is_global: false })
            }
            Named::Nothing => {
                let region = self.find(signed_for)?;
                Some(Endpoint { region, is_global: region.kind == RegionKind::Global })
            }
        }
    }

    /// What a host name stands for here, or at AWS.
    fn named<'a>(&'a self, host: &'a str) -> Named<'a> {
        let known = self.hosts.iter().find(|(name, _)| same_name(name.as_str(), host));
        match known {
            Some((_, EndpointName::Global)) => Named::Global,
            Some((_, EndpointName::Regional(region))) => Named::Regional(region.as_str()),
            None => named_by_aws(host),
        }
    }
}

impl DeploymentRegion {
    /// Its name.
    pub fn name(&self) -> &Region {
        &self.name
    }

    /// What it is for accounts.
    pub fn kind(&self) -> RegionKind {
        self.kind
    }

    /// Whether an account may use it.
    pub fn is_enabled_for(&self, account: &AccountRegions) -> bool {
        self.kind != RegionKind::OptIn || account.is_enabled(&self.name)
    }

    /// Whether STS issues credentials of an account there.
    pub fn has_sts_for(&self, account: &AccountRegions) -> bool {
        match self.kind {
            RegionKind::Default => !account.is_without_sts(&self.name),
            RegionKind::Global => true,
            RegionKind::OptIn => account.is_enabled(&self.name),
        }
    }
}

/// What a host name stands for.
enum Named<'a> {
    Global,
    /// A Region, whether there is such a one or not.
    Regional(&'a str),
    /// No endpoint that is known by name.
    Nothing,
}

/// AWS's own host names, for clients whose DNS was changed: `sts.amazonaws.com`,
/// `sts.REGION.amazonaws.com`, `sts-fips.REGION.amazonaws.com`, `sts.REGION.api.aws`, those of China,
/// and the global ones of IAM.
fn named_by_aws(host: &str) -> Named<'_> {
    const SUFFIXES: [&str; 4] =
        [".amazonaws.com", ".api.aws", ".amazonaws.com.cn", ".api.amazonwebservices.com.cn"];
    let Some(rest) = SUFFIXES.iter().find_map(|suffix| without_end(host, suffix)) else {
        return Named::Nothing;
    };
    let is = |text: &str, names: &[&str]| names.iter().any(|name| same_name(text, name));
    match rest.split_once('.') {
        None if is(rest, &["sts", "iam", "iam-fips"]) => Named::Global,
        Some((service, "global")) if is(service, &["iam"]) => Named::Global,
        Some((service, region)) if is(service, &["sts", "sts-fips"]) && !region.contains('.') => {
            Named::Regional(region)
        }
        _ => Named::Nothing,
    }
}

/// The host name of a request, without its port.
fn host(headers: &HeaderMap) -> Option<&str> {
    // There is one, or the signature is refused.
    let text = headers.get(header::HOST)?.to_str().ok()?;
    let name = match text.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => text,
    };
    Some(name.strip_suffix('.').unwrap_or(name))
}

fn without_end<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(text.len().checked_sub(end.len())?)?;
    same_name(rest, end).then_some(start)
}

fn same_name(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// The endpoint that a request came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint<'a> {
    region: &'a DeploymentRegion,
    is_global: bool,
}

impl Endpoint<'_> {
    /// The Region that a signature must be for.
    pub(crate) fn region(&self) -> &str {
        self.region.name.as_str()
    }

    /// Refuses credentials that are not good in the Region: session tokens of version 1 and all of an
    /// account that has not enabled it, where it has to be. AWS answers both as if the token were
    /// unknown.
    pub(crate) async fn admit(&self, app: &App, caller: &Caller) -> Result<(), Fault> {
        if self.region.kind != RegionKind::OptIn {
            return Ok(());
        }
        let name = &self.region.name;
        if caller.session().is_some_and(|session| !session.facts.all_regions) {
            return Err(invalid_token(format!("a token of version 1 is not good in {name}")));
        }
        // A service belongs to no account, and acts in that of the role.
        let Some(account) = caller.home() else { return Ok(()) };
        if !self.holds_for(app, account, DeploymentRegion::is_enabled_for).await? {
            return Err(invalid_token(format!("the account {account} has not enabled {name}")));
        }
        Ok(())
    }

    /// Refuses to issue credentials of an account where it has no STS. Whose call it is does not
    /// matter.
    async fn require_sts(&self, app: &App, account: AccountId) -> Result<(), Fault> {
        if self.region.kind == RegionKind::Global
            || self.holds_for(app, account, DeploymentRegion::has_sts_for).await?
        {
            return Ok(());
        }
        let message = format!(
            "STS is not activated in this region for account:{account}. Your account administrator \
             can activate STS in this region using the IAM Console."
        );
        Err(Fault::new(Code::RegionDisabledException, message))
    }

    /// An account that is not there has nothing.
    async fn holds_for(
        &self,
        app: &App,
        account: AccountId,
        what: impl Fn(&DeploymentRegion, &AccountRegions) -> bool,
    ) -> Result<bool, Fault> {
        let account = found(app.directory.account(account).await)?;
        Ok(account.is_some_and(|account| what(self.region, &account.regions)))
    }

    /// What CloudTrail's records of STS say of it.
    pub(crate) fn recorded(&self) -> Value {
        let kind = if self.is_global { "global" } else { "regional" };
        json!({ "awsServingRegion": self.region(), "endpointType": kind })
    }
}

/// Refuses to issue credentials of an account where it has no STS. Tells whether those that are
/// issued are good in every Region: those of Regional endpoints are, those of the global one as the
/// account has chosen.
pub(crate) async fn issuing(call: &Authenticated<'_>, account: AccountId) -> Result<bool, Fault> {
    if let Some(endpoint) = &call.endpoint {
        endpoint.require_sts(call.app, account).await?;
        if !endpoint.is_global {
            return Ok(true);
        }
    }
    Ok(token_version(call.app, account).await? == TokenVersion::V2)
}

/// The version of the session tokens of the global endpoint for an account. One that has not chosen
/// has version 1, as at AWS, or 2 while every Region is there by default.
pub(crate) async fn token_version(app: &App, account: AccountId) -> Result<TokenVersion, Fault> {
    let chosen = app.directory.chosen_token_version(account).await?;
    Ok(chosen.unwrap_or(match &app.settings.regions {
        Some(_) => TokenVersion::V1,
        None => TokenVersion::V2,
    }))
}
