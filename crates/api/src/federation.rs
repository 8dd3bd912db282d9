//! What the API needs of identity providers outside: their keys, fetched through a port, kept and
//! renewed. Nothing here says whether a token is to be believed.

mod fetch;
mod key_sets;
mod renewal;
#[cfg(test)]
pub(crate) mod scripted;

pub use fetch::{Fetch, FetchFault, FetchWanted, FetchedDocument, Fetching, NoFetch};
pub(crate) use key_sets::{KeySetGeneration, KeySets, KeysFault, Patience};
#[cfg(test)]
pub(crate) use key_sets::{Keys, MAX_ALL_OF_ONE, MAX_FLIGHTS_OF_ONE, MAX_WAITING_FOR_ONE};
