//! The story, step by step: a role, a session of it, what the session may do, and how rights are
//! taken back from a session that is alive.

use std::io::Write;

use anyhow::{bail, ensure};
use daypass_demo::{Client, OwnServer, Reply, Service};
use daypass_names::AccountId;
use daypass_sigv4::Credentials;

use crate::demo::narrator::Narrator;

const ROLE: &str = "Reporter";
const EXTERNAL_ID: &str = "acme-42";
const SESSION: &str = "monday-report";
const ROLE_POLICY: &str = "Reading";
const WIDE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:GetRole","iam:ListRoles","iam:ListUsers"],"Resource":"*"}]}"#;
const NARROW: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*"}]}"#;
const SESSION_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:GetRole","iam:ListUsers"],"Resource":"*"}]}"#;

/// Tells the whole story.
pub(crate) async fn tell<W: Write>(
    server: &OwnServer,
    narrator: &mut Narrator<W>,
) -> anyhow::Result<()> {
    let OwnServer { address, account, admin, .. } = server;
    narrator.say(&format!(
        "A Daypass server runs on http://{address}, in memory, until this demo ends.\n\
         It has one account, {account}, and one user, admin, who may do everything. All requests\n\
         below go over HTTP, signed as any AWS SDK signs them."
    ))?;
    let role = format!("arn:aws:iam::{account}:role/{ROLE}");
    let scene = Scene { client: Client::new(*address), account: *account, role };
    scene.make_the_role(admin, narrator).await?;
    scene.give_the_role_rights(admin, narrator).await?;
    scene.assume_with_a_wrong_external_id(admin, narrator).await?;
    let session = scene.assume(admin, narrator).await?;
    scene.ask_who_the_session_is(&session, narrator).await?;
    scene.do_what_the_session_may(&session, narrator).await?;
    scene.try_what_the_session_may_not(&session, narrator).await?;
    scene.narrow_the_role(admin, &session, narrator).await?;
    scene.tamper_with_the_token(&session, narrator).await?;
    narrator.say(
        "\nEvery answer was the expected one. `daypass serve --ephemeral` runs a server like this\n\
         one for your own clients; `daypass serve --help` says more.",
    )?;
    Ok(())
}

/// What stays the same through all steps.
struct Scene {
    client: Client,
    account: AccountId,
    role: String,
}

