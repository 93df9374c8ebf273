// SPDX-License-Identifier: GPL-2.0-only

//! From tokens to what the author wrote: keys with raw values, functions, the mod's items.
//!
//! Nothing is judged here beyond syntax. A function's body stays what it was, a group of tokens:
//! no need to understand it, and none to spend time on it.

use crate::errors::{self, Errors};
use crate::keys;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{quote, ToTokens};
use syn::parse::{ParseStream, Parser};
use syn::{Abi, Attribute, Lit, Meta, Path, Signature, Token, Visibility};

/// The keys of one `#[livepatch(...)]`.
pub(crate) struct Keys {
    /// The attribute itself, for what is wrong with it as a whole.
    pub(crate) attribute: TokenStream,
    pub(crate) keys: Vec<Key>,
    /// Whether something stands there that is no key, so that none is known to be missing.
    pub(crate) garbled: bool,
}

/// `key` or `key = value`.
pub(crate) struct Key {
    pub(crate) name: Ident,
    pub(crate) value: Value,
}

/// What stands behind a key, with the tokens to point at.
pub(crate) enum Value {
    /// Nothing: the key alone.
    None,
    Literal(Lit),
    /// `[...]`, element by element.
    List(Group),
    /// Anything else.
    Other(TokenStream),
    /// The `=` or the value is missing and that has been said.
    Broken,
}

/// What the attribute stands on.
pub(crate) enum Target {
    Function(Box<Function>),
    Module(Box<Module>),
    /// A mod in a file of its own.
    ModuleFile(TokenStream),
    /// Neither function nor mod, with what to call it and its first token.
    Other(&'static str, TokenStream),
}

pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// The body in braces, or the semicolon that stands for none.
    pub(crate) body: TokenTree,
}

pub(crate) struct Module {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) keyword: Token![mod],
    pub(crate) name: Ident,
    pub(crate) inner_attributes: Vec<Attribute>,
    pub(crate) items: Vec<Item>,
    /// The span of the braces.
    pub(crate) braces: Span,
}

pub(crate) enum Item {
    /// A function that carries `#[livepatch(...)]`, and that attribute's keys.
    Replacement(Keys, Box<Function>),
    /// Everything else goes through as it came.
    Other(TokenStream),
}

impl Function {
    pub(crate) fn has_body(&self) -> bool {
        matches!(self.body, TokenTree::Group(_))
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.attributes.iter().map(Attribute::to_token_stream));
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}

/// Reads the keys between the parentheses of the attribute.
pub(crate) fn keys(attribute: TokenStream, inside: TokenStream, errors: &mut Errors) -> Keys {
    let mut keys = Vec::new();
    let mut garbled = false;
    let mut tokens = inside.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let TokenTree::Ident(name) = token else {
            errors.add(&token, errors::KEY_EXPECTED);
            garbled = true;
            if !is_punct(&token, ',') {
                skip_to_comma(&mut tokens);
            }
            continue;
        };
        let value = match tokens.peek() {
            None => Value::None,
            Some(token) if is_punct(token, ',') => Value::None,
            Some(token) if is_punct(token, '=') => {
                let equals = tokens.next();
                value(&name, equals, &mut tokens, errors)
            }
            Some(_) => {
                errors.add(&name, errors::equals_expected(&name, &keys::example(&name)));
                skip_to_comma(&mut tokens);
                Value::Broken
            }
        };
        // After an error the comma is gone already; a key that follows without one is told.
        match tokens.peek() {
            Some(token) if is_punct(token, ',') => drop(tokens.next()),
            Some(token) if !matches!(value, Value::Broken) => {
                errors.add(token, errors::comma_expected(&name));
            }
            _ => {}
        }
        keys.push(Key { name, value });
    }
    Keys {
        attribute,
        keys,
        garbled,
    }
}

type Tokens = std::iter::Peekable<proc_macro2::token_stream::IntoIter>;

/// Reads what stands behind `=`.
fn value(
    name: &Ident,
    equals: Option<TokenTree>,
    tokens: &mut Tokens,
    errors: &mut Errors,
) -> Value {
    let Some(first) = tokens.next_if(|token| !is_punct(token, ',')) else {
        errors.add(&equals, errors::equals_expected(name, &keys::example(name)));
        return Value::Broken;
    };
    // A name behind a whole value is the next key, its comma forgotten.
    let ends = |token: &TokenTree| is_punct(token, ',') || matches!(token, TokenTree::Ident(_));
    if tokens.peek().is_none_or(ends) {
        if let Some(literal) = literal(&first) {
            return Value::Literal(literal);
        }
        match first {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                return Value::List(group);
            }
            _ => {}
        }
    }
    let mut other = TokenStream::from(first);
    while let Some(token) = tokens.next_if(|token| !is_punct(token, ',')) {
        other.extend([token]);
    }
    Value::Other(other)
}

