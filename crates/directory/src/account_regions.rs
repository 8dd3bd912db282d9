//! Which Regions an account has enabled, and where it has switched its Security Token Service off.
//!
//! AWS Account Management reference, "Specify which AWS Regions your account can use"; IAM user
//! guide, "Manage AWS STS in an AWS Region". Which Regions there are, and which of them have to be
//! enabled, is a setting of the server and not known here. It stands in the account's record, which
//! is in memory when it is asked for often.

use daypass_names::{AccountId, Region};

use crate::access_keys::KeyHolder;
use crate::directory::ATTEMPTS;
use crate::record::AccountRecord;
use crate::{Account, Directory, DirectoryError, Noting};

/// Most Regions that an account's record names of either kind.
pub(crate) const MAX_REGIONS: usize = 256;

/// What an account has said of Regions; one that it has said nothing of is as Regions are at first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AccountRegions {
    /// Ordered; none twice. Likewise the other.
    enabled: Vec<Region>,
    without_sts: Vec<Region>,
}

/// What becomes of a Region for an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RegionChange {
    /// It is enabled, and STS issues credentials there.
    Enable,
    /// It is enabled no longer, if it has to be. Never refused for too many Regions.
    Disable,
    /// STS issues no credentials of the account there, if the Region is there by default.
    DeactivateSts,
}

impl AccountRegions {
    /// Whether a Region that has to be enabled is.
    pub fn is_enabled(&self, region: &Region) -> bool {
        self.enabled.binary_search(region).is_ok()
    }

    /// Whether STS was switched off in a Region that is there by default.
    pub fn is_without_sts(&self, region: &Region) -> bool {
        self.without_sts.binary_search(region).is_ok()
    }

    /// Whether the account has said nothing of any Region.
    pub(crate) fn is_silent(&self) -> bool {
        self.enabled.is_empty() && self.without_sts.is_empty()
    }

    pub(crate) fn from_record(record: &AccountRecord) -> Result<Self, String> {
        Self::from_texts(&record.enabled_regions, &record.regions_without_sts)
    }

    /// Those that are enabled, and those without STS: both ordered, none twice.
    pub(crate) fn from_texts(enabled: &[String], without_sts: &[String]) -> Result<Self, String> {
        Ok(Self { enabled: parse(enabled)?, without_sts: parse(without_sts)? })
    }

    /// Likewise.
    pub(crate) fn texts(&self) -> (Vec<String>, Vec<String>) {
        (texts(&self.enabled), texts(&self.without_sts))
    }

    fn change(&mut self, region: &Region, change: RegionChange) {
        match change {
            RegionChange::Enable => {
                insert(&mut self.enabled, region);
                remove(&mut self.without_sts, region);
            }
            // SECURITY: another day the same Region may be of the other kind, by the setting of the
            // server. What was switched off is in neither way on then.
            RegionChange::Disable => {
                remove(&mut self.enabled, region);
                // To disable one works, however many there are.
                if self.without_sts.len() < MAX_REGIONS {
                    insert(&mut self.without_sts, region);
                }
            }
            RegionChange::DeactivateSts => {
                remove(&mut self.enabled, region);
                insert(&mut self.without_sts, region);
            }
        }
    }
}

impl Directory {
    /// Changes what an account says of a Region; saying the same again is no error.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`]; [`DirectoryError::Refused`] for too many Regions.
    pub async fn change_region(
        &self,
        id: AccountId,
        region: &Region,
        change: RegionChange,
        noting: &dyn Noting<Account>,
    ) -> Result<AccountRegions, DirectoryError> {
        for _ in 0..ATTEMPTS {
            let mut editing = <Account as KeyHolder>::edit(self, id).await?;
            let mut regions = editing.value.regions.clone();
            regions.change(region, change);
            if regions.enabled.len().max(regions.without_sts.len()) > MAX_REGIONS {
                let text = format!("an account can say something of {MAX_REGIONS} Regions at most");
                return Err(DirectoryError::Refused(text));
            }
            (editing.record.enabled_regions, editing.record.regions_without_sts) = regions.texts();
            let made = self.made::<Account>(&editing.record)?;
            let too_large = made.too_large(&self.quotas);
            let commit = editing.rewrite().ok_or(too_large)?;
            if self.commit_noted(commit, noting, &made).await? {
                return Ok(regions);
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Gives an account that has said nothing of Regions what it says of them.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`]; [`DirectoryError::Overtaken`] when it has said something by now.
    pub(crate) async fn put_regions(
        &self,
        id: AccountId,
        regions: &AccountRegions,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let mut editing = <Account as KeyHolder>::edit(self, id).await?;
            if !editing.value.regions.is_silent() {
                return Err(DirectoryError::Overtaken);
            }
            (editing.record.enabled_regions, editing.record.regions_without_sts) = regions.texts();
            let too_large = self.made::<Account>(&editing.record)?.too_large(&self.quotas);
            let commit = editing.rewrite().ok_or(too_large)?;
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }
}

fn parse(texts: &[String]) -> Result<Vec<Region>, String> {
    if texts.len() > MAX_REGIONS {
        return Err(format!("there are more than {MAX_REGIONS} Regions"));
    }
    let region = |text: &String| Region::parse(text).map_err(|_| "a Region is none".to_owned());
    let regions = texts.iter().map(region).collect::<Result<Vec<_>, _>>()?;
    match regions.is_sorted_by(|one, next| one < next) {
        true => Ok(regions),
        false => Err("the Regions are not ordered, or one is there twice".to_owned()),
    }
}

fn texts(regions: &[Region]) -> Vec<String> {
    regions.iter().map(ToString::to_string).collect()
}

fn insert(regions: &mut Vec<Region>, region: &Region) {
    if let Err(place) = regions.binary_search(region) {
        regions.insert(place, region.clone());
    }
}

fn remove(regions: &mut Vec<Region>, region: &Region) {
    regions.retain(|one| one != region);
}
