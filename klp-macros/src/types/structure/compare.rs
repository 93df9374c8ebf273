// SPDX-License-Identifier: GPL-2.0-only

//! Compares the types of a view's members with the kernel's: obvious mismatches here, the rest by constants
//! that the compiler evaluates.

use super::bits::BitPlace;
use super::declared::{array, list_with_lifetime, Declared, Form, View};
use super::find::Layout;
use crate::errors::{structure as errors, Errors};
use crate::types::contract::{expected, written};
use crate::types::{obvious, place, stop};
use klp_elf::{Bits, Kind, Member, Structure, Type as CType};
use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned, ToTokens as _};
use syn::{Lifetime, Type};

/// The constants for all members.
pub(super) fn compare(layout: &Layout, view: &View, errors: &mut Errors) -> TokenStream {
    let places = view.members.iter().zip(&layout.members);
    places
        .filter_map(|(declared, member)| {
            let comparison = Comparison {
                structure: &layout.structure,
                member: member.as_ref()?,
                active: declared.active,
            };
            Some(comparison.member(declared, errors))
        })
        .collect()
}

/// One member.
struct Comparison<'a> {
    structure: &'a Structure,
    member: &'a Member,
    /// Whether the author claims that C uses this member of a union.
    active: bool,
}

impl Comparison<'_> {
    fn member(&self, declared: &Declared, errors: &mut Errors) -> TokenStream {
        let c = &self.member.ty;
        match (&declared.form, &self.member.bits) {
            (Form::Plain, Some(bits)) => self.bits(declared, *bits, errors),
            (_, Some(_)) => self.differs(&declared.ty, errors),
            (Form::Plain, None) => self.plain(&declared.ty, c, errors),
            (Form::Followed { target, .. }, None) => self.followed(declared, target, errors),
            (
                Form::Counted {
                    element,
                    behind: true,
                    ..
                },
                None,
            ) => self.behind(declared, element, errors),
            (Form::Counted { element, .. }, None) => match &c.kind {
                Kind::Array {
                    element: c,
                    length: 0 | 1,
                } => self.plain(element, c, errors),
                _ => self.differs(&declared.ty, errors),
            },
            (Form::Listed(_), None) => self.listed(declared, errors),
            (Form::Container, None) => match &c.kind {
                Kind::Aggregate { .. } => self.plain(&declared.ty, c, errors),
                _ => self.differs(&declared.ty, errors),
            },
        }
    }

    /// Reports a mismatch at the type.
    fn differs(&self, ty: &Type, errors: &mut Errors) -> TokenStream {
        errors.add(ty, self.text());
        TokenStream::new()
    }

    fn text(&self) -> String {
        errors::differs(self.structure, self.member)
    }

    /// A value, an array, or an inner structure: the author's `ty` where C has `c`.
    fn plain(&self, ty: &Type, c: &CType, errors: &mut Errors) -> TokenStream {
        match (array(ty), &c.kind) {
            (
                Some((element, length)),
                Kind::Array {
                    element: c,
                    length: expected_length,
                },
            ) => {
                if *expected_length == 0 {
                    return self.differs(ty, errors);
                }
                let expected_length = Literal::u64_unsuffixed(*expected_length);
                let stop = stop(place(ty), &self.text());
                let elements = self.plain(element, c, errors);
                quote_spanned! {Span::mixed_site()=>
                    const _: () = if #length != #expected_length { #stop };
                    #elements
                }
            }
            (None, Kind::Array { .. }) | (Some(_), _) => self.differs(ty, errors),
            (None, Kind::Aggregate { names }) if names.is_empty() => self.differs(ty, errors),
            (None, _) if obvious::differs(ty, c) => self.differs(ty, errors),
            (None, _) => match expected(c) {
                Some(expected) => {
                    // With the span of the type, as all its errors.
                    let target = quote_spanned! {place(ty)=>
                        <#ty as ::klp::view::Member>::Target
                    };
                    let same = self.same(ty, ty, &target, &expected);
                    let inner = matches!(c.kind, Kind::Aggregate { .. });
                    let inner = inner.then(|| self.inner(ty));
                    quote!(#same #inner)
                }
                None => self.differs(ty, errors),
            },
        }
    }

    /// Stops the compiler unless a member of type `ty` with that `target` matches C. `at` is the author's
    /// token. A type that no member can have is reported elsewhere.
    fn same(
        &self,
        at: &Type,
        ty: &Type,
        target: &TokenStream,
        expected: &TokenStream,
    ) -> TokenStream {
        let other = errors::other_structure(self.structure, self.member);
        let (other, stop) = (stop(place(at), &other), stop(place(at), &self.text()));
        let written = written(at);
        quote_spanned! {Span::mixed_site()=>
            const _: () = {
                #[allow(unused_imports)]
                use {::klp::signature::Otherwise as _, ::klp::view::Otherwise as _};
                match ::klp::view::compare(
                    ::klp::view::Shown::<#ty>::SHAPE,
                    ::core::mem::size_of::<#ty>(),
                    ::klp::signature::Probe::<#target>::TARGET,
                    #written,
                    &#expected,
                ) {
                    ::klp::signature::Verdict::Fits => {}
                    ::klp::signature::Verdict::Content => #other,
                    _ => #stop,
                }
            };
        }
    }

    /// Checks an inner structure: in a union it is valid only while C uses it as such, and wrappers of the
    /// kernel need an alignment.
    fn inner(&self, ty: &Type) -> TokenStream {
        let unknown = self.member.shared && !self.active;
        let shared = unknown.then(|| {
            let stop = stop(
                place(ty),
                &errors::claims_in_union(self.structure, self.member),
            );
            quote_spanned! {Span::mixed_site()=>
                const _: () = {
                    #[allow(unused_imports)]
                    use ::klp::view::Otherwise as _;
                    if ::klp::view::Shown::<#ty>::CLAIMS { #stop }
                };
            }
        });
        let stop = stop(place(ty), &errors::not_aligned(self.structure, self.member));
        let (offset, align) = (self.member.offset, self.structure.align);
        let (offset, align) = (
            Literal::u64_unsuffixed(offset),
            Literal::u64_unsuffixed(align),
        );
        quote_spanned! {Span::mixed_site()=>
            #shared
            const _: () = if !::klp::view::is_aligned::<#ty>(#offset, #align) { #stop };
        }
    }

    /// The C type of the member, if it is a pointer.
    fn expected_pointer(&self) -> Option<TokenStream> {
        let c = &self.member.ty;
        match c.kind {
            Kind::Pointer { .. } => expected(c),
            _ => None,
        }
    }

    fn followed(&self, declared: &Declared, target: &Type, errors: &mut Errors) -> TokenStream {
        let Some(expected) = self.expected_pointer() else {
            return self.differs(&declared.ty, errors);
        };
        let target = quote_spanned!(place(target)=> <#target as ::klp::view::Followed>::C);
        // The pointer's target in C: for a `CStr`, a character.
        let pointer: Type = syn::parse_quote!(*mut #target);
        self.same(&declared.ty, &pointer, &target, &expected)
    }

    /// A pointer to the first of several elements.
    fn behind(&self, declared: &Declared, element: &Type, errors: &mut Errors) -> TokenStream {
        let Some(expected) = self.expected_pointer() else {
            return self.differs(&declared.ty, errors);
        };
        self.same(
            &declared.ty,
            &syn::parse_quote!(*mut #element),
            &element.to_token_stream(),
            &expected,
        )
    }

    /// The head of a list: C must have the structure that the list's type stands for.
    fn listed(&self, declared: &Declared, errors: &mut Errors) -> TokenStream {
        let c = &self.member.ty;
        let expected = match &c.kind {
            Kind::Aggregate { names } if !names.is_empty() => expected(c),
            _ => None,
        };
        let Some(expected) = expected else {
            return self.differs(&declared.ty, errors);
        };
        let lifetime = Lifetime::new("'static", Span::mixed_site());
        let list = list_with_lifetime(&declared.ty, lifetime);
        let head = quote_spanned!(place(&declared.ty)=> <#list as ::klp::list::Linked>::Head);
        self.same(&declared.ty, &syn::parse_quote!(#head), &head, &expected)
    }

    fn bits(&self, declared: &Declared, bits: Bits, errors: &mut Errors) -> TokenStream {
        let of = match self.member.ty.kind {
            Kind::Bool => quote!(Bool),
            Kind::Integer { signed } => quote!(Integer { signed: #signed }),
            Kind::Enum { .. } => quote!(Enum),
            _ => return self.differs(&declared.ty, errors),
        };
        if array(&declared.ty).is_some() || obvious::is_pointer(&declared.ty) {
            return self.differs(&declared.ty, errors);
        }
        if let Err(text) = BitPlace::new(self.structure, self.member, declared.write.is_some()) {
            errors.add(&declared.name, text);
            return TokenStream::new();
        }
        let ty = &declared.ty;
        let stop = stop(place(ty), &self.text());
        let count = Literal::u8_unsuffixed(bits.count);
        quote_spanned! {Span::mixed_site()=>
            const _: () = if !::klp::view::fits_bits::<#ty>(&::klp::view::BitsOf::#of, #count) {
                #stop
            };
        }
    }
}
