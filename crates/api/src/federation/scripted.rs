//! A fetch that answers what a test told it to, and remembers what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use daypass_federation::oidc::discovery_url;
use tokio::sync::Semaphore;

use super::{Fetch, FetchFault, FetchWanted, Fetching};

/// Fetches what it was told; everything else cannot be reached.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    answers: HashMap<String, Answer>,
    asked: Vec<FetchWanted>,
}

/// What comes of a fetch.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// This.
    Document(Bytes),
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
                Some(Answer::Document(document)) => Ok(document),
                Some(Answer::Fault(fault)) => Err(fault),
                Some(Answer::Silence) => std::future::pending().await,
                Some(Answer::Held(gate, document)) => {
                    gate.acquire().await.unwrap().forget();
                    Ok(document)
                }
                None => Err(FetchFault::Unreachable {
                    host: wanted.url.clone(),
                    cause: "no such host".to_owned(),
                }),
            }
        })
    }
}
