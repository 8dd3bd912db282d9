//! The engines, each prepared as its documentation advises for many decisions.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use cedar_policy::{Authorizer, Entities, EntityUid, PolicySet, RestrictedExpression};
use daypass_names::{AccountId, Arn, UniqueId};
use daypass_policy::{Attached, Context, Decision, Kind, Layers, Policy, Principal, Request};
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::program::Program;
use regorus::rvm::vm::RegoVM;

use crate::plain::Plain;
use crate::workload::{Answer, Key, Question, Workload};

/// The name of what others are compared with.
pub(crate) const DECIDE: &str = "daypass decide";
pub(crate) const EXPLAIN: &str = "daypass explain";
pub(crate) const PLAIN: &str = "plain matcher";
pub(crate) const CEDAR: &str = "cedar-policy";
pub(crate) const REGO: &str = "regorus interpreter";
pub(crate) const REGO_VM: &str = "regorus RVM";
/// Those with a policy language of their own.
pub(crate) const OTHERS: [&str; 3] = [CEDAR, REGO, REGO_VM];

/// Something that can be done so many times in a row.
pub(crate) struct Work<'a> {
    pub(crate) engine: &'static str,
    pub(crate) run: Box<dyn FnMut(u64) + 'a>,
}

impl<'a> Work<'a> {
    fn new<T>(engine: &'static str, mut once: impl FnMut() -> T + 'a) -> Self {
        let run = Box::new(move |times| {
            for _ in 0..times {
                black_box(once());
            }
        });
        Self { engine, run }
    }
}

/// The policies of a workload, compiled for every engine.
pub(crate) struct Compiled {
    daypass: Vec<Policy>,
    plain: Plain,
    cedar: PolicySet,
    rego: regorus::Engine,
    program: Arc<Program>,
}

const RULE: &str = "data.bench.decision";

impl Compiled {
    pub(crate) fn new(workload: &Workload) -> anyhow::Result<Self> {
        let rego = rego(&workload.rego())?;
        Ok(Self {
            daypass: daypass(&workload.iam())?,
            plain: Plain::compile(workload),
            cedar: workload.cedar().parse()?,
            program: program(rego.clone())?,
            rego,
        })
    }

    /// Asks every engine the question, and stops if one answers wrongly. Then returns what is to be
    /// timed, with all that a request brings already prepared.
    pub(crate) fn ask<'a>(&'a self, question: &'a Question) -> anyhow::Result<Vec<Work<'a>>> {
        let mut works = self.ask_daypass(question)?;
        let check = |engine, answer| agree(engine, question, answer);
        check(PLAIN, self.plain.decide(question))?;
        works.push(Work::new(PLAIN, || self.plain.decide(black_box(question))));
        works.push(self.ask_cedar(question)?);

        let mut engine = self.rego.clone();
        engine.set_input(input(question)?);
        check(REGO, rego_answer(&engine.eval_rule(RULE.to_owned())?)?)?;
        works.push(Work::new(REGO, move || engine.eval_rule(RULE.to_owned())));

        let mut vm = RegoVM::new();
        vm.load_program(self.program.clone());
        vm.set_max_instructions(usize::MAX);
        vm.set_input(input(question)?);
        check(REGO_VM, rego_answer(&vm.execute()?)?)?;
        works.push(Work::new(REGO_VM, move || vm.execute()));
        Ok(works)
    }

    fn ask_daypass<'a>(&'a self, question: &'a Question) -> anyhow::Result<Vec<Work<'a>>> {
        let account = AccountId::parse("123456789012")?;
        let id = UniqueId::parse("AIDAAAAAAAAAAAAAAAAAA")?;
        let arn: &'static Arn =
            Box::leak(Box::new(Arn::parse("arn:aws:iam::123456789012:user/Ann")?));
        let context: &'a Context<'a> = Box::leak(Box::new(context(question, arn)));
        let policies = self.daypass.iter().map(|policy| Attached { name: "policy", policy });
        let identity: Vec<_> = policies.collect();
        let request = Request {
            principal: Principal::User { arn, id, account },
            action: question.action,
            resource: &question.resource,
            resource_account: Some(account),
            context,
        };
        agree(DECIDE, question, answer(&daypass_policy::decide(&layers(&identity), &request)))?;
        let explained = daypass_policy::explain(&layers(&identity), &request);
        agree(EXPLAIN, question, answer(&explained.decision))?;
        let same = identity.clone();
        Ok(vec![
            Work::new(DECIDE, move || {
                daypass_policy::decide(black_box(&layers(&same)), black_box(&request))
            }),
            // An explanation borrows from what it explains, so it goes where that is.
            Work::new(EXPLAIN, move || {
                let layers = layers(&identity);
                black_box(daypass_policy::explain(black_box(&layers), black_box(&request)));
            }),
        ])
    }

