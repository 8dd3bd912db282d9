//! The contents of a session token: a version byte and tagged fields, as
//! `docs/session-tokens.md` lists them. A field that is missing, malformed or out of range
//! makes the whole token void.

use daypass_names::{
    AccessKeyId, AccountId, Constrained, Partition, SessionName, SourceIdentity, UniqueId,
};

use crate::fields::{Input, each_field, put_block, put_field, put_field_of};
use crate::packed::{ID_LENGTH, id, id_bytes, pack, pairs, percent, text, unpack};
use crate::{
    Ancestor, MAX_CHAIN_DEPTH, OpenCause, Origin, OriginKind, SealFault, Session, SessionKind,
    ancestor,
};

/// The version of the contents. A change that tagged fields cannot express raises it.
const VERSION: u8 = 1;

const KIND: u64 = 1;
const PARTITION: u64 = 2;
const ACCOUNT: u64 = 3;
const PRINCIPAL: u64 = 4;
const SESSION_NAME: u64 = 5;
const ISSUED: u64 = 6;
const EXPIRES: u64 = 7;
const CHAIN_DEPTH: u64 = 8;
const MFA_AT: u64 = 9;
const PACKED: u64 = 10;
const SOURCE_IDENTITY: u64 = 11;
const ORIGIN: u64 = 12;
const CREATING_ACCESS_KEY: u64 = 13;
const ANCESTORS: u64 = 14;
const CREATOR: u64 = 15;
const FEDERATED_NAME: u64 = 16;
const FEDERATION_FACTS: u64 = 17;
const ALL_REGIONS: u64 = 18;
const DELIVERY: u64 = 19;
const ORIGIN_ACCOUNT: u64 = 20;
const ORIGIN_PROVIDER: u64 = 21;
const PADDING: u64 = 22;

/// Room for the fields of a session that has all of them, without those of no fixed length.
const FIXED_ROOM: usize = 256;

/// Room for an ancestor whose access key id is short.
const ANCESTOR_ROOM: usize = 54;

/// Appends a session to `out`, with `behind` bytes of room left behind it. Returns the share that
/// its packed part takes of its limit, in percent.
pub(crate) fn encode(
    session: &Session,
    out: &mut Vec<u8>,
    behind: usize,
) -> Result<Option<u32>, SealFault> {
    let depth = usize::from(MAX_CHAIN_DEPTH);
    if session.chain_depth > MAX_CHAIN_DEPTH || session.ancestors.len() > depth {
        return Err(SealFault::ChainTooDeep);
    }
    let packed = pack(session)?;
    out.reserve(room(session, packed.as_deref()) + behind);
    out.push(VERSION);
    put_field(out, KIND, &[kind_code(session.kind)]);
    put_field(out, PARTITION, session.partition.as_str().as_bytes());
    put_field(out, ACCOUNT, &account_bytes(session.account));
    if let Some(principal) = &session.principal {
        put_field(out, PRINCIPAL, &id_bytes(principal));
    }
    if let Some(name) = &session.session_name {
        put_field(out, SESSION_NAME, name.as_str().as_bytes());
    }
    put_field(out, ISSUED, &session.issued_ms.to_be_bytes());
    put_field(out, EXPIRES, &session.expires_s.to_be_bytes());
    put_field(out, CHAIN_DEPTH, &[session.chain_depth]);
    if let Some(at) = session.mfa_at_s {
        put_field(out, MFA_AT, &at.to_be_bytes());
    }
    if let Some(packed) = &packed {
        put_field(out, PACKED, packed);
    }
    if let Some(identity) = &session.source_identity {
        put_field(out, SOURCE_IDENTITY, identity.as_str().as_bytes());
    }
    put_field_of(out, ORIGIN, |out| write_origin(out, &session.origin));
    if let Some(key) = &session.creating_access_key {
        put_field(out, CREATING_ACCESS_KEY, key.as_str().as_bytes());
    }
    if !session.ancestors.is_empty() {
        put_field_of(out, ANCESTORS, |out| ancestor::write(out, &session.ancestors));
    }
    if let Some(creator) = &session.creator {
        put_field(out, CREATOR, &id_bytes(creator));
    }
    if let Some(name) = &session.federated_name {
        put_field(out, FEDERATED_NAME, name.as_bytes());
    }
    if !session.federation_facts.is_empty() {
        put_field_of(out, FEDERATION_FACTS, |out| {
            for (key, fact) in &session.federation_facts {
                put_block(out, key.as_bytes());
                put_block(out, fact.as_bytes());
            }
        });
    }
    put_field(out, ALL_REGIONS, &[u8::from(session.all_regions)]);
    if let Some(delivery) = &session.delivery {
        put_field(out, DELIVERY, delivery.as_bytes());
    }
    if let Some(account) = session.origin.account {
        put_field(out, ORIGIN_ACCOUNT, &account_bytes(account));
    }
    if let Some(provider) = &session.origin.provider {
        put_field(out, ORIGIN_PROVIDER, provider);
    }
    Ok(packed.map(|packed| percent(packed.len())))
}

