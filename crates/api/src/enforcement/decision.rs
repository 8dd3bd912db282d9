//! Whether who was proven may do something, and why not.

use std::borrow::Cow;

use daypass_directory::Seen;
use daypass_names::AccountId;
use daypass_policy::{
    Attached, Context, Decision, Denial, Explanation, Layer, Layers, Policy, Principal, Request,
    Told, Value, decide, explain,
};
use daypass_sigv4::Source;

use super::Proven;
use crate::caller::{Caller, Identity};
use crate::conditions::conditions;
use crate::deciding::{Gathered, NotLetIn, cause, denying_policy, let_in, own_layers};
use crate::{Code, Fault};

/// What a service wants to know.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The action, for instance `s3:GetObject`.
    pub action: Cow<'a, str>,
    /// The ARN of the resource, or `*` for an action that has none. A wildcard here is text.
    pub resource: Cow<'a, str>,
    /// The account that the resource belongs to; the caller's for an action without a resource.
    /// `None` is an account that nobody knows: the caller counts as foreign.
    pub resource_account: Option<AccountId>,
    /// The policy of the resource.
    pub resource_policy: Option<&'a Policy>,
    /// Condition keys of the action, beside those of every request; see [`Question::can_set`].
    pub keys: Vec<(Cow<'static, str>, Value<'a>)>,
    /// Those that have several values.
    pub lists: Vec<(Cow<'static, str>, Vec<Value<'a>>)>,
}

impl<'a> Question<'a> {
    /// A question without a resource policy and without keys of its own.
    pub fn new(
        action: impl Into<Cow<'a, str>>,
        resource: impl Into<Cow<'a, str>>,
        resource_account: Option<AccountId>,
    ) -> Self {
        Self {
            action: action.into(),
            resource: resource.into(),
            resource_account,
            resource_policy: None,
            keys: Vec::new(),
            lists: Vec::new(),
        }
    }

    /// Whether a question may set a condition key: those of the service of its action, and of the
    /// global ones those that tell of the resource, of what is to be written, and of the network. All
    /// others tell who asks, which nobody but the proof does.
    pub fn can_set(&self, key: &str) -> bool {
        const GLOBAL: [&str; 7] = [
            "CalledVia",
            "SourceAccount",
            "SourceArn",
            "SourceVpc",
            "SourceVpce",
            "TagKeys",
            "VpcSourceIp",
        ];
        let Some((vendor, name)) = key.split_once(':') else { return false };
        if vendor.eq_ignore_ascii_case("aws") {
            let tags = name.split_once('/').map(|(kind, _)| kind);
            let is_tag = |kind: &str| {
                ["RequestTag", "ResourceTag"].iter().any(|own| own.eq_ignore_ascii_case(kind))
            };
            return tags.is_some_and(is_tag)
                || GLOBAL.iter().any(|own| own.eq_ignore_ascii_case(name));
        }
        let service = self.action.split_once(':').map(|(service, _)| service);
        service.is_some_and(|service| service.eq_ignore_ascii_case(vendor))
    }

    /// # Errors
    /// When it sets a key that it may not: a mistake of whoever asks.
    fn check(&self) -> Result<(), Fault> {
        let keys = self.keys.iter().map(|(key, _)| key);
        let mut keys = keys.chain(self.lists.iter().map(|(key, _)| key));
        match keys.find(|key| !self.can_set(key)) {
            None => Ok(()),
            Some(key) => Err(Fault::internal(format!("a question sets the condition key `{key}`"))),
        }
    }
}

/// The answer to a question.
#[derive(Debug)]
pub enum Ruling {
    /// The caller may.
    Allowed,
    /// The caller may not.
    Denied(Box<Refusal>),
}

impl Ruling {
    /// Whether the caller may.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed)
    }

    /// Refuses who may not.
    ///
    /// # Errors
    /// [`Code::AccessDenied`] with the message of the refusal.
    pub fn permit(self) -> Result<(), Fault> {
        match self {
            Self::Allowed => Ok(()),
            Self::Denied(refusal) => Err((*refusal).into()),
        }
    }
}

/// Why the caller may not.
#[derive(Debug)]
pub struct Refusal {
    message: String,
    cause: String,
    denial: Option<Denial>,
}

impl Refusal {
    /// What the caller may read: AWS's words. Who is of another account than the resource learns
    /// nothing of what policies say.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What only the log may say.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// Which policy decided, if one did: for whoever owns the policies.
    pub fn denial(&self) -> Option<&Denial> {
        self.denial.as_ref()
    }

    /// Whether a statement denies; otherwise none allows.
    pub fn is_explicit(&self) -> bool {
        self.denial.as_ref().is_some_and(|denial| denial.explicit)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::new(Code::AccessDenied, refusal.message).because(refusal.cause)
    }
}

