//! The response of a call as its record holds it. Secrets are left out where they are met: nothing
//! copies them.

use std::fmt::{self, Display};

use daypass_audit::parameter_date;
use jiff::Timestamp;
use serde::Serialize;
use serde::ser::{
    self, Impossible, SerializeMap, SerializeSeq, SerializeStruct, Serializer, StdError,
};
use serde_json::{Map, Value};

use crate::Fault;

/// The members of `output`, their names in lower camel case and dates in CloudTrail's form, and
/// neither secret access keys nor session tokens. A result of which nothing is left is none.
pub(crate) fn response_elements(output: &impl Serialize) -> Result<Option<Value>, Fault> {
    let value = output
        .serialize(Elements)
        .map_err(|error| Fault::internal(format!("recording a response: {error}")))?;
    let is_empty = value.as_object().is_some_and(Map::is_empty);
    Ok((!is_empty).then_some(value))
}

/// The same for members that are there already.
pub(crate) fn lower_camel(members: Map<String, Value>) -> Map<String, Value> {
    let mut kept = Members { kept: Map::new(), name: String::new() };
    for (name, value) in members {
        // INVARIANT: what is JSON already has only shapes that are recorded.
        kept.member(name, &value).unwrap_or_default();
    }
    kept.kept
}

/// AWS records session tokens; we do not (`docs/divergences.md`).
fn is_secret(member: &str) -> bool {
    matches!(member, "SecretAccessKey" | "SessionToken" | "Base32StringSeed" | "QRCodePNG")
}

fn is_date(member: &str) -> bool {
    matches!(member, "CreateDate" | "EnableDate" | "Expiration" | "UpdateDate")
}

fn recorded_date(value: Value) -> Value {
    match value.as_str().and_then(|text| text.parse::<Timestamp>().ok()) {
        Some(instant) => Value::String(parameter_date(instant)),
        None => value,
    }
}

/// Why a response cannot be recorded: it has a shape that no reply of AWS has.
#[derive(Debug)]
struct Unfit(String);

impl Unfit {
    fn shape(what: &str) -> Self {
        Self(format!("no reply has {what}"))
    }
}

impl Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Unfit {}

impl ser::Error for Unfit {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Members of an object, of which some are kept.
struct Members {
    kept: Map<String, Value>,
    /// Of the member that comes next.
    name: String,
}

impl Members {
    fn member(&mut self, name: String, value: &(impl Serialize + ?Sized)) -> Result<(), Unfit> {
        if is_secret(&name) {
            return Ok(());
        }
        let mut value = value.serialize(Elements)?;
        if value.is_null() {
            return Ok(());
        }
        if is_date(&name) {
            value = recorded_date(value);
        }
        let mut name = name;
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        self.kept.insert(name, value);
        Ok(())
    }
}

impl SerializeStruct for Members {
    type Ok = Value;
    type Error = Unfit;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Unfit> {
        self.member(name.to_owned(), value)
    }

    fn end(self) -> Result<Value, Unfit> {
        Ok(Value::Object(self.kept))
    }
}

impl SerializeMap for Members {
    type Ok = Value;
    type Error = Unfit;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unfit> {
        match key.serialize(Elements)? {
            Value::String(name) => self.name = name,
            _ => return Err(Unfit::shape("a name that is no text")),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unfit> {
        let name = std::mem::take(&mut self.name);
        self.member(name, value)
    }

    fn end(self) -> Result<Value, Unfit> {
        Ok(Value::Object(self.kept))
    }
}

/// A list.
struct Items(Vec<Value>);

impl SerializeSeq for Items {
    type Ok = Value;
    type Error = Unfit;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Unfit> {
        self.0.push(item.serialize(Elements)?);
        Ok(())
    }

    fn end(self) -> Result<Value, Unfit> {
        Ok(Value::Array(self.0))
    }
}

/// Makes a value of a response, without what is not recorded.
struct Elements;

/// Numbers and the like are what JSON makes of them.
macro_rules! plain {
    ($($method:ident: $kind:ty),* $(,)?) => {
        $(fn $method(self, value: $kind) -> Result<Value, Unfit> {
            Ok(Value::from(value))
        })*
    };
}

impl Serializer for Elements {
    type Ok = Value;
    type Error = Unfit;
    type SerializeSeq = Items;
    type SerializeTuple = Impossible<Value, Unfit>;
    type SerializeTupleStruct = Impossible<Value, Unfit>;
    type SerializeTupleVariant = Impossible<Value, Unfit>;
    type SerializeMap = Members;
    type SerializeStruct = Members;
    type SerializeStructVariant = Impossible<Value, Unfit>;

    plain! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_f32: f32,
        serialize_f64: f64,
        serialize_str: &str,
    }

    fn serialize_char(self, value: char) -> Result<Value, Unfit> {
        Ok(Value::String(value.to_string()))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Value, Unfit> {
        Err(Unfit::shape("bytes"))
    }

    fn serialize_none(self) -> Result<Value, Unfit> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Unfit> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Unfit> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Unfit> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, Unfit> {
        Ok(Value::from(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, Unfit> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Value, Unfit> {
        Err(Unfit::shape("a variant with contents"))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items, Unfit> {
        Ok(Items(Vec::with_capacity(length.unwrap_or(0))))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Unfit> {
        Err(Unfit::shape("a tuple"))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Unfit> {
        Err(Unfit::shape("a tuple"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unfit> {
        Err(Unfit::shape("a variant with contents"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Members, Unfit> {
        Ok(Members { kept: Map::new(), name: String::new() })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members, Unfit> {
        Ok(Members { kept: Map::new(), name: String::new() })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unfit> {
        Err(Unfit::shape("a variant with contents"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Fails when it is looked at.
    struct Secret;

    impl Serialize for Secret {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(ser::Error::custom("a secret was looked at"))
        }
    }

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Output {
        secret_access_key: Secret,
        user_name: &'static str,
        path: Option<&'static str>,
    }

    #[test]
    fn secrets_are_not_even_read() {
        let output = Output { secret_access_key: Secret, user_name: "ada", path: None };
        let recorded = response_elements(&output).unwrap();
        assert_eq!(recorded, Some(json!({"userName": "ada"})));
        assert!(response_elements(&[Secret]).is_err());
    }

    #[test]
    fn responses_are_recorded_without_their_secrets() {
        let output = json!({
            "Credentials": {
                "AccessKeyId": "ASIAIOSFODNN7EXAMPLE",
                "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "SessionToken": "token",
                "Expiration": "2026-01-02T03:04:05Z",
            },
            "PackedPolicySize": 6,
            "SourceIdentity": null,
        });
        let want = json!({
            "credentials": {
                "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
                "expiration": "Jan 2, 2026, 3:04:05 AM",
            },
            "packedPolicySize": 6,
        });
        assert_eq!(response_elements(&output).unwrap(), Some(want));
        assert_eq!(response_elements(&json!({})).unwrap(), None);
        assert_eq!(response_elements(&json!({"SessionToken": "token"})).unwrap(), None);
    }
}
