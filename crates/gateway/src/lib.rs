//! What enforces credentials for others: the S3 authorising proxy, and the authorise call by which
//! any service asks who somebody is and what they may do.

mod authorise_call;
mod backend;
mod backend_error;
mod chunk_memory;
mod classify;
mod client_body;
mod condition_keys;
mod copy_source;
mod cors;
mod data_events;
mod digests;
mod documents;
mod domains;
mod event;
mod existing_tags;
mod fault;
mod finish;
mod flow;
mod form;
mod forward;
mod gateway;
mod head;
mod headers;
mod keys;
mod multipart;
mod object_key;
mod operation;
mod operations;
mod operations_page;
mod own;
mod patience;
mod percent;
mod post_object;
mod post_policy;
mod query;
mod relay;
mod reply;
mod reply_body;
mod rewrite;
mod shares;
mod tags;
mod xml;

pub use authorise_call::{
    Asked, AuthoriseCall, CallDocument, ClientCertificate, DocumentFault, ForwardAuth,
    ForwardFault, ForwardServices, MAX_QUESTIONS, OriginalRequest, ToldOrigin,
};
pub use backend::{BackendSettings, BackendUrl, BackendUrlFault, is_private};
pub use chunk_memory::CHUNK_MEMORY_MIN_MIB;
pub use classify::{Classified, Need, ObjectRef, classify};
pub use condition_keys::{Keys, Lists};
pub use copy_source::CopySource;
pub use data_events::{DataEvents, DataEventsFault};
pub use daypass_sigv4::ForeignCredentials;
pub use documents::*;
pub use domains::Domains;
pub use fault::{S3Code, S3Fault};
pub use form::{Form, FormAnswer, FormRequest};
pub use gateway::{Answered, Gateway, GatewaySettings, Observe, Origin};
pub use head::RequestHead;
pub use headers::{is_body_digest, is_forwarded, is_returned};
pub use multipart::FormReader;
pub use object_key::{KEY_MAX, ObjectKey};
pub use operation::{Answer, BodyUse, NeedRow, On, Operation, OperationRow, Shape, When};
pub use operations::OPERATIONS;
pub use operations_page::operations_page;
pub use post_policy::{LengthRange, PostPolicy};
pub use reply_body::{RelayFault, ReplyBody, Unread};
pub use tags::ObjectTags;
