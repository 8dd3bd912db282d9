//! Moving an account in and out: the document that `daypass export` writes, and how it, or what AWS's
//! GetAccountAuthorizationDetails answers, is brought into an account.
//!
//! Out: [`Export`] gives the document piece by piece. In: a document is read ([`Document::read`]),
//! compared with what is there ([`Directory::survey`]), and turned into a [`Plan`], which is a pure
//! function of both and is what a dry run shows. [`Directory::carry_out`] then takes one step of it:
//! one compare-and-commit with its note, which is refused when what it was planned on has changed.
//!
//! SECURITY: at no moment has anybody more than in the end. An entity comes with its boundary and all
//! its policies in one commit, a user's keys and password among them; roles trust nobody until they
//! are filled. What cannot be brought in whole (its boundary is missing, or a policy that may deny) is
//! left out. Whom a trust policy names must exist, in the document or here, or lets nobody in for ever.
//! What a service-linked role may do is taken from no document, but from its service.

mod aws_details;
mod carry;
mod document;
mod export;
mod gives;
mod judge;
mod look;
mod meaning;
mod plan;
mod planning;
mod put;
mod put_providers;
mod put_user;
mod secrets;
mod survey;
mod trust;

pub use aws_details::MAX_PAGES;
pub use carry::{Bringing, Brought};
pub use document::{DOCUMENT_FORMAT, DOCUMENT_VERSION, Document, DocumentFault, MAX_ENTITIES};
pub use export::{Export, ExportCounts, NewExport};
pub use gives::{Given, Gives};
pub use plan::{Action, Plan, PlanCounts, Step, Thing};
pub use secrets::{MIN_PASSPHRASE, OpenedSecrets, Passphrase, SecretsFault};
pub use survey::Survey;
