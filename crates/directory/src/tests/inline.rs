//! How much a user, group or role may have inline, white space included.

use super::*;
use crate::{Limit, MAX_INLINE_POLICIES, MAX_INLINE_POLICY};

/// A policy of so many bytes, nearly all of them white space.
fn padded(bytes: usize) -> String {
    let spaces = " ".repeat(bytes - ALLOW.len());
    ALLOW.replacen('{', &format!("{{{spaces}"), 1)
}

#[tokio::test]
async fn white_space_has_an_end_too() {
    let fixture = Fixture::new().await;
    let here = account(ACCOUNT);
    fixture.role("/Reader", 1, ACCOUNT).await;
    let put = async |policy: &str, bytes: usize| {
        let text = padded(bytes);
        let (id, policy) = (role_id(1), policy_name(policy));
        fixture.directory.put_role_policy(here, id, policy, &text, &Noted).await
    };
    let refused = |outcome: Result<(), DirectoryError>| {
        let Err(DirectoryError::LimitExceeded(Limit::RolePolicySize { .. })) = outcome else {
            panic!("{outcome:?}")
        };
    };
    refused(put("p", MAX_INLINE_POLICY + 1).await);
    for name in ["a", "b", "c", "d"] {
        put(name, MAX_INLINE_POLICIES / 4).await.unwrap();
    }
    refused(put("e", ALLOW.len()).await);
    // In place of another there is room, and a smaller one makes room.
    put("d", MAX_INLINE_POLICY).await.unwrap();
    put("d", MAX_INLINE_POLICY - ALLOW.len()).await.unwrap();
    put("e", ALLOW.len()).await.unwrap();
}
