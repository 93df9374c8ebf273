// SPDX-License-Identifier: GPL-2.0-only

//! Generates a view: an opaque type, its traits, and its accessors.

use super::bits::BitPlace;
use super::declared::{
    array, list_with_lifetime, with_lifetime, Declared, Form, List, View, Write,
};
use super::find::{Found, Layout};
use crate::types::{place, vouched};
use klp_elf::Member;
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned, ToTokens};
use syn::ext::IdentExt as _;
use syn::{Lifetime, Type};

/// Generates the view.
pub(super) fn expand(view: &View, name: &str, found: &Found) -> TokenStream {
    let layout = match found {
        Found::Structure(layout) => Some(layout),
        _ => None,
    };
    let places = Places { view, layout };
    let item = item(&places);
    let traits = traits(&places, name, found);
    let accessors = view.members.iter().enumerate().map(|(index, declared)| {
        let accessors = Accessors {
            view,
            declared,
            place: places.member(index),
        };
        accessors.all()
    });
    let accessors: TokenStream = accessors.collect();
    let (ident, stop) = (&view.name, stop(found));
    let claims = view.members.iter().flat_map(|member| &member.unsafety);
    let claims = claims.map(vouched);
    quote_spanned! {Span::mixed_site()=>
        #item
        #traits
        impl #ident {
            #accessors
        }
        #stop
        #(#claims)*
    }
}

fn stop(found: &Found) -> Option<&TokenStream> {
    match found {
        Found::NoKernel(stop) => Some(stop),
        _ => None,
    }
}

/// The offsets of members. If the kernel's layout is unknown, they are those of a generated structure with the
/// members in order.
struct Places<'a> {
    view: &'a View,
    layout: Option<&'a Layout>,
}

/// The position of a member.
enum Place {
    /// At this offset.
    At(TokenStream),
    /// A bit-field.
    Bits(BitPlace),
}