/// A literal, also one that a `macro_rules!` macro passed on.
pub(crate) fn literal(token: &TokenTree) -> Option<Lit> {
    syn::parse2(token.to_token_stream()).ok()
}

fn skip_to_comma(tokens: &mut Tokens) {
    while tokens.next_if(|token| !is_punct(token, ',')).is_some() {}
    tokens.next();
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

/// Reads the item under the attribute.
pub(crate) fn target(item: TokenStream, errors: &mut Errors) -> syn::Result<Target> {
    let parser = |input: ParseStream<'_>| {
        if is_function(input)? {
            return Ok(Target::Function(Box::new(function(input)?)));
        }
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        if input.peek(Token![mod]) {
            return module(attributes, visibility, input, errors);
        }
        let rest: TokenStream = input.parse()?;
        Ok(Target::Other(
            kind(&rest),
            rest.into_iter().take(1).collect(),
        ))
    };
    parser.parse2(item)
}

/// What to call an item that is neither function nor mod.
fn kind(item: &TokenStream) -> &'static str {
    for token in item.clone() {
        let TokenTree::Ident(word) = token else {
            continue;
        };
        return match word.to_string().as_str() {
            "unsafe" => continue,
            "struct" => "a struct",
            "enum" => "an enum",
            "union" => "a union",
            "impl" => "an impl",
            "trait" => "a trait",
            "static" => "a static",
            "const" => "a constant",
            "type" => "a type alias",
            "use" => "a `use`",
            "extern" => "an extern block",
            _ => "this item",
        };
    }
    "this item"
}

/// Whether a function comes next.
fn is_function(input: ParseStream<'_>) -> syn::Result<bool> {
    let ahead = input.fork();
    ahead.call(Attribute::parse_outer)?;
    ahead.parse::<Visibility>()?;
    ahead.parse::<Option<Token![const]>>()?;
    ahead.parse::<Option<Token![async]>>()?;
    ahead.parse::<Option<Token![unsafe]>>()?;
    ahead.parse::<Option<Abi>>()?;
    Ok(ahead.peek(Token![fn]))
}

fn function(input: ParseStream<'_>) -> syn::Result<Function> {
    Ok(Function {
        attributes: input.call(Attribute::parse_outer)?,
        visibility: input.parse()?,
        signature: input.parse()?,
        body: input.parse()?,
    })
}

