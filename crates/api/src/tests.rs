//! The API from end to end, with a clock that the test moves and a store in memory: real
//! signatures in, real replies out.

mod accounts;
mod boundaries;
mod escalation;
mod foreign;
mod history;
mod iam;
mod iam_account;
mod iam_credential_report;
mod iam_groups;
mod iam_instance_profiles;
mod iam_login_profiles;
mod iam_oidc_providers;
mod iam_saml_providers;
mod iam_service_linked_roles;
mod iam_tags;
mod iam_users;
mod managed_policies;
mod mfa_devices;
mod open_sessions;
mod overtaken;
mod refusals;
mod revocation;
mod root_user;
mod services;
mod simulation;
mod simulation_agreement;
mod sts;
mod world;
