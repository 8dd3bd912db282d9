//! `daypass account region`: which Regions an account has, and where its STS is.
//!
//! Refused is what there is not: a Region that is not configured, and to switch STS off in the Region
//! of the global endpoint.

use daypass_api::{DeploymentRegion, RegionKind, Regions};
use daypass_directory::{Account, AccountRegions, RegionChange};
use daypass_names::{AccountId, Region};
use serde_json::json;

use crate::operator::accounts::parse_account;
use crate::operator::deployment::Deployment;
use crate::operator::given::Told;
use crate::operator::journal::Journal;
use crate::operator::protocol::{AccountRegionLine, AccountRegionsTold, Outcome, RegionKindName};
use crate::operator::refusal::Refusal;

impl Deployment {
    /// Lists the Regions, and what the account has there.
    pub(crate) async fn list_regions(
        &self,
        journal: &mut Journal<'_>,
        account_id: &str,
    ) -> Result<Outcome, Refusal> {
        let regions = self.configured_regions()?;
        let account = parse_account(account_id)?;
        journal.for_account(account);
        let record = self.directory.account(account).await?;
        Ok(told(regions, account, &record.regions, None, Vec::new()))
    }

    /// Enables a Region for an account; where every account has it, switches its STS on.
    pub(crate) async fn enable_region(
        &self,
        journal: &mut Journal<'_>,
        account_id: &str,
        region: &str,
    ) -> Result<Outcome, Refusal> {
        let regions = self.configured_regions()?;
        let account = parse_account(account_id)?;
        journal.for_account(account);
        let region = parse_region(regions, region)?;
        self.require_trail()?;
        let note = match region.kind() {
            RegionKind::Global => "STS is always active there: nothing has changed.",
            RegionKind::Default => "STS issues credentials of the account there.",
            RegionKind::OptIn => {
                "Requests with credentials of the account work there, and STS issues them. Session \
                 tokens that the global endpoint issued in version 1 are not good there."
            }
        };
        self.change_region(journal, account, region, RegionChange::Enable, note).await
    }

    /// Disables a Region for an account; where every account has it, switches its STS off. It goes on
    /// while the trail cannot be written: it takes something away, and its record is in the same
    /// commit.
    pub(crate) async fn disable_region(
        &self,
        journal: &mut Journal<'_>,
        account_id: &str,
        region: &str,
    ) -> Result<Outcome, Refusal> {
        let regions = self.configured_regions()?;
        let account = parse_account(account_id)?;
        journal.for_account(account);
        let region = parse_region(regions, region)?;
        let (change, note) = match region.kind() {
            RegionKind::Global => {
                return Err(Refusal::invalid(format!(
                    "`{}` is the Region of the global endpoint: STS is always active there",
                    region.name()
                )));
            }
            RegionKind::Default => (
                RegionChange::DeactivateSts,
                "STS issues no credentials of the account there. Those that there are work on: \
                 `daypass revoke account` ends them.",
            ),
            RegionKind::OptIn => (
                RegionChange::Disable,
                "Credentials of the account are refused there, and STS issues none. They work on in \
                 other Regions.",
            ),
        };
        self.change_region(journal, account, region, change, note).await
    }

    async fn change_region(
        &self,
        journal: &Journal<'_>,
        account: AccountId,
        region: &DeploymentRegion,
        change: RegionChange,
        note: &str,
    ) -> Result<Outcome, Refusal> {
        let noting = |made: &Account| {
            journal.note(Some(json!({
                "accountId": made.id.to_string(),
                "region": region.name().as_str(),
                "enabled": region.is_enabled_for(&made.regions),
                "stsActive": region.has_sts_for(&made.regions),
            })))
        };
        let changed = self.directory.change_region(account, region.name(), change, &noting).await?;
        let regions = self.configured_regions()?;
        Ok(told(regions, account, &changed, Some(region.name()), vec![note.to_owned()]))
    }

    fn configured_regions(&self) -> Result<&Regions, Refusal> {
        self.app.regions().ok_or_else(|| {
            Refusal::invalid(
                "no Regions are configured, so that there is nothing to enable: see `daypass serve \
                 --regions`",
            )
        })
    }
}

fn parse_region<'a>(regions: &'a Regions, text: &str) -> Result<&'a DeploymentRegion, Refusal> {
    regions.find(text).ok_or_else(|| {
        let told = Told::region(text);
        let names: Vec<_> = regions.iter().map(|region| region.name().as_str()).collect();
        Refusal::missing(format!("`{told}` is none of the Regions: {}", names.join(", ")))
    })
}

/// All Regions of an account, or one.
fn told(
    regions: &Regions,
    account: AccountId,
    has: &AccountRegions,
    only: Option<&Region>,
    notes: Vec<String>,
) -> Outcome {
    let lines = regions.iter().filter(|region| only.is_none_or(|only| only == region.name()));
    let lines = lines.map(|region| AccountRegionLine {
        region: region.name().to_string(),
        kind: match region.kind() {
            RegionKind::Default => RegionKindName::Default,
            RegionKind::Global => RegionKindName::Global,
            RegionKind::OptIn => RegionKindName::OptIn,
        },
        enabled: region.is_enabled_for(has),
        sts_active: region.has_sts_for(has),
    });
    Outcome::AccountRegions(AccountRegionsTold {
        account_id: account.to_string(),
        regions: lines.collect(),
        notes,
    })
}
