//! `daypass policy simulate --encode`: decides a question about policies that come with it, and
//! seals how that came about.
//!
//! Nothing is changed, and nothing of the store decides: the policies are those of the question. The
//! message opens for those of an account of this deployment who may decode it, until it is too old.

use std::sync::Arc;

use daypass_api::{MESSAGE_LIFE, MessageFault};
use daypass_names::AccountId;
use daypass_policy::Told;
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::operator::accounts::parse_account;
use crate::operator::deployment::Deployment;
use crate::operator::journal::Journal;
use crate::operator::protocol::{Asked, MessageSealed, Outcome};
use crate::operator::refusal::Refusal;
use crate::question::{Draft, Library, Question};

impl Deployment {
    /// Answers the question, and seals the explanation for `account`, or else for the account of
    /// who asks in it.
    pub(crate) async fn seal_message(
        &self,
        journal: &mut Journal<'_>,
        account: Option<&str>,
        asked: Asked,
    ) -> Result<Outcome, Refusal> {
        let given = account.map(parse_account).transpose()?;
        // SECURITY: why not may repeat what was typed in the wrong place, and records have what is
        // said here. The command reads the question itself before it sends it, and tells.
        let question = Draft::from(asked).into_question(&mut Library::default()).map_err(|_| {
            Refusal::invalid(
                "the question was not understood: ask it without --encode to learn why",
            )
        })?;
        let account = whose(given, &question)?;
        journal.for_account(account);
        journal.also("accountId", json!(account.as_str()));
        // A message for an account that is made later would be somebody else's.
        self.directory.account(account).await?;
        let app = Arc::clone(&self.app);
        // Some hundred kilobytes to compress, perhaps more than once.
        let sealing = spawn_blocking(move || {
            let answer = question.answer();
            let (explanation, request) = (&answer.explanation, question.request());
            let of = Told::Simulation { id_given: question.has_given_id() };
            let sealed = app.seal_authorization_message(account, explanation, &request, of);
            sealed.map(|encoded| (answer.verdict, encoded))
        });
        let sealed = sealing.await.map_err(|_| Refusal::failed("the question was not answered"))?;
        let (verdict, encoded_message) = sealed.map_err(refusal)?;
        Ok(Outcome::MessageSealed(MessageSealed {
            account_id: account.to_string(),
            decision: verdict.as_str().to_owned(),
            encoded_message,
            life_seconds: MESSAGE_LIFE.as_secs().unsigned_abs(),
        }))
    }
}

/// The account that the message is for.
fn whose(given: Option<AccountId>, question: &Question) -> Result<AccountId, Refusal> {
    given.or(question.account()).ok_or_else(|| {
        Refusal::invalid(
            "who asks is of no account: name the account that the message is for with --account",
        )
    })
}

fn refusal(fault: MessageFault) -> Refusal {
    match fault {
        MessageFault::TooLong => Refusal::invalid(fault.to_string()),
        _ => Refusal::unavailable(fault.to_string()),
    }
}
