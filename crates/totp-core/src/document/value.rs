//! A parsed document: names, values, and the position of each for errors.

use std::borrow::Cow;
use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

/// The value of a field.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(crate) enum Value<'t> {
    Text(Cow<'t, str>),
    /// A whole number; `None` if it exceeds 64 bits.
    Integer(Option<i64>),
    Boolean(bool),
    Datetime(Datetime),
    List(Vec<Placed<'t>>),
    Table(Fields<'t>),
    /// A number that is not whole, which no field can hold.
    Fraction,
}

/// A value and the offset at which it begins; for a table, that of its header.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(crate) struct Placed<'t> {
    pub(super) at: usize,
    pub(super) value: Value<'t>,
}

/// A name in a table, its offset, and its value.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) struct Named<'t> {
    pub(super) name: Cow<'t, str>,
    pub(super) at: usize,
    pub(super) placed: Placed<'t>,
}

/// The names in a table, in the order of the document.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(crate) struct Fields<'t>(Vec<Named<'t>>);

impl<'t> Fields<'t> {
    pub(super) fn get(&self, name: &str) -> Option<&Placed<'t>> {
        self.iter().find(|field| field.name == name).map(|field| &field.placed)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Named<'t>> {
        self.0.iter()
    }
}

impl<'t> Value<'t> {
    /// Of a text.
    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Of a date, a time, or both.
    pub(crate) fn as_datetime(&self) -> Option<Datetime> {
        if let Self::Datetime(datetime) = self { Some(*datetime) } else { None }
    }
}

impl<'t> From<DeTable<'t>> for Fields<'t> {
    fn from(table: DeTable<'t>) -> Self {
        let fields = table.into_iter().map(|(name, value)| Named {
            at: name.span().start,
            name: name.into_inner(),
            placed: Placed { at: value.span().start, value: value.into_inner().into() },
        });
        let mut fields: Vec<Named<'t>> = fields.collect();
        fields.sort_by_key(|field| field.at);
        Self(fields)
    }
}

impl<'t> From<DeValue<'t>> for Value<'t> {
    fn from(value: DeValue<'t>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text),
            DeValue::Integer(number) => {
                Self::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok())
            }
            DeValue::Float(_) => Self::Fraction,
            DeValue::Boolean(value) => Self::Boolean(value),
            DeValue::Datetime(datetime) => Self::Datetime(datetime),
            DeValue::Array(values) => {
                let values = values.into_iter();
                Self::List(
                    values
                        .map(|value| Placed { at: value.span().start, value: value.into_inner().into() })
                        .collect(),
                )
            }
            DeValue::Table(fields) => Self::Table(fields.into()),
        }
    }
}