impl Scene {
    async fn make_the_role<W: Write>(
        &self,
        admin: &Credentials,
        narrator: &mut Narrator<W>,
    ) -> anyhow::Result<()> {
        let principal = format!("arn:aws:iam::{}:user/admin", self.account);
        let trust = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"sts:AssumeRole","Condition":{{"StringEquals":{{"sts:ExternalId":"{EXTERNAL_ID}"}}}}}}]}}"#
        );
        narrator.step("A role is a set of rights to be lent. Its trust policy says to whom.")?;
        let who = format!("trust policy: {principal}, who must know the external id {EXTERNAL_ID}");
        narrator.asks("admin", "iam:CreateRole", &[&format!("name: {ROLE}"), &who])?;
        let form = [("RoleName", ROLE), ("AssumeRolePolicyDocument", &trust)];
        let reply = self.client.call(admin, Service::Iam, "CreateRole", &form).await?;
        granted(&reply)?;
        let arn = reply.text("Arn")?;
        ensure!(arn == self.role, "the role should be {}, not {arn}", self.role);
        narrator.granted(&[&arn])?;
        Ok(())
    }

    async fn give_the_role_rights<W: Write>(
        &self,
        admin: &Credentials,
        narrator: &mut Narrator<W>,
    ) -> anyhow::Result<()> {
        narrator.step("Its permission policy says what whoever wears it may do.")?;
        let details = ["policy: allow iam:GetRole, iam:ListRoles and iam:ListUsers"];
        narrator.asks("admin", "iam:PutRolePolicy", &details)?;
        granted(&self.put_role_policy(admin, WIDE).await?)?;
        narrator.granted(&[])?;
        Ok(())
    }

    async fn assume_with_a_wrong_external_id<W: Write>(
        &self,
        admin: &Credentials,
        narrator: &mut Narrator<W>,
    ) -> anyhow::Result<()> {
        narrator.step("The trust policy holds for everybody, administrators included.")?;
        narrator.asks("admin", "sts:AssumeRole", &["external id: acme-43, which is wrong"])?;
        let form =
            [("RoleArn", &*self.role), ("RoleSessionName", SESSION), ("ExternalId", "acme-43")];
        let reply = self.client.call(admin, Service::Sts, "AssumeRole", &form).await?;
        let message = refused(&reply, "AccessDenied")?;
        narrator.refused("AccessDenied", &message)?;
        Ok(())
    }

    async fn assume<W: Write>(
        &self,
        admin: &Credentials,
        narrator: &mut Narrator<W>,
    ) -> anyhow::Result<Credentials> {
        narrator.step("With the right one there are credentials, for 15 minutes.")?;
        narrator.asks(
            "admin",
            "sts:AssumeRole",
            &[
                &format!("external id: {EXTERNAL_ID}"),
                &format!("session name: {SESSION}"),
                "session policy: allow iam:GetRole and iam:ListUsers (less than the role has)",
            ],
        )?;
        let form = [
            ("RoleArn", &*self.role),
            ("RoleSessionName", SESSION),
            ("ExternalId", EXTERNAL_ID),
            ("Policy", SESSION_POLICY),
            ("DurationSeconds", "900"),
        ];
        let reply = self.client.call(admin, Service::Sts, "AssumeRole", &form).await?;
        granted(&reply)?;
        let session = reply.credentials()?;
        let length = session.session_token.as_ref().map_or(0, String::len);
        let (id, until) = (session.access_key_id.as_str(), reply.text("Expiration")?);
        narrator.granted(&[
            &format!("access key {id}, valid until {until}"),
            &format!("and a session token of {length} characters; the server keeps no copy"),
        ])?;
        Ok(session)
    }

    async fn ask_who_the_session_is<W: Write>(
        &self,
        session: &Credentials,
        narrator: &mut Narrator<W>,
    ) -> anyhow::Result<()> {
        narrator.step("Whoever holds them is the role now, not admin.")?;
        narrator.asks("the session", "sts:GetCallerIdentity", &[])?;
        let reply = self.client.call(session, Service::Sts, "GetCallerIdentity", &[]).await?;
        granted(&reply)?;
        let expected = format!("arn:aws:sts::{}:assumed-role/{ROLE}/{SESSION}", self.account);
        let arn = reply.text("Arn")?;
        ensure!(arn == expected, "the session should be {expected}, not {arn}");
        narrator.granted(&[&arn])?;
        Ok(())
    }

    async fn do_what_the_session_may<W: Write>(
        &self,
        session: &Credentials,
        narrator: &mut Narrator<W>,
    ) -> anyhow::Result<()> {
        narrator.step("It may do what the role's policy and the session policy both allow.")?;
        narrator.asks("the session", "iam:GetRole", &[&format!("name: {ROLE}")])?;
        let reply = self.role_of(session).await?;
        granted(&reply)?;
        narrator.granted(&[&format!(
            "{}, created {}",
            reply.text("Arn")?,
            reply.text("CreateDate")?
        )])?;
        Ok(())
    }

    async fn try_what_the_session_may_not<W: Write>(
        &self,
        session: &Credentials,
        narrator: &mut Narrator<W>,
    ) -> anyhow::Result<()> {
        narrator.step("The role may list roles; this session of it may not.")?;
        narrator.asks("the session", "iam:ListRoles", &[])?;
        let reply = self.client.call(session, Service::Iam, "ListRoles", &[]).await?;
        let message = refused(&reply, "AccessDenied")?;
        ensure!(
            message.contains("no session policy allows the iam:ListRoles action"),
            "the refusal should name the session policy: {message}"
        );
        narrator.refused("AccessDenied", &message)?;
        Ok(())
    }

    async fn narrow_the_role<W: Write>(
        &self,
        admin: &Credentials,
        session: &Credentials,
        narrator: &mut Narrator<W>,
    ) -> anyhow::Result<()> {
        narrator.step(
            "Rights are looked up, not carried: the role loses one, and so does the session.",
        )?;
        narrator.asks("admin", "iam:PutRolePolicy", &["policy: allow iam:ListUsers only"])?;
        granted(&self.put_role_policy(admin, NARROW).await?)?;
        narrator.granted(&[])?;
        narrator.asks("the session", "iam:GetRole", &["the very request of step 6"])?;
        let message = refused(&self.role_of(session).await?, "AccessDenied")?;
        narrator.refused("AccessDenied", &message)?;
        narrator.asks("the session", "iam:ListUsers", &["which the role still has"])?;
        let reply = self.client.call(session, Service::Iam, "ListUsers", &[]).await?;
        granted(&reply)?;
        narrator.granted(&[&reply.text("Arn")?])?;
        Ok(())
    }

    async fn tamper_with_the_token<W: Write>(
        &self,
        session: &Credentials,
        narrator: &mut Narrator<W>,
    ) -> anyhow::Result<()> {
        narrator
            .step("Everything about the session is sealed in its token: a changed one is void.")?;
        narrator.asks(
            "the session",
            "sts:GetCallerIdentity",
            &["with one character of its token changed, signed with the right secret"],
        )?;
        let token = session.session_token.as_deref().map(tampered);
        let forged = Credentials { session_token: token, ..session.clone() };
        let reply = self.client.call(&forged, Service::Sts, "GetCallerIdentity", &[]).await?;
        let message = refused(&reply, "InvalidClientTokenId")?;
        narrator.refused("InvalidClientTokenId", &message)?;
        Ok(())
    }

    async fn put_role_policy(&self, admin: &Credentials, text: &str) -> anyhow::Result<Reply> {
        let form = [("RoleName", ROLE), ("PolicyName", ROLE_POLICY), ("PolicyDocument", text)];
        self.client.call(admin, Service::Iam, "PutRolePolicy", &form).await
    }

    async fn role_of(&self, caller: &Credentials) -> anyhow::Result<Reply> {
        self.client.call(caller, Service::Iam, "GetRole", &[("RoleName", ROLE)]).await
    }
}

/// The token with the character in its middle replaced by another one.
fn tampered(token: &str) -> String {
    let middle = token.len() / 2;
    let other = |was: char| if was == 'A' { 'B' } else { 'A' };
    let changed = token.char_indices().map(|(at, was)| if at == middle { other(was) } else { was });
    changed.collect()
}

fn granted(reply: &Reply) -> anyhow::Result<()> {
    if reply.status == 200 {
        return Ok(());
    }
    bail!("this should have been granted, but the answer was {}: {}", reply.status, reply.body)
}

/// The message of a refusal with that code.
fn refused(reply: &Reply, code: &str) -> anyhow::Result<String> {
    let answered = reply.text("Code").unwrap_or_default();
    if reply.status == 403 && answered == code {
        return reply.text("Message");
    }
    bail!("this should have been refused with {code}: {} {}", reply.status, reply.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tampered_token_differs_in_one_character() {
        for token in ["A", "ABCDE", "FwoGZXIvYXdzEBY="] {
            let forged = tampered(token);
            assert_eq!(forged.len(), token.len());
            let differing = forged.chars().zip(token.chars()).filter(|(one, two)| one != two);
            assert_eq!(differing.count(), 1, "{token}");
        }
    }
}
