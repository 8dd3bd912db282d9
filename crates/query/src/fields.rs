//! Typed reading of a form: each value is checked against its constraints as it is read, and all
//! that fail are collected, since AWS reports them together.
//!
//! Parameters that nobody asks for are ignored, as AWS does. What stands where a list is expected
//! but does not have a list's form is not ignored: a policy that is passed over would widen what
//! the caller asked for.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::form::after;
use crate::invalid::Value;
use crate::{Form, Invalid};

/// What a text must satisfy, as the service models state it.
#[derive(Clone, Copy, Debug)]
pub struct TextRule {
    /// Least number of characters.
    pub min: usize,
    /// Greatest number of characters.
    pub max: usize,
    /// The pattern as the service model writes it; faults repeat it.
    pub pattern: &'static str,
    /// Whether a text fits the pattern, whatever its length.
    pub fits: fn(&str) -> bool,
}

/// The fields of an operation's input, or of a structure within it.
///
/// Names are those of the wire (`RoleSessionName`). A value that fails a constraint reads as
/// `None`, exactly as one that is missing, so the caller must call [`finish`](Self::finish) before it
/// acts on what it read; that tells the two apart. Structures and list members share the
/// collection of faults with the input that they were read from.
#[must_use = "faults are reported by `finish` only"]
pub struct Fields<'a> {
    form: &'a Form<'a>,
    /// The name that precedes those of this structure's fields, such as `Tags.member.1`; empty
    /// for the input itself.
    prefix: Cow<'a, str>,
    /// Shared by a structure and what it is part of, from the first structure, list member or
    /// fault on: an input of plain values that are well costs no allocation. A lock rather than a
    /// cell so that an input can be decoded in a task that moves between threads.
    faults: Option<Arc<Mutex<Invalid>>>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(form: &'a Form<'a>) -> Self {
        Self { form, prefix: Cow::Borrowed(""), faults: None }
    }

    /// Ends reading.
    ///
    /// # Errors
    /// Every constraint that failed, in the order of reading.
    pub fn finish(self) -> Result<(), Invalid> {
        let Some(faults) = self.faults else { return Ok(()) };
        let faults = faults.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.is_empty() { Ok(()) } else { Err(faults.clone()) }
    }

    /// Whether the field is there: as a value, a structure, a list or a map.
    pub fn has(&self, name: &str) -> bool {
        let [prefix, dot, name] = self.wire(name);
        self.form.value(&[prefix, dot, name]).is_some()
            || self.form.names_under(&[prefix, dot, name, "."]).next().is_some()
    }

    /// Adds a fault when the field is missing: `Value null at 'roleArn' failed to satisfy
    /// constraint: Member must not be null`.
    pub fn required(&mut self, name: &str) {
        if !self.has(name) {
            self.null(name);
        }
    }

    /// Adds a fault that a parser outside found. `value` is repeated unless it is `None`.
    pub fn fault(&mut self, name: &str, value: Option<&str>, message: &str) {
        let value = value.map_or(Value::Hidden, Value::shown);
        self.push(value, name, message.to_owned());
    }

    /// Refuses the input with a sentence of its own, as AWS does where a rule is no constraint of
    /// one member (`nothing-valid-in-here is invalid`). Only the first such sentence counts, and
    /// only when every constraint holds.
    pub fn refuse(&mut self, message: impl Into<String>) {
        self.collect(|faults| faults.refuse(message.into()));
    }

    /// An optional text.
    pub fn text(&mut self, name: &str, rule: &TextRule) -> Option<&'a str> {
        let text = self.raw(name)?;
        self.checked(name, text, rule, Value::shown)
    }

    /// A text that must be there.
    pub fn required_text(&mut self, name: &str, rule: &TextRule) -> Option<&'a str> {
        let text = self.required_raw(name)?;
        self.checked(name, text, rule, Value::shown)
    }

    /// An optional text that no fault repeats: a password, a code, a token.
    pub fn secret_text(&mut self, name: &str, rule: &TextRule) -> Option<&'a str> {
        let text = self.raw(name)?;
        self.checked(name, text, rule, |_| Value::Hidden)
    }

    /// A text that must be there and that no fault repeats.
    pub fn required_secret_text(&mut self, name: &str, rule: &TextRule) -> Option<&'a str> {
        let text = self.required_raw(name)?;
        self.checked(name, text, rule, |_| Value::Hidden)
    }

    /// A text that must be there and that no fault repeats, without the white space around it. Of that
    /// there may be `around` bytes; where there is more, it counts as part of the text.
    pub fn required_secret_trimmed(
        &mut self,
        name: &str,
        rule: &TextRule,
        around: usize,
    ) -> Option<&'a str> {
        let text = self.required_raw(name)?;
        let bare = text.trim_ascii();
        let text = if text.len().saturating_sub(bare.len()) <= around { bare } else { text };
        self.checked(name, text, rule, |_| Value::Hidden)
    }

    /// An optional whole number from `min` to `max`, in decimal, with no plus sign or space.
    pub fn integer(&mut self, name: &str, min: i64, max: i64) -> Option<i64> {
        let text = self.raw(name)?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            // The wording is ours: the text that AWS has for it is not known.
            self.push(Value::shown(text), name, "Member must be an integer".to_owned());
            return None;
        }
        // What does not fit 64 bits is beyond every bound.
        let beyond = if text.starts_with('-') { i64::MIN } else { i64::MAX };
        let number = text.parse().unwrap_or(beyond);
        let message = if number < min {
            format!("Member must have value greater than or equal to {min}")
        } else if number > max {
            format!("Member must have value less than or equal to {max}")
        } else {
            // INVARIANT: when the number did not parse, it is in range only if the range has no
            // bound on that side, and then the nearest number is what it is taken for.
            return Some(number);
        };
        self.push(Value::shown(text), name, message);
        None
    }

    /// An optional `true` or `false`.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        self.choice(name, &["true", "false"]).map(|text| text == "true")
    }

    /// An optional one of several words, exactly as written.
    pub fn choice(&mut self, name: &str, words: &[&str]) -> Option<&'a str> {
        let text = self.raw(name)?;
        if words.contains(&text) {
            return Some(text);
        }
        let message = format!("Member must satisfy enum value set: [{}]", words.join(", "));
        self.push(Value::shown(text), name, message);
        None
    }

    /// A structure: its fields are named `Name.field`. Whether it is there, [`has`](Self::has)
    /// tells.
    pub fn structure(&mut self, name: &str) -> Fields<'a> {
        let prefix = Cow::Owned(self.wire(name).concat());
        Fields { form: self.form, prefix, faults: Some(self.shared()) }
    }

    /// The members of a list, `Name.member.1` and so on, in order. An empty list is written
    /// `Name=` or not at all.
    ///
    /// For a list of structures, read the fields of each member; for one of texts there is
    /// [`texts`](Self::texts).
    pub fn list(&mut self, name: &str) -> impl Iterator<Item = Fields<'a>> + use<'a> {
        self.numbered(name, "member")
    }

    /// The entries of a map, `Name.entry.1.key` and `Name.entry.1.value`, in order: the fields
    /// `key` and `value` of each.
    pub fn map(&mut self, name: &str) -> impl Iterator<Item = Fields<'a>> + use<'a> {
        self.numbered(name, "entry")
    }

    /// A list of texts. Members that fail the rule are left out and are faults.
    pub fn texts(&mut self, name: &str, rule: &TextRule) -> Vec<&'a str> {
        self.list(name).filter_map(|mut member| member.required_text("", rule)).collect()
    }

    fn numbered(
        &mut self,
        name: &str,
        kind: &'static str,
    ) -> impl Iterator<Item = Fields<'a>> + use<'a> {
        let form = self.form;
        let [prefix, dot, last] = self.wire(name);
        let list = [prefix, dot, last, ".", kind, "."];
        let members = form.members(&list);
        let all = [prefix, dot, last, "."];
        let odd = form.names_under(&all).any(|other| after(other, &list).is_none());
        if odd || self.raw(name).is_some_and(|value| !value.is_empty()) {
            // The wording is ours: AWS's is not known.
            self.push(Value::Hidden, name, format!("Member must be written as {name}.{kind}.N"));
        }
        // A list without members has nobody to share the faults with.
        let shared = (!members.is_empty()).then(|| self.shared());
        members.into_iter().map(move |member| Fields {
            form,
            prefix: Cow::Borrowed(member),
            faults: shared.clone(),
        })
    }

    fn shared(&mut self) -> Arc<Mutex<Invalid>> {
        Arc::clone(self.faults.get_or_insert_default())
    }

    fn required_raw(&mut self, name: &str) -> Option<&'a str> {
        let text = self.raw(name);
        if text.is_none() {
            self.null(name);
        }
        text
    }

    fn checked(
        &mut self,
        name: &str,
        text: &'a str,
        rule: &TextRule,
        echo: fn(&str) -> Value,
    ) -> Option<&'a str> {
        let mut valid = true;
        let mut fail = |message| {
            self.push(echo(text), name, message);
            valid = false;
        };
        // A character has one to four bytes: mostly the bytes already tell, without counting.
        let bytes = text.len();
        if bytes < rule.min.saturating_mul(4) && text.chars().count() < rule.min {
            fail(format!("Member must have length greater than or equal to {}", rule.min));
        }
        if bytes > rule.max && text.chars().count() > rule.max {
            fail(format!("Member must have length less than or equal to {}", rule.max));
        }
        // A pattern that wants a character at least fails for none, too.
        if !(rule.fits)(text) || (text.is_empty() && rule.pattern.ends_with('+')) {
            fail(format!("Member must satisfy regular expression pattern: {}", rule.pattern));
        }
        valid.then_some(text)
    }

    fn collect(&mut self, add: impl FnOnce(&mut Invalid)) {
        let faults = self.faults.get_or_insert_default();
        // Faults are only ever added, so they are whole even if a holder panicked.
        add(&mut faults.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn null(&mut self, name: &str) {
        self.push(Value::Null, name, "Member must not be null".to_owned());
    }

    fn push(&mut self, value: Value, name: &str, message: String) {
        let path = self.faulty(name);
        self.collect(|faults| faults.push(value, path, message));
    }

    fn raw(&self, name: &str) -> Option<&'a str> {
        self.form.value(&self.wire(name))
    }

    /// The full name of a field on the wire, in pieces; the empty name is the structure itself.
    fn wire<'n>(&'n self, name: &'n str) -> [&'n str; 3] {
        let dot = if self.prefix.is_empty() || name.is_empty() { "" } else { "." };
        [&self.prefix, dot, name]
    }

    /// The full name of a field in a fault: only the first letter of each part is lowered
    /// (`sAMLMetadataDocument`), and an index stands before its `member`.
    fn faulty(&self, name: &str) -> String {
        let mut path = String::new();
        let mut parts = self.prefix.split('.').chain([name]).filter(|part| !part.is_empty());
        while let Some(part) = parts.next() {
            // At the start of a name the two words are ordinary names.
            let list = !path.is_empty() && (part == "member" || part == "entry");
            let index = if list { parts.next() } else { None };
            for part in index.into_iter().chain([part]) {
                if !path.is_empty() {
                    path.push('.');
                }
                let mut letters = part.chars();
                path.extend(letters.next().map(|first| first.to_ascii_lowercase()));
                path.push_str(letters.as_str());
            }
        }
        path
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MAX_ECHO, MAX_ECHOES, MAX_FAULTS, error_xml};

    const NAME: TextRule = TextRule {
        min: 2,
        max: 8,
        pattern: r"[\w+=,.@-]*",
        fits: |text| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
    };
    const ANY: TextRule = TextRule { min: 0, max: 100_000, pattern: "", fits: |_| true };

    fn form(query: &str) -> Form<'_> {
        Form::parse(query, b"").unwrap()
    }

    /// Reads `query` and compares what was read and what was reported.
    fn check<T: PartialEq + fmt::Debug>(
        query: &str,
        read: impl Fn(&mut Fields<'_>) -> T,
        value: T,
        message: &str,
    ) {
        let form = form(query);
        let mut fields = form.fields();
        assert_eq!(read(&mut fields), value, "{query}");
        let invalid = fields.finish().err().map(|invalid| invalid.to_string());
        assert_eq!(invalid.unwrap_or_default(), message, "{query}");
    }

    fn owned(text: Option<&str>) -> Option<String> {
        text.map(str::to_owned)
    }

    fn ok(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn fields_go_between_threads() {
        fn check<T: Send>(_: T) {}
        check(form("").fields());
    }

    #[test]
    fn texts_follow_their_rule() {
        let read = |fields: &mut Fields<'_>| owned(fields.text("RoleSessionName", &NAME));
        check("RoleSessionName=alice", read, ok("alice"), "");
        check("roleSessionName=alice", read, None, "");
        check("", read, None, "");
        check(
            "RoleSessionName=Sess1:2",
            read,
            None,
            r"1 validation error detected: Value 'Sess1:2' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*",
        );
        check(
            "RoleSessionName=",
            read,
            None,
            "1 validation error detected: Value '' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2",
        );
        check(
            "RoleSessionName=has+a+space",
            read,
            None,
            r"2 validation errors detected: Value 'has a space' at 'roleSessionName' failed to satisfy constraint: Member must have length less than or equal to 8; Value 'has a space' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*",
        );
        // A pattern that wants a character is not fitted by none.
        let read = |fields: &mut Fields<'_>| {
            fields.text("A", &TextRule { min: 1, pattern: "[a-z]+", ..ANY }).is_some()
        };
        check("A=a", read, true, "");
        check(
            "A=",
            read,
            false,
            "2 validation errors detected: Value '' at 'a' failed to satisfy constraint: Member must have length greater than or equal to 1; Value '' at 'a' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]+",
        );
        // Lengths are in characters.
        let read = |fields: &mut Fields<'_>| {
            fields.text("A", &TextRule { min: 2, max: 2, ..ANY }).is_some()
        };
        check("A=%C3%A9%C3%A9", read, true, "");
    }

    #[test]
    fn what_is_required_is_missed() {
        let missing = "1 validation error detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null";
        let read = |fields: &mut Fields<'_>| owned(fields.required_text("RoleArn", &NAME));
        check("", read, None, missing);
        check("RoleArn=arn", read, ok("arn"), "");
        check("RoleArn.x=arn", read, None, missing);
        let read = |fields: &mut Fields<'_>| fields.required("RoleArn");
        check("", read, (), missing);
        check("RoleArn=", read, (), "");
        check("RoleArn.member.1=x", read, (), "");
        check("RoleArnX=1", read, (), missing);
    }

    #[test]
    fn secrets_are_never_repeated() {
        let read = |fields: &mut Fields<'_>| {
            (owned(fields.secret_text("A", &NAME)), owned(fields.required_secret_text("B", &NAME)))
        };
        check("A=good&B=better", read, (ok("good"), ok("better")), "");
        check(
            "A=hunter2-hunter2&B=:)",
            read,
            (None, None),
            r"2 validation errors detected: Value at 'a' failed to satisfy constraint: Member must have length less than or equal to 8; Value at 'b' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*",
        );
        check(
            "",
            read,
            (None, None),
            "1 validation error detected: Value null at 'b' failed to satisfy constraint: Member must not be null",
        );
    }

    #[test]
    fn white_space_around_a_secret_is_no_part_of_it() {
        let rule = TextRule { min: 2, max: 4, ..ANY };
        let read = |fields: &mut Fields<'_>| owned(fields.required_secret_trimmed("A", &rule, 3));
        for (value, want) in [
            ("abcd", Some("abcd")),
            ("abcd%0A", Some("abcd")),
            ("%20abcd%0D%0A", Some("abcd")),
            ("a+b", Some("a b")),
            // More of it than there may be is counted.
            ("++++", Some("    ")),
        ] {
            check(&format!("A={value}"), read, want.map(str::to_owned), "");
        }
        let message = |constraint: &str| {
            format!(
                "1 validation error detected: Value at 'a' failed to satisfy constraint: Member must have length {constraint}"
            )
        };
        for value in ["abcde", "abcde%0A", "abc++++", "++++abc"] {
            let want = message("less than or equal to 4");
            check(&format!("A={value}"), read, None, &want);
        }
        for value in ["", "+++", "a%0A"] {
            let want = message("greater than or equal to 2");
            check(&format!("A={value}"), read, None, &want);
        }
    }

    #[test]
    fn integers_have_a_range() {
        let read = |fields: &mut Fields<'_>| fields.integer("DurationSeconds", 900, 43200);
        let message = |value: &str, constraint: &str| {
            format!(
                "1 validation error detected: Value '{value}' at 'durationSeconds' failed to satisfy constraint: Member must {constraint}"
            )
        };
        check("", read, None, "");
        for (text, number) in [("900", 900), ("43200", 43200), ("0003600", 3600)] {
            check(&format!("DurationSeconds={text}"), read, Some(number), "");
        }
        let low = "have value greater than or equal to 900";
        let high = "have value less than or equal to 43200";
        for (text, constraint) in [
            ("899", low),
            ("-1", low),
            ("-99999999999999999999999", low),
            ("43201", high),
            ("99999999999999999999999", high),
            ("", "be an integer"),
            ("-", "be an integer"),
            ("--1", "be an integer"),
            ("1e3", "be an integer"),
            ("1000.0", "be an integer"),
            ("0x400", "be an integer"),
            ("one", "be an integer"),
        ] {
            check(&format!("DurationSeconds={text}"), read, None, &message(text, constraint));
        }
        check("DurationSeconds=%2B900", read, None, &message("+900", "be an integer"));
        check("DurationSeconds=+900", read, None, &message(" 900", "be an integer"));
    }

    #[test]
    fn words_are_exact() {
        let read = |fields: &mut Fields<'_>| fields.boolean("SetAsDefault");
        check("SetAsDefault=true", read, Some(true), "");
        check("SetAsDefault=false", read, Some(false), "");
        check(
            "SetAsDefault=True",
            read,
            None,
            "1 validation error detected: Value 'True' at 'setAsDefault' failed to satisfy constraint: Member must satisfy enum value set: [true, false]",
        );
        let read =
            |fields: &mut Fields<'_>| owned(fields.choice("Status", &["Active", "Inactive"]));
        check("Status=Active", read, ok("Active"), "");
        check(
            "Status=active",
            read,
            None,
            "1 validation error detected: Value 'active' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive]",
        );
    }

    #[test]
    fn lists_hold_structures_and_texts() {
        let read = |fields: &mut Fields<'_>| -> Vec<_> {
            fields
                .list("Tags")
                .map(|mut tag| {
                    (owned(tag.required_text("Key", &NAME)), owned(tag.text("Value", &ANY)))
                })
                .collect()
        };
        check(
            "Tags.member.2.Key=k2&Tags.member.1.Key=k1&Tags.member.1.Value=v",
            read,
            vec![(ok("k1"), ok("v")), (ok("k2"), None)],
            "",
        );
        check(
            "Tags.member.1.Key=k:&Tags.member.2.Value=v",
            read,
            vec![(None, None), (None, ok("v"))],
            r"2 validation errors detected: Value 'k:' at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*; Value null at 'tags.2.member.key' failed to satisfy constraint: Member must not be null",
        );
        // Twelve members: by number, not by the order of the names.
        let query: Vec<String> =
            (1..=12).map(|index| format!("Tags.member.{index}.Key=k{index}")).collect();
        let want = (1..=12).map(|index| (ok(&format!("k{index}")), None)).collect();
        check(&query.join("&"), read, want, "");
        check("", read, vec![], "");
        check("Tags=", read, vec![], "");

        let read = |fields: &mut Fields<'_>| -> Vec<String> {
            fields.texts("TransitiveTagKeys", &NAME).into_iter().map(str::to_owned).collect()
        };
        check(
            "TransitiveTagKeys.member.1=team&TransitiveTagKeys.member.2=cost",
            read,
            vec!["team".to_owned(), "cost".to_owned()],
            "",
        );
        check(
            "TransitiveTagKeys.member.1=x&TransitiveTagKeys.member.2.Key=team",
            read,
            vec![],
            "2 validation errors detected: Value 'x' at 'transitiveTagKeys.1.member' failed to satisfy constraint: Member must have length greater than or equal to 2; Value null at 'transitiveTagKeys.2.member' failed to satisfy constraint: Member must not be null",
        );
    }

    /// A session policy that is sent in a list of the wrong form must not be passed over.
    #[test]
    fn what_looks_like_a_list_but_is_none_is_a_fault() {
        let read = |fields: &mut Fields<'_>| fields.list("PolicyArns").count();
        let message = "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must be written as PolicyArns.member.N";
        for (query, count) in [
            ("PolicyArns=arn", 0),
            ("PolicyArns.1.arn=arn", 0),
            ("PolicyArns.Member.1.arn=arn", 0),
            ("PolicyArns.arn=arn", 0),
            ("PolicyArns.member.1.arn=a&PolicyArns.members.1.arn=b", 1),
            ("PolicyArns.entry.1.value=a", 0),
        ] {
            check(query, read, count, message);
        }
        check("PolicyArns.member.1.arn=a&PolicyArnsOther=b", read, 1, "");
    }

    #[test]
    fn structures_and_maps_nest() {
        let read = |fields: &mut Fields<'_>| {
            owned(fields.structure("TaskPolicyArn").required_text("arn", &NAME))
        };
        check("TaskPolicyArn.arn=policy", read, ok("policy"), "");
        check(
            "",
            read,
            None,
            "1 validation error detected: Value null at 'taskPolicyArn.arn' failed to satisfy constraint: Member must not be null",
        );
        let read = |fields: &mut Fields<'_>| -> Vec<_> {
            fields
                .map("Attributes")
                .map(|mut entry| {
                    (owned(entry.text("key", &NAME)), owned(entry.text("value", &NAME)))
                })
                .collect()
        };
        check(
            "Attributes.entry.1.key=colour&Attributes.entry.1.value=r",
            read,
            vec![(ok("colour"), None)],
            "1 validation error detected: Value 'r' at 'attributes.1.entry.value' failed to satisfy constraint: Member must have length greater than or equal to 2",
        );
        let read = |fields: &mut Fields<'_>| -> Vec<Vec<String>> {
            fields
                .list("ContextEntries")
                .map(|mut entry| {
                    let values = entry.texts("ContextKeyValues", &NAME);
                    values.into_iter().map(str::to_owned).collect()
                })
                .collect()
        };
        check(
            "ContextEntries.member.1.ContextKeyValues.member.1=one&ContextEntries.member.2.ContextKeyValues.member.1=t",
            read,
            vec![vec!["one".to_owned()], vec![]],
            "1 validation error detected: Value 't' at 'contextEntries.2.member.contextKeyValues.1.member' failed to satisfy constraint: Member must have length greater than or equal to 2",
        );
    }

    #[test]
    fn parsers_outside_add_their_faults() {
        let read = |fields: &mut Fields<'_>| {
            fields.fault("SAMLMetadataDocument", Some("<x>"), "Member must be well");
            fields.structure("A").fault("B", None, "Member must be hidden");
        };
        check(
            "",
            read,
            (),
            "2 validation errors detected: Value '<x>' at 'sAMLMetadataDocument' failed to satisfy constraint: Member must be well; Value at 'a.b' failed to satisfy constraint: Member must be hidden",
        );
    }

    #[test]
    fn a_refusal_counts_when_every_constraint_holds() {
        let read = |fields: &mut Fields<'_>| {
            fields.structure("A").refuse("x is invalid");
            fields.refuse("y is invalid".to_owned());
            fields.text("B", &NAME).is_some()
        };
        check("B=good", read, true, "x is invalid");
        check(
            "B=b",
            read,
            false,
            "1 validation error detected: Value 'b' at 'b' failed to satisfy constraint: Member must have length greater than or equal to 2",
        );
    }

    #[test]
    fn messages_are_bounded() {
        let query = format!("A={}", "%C3%A9".repeat(MAX_ECHO + 1));
        let form = form(&query);
        let mut fields = form.fields();
        for _ in 0..MAX_FAULTS + 10 {
            assert_eq!(fields.text("A", &TextRule { max: 1, ..ANY }), None);
        }
        let invalid = fields.finish().unwrap_err();
        assert_eq!(invalid.count(), MAX_FAULTS + 10);
        let message = invalid.to_string();
        assert!(message.starts_with("42 validation errors detected: Value 'éé"));
        assert_eq!(message.matches("failed to satisfy").count(), MAX_FAULTS);
        // Each is cut, and all together are: the first fifteen have 2,048 characters of two bytes and
        // the sign of a cut, and what is left goes to the next.
        let shown = MAX_ECHOES / 2;
        assert!((shown - 32..=shown).contains(&message.matches('é').count()), "{}", message.len());
        assert_eq!(message.matches('…').count(), MAX_FAULTS);
    }

    /// Whoever has not proven anything gets such texts: they are short as XML as well.
    #[test]
    fn messages_are_bounded_as_xml_too() {
        for odd in ["%22", "%0D", "%01", "%C3%A9", "%F0%9F%94%91"] {
            let query = format!("A={}", odd.repeat(MAX_ECHO));
            let form = form(&query);
            let mut fields = form.fields();
            for _ in 0..MAX_FAULTS {
                assert_eq!(fields.text("A", &TextRule { max: 1, ..ANY }), None);
            }
            let message = fields.finish().unwrap_err().to_string();
            let reply = error_xml("", "Sender", "ValidationError", &message, "");
            assert!(reply.len() < 128 << 10, "{odd}: {}", reply.len());
        }
    }
}
