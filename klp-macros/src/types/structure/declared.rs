// SPDX-License-Identifier: GPL-2.0-only

//! Parses the declaration of a view: its members, with their attributes.

use super::attributes::CLAIMS;
use super::keys::is_name;
use crate::errors::{structure as errors, Errors};
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Expr, Field, Fields, GenericArgument, Ident, ItemStruct, Lifetime, LitStr, Meta,
    PathArguments, Token, Type, TypeReference, Visibility,
};

/// A view as it is declared.
pub(super) struct View {
    pub(super) attributes: Vec<Attribute>,
    pub(super) visibility: Visibility,
    pub(super) name: Ident,
    pub(super) members: Vec<Declared>,
}

/// A member of a view.
pub(super) struct Declared {
    /// Attributes for the accessor.
    pub(super) attributes: Vec<Attribute>,
    pub(super) visibility: Visibility,
    pub(super) name: Ident,
    /// Its path in C: names of members, separated by dots.
    pub(super) path: String,
    /// The tokens of the path.
    pub(super) path_at: TokenStream,
    pub(super) ty: Type,
    pub(super) form: Form,
    pub(super) write: Option<Write>,
    /// Whether the author claims that C uses this member of a union.
    pub(super) active: bool,
    /// The tokens `unsafe` in its attributes.
    pub(super) unsafety: Vec<Ident>,
}

/// How the member is accessed.
pub(super) enum Form {
    /// A value, an array of these, or an inner structure.
    Plain,
    /// A pointer to that type, which is followed.
    Followed {
        target: Type,
        /// Whether it is under RCU.
        rcu: bool,
    },
    /// Elements of that type, counted by that member of the view.
    Counted {
        element: Type,
        by: Ident,
        /// Whether the member points to them; else it is a flexible array.
        behind: bool,
    },
    /// The head of a list of that type.
    Listed(List),
    /// An inner structure with a conversion to the containing one.
    Container,
}

/// A list as it is declared.
pub(super) struct List {
    /// The view of an entry.
    pub(super) entry: Type,
    /// The member by which entries are linked.
    pub(super) node: Ident,
    /// Whether it is under RCU.
    pub(super) rcu: bool,
}

/// Who may write the member.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// The owner of the structure.
    Owner,
    /// Any holder of a reference.
    Anybody,
}

impl Declared {
    /// Its name without the `r#` of a raw identifier.
    pub(super) fn plain_name(&self) -> String {
        self.name.unraw().to_string()
    }

    /// Whether the declaration claims something that reading relies on.
    pub(super) fn claims(&self) -> bool {
        !matches!(self.form, Form::Plain)
    }

    /// Whether that is also true of a zeroed structure.
    pub(super) fn holds_of_zeroes(&self) -> bool {
        match self.form {
            Form::Plain => true,
            Form::Followed { .. } => may_be_null(&self.ty),
            Form::Counted { behind, .. } => behind,
            _ => false,
        }
    }
}

/// Parses the declaration, without the members that have mistakes.
pub(super) fn view(item: ItemStruct, errors: &mut Errors) -> View {
    if !item.generics.params.is_empty() {
        errors.add(&item.generics, errors::GENERIC);
    }
    let members = match item.fields {
        Fields::Named(fields) => fields.named.into_iter().collect(),
        Fields::Unnamed(fields) => {
            errors.add(&fields, errors::UNNAMED_FIELDS);
            Vec::new()
        }
        Fields::Unit => Vec::new(),
    };
    let mut members: Vec<_> = members
        .into_iter()
        .filter_map(|field| member(field, errors))
        .collect();
    counters(&mut members, errors);
    View {
        attributes: view_attributes(item.attrs, errors),
        visibility: item.vis,
        name: item.ident,
        members,
    }
}

