//! DeleteObjects: one decision for each object, one request for those that may be deleted, and one
//! reply for all.

use http::{Response, StatusCode};

use crate::documents::{DeleteList, DeleteResult};
use crate::event::Event;
use crate::flow::{Allowed, Deciding};
use crate::forward::{request_of, set_document};
use crate::own::refusal_of;
use crate::{ReplyBody, S3Code, S3Fault, keys, reply};

/// Most bytes of the backend's reply: a thousand keys of the greatest length, all escaped, with what
/// went wrong.
const REPLY_MAX: usize = 8 << 20;

/// Deletes what the caller may.
pub(super) async fn delete(
    allowed: &Allowed<'_>,
    list: &DeleteList,
    event: &mut Event,
) -> Result<Response<ReplyBody>, S3Fault> {
    let now = allowed.proven.now();
    let deciding = Deciding {
        gateway: allowed.gateway,
        proven: allowed.proven,
        policies: allowed.policies,
        // Tags may be fetched for each of a thousand objects: the bucket is looked up again each time.
        bucket: None,
        now,
    };
    let exact = allowed.gateway.settings.exact_keys;
    let mut refused: Vec<Option<S3Fault>> = Vec::with_capacity(list.deletions().len());
    for (place, deletion) in list.deletions().iter().enumerate() {
        let needs = allowed.classified.needs_of_deletion(place);
        let decided = match keys::check_key(&deletion.object.key, exact) {
            Ok(()) if needs.is_empty() => Err(S3Fault::internal("a deletion needs nothing")),
            Ok(()) => deciding.require_all(needs).await,
            Err(fault) => Err(fault),
        };
        // What is no refusal of this object is a failure of all.
        match decided {
            Ok(()) => refused.push(None),
            Err(fault) if fault.is_ours() => return Err(fault),
            Err(fault) => refused.push(Some(fault)),
        }
    }
    let may = |place: usize| refused.get(place).is_some_and(Option::is_none);
    let sent = match list.write(may) {
        None => Ok(DeleteResult::default()),
        Some(document) => send(allowed, list, document, may).await,
    };
    // SECURITY: a backend that fails may have deleted some all the same: each is recorded.
    let failed = list.deletions().iter().zip(&refused).map(|(deletion, refused)| {
        let of_fault = |fault: &S3Fault| (fault.code().as_str().into(), fault.message().to_owned());
        match (refused, &sent) {
            (Some(fault), _) | (None, Err(fault)) => Some(of_fault(fault)),
            (None, Ok(result)) => result
                .failure_of(&deletion.object)
                .map(|(code, message)| (code.to_owned().into(), message.to_owned())),
        }
    });
    let recorded = event.of_deletions(list, failed.collect()).await;
    let mut result = sent?;
    recorded?;
    for (deletion, fault) in list.deletions().iter().zip(&refused) {
        if let Some(fault) = fault {
            result.refuse(&deletion.object, fault);
        }
    }
    Ok(reply::xml(&allowed.received.id, result.write()))
}

/// Has the backend delete what may be deleted.
async fn send(
    allowed: &Allowed<'_>,
    list: &DeleteList,
    document: String,
    may: impl Fn(usize) -> bool,
) -> Result<DeleteResult, S3Fault> {
    let mut request = request_of(allowed)?;
    request.is_long = true;
    set_document(&mut request, document)?;
    let mut reply = allowed.gateway.backend.send(request, allowed.proven.now()).await?;
    if reply.status != StatusCode::OK {
        return Err(refusal_of(reply).await);
    }
    let body = reply
        .body
        .whole(REPLY_MAX)
        .await
        .map_err(|fault| S3Fault::new(S3Code::BadGateway).because(fault.to_string()))?;
    DeleteResult::parse(&body, list, may)
}