/// The policies that bind a caller, as they were gathered: one or many questions are decided by them.
#[derive(Debug)]
pub struct Policies<'a> {
    proven: &'a Proven<'a>,
    gathered: Gathered<'a>,
}

impl<'a> Proven<'a> {
    /// The policies that bind the caller, as they are now.
    ///
    /// # Errors
    /// When the directory cannot answer, or what it holds is damaged.
    pub async fn policies(&'a self) -> Result<Policies<'a>, Fault> {
        let gathered = match &self.caller {
            Some(caller) => Gathered::of(&self.app.directory, caller).await?,
            None => Gathered::none(),
        };
        Ok(Policies { proven: self, gathered })
    }

    /// Decides questions, one after the other, by the policies as they are now. The answers are in
    /// their order.
    ///
    /// # Errors
    /// As for [`Proven::policies`].
    pub async fn decide(&'a self, questions: &[Question<'_>]) -> Result<Vec<Ruling>, Fault> {
        let policies = self.policies().await?;
        policies.decide_all(questions)
    }
}

impl Policies<'_> {
    /// Where they were found, for a write that is decided by them.
    pub(super) fn seen(&self) -> Result<Vec<Seen>, Fault> {
        self.gathered.seen()
    }

    /// Whether one of them may name a condition key or a policy variable that begins with `name`:
    /// see [`Policy::may_mention`].
    pub fn may_mention(&self, name: &str) -> bool {
        let own = &self.gathered.own;
        let identity = own.identity.iter().map(|applied| &*applied.policy);
        let session = self.gathered.session().unwrap_or_default();
        identity.chain(own.boundary.as_deref()).any(|policy| policy.may_mention(name))
            || session.iter().any(|attached| attached.policy.may_mention(name))
    }

    /// Decides one question.
    ///
    /// # Errors
    /// When nobody knows which accounts are closed.
    pub fn decide(&self, question: &Question<'_>) -> Result<Ruling, Fault> {
        let identity = self.gathered.own.attached();
        let session = self.gathered.session();
        self.rule(&identity, session.as_deref(), question)
    }

    /// Decides many, in their order.
    ///
    /// # Errors
    /// As for [`Policies::decide`].
    pub fn decide_all(&self, questions: &[Question<'_>]) -> Result<Vec<Ruling>, Fault> {
        let identity = self.gathered.own.attached();
        let session = self.gathered.session();
        let rule = |question| self.rule(&identity, session.as_deref(), question);
        questions.iter().map(rule).collect()
    }

    /// How a question is decided, sealed so that only those read it who may decode authorisation
    /// messages of the caller's account, or of the resource's where the caller has none. What a policy
    /// of a resource of another account says is not in it.
    ///
    /// # Errors
    /// When it is too long, or cannot be sealed.
    pub fn authorization_message(&self, question: &Question<'_>) -> Result<String, Fault> {
        let unsealed = |cause: String| Fault::internal(format!("sealing a decision: {cause}"));
        question.check()?;
        let proven = self.proven;
        let home = proven.caller.as_ref().and_then(|caller| caller.home());
        let reader = home.or(question.resource_account);
        let reader = reader.ok_or_else(|| unsealed("nobody's account could read it".to_owned()))?;
        let identity = self.gathered.own.attached();
        let session = self.gathered.session();
        let layers = self.layers(&identity, session.as_deref(), question);
        let context = self.context(question);
        let caller = proven.caller.as_deref();
        let principal = caller.map_or(Principal::Anonymous, Caller::principal);
        let request = asked(question, principal, &context);
        let mut explanation: Explanation<'_> = explain(&layers, &request);
        if question.resource_account != Some(reader) {
            explanation.statements.retain(|statement| statement.layer != Layer::Resource);
        }
        let sealed =
            proven.app.seal_authorization_message(reader, &explanation, &request, Told::Request);
        sealed.map_err(|fault| unsealed(fault.to_string()))
    }

    /// Whatever decides comes by here.
    fn rule(
        &self,
        identity: &[Attached<'_>],
        session: Option<&[Attached<'_>]>,
        question: &Question<'_>,
    ) -> Result<Ruling, Fault> {
        question.check()?;
        let directory = &self.proven.app.directory;
        // SECURITY: nobody reaches what belongs to a closed account, whose ever policy lets them in.
        if let Some(account) = question.resource_account
            && directory.is_closed(account)?
        {
            let cause = format!("the account {account} of the resource is closed");
            self.proven.count_anonymous(&cause);
            return Ok(denied(DENIED.to_owned(), cause, None));
        }
        let layers = self.layers(identity, session, question);
        let context = match layers.read_context() {
            true => self.context(question),
            false => Context::default(),
        };
        let caller = self.proven.caller.as_deref();
        if let Some(Identity::Service(service)) = caller.map(Caller::identity) {
            let decide = |name: Principal<'_>, _: &str, context: &Context<'_>| {
                decide(&layers, &asked(question, name, context))
            };
            let account = question.resource_account;
            let Some(account) = &account else {
                let cause = "a service asks for what belongs to no known account".to_owned();
                return Ok(denied(DENIED.to_owned(), cause, None));
            };
            let let_in = let_in(service, account, &[&*question.action], &context, decide);
            return Ok(match let_in {
                Ok(_) => Ruling::Allowed,
                Err(NotLetIn { denial, cause, .. }) => denied(DENIED.to_owned(), cause, denial),
            });
        }
        let principal = caller.map_or(Principal::Anonymous, Caller::principal);
        let denial = match decide(&layers, &asked(question, principal, &context)) {
            Decision::Allowed => return Ok(Ruling::Allowed),
            Decision::Denied(denial) => denial,
        };
        let cause = format!("{} on {}: {}", question.action, question.resource, cause(&denial));
        self.proven.count_anonymous(&cause);
        let message = self.message(question, &denial);
        Ok(denied(message, cause, Some(denial)))
    }

    fn layers<'b>(
        &'b self,
        identity: &'b [Attached<'b>],
        session: Option<&'b [Attached<'b>]>,
        question: &'b Question<'_>,
    ) -> Layers<'b> {
        Layers {
            session,
            resource: question.resource_policy,
            ..own_layers(identity, self.gathered.own.boundary.as_deref())
        }
    }

    /// The condition keys of a question.
    fn context<'b>(&'b self, question: &'b Question<'_>) -> Context<'b> {
        let proven = self.proven;
        let mut context = conditions(proven.circumstances());
        for (key, value) in &question.keys {
            context.insert(key.clone(), value.borrowed());
        }
        for (key, values) in &question.lists {
            context.insert_list(key.clone(), values.iter().map(Value::borrowed).collect());
        }
        // SECURITY: what is known here goes last, so that nothing else stands in its place.
        if let Some(account) = &question.resource_account {
            context.insert("aws:ResourceAccount", account.as_str());
        }
        if proven.is_s3() {
            self.insert_facts_of_s3(&mut context, question);
        }
        context
    }

    /// The keys that tell how a request to S3 was signed. S3 API reference, "Amazon S3 Signature
    /// Version 4 authentication specific policy keys".
    fn insert_facts_of_s3<'b>(&self, context: &mut Context<'b>, question: &'b Question<'_>) {
        if let Some(account) = &question.resource_account {
            context.insert("s3:ResourceAccount", account.as_str());
        }
        let Some(verified) = self.proven.verified() else { return };
        let kind = match verified.source() {
            Source::Header => "REST-HEADER",
            Source::Query => "REST-QUERY-STRING",
            Source::Form => "POST",
        };
        context.insert("s3:authType", kind);
        context.insert("s3:signatureversion", "AWS4-HMAC-SHA256");
        // The sender's clock may be ahead.
        let age = self.proven.now.duration_since(verified.signed_at()).as_millis().max(0);
        context.insert("s3:signatureAge", i64::try_from(age).unwrap_or(i64::MAX));
    }

    fn message(&self, question: &Question<'_>, denial: &Denial) -> String {
        let Some(caller) = &self.proven.caller else { return DENIED.to_owned() };
        let Some(home) = caller.home().filter(|home| question.resource_account == Some(*home))
        else {
            return DENIED.to_owned();
        };
        let (shown, action) = (caller.shown(), &question.action);
        let mut message = format!("User: {shown} is not authorized to perform: {action}");
        if question.resource != "*" {
            // Unlike IAM, S3 puts the ARN in quotes.
            message.push_str(&format!(" on resource: \"{}\"", question.resource));
        }
        message.push_str(&denial.clause(action));
        let boundary = self.gathered.own.boundary_arn();
        if let Some(arn) = denying_policy(denial, boundary, home) {
            message.push_str(": ");
            message.push_str(arn.as_str());
        }
        message
    }
}

/// What S3 says to strangers.
const DENIED: &str = "Access Denied";

fn denied(message: String, cause: String, denial: Option<Denial>) -> Ruling {
    Ruling::Denied(Box::new(Refusal { message, cause, denial }))
}

fn asked<'a>(
    question: &'a Question<'_>,
    principal: Principal<'a>,
    context: &'a Context<'a>,
) -> Request<'a> {
    Request {
        principal,
        action: &question.action,
        resource: &question.resource,
        resource_account: question.resource_account,
        context,
    }
}