/// The attributes that the view keeps.
fn view_attributes(attributes: Vec<Attribute>, errors: &mut Errors) -> Vec<Attribute> {
    let mut kept = Vec::new();
    for attribute in attributes {
        if attribute.path().is_ident("repr") {
            errors.add(&attribute, errors::REPR);
            continue;
        }
        let before = errors.len();
        if attribute.path().is_ident("derive") {
            derives(&attribute, errors);
        }
        if errors.len() == before {
            kept.push(attribute);
        }
    }
    kept
}

/// Reports derived traits other than `Persistent`: the others do not fit a C structure.
fn derives(attribute: &Attribute, errors: &mut Errors) {
    let parse = Punctuated::<syn::Path, Token![,]>::parse_terminated;
    // rustc reports other mistakes.
    for derived in attribute.parse_args_with(parse).into_iter().flatten() {
        let last = derived.segments.last();
        if let Some(last) = last.filter(|last| last.ident != "Persistent") {
            errors.add(&derived, errors::derive(&last.ident.to_string()));
        }
    }
}

/// The parsed attributes of a member.
#[derive(Default)]
struct MemberAttributes {
    path: Option<LitStr>,
    write: Option<(Write, Attribute)>,
    follow: Option<(bool, Attribute)>,
    counted_by: Option<(Ident, Attribute)>,
    list: Option<(Ident, bool, Attribute)>,
    container_of: Option<Attribute>,
    active: Option<Attribute>,
    unsafety: Vec<Ident>,
    others: Vec<Attribute>,
}

fn member(field: Field, errors: &mut Errors) -> Option<Declared> {
    let name = field.ident?;
    let before = errors.len();
    let attributes = parse_attributes(field.attrs, errors);
    let form = form(&field.ty, &attributes, errors);
    if let Some((write, at)) = &attributes.write {
        check_write(*write, at, &form, errors);
    }
    if let Some(active) = &attributes.active {
        if !matches!(form, Form::Plain | Form::Container) {
            errors.add(active, errors::ACTIVE_TWICE);
        }
    }
    let (path, path_at) = match &attributes.path {
        Some(path) => (path.value(), path.to_token_stream()),
        None => (name.unraw().to_string(), name.to_token_stream()),
    };
    (errors.len() == before).then_some(Declared {
        attributes: attributes.others,
        visibility: field.vis,
        name,
        path,
        path_at,
        ty: field.ty,
        form,
        write: attributes.write.map(|(write, _)| write),
        active: attributes.active.is_some(),
        unsafety: attributes.unsafety,
    })
}

/// The token `unsafe` in an attribute, as the author wrote it.
fn unsafety(attribute: &Attribute) -> Option<Ident> {
    let Meta::List(list) = &attribute.meta else {
        return None;
    };
    let mut tokens = list.tokens.clone().into_iter();
    tokens.find_map(|token| match token {
        TokenTree::Ident(word) if word == "unsafe" => Some(word),
        _ => None,
    })
}

fn parse_attributes(attributes: Vec<Attribute>, errors: &mut Errors) -> MemberAttributes {
    let mut parsed = MemberAttributes::default();
    for attribute in attributes {
        let Some(name) = attribute.path().get_ident().map(Ident::to_string) else {
            parsed.others.push(attribute);
            continue;
        };
        if CLAIMS.iter().any(|claim| claim.name == name) {
            parsed.unsafety.extend(unsafety(&attribute));
        }
        match name.as_str() {
            "path" => parsed.path = path(&attribute, errors),
            "write" => {
                let words = words(&attribute, &["unsafe"], errors);
                let write = match words.contains(&"unsafe") {
                    true => Write::Anybody,
                    false => Write::Owner,
                };
                parsed.write = Some((write, attribute));
            }
            "follow" => {
                let words = words(&attribute, &["unsafe", "rcu"], errors);
                let rcu = words.contains(&"rcu");
                if !words.contains(&"unsafe") {
                    errors.add(&attribute, errors::follow_is_a_claim(rcu));
                }
                parsed.follow = Some((rcu, attribute));
            }
            "container_of" => {
                if !words(&attribute, &["unsafe"], errors).contains(&"unsafe") {
                    errors.add(&attribute, errors::CONTAINER_IS_A_CLAIM);
                }
                parsed.container_of = Some(attribute);
            }
            "active" => {
                let before = errors.len();
                let claimed = words(&attribute, &["unsafe"], errors).contains(&"unsafe");
                if !claimed && errors.len() == before {
                    errors.add(&attribute, errors::ACTIVE_IS_A_CLAIM);
                }
                parsed.active = Some(attribute);
            }
            "counted_by" => match counted_by(&attribute, errors) {
                Some(by) => parsed.counted_by = Some((by, attribute)),
                None => errors.add(&attribute, errors::COUNTED_BY),
            },
            "list" => match list(&attribute, errors) {
                Some((node, rcu)) => parsed.list = Some((node, rcu, attribute)),
                None => errors.add(&attribute, errors::LIST),
            },
            "cfg" => errors.add(&attribute, errors::CFG),
            _ => parsed.others.push(attribute),
        }
    }
    parsed
}

