//! `daypass service`: registers, lists and removes the services that may assume roles.

use daypass_directory::{KeyOwner, NewService, Service};
use daypass_names::{
    AccountId, Constrained, HostName, ServiceName, ServicePrincipal, SigningName, UniqueId,
    UniqueIdKind,
};
use serde_json::{Value, json};

use crate::operator::accounts::parse_account;
use crate::operator::deployment::Deployment;
use crate::operator::given::Told;
use crate::operator::journal::Journal;
use crate::operator::listing::Room;
use crate::operator::protocol::{Outcome, Registration, ServiceLine, ServiceRemoved, Services};
use crate::operator::refusal::Refusal;

impl Deployment {
    /// Registers a service.
    pub(crate) async fn register_service(
        &self,
        journal: &Journal<'_>,
        registration: &Registration,
    ) -> Result<Outcome, Refusal> {
        let Registration { name, principals, accounts, hosts, signing_names } = registration;
        let new = NewService {
            id: UniqueId::from_random(UniqueIdKind::Service, self.random.array()?),
            name: parse_name(name)?,
            principals: words::<ServicePrincipal>("service principal", principals)?,
            accounts: accounts.iter().map(|text| parse_account(text)).collect::<Result<_, _>>()?,
            hosts: words::<HostName>("host name", hosts)?,
            signing_names: words::<SigningName>("signing name", signing_names)?,
            created: self.clock.now(),
        };
        self.require_trail()?;
        let noting = |made: &Service| journal.note(Some(told(made)));
        let made = self.directory.register_service(new, &noting).await?;
        Ok(Outcome::ServiceRegistered(line(&made)))
    }

    /// Lists the services.
    pub(crate) async fn list_services(&self) -> Result<Outcome, Refusal> {
        let all = self.directory.services().await?;
        let mut room = Room::new();
        let lines = all.iter().map(|one| line(one));
        let services: Vec<_> = lines.take_while(|line| room.takes(line)).collect();
        Ok(Outcome::Services(Services { truncated: all.len() > services.len(), services }))
    }

    /// Removes a service; it goes on while the trail cannot be written.
    pub(crate) async fn remove_service(
        &self,
        journal: &Journal<'_>,
        name: &str,
    ) -> Result<Outcome, Refusal> {
        let service = self.directory.service(&parse_name(name)?).await?;
        let noting = |gone: &Service| journal.note(Some(told(gone)));
        self.directory.remove_service(service.id, &noting).await?;
        for id in &service.access_keys {
            self.app.forget_access_key(id);
        }
        Ok(Outcome::ServiceRemoved(ServiceRemoved {
            name: service.name.to_string(),
            notes: vec![
                "Its access keys are gone, and the sessions that it began are refused from now on, \
                 with all that were made with them."
                    .to_owned(),
            ],
        }))
    }

    /// Gives a service an access key.
    pub(crate) async fn create_service_key(
        &self,
        journal: &Journal<'_>,
        name: &str,
    ) -> Result<Outcome, Refusal> {
        let service = self.directory.service(&parse_name(name)?).await?;
        let (owner, shown) = (KeyOwner::Service(service.id), service.name.to_string());
        // A service is of no account.
        self.create_key(journal, owner, AccountId::ZEROS, shown).await
    }

    /// Deletes an access key of a service.
    pub(crate) async fn delete_service_key(
        &self,
        journal: &Journal<'_>,
        name: &str,
        access_key_id: &str,
    ) -> Result<Outcome, Refusal> {
        let service = self.directory.service(&parse_name(name)?).await?;
        let note = format!(
            "The sessions of roles that it began live on. To end them: daypass revoke service {}",
            service.name
        );
        self.delete_key(journal, KeyOwner::Service(service.id), access_key_id, note).await
    }
}

/// The name of a service.
pub(crate) fn parse_name(text: &str) -> Result<ServiceName, Refusal> {
    word("service name", text)
}

fn words<T: Constrained>(what: &str, texts: &[String]) -> Result<Vec<T>, Refusal> {
    texts.iter().map(|text| word(what, text)).collect()
}

fn word<T: Constrained>(what: &str, text: &str) -> Result<T, Refusal> {
    T::parse(text).map_err(|invalid| {
        let told = Told::word::<T>(text);
        Refusal::invalid(format!("`{told}` is no {what}: {invalid}"))
    })
}

fn line(service: &Service) -> ServiceLine {
    ServiceLine {
        name: service.name.to_string(),
        id: service.id.to_string(),
        principals: texts(&service.principals),
        accounts: texts(&service.accounts),
        hosts: texts(&service.hosts),
        signing_names: texts(&service.signing_names),
        created: format!("{:.3}", service.created),
        access_keys: texts(&service.access_keys),
    }
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

/// A service as records have it.
fn told(service: &Service) -> Value {
    json!({
        "service": {
            "name": service.name.as_str(),
            "id": service.id.to_string(),
            "principals": texts(&service.principals),
            "accounts": texts(&service.accounts),
            "hosts": texts(&service.hosts),
            "signingNames": texts(&service.signing_names),
        }
    })
}