/// Appends a field of zeros, which says nothing, so that the contents have at least `length` bytes;
/// nothing when they have. It is the last field, and may make them two bytes longer than that.
pub(crate) fn pad(out: &mut Vec<u8>, length: usize) {
    /// Bytes of the field's number, and of a length below 128.
    const LEAST: usize = 2;
    let lacking = length.saturating_sub(out.len());
    if lacking == 0 {
        return;
    }
    // A longer length takes one byte more: there is no field of exactly 130 bytes.
    let zeros = lacking.saturating_sub(if lacking > LEAST + 127 { LEAST + 1 } else { LEAST });
    put_field_of(out, PADDING, |out| out.resize(out.len() + zeros, 0));
}

/// Room for a session: what is written fits, but for ancestors with long access key ids.
pub(crate) fn room(session: &Session, packed: Option<&[u8]>) -> usize {
    let text = |text: Option<&str>| text.map_or(0, str::len);
    let facts = session.federation_facts.iter();
    FIXED_ROOM
        + packed.map_or(0, <[u8]>::len)
        + text(session.session_name.as_ref().map(SessionName::as_str))
        + text(session.source_identity.as_ref().map(SourceIdentity::as_str))
        + text(session.creating_access_key.as_ref().map(AccessKeyId::as_str))
        + session.ancestors.len() * ANCESTOR_ROOM
        + text(session.federated_name.as_deref())
        + facts.map(|(key, fact)| key.len() + fact.len() + 8).sum::<usize>()
        + text(session.delivery.as_deref())
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(bytes: &[u8]) -> Result<Session, OpenCause> {
    const INVALID: OpenCause = OpenCause::Contents("a name or identifier is not valid");
    const MISSING: OpenCause = OpenCause::Contents("a mandatory field is missing");

    let mut input = Input(bytes);
    if input.byte()? != VERSION {
        return Err(OpenCause::Contents("the version of the contents is unknown"));
    }
    let (mut kind, mut partition, mut account, mut issued_ms) = (None, None, None, None);
    let (mut expires_s, mut chain_depth, mut origin, mut all_regions) = (None, None, None, None);
    let mut packed: &[u8] = &[];
    let mut optional = Optional::default();
    each_field(input.0, |number, value| {
        match number {
            KIND => kind = Some(read_kind(exact(value)?)?),
            PARTITION => partition = Some(Partition::parse(text(value)?).ok_or(INVALID)?),
            ACCOUNT => account = Some(read_account(exact(value)?)?),
            PRINCIPAL => optional.principal = Some(id(exact(value)?)?),
            SESSION_NAME => {
                let name = SessionName::parse(text(value)?).map_err(|_| INVALID)?;
                optional.session_name = Some(name);
            }
            ISSUED => issued_ms = Some(i64::from_be_bytes(exact(value)?)),
            EXPIRES => expires_s = Some(i64::from_be_bytes(exact(value)?)),
            CHAIN_DEPTH => {
                let [depth] = exact(value)?;
                chain_depth = Some(depth).filter(|depth| *depth <= MAX_CHAIN_DEPTH);
            }
            MFA_AT => optional.mfa_at_s = Some(i64::from_be_bytes(exact(value)?)),
            // Never empty when written; an empty one is refused below as truncated.
            PACKED => packed = non_empty(value)?,
            SOURCE_IDENTITY => {
                let identity = SourceIdentity::parse(text(value)?).map_err(|_| INVALID)?;
                optional.source_identity = Some(identity);
            }
            ORIGIN => origin = Some(read_origin(value)?),
            CREATING_ACCESS_KEY => {
                let key = AccessKeyId::parse(text(value)?).map_err(|_| INVALID)?;
                optional.creating_access_key = Some(key);
            }
            ANCESTORS => optional.ancestors = ancestor::read(value)?,
            CREATOR => optional.creator = Some(id(exact(value)?)?),
            FEDERATED_NAME => optional.federated_name = Some(text(value)?.to_owned()),
            FEDERATION_FACTS => optional.federation_facts = pairs(value)?,
            ALL_REGIONS => all_regions = Some(read_bool(exact(value)?)?),
            DELIVERY => optional.delivery = Some(text(value)?.to_owned()),
            ORIGIN_ACCOUNT => optional.origin_account = Some(read_account(exact(value)?)?),
            ORIGIN_PROVIDER => optional.origin_provider = Some(exact(value)?),
            PADDING if value.iter().all(|byte| *byte == 0) => {}
            PADDING => return Err(OpenCause::Contents("the padding is not of zeros")),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let origin = origin.ok_or(MISSING)?;
    let mut session = Session {
        kind: kind.ok_or(MISSING)?,
        partition: partition.ok_or(MISSING)?,
        account: account.ok_or(MISSING)?,
        principal: optional.principal,
        session_name: optional.session_name,
        issued_ms: issued_ms.ok_or(MISSING)?,
        expires_s: expires_s.ok_or(MISSING)?,
        chain_depth: chain_depth.ok_or(MISSING)?,
        mfa_at_s: optional.mfa_at_s,
        session_policies: None,
        tags: Vec::new(),
        transitive_tag_keys: Vec::new(),
        source_identity: optional.source_identity,
        origin: Origin {
            account: optional.origin_account,
            provider: optional.origin_provider,
            ..origin
        },
        creating_access_key: optional.creating_access_key,
        ancestors: optional.ancestors,
        creator: optional.creator,
        federated_name: optional.federated_name,
        federation_facts: optional.federation_facts,
        all_regions: all_regions.ok_or(MISSING)?,
        delivery: optional.delivery,
    };
    if !packed.is_empty() {
        unpack(packed, &mut session)?;
    }
    Ok(session)
}

/// The fields that a session may lack.
#[derive(Default)]
struct Optional {
    principal: Option<UniqueId>,
    session_name: Option<SessionName>,
    mfa_at_s: Option<i64>,
    source_identity: Option<SourceIdentity>,
    creating_access_key: Option<AccessKeyId>,
    ancestors: Vec<Ancestor>,
    creator: Option<UniqueId>,
    federated_name: Option<String>,
    federation_facts: Vec<(String, String)>,
    delivery: Option<String>,
    origin_account: Option<AccountId>,
    origin_provider: Option<[u8; 16]>,
}

/// A value of exactly `N` bytes.
fn exact<const N: usize>(value: &[u8]) -> Result<[u8; N], OpenCause> {
    value.try_into().map_err(|_| OpenCause::Contents("a value has the wrong length"))
}

fn non_empty(value: &[u8]) -> Result<&[u8], OpenCause> {
    if value.is_empty() { Err(OpenCause::Contents("a value is empty")) } else { Ok(value) }
}

fn read_bool([byte]: [u8; 1]) -> Result<bool, OpenCause> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(OpenCause::Contents("a flag is neither 0 nor 1")),
    }
}

fn kind_code(kind: SessionKind) -> u8 {
    match kind {
        SessionKind::User => 1,
        SessionKind::Role => 2,
        SessionKind::FederatedUser => 3,
        SessionKind::Root => 4,
    }
}

fn read_kind([code]: [u8; 1]) -> Result<SessionKind, OpenCause> {
    match code {
        1 => Ok(SessionKind::User),
        2 => Ok(SessionKind::Role),
        3 => Ok(SessionKind::FederatedUser),
        4 => Ok(SessionKind::Root),
        _ => Err(OpenCause::Contents("the kind of session is unknown")),
    }
}

fn origin_code(kind: OriginKind) -> u8 {
    match kind {
        OriginKind::AccessKey => 1,
        OriginKind::WebIdentity => 2,
        OriginKind::Saml => 3,
        OriginKind::Ldap => 4,
        OriginKind::Certificate => 5,
        OriginKind::Service => 6,
    }
}

/// Kind (1 byte), digest (16), begin (8) and the principal (14) when there is one. What else
/// there is to an origin has fields of its own.
fn write_origin(out: &mut Vec<u8>, origin: &Origin) {
    out.push(origin_code(origin.kind));
    out.extend_from_slice(&origin.digest);
    out.extend_from_slice(&origin.began_ms.to_be_bytes());
    if let Some(principal) = &origin.principal {
        out.extend_from_slice(&id_bytes(principal));
    }
}

fn read_origin(value: &[u8]) -> Result<Origin, OpenCause> {
    let mut input = Input(value);
    let kind = match input.byte()? {
        1 => OriginKind::AccessKey,
        2 => OriginKind::WebIdentity,
        3 => OriginKind::Saml,
        4 => OriginKind::Ldap,
        5 => OriginKind::Certificate,
        6 => OriginKind::Service,
        _ => return Err(OpenCause::Contents("the kind of origin is unknown")),
    };
    let digest = input.array()?;
    let began_ms = i64::from_be_bytes(input.array()?);
    let principal = if input.is_empty() { None } else { Some(id(input.array::<ID_LENGTH>()?)?) };
    input.end()?;
    Ok(Origin { kind, principal, digest, began_ms, account: None, provider: None })
}

/// The account as a number of five bytes, big-endian.
pub(crate) fn account_bytes(account: AccountId) -> [u8; 5] {
    let digits = account.as_str().bytes();
    let number = digits.fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0'));
    let [_, _, _, bytes @ ..] = number.to_be_bytes();
    bytes
}

pub(crate) fn read_account(bytes: [u8; 5]) -> Result<AccountId, OpenCause> {
    const BAD: OpenCause = OpenCause::Contents("an account is not valid");
    let mut number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let mut digits = [b'0'; 12];
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(number % 10).map_err(|_| BAD)?;
        number /= 10;
    }
    // More than twelve digits are no account.
    if number != 0 {
        return Err(BAD);
    }
    AccountId::parse(text(&digits)?).map_err(|_| BAD)
}