/// The words in an attribute's parentheses. Reports words other than the known ones.
fn words<'a>(attribute: &Attribute, known: &[&'a str], errors: &mut Errors) -> Vec<&'a str> {
    let mut found = Vec::new();
    if let Meta::Path(_) = attribute.meta {
        return found;
    }
    let parse = Punctuated::<Ident, Token![,]>::parse_terminated_with;
    let parser = |input: syn::parse::ParseStream<'_>| parse(input, Ident::parse_any);
    let Ok(words) = attribute.parse_args_with(parser) else {
        errors.add(attribute, errors::words_expected(known));
        return found;
    };
    for word in words {
        match known.iter().find(|known| word == **known) {
            Some(known) => found.push(*known),
            None => errors.add(&word, errors::words_expected(known)),
        }
    }
    found
}

/// `#[path("a.b")]`.
fn path(attribute: &Attribute, errors: &mut Errors) -> Option<LitStr> {
    let path: Option<LitStr> = attribute.parse_args().ok();
    let path = path.filter(|path| path.value().split('.').all(is_name));
    if path.is_none() {
        errors.add(attribute, errors::PATH);
    }
    path
}

/// `#[counted_by(len, unsafe)]`.
fn counted_by(attribute: &Attribute, errors: &mut Errors) -> Option<Ident> {
    let parser = |input: syn::parse::ParseStream<'_>| {
        let by = input.call(Ident::parse_any)?;
        let mut claimed = false;
        if input.parse::<Option<Token![,]>>()?.is_some() {
            claimed = input.parse::<Option<Token![unsafe]>>()?.is_some();
        }
        Ok((by, claimed))
    };
    let (by, claimed) = attribute.parse_args_with(parser).ok()?;
    if by == "unsafe" {
        return None;
    }
    if !claimed {
        errors.add(attribute, errors::counting_is_a_claim(&by.to_string()));
    }
    Some(by)
}

/// `#[list(node, rcu, unsafe)]`.
fn list(attribute: &Attribute, errors: &mut Errors) -> Option<(Ident, bool)> {
    let parse = Punctuated::<Ident, Token![,]>::parse_terminated_with;
    let parser = |input: syn::parse::ParseStream<'_>| parse(input, Ident::parse_any);
    let mut words = attribute.parse_args_with(parser).ok()?.into_iter();
    let node = words.next()?;
    if node == "unsafe" {
        return None;
    }
    let (mut rcu, mut claimed) = (false, false);
    for word in words {
        match word.to_string().as_str() {
            "rcu" => rcu = true,
            "unsafe" => claimed = true,
            _ => return None,
        }
    }
    if !claimed {
        errors.add(attribute, errors::list_is_a_claim(&node.to_string(), rcu));
    }
    Some((node, rcu))
}

