//! Tests of the policy language through its public interface.
#![cfg(test)]

mod allocations;
mod dependencies;
mod fixture;
mod laws;
mod layers;
mod malformed_texts;
mod mentions;
mod message;
mod reference;
mod rootmade;
mod security_history;
mod trust;
mod truth_table;
mod web_identity;
mod worked_cases;
