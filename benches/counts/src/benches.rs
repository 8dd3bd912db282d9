//! What is counted.

mod decide;
mod query;
mod record;
mod requests;
mod saml;
mod token;
mod verify;
mod web_identity;

use crate::count::Count;

/// Sets something up and has it counted.
pub(crate) type Bench = fn(&Count) -> anyhow::Result<()>;

/// Writes the files that only private keys can make into their folders below this one, with new keys,
/// which are in nobody's hands afterwards. What is counted changes with them: the record has to be
/// written anew.
#[cfg(feature = "inputs")]
pub(crate) fn make_inputs(folder: &std::path::Path) -> anyhow::Result<()> {
    web_identity::make_inputs(&folder.join("web_identity"))?;
    saml::make_inputs(&folder.join("saml"))
}

/// Every bench, by the name that its record has.
pub(crate) const ALL: &[(&str, Bench)] = &[
    ("decide/allow", decide::allow),
    ("decide/explicit-deny", decide::explicit_deny),
    ("decide/thousand-statements", decide::thousand_statements),
    ("decode/assume-role", query::decode_assume_role),
    ("encode/assume-role", query::encode_assume_role),
    ("encode/refusal", query::encode_refusal),
    ("open/large", token::open_large),
    ("open/small", token::open_small),
    ("record/assume-role", record::assume_role),
    ("record/denied", record::denied),
    ("request/assume-role", requests::assume_role),
    ("request/assume-role-session-policy", requests::assume_role_session_policy),
    ("request/denied", requests::denied),
    ("request/get-caller-identity-session", requests::get_caller_identity_session),
    ("request/get-caller-identity-user", requests::get_caller_identity_user),
    ("request/get-role", requests::get_role),
    ("request/get-session-token", requests::get_session_token),
    ("request/saml-rs256", saml::rs256),
    ("request/web-identity-again", web_identity::again),
    ("request/web-identity-es256", web_identity::new_es256),
    ("request/web-identity-rs256", web_identity::new_rs256),
    ("seal/large", token::seal_large),
    ("seal/small", token::seal_small),
    ("verify/cold-key", verify::cold_key),
    ("verify/known-key", verify::known_key),
    ("verify/known-key-session", verify::known_key_session),
];