fn form(ty: &Type, attributes: &MemberAttributes, errors: &mut Errors) -> Form {
    if let Some((by, attribute)) = &attributes.counted_by {
        if let Some((element, behind)) = slice(ty, errors) {
            return Form::Counted {
                element: element.clone(),
                by: by.clone(),
                behind,
            };
        }
        errors.add(attribute, errors::COUNTED_BY_OF_SLICE);
    } else if let Type::Slice(_) = ty {
        errors.add(ty, errors::SLICE);
    }
    if let Some((node, rcu, attribute)) = &attributes.list {
        let Some(entry) = entry(ty) else {
            errors.add(attribute, errors::LIST_OF_ENTRIES);
            return Form::Plain;
        };
        return Form::Listed(List {
            entry: entry.clone(),
            node: node.clone(),
            rcu: *rcu,
        });
    }
    let reference = reference(ty);
    if let Some((rcu, attribute)) = &attributes.follow {
        let Some(reference) = reference else {
            errors.add(attribute, errors::FOLLOW_OF_REFERENCE);
            return Form::Plain;
        };
        plain_reference(reference, errors);
        let (target, rcu) = ((*reference.elem).clone(), *rcu);
        return Form::Followed { target, rcu };
    }
    if let Some(reference) = reference {
        let target = reference.elem.to_token_stream().to_string();
        errors.add(ty, errors::reference_is_a_claim(&target));
    } else if let Some(advice) = unsupported(ty) {
        errors.add(ty, advice);
    }
    match attributes.container_of {
        Some(_) => Form::Container,
        None => Form::Plain,
    }
}

/// The element type of `[T]` or `&[T]`, and whether it is the latter.
fn slice<'a>(ty: &'a Type, errors: &mut Errors) -> Option<(&'a Type, bool)> {
    match ty {
        Type::Slice(slice) => Some((&slice.elem, false)),
        Type::Reference(reference) => {
            let Type::Slice(slice) = &*reference.elem else {
                return None;
            };
            plain_reference(reference, errors);
            Some((&slice.elem, true))
        }
        _ => None,
    }
}

