// SPDX-License-Identifier: GPL-2.0-only

//! Reads the keys of an attribute: checks that each is valid there and has the right form of value.

pub(crate) mod table;

pub(crate) use table::{example, Place};

use crate::errors::{self, Errors};
use crate::parse::tokens::is_punct;
use crate::parse::{self, Value};
use proc_macro2::{Group, Ident};
use quote::ToTokens;
use syn::{Lit, LitInt, LitStr};
use table::{KeyInfo, KeyScope, KEYS};

impl Place {
    /// Whether this is a `#[livepatch]`, rather than another attribute of the mod.
    fn is_livepatch(self) -> bool {
        matches!(self, Place::Function | Place::Mod | Place::Inside)
    }
}

/// The values of one attribute's keys.
#[derive(Default)]
pub(crate) struct Values {
    pub(crate) object: Option<LitStr>,
    pub(crate) replaces: Option<LitStr>,
    pub(crate) sympos: Option<LitInt>,
    pub(crate) inlined_into: Vec<LitStr>,
    pub(crate) description: Option<LitStr>,
    pub(crate) license: Option<LitStr>,
    pub(crate) authors: Vec<LitStr>,
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<LitStr>,
    pub(crate) fixes: Vec<LitStr>,
    pub(crate) url: Option<LitStr>,
    pub(crate) replace: bool,
    /// Flags as tokens, because errors point at them.
    pub(crate) register: Option<Ident>,
    pub(crate) immediate: Option<Ident>,
    pub(crate) unsafety: Option<Ident>,
    pub(crate) of: Option<LitStr>,
    pub(crate) id: Option<LitInt>,
    pub(crate) state_version: Option<LitInt>,
}

/// The values of the keys. Reports keys that are unknown, misplaced, repeated, missing or of the wrong form.
pub(crate) fn values(keys: &parse::Keys, place: Place, errors: &mut Errors) -> Values {
    let mut values = Values::default();
    let mut given: Vec<&str> = Vec::new();
    let no_replaces = !keys.keys.iter().any(|key| key.name == "replaces");
    // A misspelt key is not reported as missing too.
    let mut meant: Vec<&str> = Vec::new();
    for key in &keys.keys {
        let name = key.name.to_string();
        let Some(info) = info(&name, place) else {
            let nearest = nearest(&name, place);
            errors.add(&key.name, errors::unknown_key(&name, nearest, valid(place)));
            meant.extend(nearest);
            continue;
        };
        if no_replaces && is_misspelt_replaces(key, place) {
            errors.add(&key.name, errors::REPLACE_FOR_REPLACES);
            meant.push("replaces");
        } else if !place.takes(info.scope) {
            errors.add(&key.name, misplaced(info, place));
        } else if given.contains(&info.name) {
            errors.add(&key.name, errors::key_twice(&name));
        } else {
            given.push(info.name);
            values.set(info, key, errors);
        }
    }
    if !keys.garbled {
        given.extend(meant);
        missing(&keys.attribute, &given, place, errors);
    }
    values
}

/// The key of that name; of two keys, the one that is valid here.
fn info(name: &str, place: Place) -> Option<&'static KeyInfo> {
    let mut named = KEYS.iter().filter(|key| key.name == name);
    let first = named.clone().next();
    named.find(|key| place.takes(key.scope)).or(first)
}

fn misplaced(info: &KeyInfo, place: Place) -> String {
    match info.scope {
        KeyScope::Patch if place.is_livepatch() => errors::belongs_on_mod(info.name),
        KeyScope::Object | KeyScope::Function if place.is_livepatch() => {
            errors::belongs_on_function(info.name)
        }
        _ => errors::unknown_key(info.name, None, valid(place)),
    }
}

/// Whether this is `replace = "function"`, a misspelt `replaces`.
fn is_misspelt_replaces(key: &parse::Key, place: Place) -> bool {
    key.name == "replace"
        && place.takes(KeyScope::Function)
        && matches!(key.value, Value::Literal(Lit::Str(_)))
}

fn valid(place: Place) -> impl Iterator<Item = &'static str> {
    let here = KEYS.iter().filter(move |key| place.takes(key.scope));
    here.map(|key| key.name)
}

/// The valid key whose spelling is nearest.
fn nearest(name: &str, place: Place) -> Option<&'static str> {
    let name = name.to_lowercase();
    if let Some(key) = valid(place).find(|key| name.len() >= 3 && key.starts_with(&name)) {
        return Some(key);
    }
    valid(place)
        .map(|key| (strsim::damerau_levenshtein(&name, key), key))
        .filter(|(distance, key)| distance * 3 <= key.len())
        .min()
        .map(|(_, key)| key)
}

