// SPDX-License-Identifier: GPL-2.0-only

//! Parses the attribute and its item: keys with raw values, functions, the mod's items.
//!
//! Only syntax is checked. A function's body stays a group of unparsed tokens.

mod attribute;
mod calls;
pub(crate) mod foreign;
mod item;
mod misplaced;
mod mod_items;
pub(crate) mod original;
pub(crate) mod tokens;

pub(crate) use attribute::{keys, literal};
pub(crate) use calls::calls;
pub(crate) use item::target;
pub(crate) use misplaced::{only_one, strip};

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, GenericArgument, Lit, PathArguments, Signature, Token, Type, Visibility};

/// The keys of one `#[livepatch(...)]`, or of another attribute of the mod.
pub(crate) struct Keys {
    /// The attribute itself, for errors about it as a whole.
    pub(crate) attribute: TokenStream,
    pub(crate) keys: Vec<Key>,
    /// Whether it has invalid tokens, so that missing keys are not reported.
    pub(crate) garbled: bool,
}

/// `key` or `key = value`.
pub(crate) struct Key {
    pub(crate) name: Ident,
    pub(crate) value: Value,
}

/// The value of a key, with its tokens.
pub(crate) enum Value {
    /// Nothing: the key alone.
    None,
    Literal(Lit),
    /// `[...]`, element by element.
    List(Group),
    /// Anything else.
    Other(TokenStream),
    /// The `=` or the value is missing, which has been reported.
    Broken,
}

/// The item with the attribute.
pub(crate) enum Target {
    Function(Box<Function>),
    Module(Box<Module>),
    /// A mod in a separate file.
    ModuleFile(TokenStream),
    /// Neither function nor mod: its kind for messages, and its first token.
    Other(&'static str, TokenStream),
}

#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// The body in braces, or a semicolon.
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
    /// A function that carries the attribute of a callback, such as `#[pre_patch]`.
    Callback(CallbackKind, Keys, Box<Function>),
    /// A static that carries `#[shadow(...)]` or `#[state(...)]`.
    Variable(Kind, Keys, Box<Variable>),
    /// Any other item, unchanged.
    Other(TokenStream),
}

/// When a callback runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallbackKind {
    PrePatch,
    PostPatch,
    PreUnpatch,
    PostUnpatch,
}

impl CallbackKind {
    pub(crate) const ALL: [Self; 4] = [
        CallbackKind::PrePatch,
        CallbackKind::PostPatch,
        CallbackKind::PreUnpatch,
        CallbackKind::PostUnpatch,
    ];

    /// The name of the attribute, and of the field in C.
    pub(crate) fn name(self) -> &'static str {
        match self {
            CallbackKind::PrePatch => "pre_patch",
            CallbackKind::PostPatch => "post_patch",
            CallbackKind::PreUnpatch => "pre_unpatch",
            CallbackKind::PostUnpatch => "post_unpatch",
        }
    }
}

/// The kind of a static without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Shadow,
    State,
}

impl Kind {
    /// The attribute's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Shadow => "shadow",
            Kind::State => "state",
        }
    }

    /// The type in messages.
    pub(crate) fn example(self) -> &'static str {
        match self {
            Kind::Shadow => "Shadow<Parent, Data>",
            Kind::State => "State<Data>",
        }
    }

    /// The name of the type.
    fn type_name(self) -> &'static str {
        match self {
            Kind::Shadow => "Shadow",
            Kind::State => "State",
        }
    }

    /// Whether a static of this kind can have the type.
    pub(crate) fn is_type(self, ty: &Type) -> bool {
        let Some((name, arguments)) = last_segment(ty) else {
            return false;
        };
        let types = match arguments {
            PathArguments::None => 0,
            PathArguments::AngleBracketed(list) => {
                let is_type =
                    |argument: &&GenericArgument| matches!(argument, GenericArgument::Type(_));
                list.args.iter().filter(is_type).count()
            }
            PathArguments::Parenthesized(_) => return false,
        };
        name == self.type_name()
            && match self {
                Kind::Shadow => types == 2,
                Kind::State => types <= 1,
            }
    }
}

/// The last segment of a type's path, with its generic arguments.
pub(crate) fn last_segment(ty: &Type) -> Option<(&Ident, &PathArguments)> {
    match ty {
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            Some((&last.ident, &last.arguments))
        }
        // A group passed on by a `macro_rules!` macro.
        Type::Group(group) => last_segment(&group.elem),
        _ => None,
    }
}

/// `static NAME: Type;`
pub(crate) struct Variable {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) mutability: Option<Token![mut]>,
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    /// The tokens of a value, which is an error.
    pub(crate) value: Option<TokenStream>,
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
        let mut signature = self.signature.clone();
        crate::buffers::strip(&mut signature);
        signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}
