//! What is wrong with a configuration, in words for whoever wrote it. Pure.

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::Config;
use crate::spelling;

/// Every key there is, with its default as an example of its type.
pub(super) fn schema() -> Table {
    Table::try_from(Config::default()).unwrap_or_default()
}

/// The first key of `table` that `schema` does not have: its offset, and what to say of it.
pub(super) fn unknown_key(
    table: &DeTable<'_>,
    schema: &Table,
    prefix: &str,
) -> Option<(usize, String)> {
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        match schema.get(name) {
            None => return Some((key.span().start, unknown(&format!("{prefix}{name}")))),
            Some(Value::Table(inner)) => {
                if let DeValue::Table(given) = value.get_ref()
                    && let Some(found) = unknown_key(given, inner, &format!("{prefix}{name}."))
                {
                    return Some(found);
                }
            }
            Some(_) => {}
        }
    }
    None
}

/// Where the value of the dotted key stands.
pub(super) fn offset(table: &DeTable<'_>, key: &str) -> Option<usize> {
    let (name, inner) = key
        .split_once('.')
        .map_or((key, None), |(n, i)| (n, Some(i)));
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
    match (inner, value.get_ref()) {
        (None, _) => Some(key.span().start),
        (Some(inner), DeValue::Table(table)) => offset(table, inner),
        (Some(_), _) => None,
    }
}

/// The first value of `table` that is of another kind than its key's: its offset, and what to say of it.
pub(super) fn wrong_kind(
    table: &DeTable<'_>,
    schema: &Table,
    prefix: &str,
) -> Option<(usize, String)> {
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref().as_ref();
        let key = format!("{prefix}{name}");
        let wanted = match (schema.get(name)?, value.get_ref()) {
            (Value::Table(inner), DeValue::Table(given)) => {
                return wrong_kind(given, inner, &format!("{key}."));
            }
            (Value::String(_), DeValue::String(_))
            | (Value::Integer(_), DeValue::Integer(_))
            | (Value::Float(_), DeValue::Float(_) | DeValue::Integer(_))
            | (Value::Boolean(_), DeValue::Boolean(_)) => return None,
            (Value::Array(_), DeValue::Array(items))
                if items.iter().all(|item| item.get_ref().is_str()) =>
            {
                return None;
            }
            (Value::String(_), _) => "text in quotes, such as \"…\"",
            (Value::Integer(_), _) => "a whole number, without quotes",
            (Value::Float(_), _) => "a number, without quotes",
            (Value::Boolean(_), _) => "true or false, without quotes",
            (Value::Array(_), _) => "a list of texts, such as [\"…\", \"…\"]",
            (Value::Table(_), _) => "a section, with a line [NAME] and its keys below",
            (Value::Datetime(_), _) => return None,
        };
        Some((value.span().start, format!("{key} wants {wanted}")))
    })
}

/// The reader's words about a value, as people would say them.
pub(super) fn plain(message: &str) -> String {
    if let Some((value, known)) = message
        .strip_prefix("unknown variant ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        let known = known.strip_prefix("one of ").unwrap_or(known);
        return format!("{value} is none of the values here, which are {known}");
    }
    match message
        .strip_prefix("invalid value: integer `")
        .and_then(|rest| rest.split_once('`'))
    {
        Some((number, _)) => format!("{number} is too small or too large here"),
        None => message.to_owned(),
    }
}

pub(super) fn unknown(key: &str) -> String {
    let mut known = Vec::new();
    keys(&schema(), "", &mut known);
    let last = |key: &str| key.rsplit('.').next().map(str::to_owned);
    let mut elsewhere = known.iter().filter(|k| last(k) == last(key));
    // "key" is neither "key_env" nor "key_file", and nearer to "url" than to both.
    let begun = known
        .iter()
        .find(|known| known.starts_with(&format!("{key}_")));
    let nearest = begun
        .map(String::as_str)
        .or_else(|| spelling::nearest(key, known.iter().map(String::as_str)))
        // Who is in the right section is not helped by its name.
        .filter(|near| !key.starts_with(&format!("{near}.")))
        .or_else(|| {
            // The right name in the wrong section, or in none.
            let only = elsewhere.next().map(String::as_str);
            only.filter(|_| elsewhere.next().is_none())
        })
        .or_else(|| {
            // The section at least.
            let (section, _) = key.split_once('.')?;
            let mut sections = known.iter().filter(|known| !known.contains('.'));
            match sections.clone().any(|known| known == section) {
                true => None,
                false => spelling::nearest(section, sections.by_ref().map(String::as_str)),
            }
        });
    match nearest {
        Some(near) => format!("there is no key {key:?}; the nearest is {near:?}"),
        None => format!("there is no key {key:?}; `hearken config --default` prints every key"),
    }
}

/// All keys, dotted, tables included.
pub(super) fn keys(table: &Table, prefix: &str, out: &mut Vec<String>) {
    for (key, value) in table {
        out.push(format!("{prefix}{key}"));
        if let Value::Table(inner) = value {
            keys(inner, &format!("{prefix}{key}."), out);
        }
    }
}