/// The reference in a type such as `Option<&T>`.
fn reference(ty: &Type) -> Option<&TypeReference> {
    match ty {
        Type::Reference(reference) => Some(reference),
        Type::Paren(inner) => reference(&inner.elem),
        Type::Group(inner) => reference(&inner.elem),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return None;
            };
            match arguments.args.first()? {
                GenericArgument::Type(inner) => reference(inner),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether the type is `Option<&T>` or `Result<Option<&T>>`.
fn may_be_null(ty: &Type) -> bool {
    match ty {
        Type::Paren(inner) => may_be_null(&inner.elem),
        Type::Group(inner) => may_be_null(&inner.elem),
        Type::Path(path) => {
            let last = path.path.segments.last();
            last.is_some_and(|last| last.ident == "Option") || entry(ty).is_some_and(may_be_null)
        }
        _ => false,
    }
}

/// The entry type of a list.
fn entry(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else {
        return None;
    };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    match (arguments.args.first()?, arguments.args.len()) {
        (GenericArgument::Type(entry), 1) => Some(entry),
        _ => None,
    }
}

/// Adds a lifetime to the type of a list.
pub(super) fn list_with_lifetime(ty: &Type, lifetime: Lifetime) -> Type {
    let mut ty = ty.clone();
    if let Type::Path(path) = &mut ty {
        let last = path.path.segments.last_mut();
        if let Some(PathArguments::AngleBracketed(arguments)) = last.map(|last| &mut last.arguments)
        {
            arguments
                .args
                .insert(0, GenericArgument::Lifetime(lifetime));
        }
    }
    ty
}

/// Sets the lifetime of the reference in a type.
pub(super) fn with_lifetime(ty: &Type, lifetime: Lifetime) -> Type {
    let mut ty = ty.clone();
    fn set(ty: &mut Type, lifetime: Lifetime) {
        match ty {
            Type::Reference(reference) => reference.lifetime = Some(lifetime),
            Type::Paren(inner) => set(&mut inner.elem, lifetime),
            Type::Group(inner) => set(&mut inner.elem, lifetime),
            Type::Path(path) => {
                let last = path.path.segments.last_mut();
                let arguments = last.map(|last| &mut last.arguments);
                if let Some(PathArguments::AngleBracketed(arguments)) = arguments {
                    if let Some(GenericArgument::Type(inner)) = arguments.args.first_mut() {
                        set(inner, lifetime);
                    }
                }
            }
            _ => {}
        }
    }
    set(&mut ty, lifetime);
    ty
}

fn plain_reference(reference: &TypeReference, errors: &mut Errors) {
    if let Some(lifetime) = &reference.lifetime {
        errors.add(lifetime, errors::LIFETIME);
    }
    if let Some(mutability) = &reference.mutability {
        errors.add(mutability, errors::MUTABLE);
    }
}

/// The integer types in the names of Rust's atomics.
const INTEGERS: &[&str] = &[
    "I8", "I16", "I32", "I64", "Isize", "U8", "U16", "U32", "U64", "Usize",
];

/// What to write instead of types that views no longer support.
fn unsupported(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else {
        return None;
    };
    let last = path.path.segments.last()?;
    let name = last.ident.to_string();
    if name == "Cell" || name == "UnsafeCell" {
        let inner = match &last.arguments {
            PathArguments::AngleBracketed(inner) => inner.args.to_token_stream().to_string(),
            _ => "u32".to_owned(),
        };
        return Some(errors::cell(&name, &inner));
    }
    let integer = match name.strip_prefix("Atomic")? {
        "Bool" => "bool".to_owned(),
        "Ptr" => "*mut T".to_owned(),
        integer if INTEGERS.contains(&integer) => integer.to_lowercase(),
        // A view of an `atomic_t`, for example.
        _ => return None,
    };
    Some(errors::atomic(&name, &integer))
}

/// Checks that a member of that form can be written.
fn check_write(write: Write, at: &Attribute, form: &Form, errors: &mut Errors) {
    match form {
        Form::Followed { rcu: true, .. } => errors.add(at, errors::WRITE_RCU),
        Form::Followed { .. } if write == Write::Owner => {
            errors.add(at, errors::WRITE_FOLLOWED);
        }
        Form::Container => errors.add(at, errors::WRITE_STRUCTURE),
        Form::Counted { behind: true, .. } => errors.add(at, errors::WRITE_BEHIND),
        Form::Listed(_) => errors.add(at, errors::WRITE_LIST),
        _ => {}
    }
}

/// Checks that counters of elements are members of the view, and are not written without a claim.
/// Removes arrays without a counter.
fn counters(members: &mut Vec<Declared>, errors: &mut Errors) {
    let mut uncounted = Vec::new();
    for member in &*members {
        let Form::Counted { by, .. } = &member.form else {
            continue;
        };
        let Some(counter) = members.iter().find(|other| other.name == *by) else {
            errors.add(by, errors::no_counter(&by.to_string()));
            uncounted.push(member.name.clone());
            continue;
        };
        if !is_integer(&counter.ty) {
            errors.add(&counter.ty, errors::COUNTER_TYPE);
        }
        if counter.write == Some(Write::Owner) {
            errors.add(&counter.name, errors::WRITE_COUNTER);
        }
    }
    members.retain(|member| !uncounted.contains(&member.name));
}

/// Whether the type may be an integer, which a counter's accessor has to return.
fn is_integer(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if !path.path.is_ident("bool"))
}

/// The element type and the length of an array type.
pub(super) fn array(ty: &Type) -> Option<(&Type, &Expr)> {
    match ty {
        Type::Array(array) => Some((&array.elem, &array.len)),
        Type::Paren(inner) => array(&inner.elem),
        Type::Group(inner) => array(&inner.elem),
        _ => None,
    }
}