fn missing(attribute: &impl ToTokens, given: &[&str], place: Place, errors: &mut Errors) {
    let missing: Vec<_> = KEYS
        .iter()
        .filter(|key| place.requires(key) && !given.contains(&key.name))
        .collect();
    if !missing.is_empty() {
        let examples: Vec<_> = missing.iter().map(|key| key.example).collect();
        let names = missing.iter().map(|key| key.name);
        errors.add(attribute, errors::missing_keys(names, &examples));
    }
}

impl Values {
    fn set(&mut self, info: &KeyInfo, key: &parse::Key, errors: &mut Errors) {
        match info.name {
            "object" => self.object = string(info, key, errors),
            "replaces" => self.replaces = string(info, key, errors),
            "sympos" => self.sympos = integer(info, key, errors),
            "id" => self.id = integer(info, key, errors),
            "version" if info.scope == KeyScope::State => {
                self.state_version = integer(info, key, errors);
            }
            "version" => self.version = string(info, key, errors),
            "fixes" => self.fixes = list(info, key, errors),
            "url" => self.url = string(info, key, errors),
            "description" => self.description = string(info, key, errors),
            "license" => self.license = string(info, key, errors),
            "authors" => self.authors = list(info, key, errors),
            "inlined_into" => self.inlined_into = list(info, key, errors),
            "of" => self.of = string(info, key, errors),
            "name" => self.name = string(info, key, errors),
            "register" => self.register = flag(info, key, errors).then(|| key.name.clone()),
            "immediate" => self.immediate = flag(info, key, errors).then(|| key.name.clone()),
            "unsafe" => self.unsafety = flag(info, key, errors).then(|| key.name.clone()),
            "replace" => self.replace = flag(info, key, errors),
            name => unreachable!("no field for the key `{name}`"),
        }
    }
}

/// Reports `text` at the value, or at the key if it has none.
fn report(key: &parse::Key, text: &str, errors: &mut Errors) {
    match &key.value {
        Value::None => errors.add(&key.name, text),
        Value::Literal(literal) => errors.add(literal, text),
        Value::List(list) => errors.add(list, text),
        Value::Other(other) => errors.add(other, text),
        Value::Broken => {}
    }
}

fn string(info: &KeyInfo, key: &parse::Key, errors: &mut Errors) -> Option<LitStr> {
    match &key.value {
        Value::Literal(Lit::Str(text)) if text.suffix().is_empty() => Some(text.clone()),
        _ => {
            report(
                key,
                &errors::string_expected(info.name, info.example),
                errors,
            );
            None
        }
    }
}

fn integer(info: &KeyInfo, key: &parse::Key, errors: &mut Errors) -> Option<LitInt> {
    match &key.value {
        Value::Literal(Lit::Int(number))
            if number.suffix().is_empty() && number.base10_parse::<u32>().is_ok() =>
        {
            Some(number.clone())
        }
        _ => {
            report(
                key,
                &errors::integer_expected(info.name, info.example),
                errors,
            );
            None
        }
    }
}

fn flag(info: &KeyInfo, key: &parse::Key, errors: &mut Errors) -> bool {
    match &key.value {
        Value::None => true,
        Value::Literal(Lit::Bool(value)) => value.value,
        _ => {
            report(key, &errors::flag_expected(info.name), errors);
            false
        }
    }
}

fn list(info: &KeyInfo, key: &parse::Key, errors: &mut Errors) -> Vec<LitStr> {
    match &key.value {
        Value::List(list) => elements(info, list, errors),
        _ => {
            report(key, &errors::list_expected(info.name, info.example), errors);
            Vec::new()
        }
    }
}

/// The strings between the brackets. Reports each element that is not a string.
fn elements(info: &KeyInfo, list: &Group, errors: &mut Errors) -> Vec<LitStr> {
    let mut found = Vec::new();
    let tokens: Vec<_> = list.stream().into_iter().collect();
    for element in tokens.split(|token| is_punct(token, ',')) {
        match element {
            [] => {}
            [token] => match parse::literal(token) {
                Some(Lit::Str(text)) if text.suffix().is_empty() => found.push(text),
                _ => errors.add(token, errors::list_expected(info.name, info.example)),
            },
            [first, ..] => errors.add(first, errors::list_expected(info.name, info.example)),
        }
    }
    found
}