impl Places<'_> {
    fn size(&self) -> TokenStream {
        match self.layout {
            Some(layout) => literal(layout.structure.size),
            None if self.view.members.is_empty() => literal(1),
            None => {
                let layout = self.host_layout();
                quote!({ ::core::mem::size_of::<#layout>() })
            }
        }
    }

    fn member(&self, index: usize) -> Place {
        let declared = &self.view.members[index];
        let Some(layout) = self.layout else {
            let (layout, name) = (self.host_layout(), &declared.name);
            return Place::At(quote!(::core::mem::offset_of!(#layout, #name)));
        };
        // A member with mistakes has no offset.
        let Some(member) = &layout.members[index] else {
            return Place::At(literal(0));
        };
        bit_place(layout, member, declared)
            .map_or_else(|| Place::At(literal(member.offset)), Place::Bits)
    }

    fn host_layout(&self) -> Ident {
        format_ident!("__KlpLayoutOf{}", self.view.name)
    }

    /// The generated structure, if the kernel's layout is unknown.
    fn host_structure(&self) -> Option<TokenStream> {
        if self.layout.is_some() || self.view.members.is_empty() {
            return None;
        }
        let layout = self.host_layout();
        let fields = self.view.members.iter().map(|declared| {
            let (name, ty) = (&declared.name, host_type(declared));
            quote!(#name: #ty)
        });
        Some(quote_spanned! {Span::mixed_site()=>
            #[doc(hidden)]
            #[allow(dead_code, non_snake_case)]
            #[repr(C)]
            struct #layout {
                #(#fields,)*
            }
        })
    }
}

fn bit_place(layout: &Layout, member: &Member, declared: &Declared) -> Option<BitPlace> {
    member.bits?;
    BitPlace::new(&layout.structure, member, declared.write.is_some()).ok()
}

/// The type of a member on the host.
fn host_type(declared: &Declared) -> TokenStream {
    match &declared.form {
        Form::Plain | Form::Container => declared.ty.to_token_stream(),
        Form::Followed { .. } | Form::Counted { behind: true, .. } => quote!(*mut ()),
        Form::Listed(_) => quote!([*mut (); 2]),
        Form::Counted { element, .. } => quote!([#element; 0]),
    }
}

/// The struct of the view.
fn item(places: &Places<'_>) -> TokenStream {
    let View {
        attributes,
        visibility,
        name,
        members,
    } = places.view;
    let (size, structure) = (places.size(), places.host_structure());
    let shared = members.iter().map(shared);
    quote_spanned! {Span::mixed_site()=>
        #(#attributes)*
        #[repr(transparent)]
        #visibility struct #name {
            #[allow(dead_code)]
            __klp_contents: ::klp::view::Contents<#name, (#(#shared,)*), #size>,
        }
        #structure
    }
}

/// The type whose auto traits decide whether other threads may access a member.
fn shared(declared: &Declared) -> TokenStream {
    match &declared.form {
        Form::Plain | Form::Container => declared.ty.to_token_stream(),
        Form::Followed { target, .. } => quote!(&'static #target),
        Form::Counted {
            element,
            behind: true,
            ..
        } => quote!(&'static #element),
        Form::Counted { element, .. } => element.to_token_stream(),
        Form::Listed(List { entry, .. }) => quote!(&'static #entry),
    }
}

/// The implementations of klp's traits.
fn traits(places: &Places<'_>, name: &str, found: &Found) -> TokenStream {
    let ident = &places.view.name;
    let structure = places.layout.map(|layout| &layout.structure);
    let name = structure.map_or(name, |structure| structure.name());
    let content = structure.map_or(0, |structure| structure.content());
    let members = &places.view.members;
    let claims = members.iter().any(Declared::claims);
    let inner = members.iter().filter(|declared| !declared.claims());
    let inner = inner.map(|declared| &declared.ty);
    let whole = whole(places, found);
    // SAFETY: the type is opaque and as large as the structure of that name, or stands for its
    // address alone, and makes no promises.
    quote_spanned! {Span::mixed_site()=>
        unsafe impl ::klp::layout::KernelStruct for #ident {
            const NAME: &'static str = #name;
            const CONTENT: u64 = #content;
            const CLAIMS: bool = {
                #[allow(unused_imports)]
                use ::klp::view::Otherwise as _;
                #claims #(|| ::klp::view::Shown::<#inner>::CLAIMS)*
            };
        }

        unsafe impl ::klp::layout::Plain for #ident {}

        unsafe impl ::klp::view::Member for #ident {
            type Read<'a> = &'a Self;
            type Shared<'a> = &'a Self;

            const SHAPE: ::klp::signature::Shape = ::klp::signature::Shape::Aggregate;
            type Target = Self;
            const CLAIMS: bool = <Self as ::klp::layout::KernelStruct>::CLAIMS;

            #[inline(always)]
            unsafe fn read<'a>(place: *const u8) -> &'a Self {
                unsafe { ::klp::view::at(place) }
            }

            #[inline(always)]
            unsafe fn share<'a>(place: *const u8) -> &'a Self {
                unsafe { ::klp::view::at(place) }
            }
        }

        #whole
    }
}

/// The implementation of `Whole`, if the whole structure is known.
fn whole(places: &Places<'_>, found: &Found) -> Option<TokenStream> {
    let passes = match found {
        Found::Structure(layout) => layout.structure.passes_like_integers(),
        Found::Declared => return None,
        // Unknown, or with mistakes, which have been reported.
        Found::NoKernel(_) | Found::Handle | Found::Mistaken => true,
    };
    let ident = &places.view.name;
    let members = &places.view.members;
    let inner = members.iter().filter(|declared| !declared.claims());
    let inner = inner.map(|declared| &declared.ty);
    // SAFETY: all claims are also true of zeroes.
    let zeroed = members.iter().all(Declared::holds_of_zeroes).then(|| {
        quote_spanned! {Span::mixed_site()=>
            unsafe impl ::klp::view::Zeroed for #ident {
                const CLAIMS_MORE: bool = {
                    #[allow(unused_imports)]
                    use ::klp::view::Otherwise as _;
                    false #(|| ::klp::view::Shown::<#inner>::CLAIMS)*
                };
            }
        }
    });
    let by_value = passes.then(|| by_value(ident));
    // SAFETY: the size is that of the type information.
    let whole = quote_spanned! {Span::mixed_site()=>
        unsafe impl ::klp::layout::Whole for #ident {}
        #zeroed
        #by_value
    };
    // In a kernel the structure counts as only declared.
    Some(match found {
        Found::Handle => quote!(::klp::__private::on_host! { #whole }),
        _ => whole,
    })
}

fn by_value(ident: &Ident) -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        impl ::klp::signature::CType for #ident {
            const SHAPE: ::klp::signature::Shape = ::klp::signature::Shape::Aggregate;
            type Target = Self;
        }

        impl ::klp::abi::CAbi for #ident {
            type C = Self;
        }

        impl ::klp::abi::FromC<'_> for #ident {
            #[inline(always)]
            unsafe fn from_c(c: Self, _: &::klp::abi::Call) -> Self {
                c
            }
        }

        impl ::klp::abi::IntoC for #ident {
            #[inline(always)]
            fn into_c(self) -> Self {
                self
            }
        }

        impl ::klp::abi::ToOriginal for #ident {
            #[inline(always)]
            fn to_original(self) -> Self {
                self
            }
        }

        impl ::klp::abi::FromOriginal for #ident {
            #[inline(always)]
            unsafe fn from_original(c: Self) -> Self {
                c
            }
        }
    }
}

