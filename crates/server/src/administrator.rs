//! An account with its administrator: what the first start makes, and `daypass account create`.

use daypass_api::{Random, RandomFault};
use daypass_directory::{Directory, Founded, Founding, NewAccessKey, NewAccount, NewUser, Noting};
use daypass_names::{
    AccessKeyId, AccessKeyKind, AccountAlias, AccountId, Constrained, Path, PolicyName,
    SecretAccessKey, UniqueId, UniqueIdKind, UserName,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::bootstrap::{ADMIN, BootstrapFault};
use crate::config::AdminKey;

/// The name of its inline policy: that of the AWS managed policy which says the same.
const POLICY: &str = "AdministratorAccess";
const POLICY_TEXT: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
}"#;

/// What an account with an administrator is made of.
#[derive(Debug)]
pub(crate) struct NewAdministrator {
    pub(crate) account: AccountId,
    /// The alias of the account, if it is to have one.
    pub(crate) alias: Option<AccountAlias>,
    /// The id of the user.
    pub(crate) user: UniqueId,
    /// The access key of the user.
    pub(crate) key: AdminKey,
    /// What the secret is sealed with: 24 bytes drawn for it alone.
    pub(crate) nonce: [u8; 24],
}

impl NewAdministrator {
    /// One whose ids and secret are drawn at random.
    pub(crate) fn draw(account: AccountId, random: &dyn Random) -> Result<Self, RandomFault> {
        let mut secret = Zeroizing::new([0; 30]);
        random.fill(secret.as_mut_slice())?;
        Ok(Self {
            account,
            alias: None,
            user: UniqueId::from_random(UniqueIdKind::User, random.array()?),
            key: AdminKey {
                id: AccessKeyId::from_random(AccessKeyKind::LongTerm, account, random.array()?),
                secret: SecretAccessKey::from_bytes(&secret),
            },
            nonce: random.array()?,
        })
    }
}

/// Makes the account, its user `admin`, a policy that allows that user everything, and an access
/// key, in one commit.
pub(crate) async fn make(
    directory: &Directory,
    new: &NewAdministrator,
    now: Timestamp,
    noting: &dyn Noting<Founded>,
) -> Result<Founded, BootstrapFault> {
    let founding = Founding {
        account: NewAccount { id: new.account, created: now },
        alias: new.alias.clone(),
        admin: NewUser {
            account: new.account,
            id: new.user,
            name: UserName::parse(ADMIN)?,
            path: Path::default(),
            boundary: None,
            tags: Vec::new(),
            created: now,
        },
        policy: PolicyName::parse(POLICY)?,
        policy_text: POLICY_TEXT.to_owned(),
        key: NewAccessKey {
            id: new.key.id.clone(),
            secret: new.key.secret.clone(),
            nonce: new.nonce,
            created: now,
        },
    };
    Ok(directory.found_account(founding, noting).await?)
}

/// What the record of such a founding tells, which is not the secret.
pub(crate) fn recorded(founded: &Founded) -> Value {
    let Founded { account, admin, key } = founded;
    json!({
        "accountId": account.id.to_string(),
        "user": {
            "userName": admin.name.to_string(),
            "userId": admin.id.to_string(),
            "arn": admin.arn.to_string(),
        },
        "accessKeyId": key.id.to_string(),
    })
}
