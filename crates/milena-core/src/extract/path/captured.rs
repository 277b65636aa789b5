use crate::{extract::Rejection, transport::Captures};
use serde::{
    Deserializer,
    de::{self, IntoDeserializer, Visitor, value::MapDeserializer, value::SeqDeserializer},
    forward_to_deserialize_any,
};
use std::{error, fmt};

/// What was captured of a topic's name, for serde to read.
pub(super) struct Captured<'a>(Vec<Capture<'a>>);

/// One capture.
#[derive(Clone, Copy)]
struct Capture<'a> {
    /// From 1.
    number: usize,
    name: Option<&'a str>,
    text: &'a str,
}

impl<'a> Captured<'a> {
    pub(super) fn new(captures: &'a Captures) -> Self {
        let numbered = captures.iter().zip(1..);
        Self(numbered.map(|((name, text), number)| Capture { number, name, text }).collect())
    }

    /// The only capture.
    fn one(&self) -> Result<Capture<'a>, Error> {
        match *self.0 {
            [capture] => Ok(capture),
            _ => Err(self.count(1)),
        }
    }

    fn count(&self, asked: usize) -> Error {
        de::Error::custom(format!(
            "the pattern captured {}, and {asked} {} asked for",
            self.0.len(),
            if asked == 1 { "was" } else { "were" }
        ))
    }
}

macro_rules! only_one {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.one()?.$method(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for &Captured<'_> {
    type Error = Error;

    only_one! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_identifier
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match *self.0 {
            [capture] => capture.deserialize_any(visitor),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.one()?.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(SeqDeserializer::new(self.0.iter().copied()))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        if len != self.0.len() {
            return Err(self.count(len));
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let named = self.0.iter().filter_map(|capture| Some((capture.name?, *capture)));
        visitor.visit_map(MapDeserializer::new(named))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    forward_to_deserialize_any! { unit unit_struct ignored_any }
}

macro_rules! parsed {
    ($($method:ident $visit:ident $type:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let value: $type = self.text.parse().map_err(|_| {
                let cause = format!("`{}` is not a `{}`", self.text, stringify!($type));
                Error { of: Some(self.label()), cause }
            })?;
            visitor.$visit(value).map_err(|error| self.explain(error))
        }
    )*};
}

impl<'de> Deserializer<'de> for Capture<'_> {
    type Error = Error;

    parsed! {
        deserialize_bool visit_bool bool,
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128,
        deserialize_f32 visit_f32 f32,
        deserialize_f64 visit_f64 f64,
        deserialize_char visit_char char,
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.text).map_err(|error| self.explain(error))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let name: de::value::StrDeserializer<'_, Error> = self.text.into_deserializer();
        visitor.visit_enum(name).map_err(|error| self.explain(error))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bytes(self.text.as_bytes()).map_err(|error| self.explain(error))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    forward_to_deserialize_any! {
        str string unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Capture<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Capture<'_> {
    fn label(&self) -> Box<str> {
        match self.name {
            Some(name) => format!("capture `{name}`").into(),
            None => format!("capture {}", self.number).into(),
        }
    }

    fn explain(&self, error: Error) -> Error {
        if error.of.is_some() {
            return error;
        }
        Error { of: Some(self.label()), cause: format!("it is `{}`: {}", self.text, error.cause) }
    }
}

/// Why what was captured is not what was asked for.
#[derive(Debug)]
pub(super) struct Error {
    /// Which capture it is about.
    of: Option<Box<str>>,
    cause: String,
}

impl Error {
    pub(super) fn into_rejection(self) -> Rejection {
        let part = self.of.unwrap_or_else(|| "captures of the topic".into());
        Rejection::new(part, self.cause)
    }
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(cause: T) -> Self {
        Self { of: None, cause: cause.to_string() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl error::Error for Error {}