    fn ask_cedar<'a>(&'a self, question: &Question) -> anyhow::Result<Work<'a>> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let context = cedar_policy::Context::from_pairs([
            ("action".to_owned(), text(question.action)),
            ("resource".to_owned(), text(&question.resource)),
            ("region".to_owned(), text(question.region)),
            ("source".to_owned(), RestrictedExpression::new_ip(question.source.to_string())),
            ("team".to_owned(), text(&question.team)),
            ("tls".to_owned(), RestrictedExpression::new_bool(question.tls)),
        ])?;
        let uid = |kind: &str, id: &str| -> anyhow::Result<EntityUid> {
            Ok(EntityUid::from_type_name_and_id(kind.parse()?, id.parse()?))
        };
        let request = cedar_policy::Request::new(
            uid("User", "Ann")?,
            uid("Action", question.action)?,
            uid("Resource", &question.resource)?,
            context,
            None,
        )?;
        let (authorizer, entities) = (Authorizer::new(), Entities::empty());
        let response = authorizer.is_authorized(&request, &self.cedar, &entities);
        let answer = match (response.decision(), response.diagnostics().reason().next()) {
            (cedar_policy::Decision::Allow, _) => Answer::Allowed,
            (cedar_policy::Decision::Deny, None) => Answer::NoAllow,
            (cedar_policy::Decision::Deny, Some(_)) => Answer::ExplicitDeny,
        };
        agree(CEDAR, question, answer)?;
        Ok(Work::new(CEDAR, move || {
            authorizer.is_authorized(black_box(&request), black_box(&self.cedar), &entities)
        }))
    }
}

fn layers<'a>(identity: &'a [Attached<'a>]) -> Layers<'a> {
    Layers { identity, ..Layers::default() }
}

/// What compiling costs each engine. The texts are rendered before.
pub(crate) fn compiling(workload: &Workload) -> Vec<Work<'static>> {
    let (documents, cedar, module) = (workload.iam(), workload.cedar(), workload.rego());
    let same = module.clone();
    vec![
        Work::new(DECIDE, move || daypass(&documents)),
        Work::new(CEDAR, move || cedar.parse::<PolicySet>().ok()),
        Work::new(REGO, move || rego(&module)),
        Work::new(REGO_VM, move || program(rego(&same)?)),
    ]
}

fn daypass(documents: &[String]) -> anyhow::Result<Vec<Policy>> {
    documents.iter().map(|text| Ok(Policy::parse(text, Kind::Identity)?)).collect()
}

/// An engine that has been through its preparation.
fn rego(module: &str) -> anyhow::Result<regorus::Engine> {
    let mut engine = regorus::Engine::new();
    engine.add_policy("bench.rego".to_owned(), module.to_owned())?;
    engine.set_input(regorus::Value::new_object());
    engine.eval_rule(RULE.to_owned())?;
    Ok(engine)
}

fn program(mut engine: regorus::Engine) -> anyhow::Result<Arc<Program>> {
    let policy = engine.compile_with_entrypoint(&RULE.into())?;
    Compiler::compile_from_policy(&policy, &[RULE]).map_err(|error| anyhow!("{error}"))
}

/// As many keys as a request to the service brings; those that are asked for do not come first.
fn context<'a>(question: &'a Question, arn: &'a Arn) -> Context<'a> {
    let mut context = Context::new();
    context.insert("aws:PrincipalArn", arn);
    context.insert("aws:PrincipalAccount", "123456789012");
    context.insert("aws:PrincipalType", "User");
    context.insert("aws:userid", "AIDAAAAAAAAAAAAAAAAAA");
    context.insert("aws:username", "Ann");
    context.insert("aws:EpochTime", 1_767_225_600);
    context.insert("aws:UserAgent", "aws-cli/2.30.0");
    context.insert("aws:SourceIp", std::net::IpAddr::V4(question.source));
    context.insert("aws:SecureTransport", question.tls);
    context.insert(Key::Region.iam(), question.region);
    context.insert(Key::Team.iam(), &*question.team);
    context.insert("aws:PrincipalTag/cost-center", "4711");
    context
}

fn input(question: &Question) -> anyhow::Result<regorus::Value> {
    let Question { action, resource, region, source, team, tls, .. } = question;
    regorus::Value::from_json_str(&format!(
        "{{\"action\": \"{action}\", \"resource\": \"{resource}\", \"region\": \"{region}\", \
         \"source\": \"{source}\", \"team\": \"{team}\", \"tls\": {tls}}}"
    ))
}

fn answer(decision: &Decision) -> Answer {
    match decision {
        Decision::Allowed => Answer::Allowed,
        Decision::Denied(denial) if denial.explicit => Answer::ExplicitDeny,
        Decision::Denied(_) => Answer::NoAllow,
    }
}

fn rego_answer(value: &regorus::Value) -> anyhow::Result<Answer> {
    match &**value.as_string().context("the rule is no text")? {
        "allow" => Ok(Answer::Allowed),
        "no allow" => Ok(Answer::NoAllow),
        "deny" => Ok(Answer::ExplicitDeny),
        other => Err(anyhow!("the rule is {other}")),
    }
}

fn agree(engine: &str, question: &Question, answer: Answer) -> anyhow::Result<()> {
    anyhow::ensure!(
        answer == question.answer,
        "{engine} answers {answer:?} where {:?} is right",
        question.answer
    );
    Ok(())
}