fn module(
    attributes: Vec<Attribute>,
    visibility: Visibility,
    input: ParseStream<'_>,
    errors: &mut Errors,
) -> syn::Result<Target> {
    let keyword = input.parse::<Token![mod]>()?;
    let name: Ident = input.parse()?;
    if input.peek(Token![;]) {
        input.parse::<Token![;]>()?;
        return Ok(Target::ModuleFile(quote!(#keyword #name)));
    }
    let content: Group = input.parse()?;
    let parser = |input: ParseStream<'_>| {
        let inner_attributes = input.call(Attribute::parse_inner)?;
        let mut items = Vec::new();
        while !input.is_empty() {
            items.push(item(input, errors)?);
        }
        Ok((inner_attributes, items))
    };
    let (inner_attributes, items) = parser.parse2(content.stream())?;
    Ok(Target::Module(Box::new(Module {
        attributes,
        visibility,
        keyword,
        name,
        inner_attributes,
        items,
        braces: content.span(),
    })))
}

/// Reads one item of the mod.
fn item(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Item> {
    if is_function(input)? {
        let mut function = function(input)?;
        let keys = take_livepatch(&mut function.attributes, errors);
        return Ok(match keys {
            Some(keys) => {
                function.body = without_livepatch(function.body, errors::INSIDE_FUNCTION, errors);
                Item::Replacement(keys, Box::new(function))
            }
            None => Item::Other(strip(
                function.to_token_stream(),
                errors::INSIDE_FUNCTION,
                errors,
            )),
        });
    }
    let start = input.fork();
    input.parse::<syn::Item>()?;
    let tokens = between(&start, input);
    Ok(Item::Other(other_item(tokens, errors)?))
}

/// The tokens from `start` to where `end` stands.
///
/// They go through as they came, which printing the parsed item would not promise.
fn between(start: ParseStream<'_>, end: ParseStream<'_>) -> TokenStream {
    let mut tokens = TokenStream::new();
    while start.cursor() < end.cursor() {
        match start.step(|cursor| cursor.token_tree().ok_or_else(|| cursor.error("end"))) {
            Ok(token) => tokens.extend([token]),
            Err(_) => break,
        }
    }
    tokens
}

/// Finds each `#[livepatch]` that stands where it cannot, in an item that is no function.
fn other_item(tokens: TokenStream, errors: &mut Errors) -> syn::Result<TokenStream> {
    let parser = |input: ParseStream<'_>| {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility: Visibility = input.parse()?;
        let rest: TokenStream = input.parse()?;
        Ok((attributes, visibility, rest))
    };
    let (mut attributes, visibility, rest) = parser.parse2(tokens)?;
    let is_mod =
        matches!(rest.clone().into_iter().next(), Some(TokenTree::Ident(word)) if word == "mod");
    let kind = kind(&rest);
    attributes.retain(|attribute| {
        let found = is_livepatch(attribute.path());
        if found && is_mod {
            errors.add(attribute, errors::MOD_INSIDE_MOD);
        } else if found {
            errors.add(attribute, errors::not_replaceable(kind));
        }
        !found
    });
    let inside = match kind {
        "an impl" | "a trait" => errors::METHOD_IN_MOD,
        _ => errors::NOT_AT_TOP,
    };
    let rest = strip(rest, inside, errors);
    Ok(quote!(#(#attributes)* #visibility #rest))
}

/// Takes the `#[livepatch(...)]` from among a function's attributes.
fn take_livepatch(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Option<Keys> {
    let mut found: Option<Keys> = None;
    attributes.retain(|attribute| {
        if is_conditional_livepatch(attribute) {
            errors.add(attribute, errors::CFG_ATTR);
            return false;
        }
        if !is_livepatch(attribute.path()) {
            return true;
        }
        if found.is_some() {
            errors.add(attribute, errors::TWO_ATTRIBUTES);
        } else {
            found = Some(nested_keys(attribute, errors));
        }
        false
    });
    found
}

/// The keys of an attribute on a function inside the mod.
fn nested_keys(attribute: &Attribute, errors: &mut Errors) -> Keys {
    let tokens = attribute.to_token_stream();
    match &attribute.meta {
        Meta::Path(_) => keys(tokens, TokenStream::new(), errors),
        Meta::List(list) => keys(tokens, list.tokens.clone(), errors),
        Meta::NameValue(_) => {
            errors.add(attribute, errors::ATTRIBUTE_FORM);
            Keys {
                attribute: tokens,
                keys: Vec::new(),
                garbled: true,
            }
        }
    }
}

/// Removes what else of `#[livepatch]` stands on or in the function of the function form.
pub(crate) fn only_one(function: &mut Function, errors: &mut Errors) {
    function.attributes.retain(|attribute| {
        let found = is_livepatch(attribute.path());
        if found {
            errors.add(attribute, errors::TWO_ATTRIBUTES);
        }
        !found
    });
    let body = function.body.clone();
    function.body = without_livepatch(body, errors::INSIDE_FUNCTION, errors);
}

/// Whether the path names our attribute: `livepatch`, `klp::livepatch`, `klp::prelude::livepatch`.
fn is_livepatch(path: &Path) -> bool {
    let first = path.segments.first().map(|segment| &segment.ident);
    let last = path.segments.last().map(|segment| &segment.ident);
    last.is_some_and(|name| name == "livepatch")
        && (path.segments.len() == 1
            || first.is_some_and(|name| name == "klp" || name == "klp_macros"))
}

/// Whether this is `#[cfg_attr(..., livepatch(...))]`.
fn is_conditional_livepatch(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else {
        return false;
    };
    list.path.is_ident("cfg_attr")
        && list
            .tokens
            .clone()
            .into_iter()
            .any(|token| matches!(token, TokenTree::Ident(word) if word == "livepatch"))
}

/// Removes every `#[livepatch(...)]` from the tokens, however deep, and says `text` at each.
///
/// Left in, each would expand to a patch of its own and bury the real mistake.
pub(crate) fn strip(tokens: TokenStream, text: &str, errors: &mut Errors) -> TokenStream {
    let mut kept = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if is_punct(&token, '#') {
            if let Some(attribute) = tokens.next_if(is_livepatch_group) {
                errors.add(&quote!(#token #attribute), text);
                continue;
            }
        }
        kept.extend([without_livepatch(token, text, errors)]);
    }
    kept
}

fn without_livepatch(token: TokenTree, text: &str, errors: &mut Errors) -> TokenTree {
    let TokenTree::Group(group) = token else {
        return token;
    };
    let before = errors.len();
    let inside = strip(group.stream(), text, errors);
    if errors.len() == before {
        // As it came: a group made anew would lose where its braces stand.
        return TokenTree::Group(group);
    }
    let mut stripped = Group::new(group.delimiter(), inside);
    stripped.set_span(group.span());
    TokenTree::Group(stripped)
}

/// Whether this is the bracketed part of our attribute.
fn is_livepatch_group(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else {
        return false;
    };
    let path = |input: ParseStream<'_>| {
        let path = input.call(Path::parse_mod_style)?;
        input.parse::<TokenStream>()?;
        Ok(path)
    };
    group.delimiter() == Delimiter::Bracket
        && path
            .parse2(group.stream())
            .is_ok_and(|path| is_livepatch(&path))
}