/// The accessors of one member.
struct Accessors<'a> {
    view: &'a View,
    declared: &'a Declared,
    place: Place,
}

impl Accessors<'_> {
    fn all(&self) -> TokenStream {
        let read = self.read();
        let write = self.declared.write.map(|write| self.write(write));
        let container = matches!(self.declared.form, Form::Container).then(|| self.container());
        let place = self.place();
        quote!(#read #write #container #place)
    }

    /// The expression for the member's address.
    fn pointer(&self) -> TokenStream {
        let offset = match &self.place {
            Place::At(offset) => offset.clone(),
            Place::Bits(bits) => literal(bits.offset),
        };
        quote_spanned!(Span::mixed_site()=> ::klp::view::place(self, #offset))
    }

    // SAFETY of all accessors: the offset and the type are the member's, because constants beside the view
    // compare them with the kernel's type information. The author vouches for the rest by `unsafe` in the
    // member's attributes.

    fn read(&self) -> TokenStream {
        let Declared {
            attributes,
            visibility,
            name,
            ty,
            form,
            ..
        } = self.declared;
        let pointer = self.pointer();
        let member = as_member(ty);
        let rcu = with_lifetime(ty, Lifetime::new("'rcu", Span::mixed_site()));
        let (arguments, result, body) = match form {
            Form::Followed { rcu: true, .. } => (
                quote_spanned! {Span::mixed_site()=>
                    <'rcu>(&self, _guard: &'rcu ::klp::rcu::Guard)
                },
                rcu.to_token_stream(),
                quote!(::klp::view::follow::<#rcu>(#pointer)),
            ),
            Form::Followed { .. } => (
                quote_spanned!(Span::mixed_site()=> (&self)),
                ty.to_token_stream(),
                quote!(::klp::view::follow::<#ty>(#pointer)),
            ),
            Form::Listed(list) => self.list(list, &pointer),
            Form::Counted {
                element,
                by,
                behind,
            } => (
                quote_spanned!(Span::mixed_site()=> (&self)),
                quote!(::klp::view::Elements<'_, #element>),
                {
                    let count = self.count(by);
                    match behind {
                        true => quote!(::klp::view::elements_behind(#pointer, #count)),
                        false => quote!(::klp::view::elements(#pointer, #count)),
                    }
                },
            ),
            Form::Plain | Form::Container => (
                quote_spanned!(Span::mixed_site()=> (&self)),
                match (&self.place, self.declared.write) {
                    (Place::Bits(_), _) => ty.to_token_stream(),
                    (_, Some(Write::Anybody)) => quote_spanned!(place(ty)=> #member::Shared<'_>),
                    _ => quote_spanned!(place(ty)=> #member::Read<'_>),
                },
                match (&self.place, self.declared.write) {
                    (Place::Bits(bits), _) => bits.read(ty, &pointer),
                    (_, Some(Write::Anybody)) => {
                        quote_spanned!(place(ty)=> #member::share(#pointer))
                    }
                    _ => quote_spanned!(place(ty)=> #member::read(#pointer)),
                },
            ),
        };
        quote_spanned! {Span::mixed_site()=>
            #(#attributes)*
            #[allow(dead_code, non_snake_case)]
            #[inline(always)]
            #visibility fn #name #arguments -> #result {
                unsafe { #body }
            }
        }
    }

    /// The arguments, result type and body of the accessor of a list.
    fn list(&self, list: &List, pointer: &TokenStream) -> (TokenStream, TokenStream, TokenStream) {
        let List { entry, node, rcu } = list;
        let ty = list_with_lifetime(
            &self.declared.ty,
            Lifetime::new("'list", Span::mixed_site()),
        );
        let guard =
            rcu.then(|| quote_spanned!(Span::mixed_site()=> _guard: &'list ::klp::rcu::Guard));
        // rustc reports a wrong member at its name.
        let place_of = place_name(node);
        let place_of = quote_spanned!(node.span()=> <#entry>::#place_of);
        (
            quote_spanned!(Span::mixed_site()=> <'list>(&'list self, #guard)),
            ty.to_token_stream(),
            quote_spanned! {place(&self.declared.ty)=>
                <#ty as ::klp::list::Linked>::of(#pointer, #place_of)
            },
        )
    }

    /// The hidden constant of the member's offset, for lists whose entries it links.
    fn place(&self) -> Option<TokenStream> {
        let Declared {
            visibility,
            name,
            ty,
            form: Form::Plain | Form::Container,
            ..
        } = self.declared
        else {
            return None;
        };
        let Place::At(offset) = &self.place else {
            return None;
        };
        let (name, view) = (place_name(name), &self.view.name);
        Some(quote_spanned! {Span::mixed_site()=>
            #[doc(hidden)]
            #[allow(dead_code, non_upper_case_globals, private_interfaces)]
            #visibility const #name: ::klp::view::Place<#view, #ty> =
                ::klp::view::Place::new(#offset);
        })
    }

    /// The expression for the number of elements; a negative counter is 0.
    fn count(&self, by: &Ident) -> TokenStream {
        quote_spanned! {Span::mixed_site()=>
            ::core::convert::TryInto::<usize>::try_into(self.#by()).unwrap_or(0)
        }
    }

    fn write(&self, write: Write) -> TokenStream {
        let Declared {
            visibility,
            ty,
            form,
            ..
        } = self.declared;
        let name = self.derived("set");
        let this = match write {
            Write::Owner => quote_spanned!(Span::mixed_site()=> &mut self),
            Write::Anybody => quote_spanned!(Span::mixed_site()=> &self),
        };
        let pointer = self.pointer();
        let element = match form {
            Form::Counted { element, by, .. } => Some((element, self.count(by))),
            _ => array(ty).map(|(element, length)| (element, length.to_token_stream())),
        };
        let (arguments, result, body) = match (element, form, &self.place) {
            (Some((element, length)), ..) => (
                quote_spanned!(Span::mixed_site()=> index: usize, value: #element),
                quote!(-> ::klp::__private::Result),
                quote_spanned! {Span::mixed_site()=>
                    ::klp::view::element::<#element>(#pointer, #length, index, value)
                },
            ),
            (None, Form::Followed { .. }, _) => (
                quote_spanned!(Span::mixed_site()=> value: #ty),
                TokenStream::new(),
                quote_spanned!(Span::mixed_site()=> ::klp::view::point(#pointer, value)),
            ),
            (None, _, Place::Bits(bits)) => (
                quote_spanned!(Span::mixed_site()=> value: #ty),
                TokenStream::new(),
                bits.write(&pointer),
            ),
            (None, _, Place::At(_)) => (
                quote_spanned!(Span::mixed_site()=> value: #ty),
                TokenStream::new(),
                quote_spanned! {Span::mixed_site()=>
                    <#ty as ::klp::view::Writable>::write(#pointer, value)
                },
            ),
        };
        let doc = format!("Writes `{}`.", self.declared.path);
        quote_spanned! {Span::mixed_site()=>
            #[doc = #doc]
            #[allow(dead_code, non_snake_case)]
            #[inline(always)]
            #visibility fn #name(#this, #arguments) #result {
                unsafe { #body }
            }
        }
    }

    /// The conversion from an inner structure to the containing one.
    fn container(&self) -> TokenStream {
        let Declared { visibility, ty, .. } = self.declared;
        let name = self.derived("from");
        let Place::At(offset) = &self.place else {
            return TokenStream::new();
        };
        let doc = format!("The structure whose `{}` this is.", self.declared.path);
        let view = &self.view.name;
        quote_spanned! {Span::mixed_site()=>
            #[doc = #doc]
            #[allow(dead_code, non_snake_case)]
            #[inline(always)]
            #visibility fn #name(inner: &#ty) -> &#view {
                unsafe { ::klp::view::container(inner, #offset) }
            }
        }
    }

    /// The name of a further accessor: `set_NAME`, `from_NAME`.
    fn derived(&self, what: &str) -> Ident {
        let name = self.declared.plain_name();
        let span = self.declared.name.span();
        Ident::new(&format!("{what}_{name}"), span)
    }
}

impl BitPlace {
    fn unit(&self) -> Ident {
        format_ident!("u{}", self.bytes * 8)
    }

    fn read(&self, ty: &Type, pointer: &TokenStream) -> TokenStream {
        let (unit, first, count) = (self.unit(), literal(self.first), literal(self.count));
        quote!(::klp::view::read_bits::<#ty, #unit>(#pointer, #first, #count))
    }

    fn write(&self, pointer: &TokenStream) -> TokenStream {
        let (unit, first, count) = (self.unit(), literal(self.first), literal(self.count));
        quote_spanned! {Span::mixed_site()=>
            ::klp::view::write_bits::<_, #unit>(#pointer, #first, #count, value)
        }
    }
}

/// The name of the constant with a member's offset.
fn place_name(member: &Ident) -> Ident {
    Ident::new(&format!("place_of_{}", member.unraw()), member.span())
}

/// `<ty as Member>`, with the span of the type, so that its errors are reported once.
fn as_member(ty: &Type) -> TokenStream {
    quote_spanned!(place(ty)=> <#ty as ::klp::view::Member>)
}

fn literal(number: u64) -> TokenStream {
    // `u64` fits: kernel and host are 64-bit.
    Literal::u64_unsuffixed(number).to_token_stream()
}
