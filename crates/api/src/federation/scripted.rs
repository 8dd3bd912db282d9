//! A fetch that answers what a test told it to, and remembers what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use daypass_federation::oidc::discovery_url;
use tokio::sync::Semaphore;

use super::{Fetch, FetchFault, FetchWanted, FetchedDocument, Fetching};

/// Fetches what it was told; everything else cannot be reached.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    answers: HashMap<String, Answer>,
    asked: Vec<FetchWanted>,
    trusted: u64,
}

/// What comes of a fetch.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// This.
    Document(Bytes),
    /// This, which is fresh for so many seconds.
    Fresh(Bytes, u64),
    /// A fault.
    Fault(FetchFault),
    /// Nothing, ever.
    Silence,
    /// This, once there is a permit.
    Held(Arc<Semaphore>, Bytes),
}

impl Scripted {
    /// An OpenID Connect provider: its discovery document, which names `<issuer>/keys`, and there
    /// `jwks`.
    pub(crate) fn provider(&self, issuer: &str, jwks: &str) {
        let keys = format!("{issuer}/keys");
        let found = format!(r#"{{"issuer":"{issuer}","jwks_uri":"{keys}"}}"#);
        self.answer(&discovery_url(issuer), Answer::Document(found.into()));
        self.answer(&keys, Answer::Document(jwks.to_owned().into()));
    }

    /// What a URL answers from now on.
    pub(crate) fn answer(&self, url: &str, answer: Answer) {
        self.inner().answers.insert(url.to_owned(), answer);
    }

    /// What was asked for so far.
    pub(crate) fn asked(&self) -> Vec<FetchWanted> {
        self.inner().asked.clone()
    }

    /// How often that URL was asked for so far.
    pub(crate) fn count(&self, url: &str) -> usize {
        self.inner().asked.iter().filter(|wanted| wanted.url == url).count()
    }

    /// One of the well-known authorities is not believed any more.
    pub(crate) fn distrust(&self) {
        self.inner().trusted += 1;
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fetch for Scripted {
    fn fetch<'a>(&'a self, wanted: &'a FetchWanted) -> Fetching<'a> {
        let answer = {
            let mut inner = self.inner();
            inner.asked.push(wanted.clone());
            inner.answers.get(&wanted.url).cloned()
        };
        Box::pin(async move {
            match answer {
                Some(Answer::Document(bytes)) => Ok(FetchedDocument { bytes, max_age_s: None }),
                Some(Answer::Fresh(bytes, seconds)) => {
                    Ok(FetchedDocument { bytes, max_age_s: Some(seconds) })
                }
                Some(Answer::Fault(fault)) => Err(fault),
                Some(Answer::Silence) => std::future::pending().await,
                Some(Answer::Held(gate, bytes)) => {
                    gate.acquire().await.unwrap().forget();
                    Ok(FetchedDocument { bytes, max_age_s: None })
                }
                None => Err(FetchFault::Unreachable {
                    host: wanted.url.clone(),
                    cause: "no such host".to_owned(),
                }),
            }
        })
    }

    fn trusted(&self) -> u64 {
        self.inner().trusted
    }
}