/// The number in a literal, or 0 without one.
pub(crate) fn number(literal: Option<&LitInt>) -> u32 {
    // Checked before to be a `u32`.
    literal
        .and_then(|literal| literal.base10_parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn read(tokens: proc_macro2::TokenStream, place: Place) -> (Values, Vec<String>) {
        let mut errors = Errors::default();
        let keys = parse::keys(quote!(livepatch), tokens, &mut errors);
        let values = values(&keys, place, &mut errors);
        (values, errors.texts())
    }

    #[test]
    fn every_key_sets_its_value() {
        let (values, errors) = read(
            quote! {
                object = "a", replaces = "b", sympos = 3, description = "d", license = "e",
                authors = ["f", r"g",], name = "h", version = "i", fixes = ["j", "k"], url = "l",
                replace, unsafe, register, immediate
            },
            Place::Function,
        );
        assert!(errors.is_empty(), "{errors:?}");
        let text = |value: &Option<LitStr>| value.as_ref().map(LitStr::value);
        assert_eq!(text(&values.object).as_deref(), Some("a"));
        assert_eq!(text(&values.replaces).as_deref(), Some("b"));
        assert_eq!(values.sympos.unwrap().base10_digits(), "3");
        assert_eq!(text(&values.description).as_deref(), Some("d"));
        assert_eq!(text(&values.license).as_deref(), Some("e"));
        let authors: Vec<_> = values.authors.iter().map(LitStr::value).collect();
        assert_eq!(authors, ["f", "g"]);
        assert_eq!(text(&values.name).as_deref(), Some("h"));
        assert_eq!(text(&values.version).as_deref(), Some("i"));
        let fixes: Vec<_> = values.fixes.iter().map(LitStr::value).collect();
        assert_eq!(fixes, ["j", "k"]);
        assert_eq!(text(&values.url).as_deref(), Some("l"));
        assert!(values.replace && values.register.is_some() && values.immediate.is_some());
        assert_eq!(values.unsafety.unwrap(), "unsafe");
    }

    /// The row's example is valid wherever the key is, and the row says what the key does.
    #[test]
    fn every_example_is_valid() {
        const PLACES: [Place; 8] = [
            Place::Function,
            Place::Mod,
            Place::Inside,
            Place::Callback,
            Place::Shadow,
            Place::State,
            Place::Symbols,
            Place::Structure,
        ];
        for key in &KEYS {
            let places = PLACES.into_iter().filter(|place| place.takes(key.scope));
            let mut tried = 0;
            for place in places {
                let errors = read(key.example.parse().unwrap(), place).1;
                let wrong: Vec<_> = errors
                    .iter()
                    .filter(|error| !error.starts_with("missing"))
                    .collect();
                assert!(wrong.is_empty(), "{}: {wrong:?}", key.name);
                tried += 1;
            }
            assert!(tried > 0 && !key.meaning.is_empty(), "{}", key.name);
        }
    }

    #[test]
    fn replace_is_a_flag() {
        let replace = |tokens| read(tokens, Place::Mod).0.replace;
        assert!(replace(quote!(replace)));
        assert!(replace(quote!(replace = true)));
        assert!(!replace(quote!(replace = false)));
        assert!(!replace(quote!()));
    }

    #[test]
    fn each_place_requires_certain_keys() {
        let missing = |place| read(quote!(), place).1;
        assert!(missing(Place::Callback).is_empty());
        assert!(missing(Place::Shadow)[0].starts_with("missing `id`:"));
        assert!(missing(Place::State)[0].starts_with("missing `id`, `version`:"));
        assert!(missing(Place::Function)[0]
            .starts_with("missing `object`, `replaces`, `description`, `license`:"));
        assert!(missing(Place::Mod)[0].starts_with("missing `description`, `license`:"));
        assert!(missing(Place::Inside)[0].starts_with("missing `object`, `replaces`:"));
    }

    #[test]
    fn each_mistake_is_reported_once() {
        for wrong in [
            quote!(object = 1, replaces = "b"),
            quote!(object = "a" replaces = "b"),
            quote!(object, replaces = "b"),
            quote!(object "a", replaces = "b"),
            quote!(obejct = "a", replaces = "b"),
            quote!(object = "a", object = "a", replaces = "b"),
            quote!(object = "a" + "b", replaces = "b"),
            quote!(object = "a",, replaces = "b"),
            quote!("a", replaces = "b"),
            quote!(object = "a", replace = "b"),
            quote!(obejct = "a", object = "a", replaces = "b"),
        ] {
            let text = wrong.to_string();
            let (_, errors) = read(wrong, Place::Inside);
            assert_eq!(errors.len(), 1, "{text}: {errors:?}");
        }
    }

    #[test]
    fn the_nearest_key_is_suggested() {
        for (written, meant) in [
            ("licence", Some("license")),
            ("LICENSE", Some("license")),
            ("author", Some("authors")),
            ("desc", Some("description")),
            ("simpos", Some("sympos")),
            ("objcet", Some("object")),
            ("names", Some("name")),
            ("replases", Some("replaces")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(written, Place::Function), meant, "{written}");
        }
        // Keys that are invalid here are not suggested.
        assert_eq!(nearest("objekt", Place::Mod), None);
    }
}
