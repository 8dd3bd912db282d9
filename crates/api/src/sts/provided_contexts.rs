//! `ProvidedContexts` of AssumeRole: what context providers assert about the user behind a call.
//!
//! AWS STS API reference, "ProvidedContext". There is no registered context provider here, so that
//! nobody could be believed: what has the right form is refused.

use daypass_query::{Fields, TextRule};

use crate::decode::arn;
use crate::{Code, Fault};

/// Most contexts of a request; at least one.
const MAX: usize = 5;

const ASSERTION: TextRule = TextRule { min: 4, max: 2048, pattern: "", fits: |_| true };

/// Reads `ProvidedContexts`; tells whether there were any.
pub(crate) fn decode(fields: &mut Fields<'_>) -> bool {
    if !fields.has("ProvidedContexts") {
        return false;
    }
    let members: Vec<Fields<'_>> = fields.list("ProvidedContexts").collect();
    if members.is_empty() {
        let text = "Member must have length greater than or equal to 1";
        fields.fault("ProvidedContexts", None, text);
    } else if members.len() > MAX {
        let text = format!("Member must have length less than or equal to {MAX}");
        fields.fault("ProvidedContexts", None, &text);
    }
    for mut member in members.into_iter().take(MAX) {
        if member.has("ProviderArn") {
            arn(&mut member, "ProviderArn");
        }
        // What it says is for its provider alone.
        member.secret_text("ContextAssertion", &ASSERTION);
    }
    true
}

/// The refusal of contexts that nobody can check.
pub(crate) fn refused() -> Fault {
    Fault::new(
        Code::InvalidParameterValue,
        "The provided context cannot be verified: no context provider is registered.",
    )
}
