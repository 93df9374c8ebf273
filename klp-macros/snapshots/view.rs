// SPDX-License-Identifier: GPL-2.0-only

/// Of the module.
#[derive(Persistent)]
#[repr(transparent)]
pub(crate) struct Session {
    #[allow(dead_code)]
    __klp_contents: ::klp::view::Contents<
        Session,
        (u32, bool, [u16; 4], &'static Session, &'static Session, u8, Lock),
        { ::core::mem::size_of::<__KlpLayoutOfSession>() },
    >,
}
#[doc(hidden)]
#[allow(dead_code, non_snake_case)]
#[repr(C)]
struct __KlpLayoutOfSession {
    user: u32,
    r#type: bool,
    slots: [u16; 4],
    parent: *mut (),
    next: *mut (),
    data: [u8; 0],
    lock: Lock,
}
unsafe impl ::klp::layout::KernelStruct for Session {
    const NAME: &'static str = "session";
    const CONTENT: u64 = 0u64;
    const CLAIMS: bool = {
        #[allow(unused_imports)]
        use ::klp::view::Otherwise as _;
        true || ::klp::view::Shown::<u32>::CLAIMS || ::klp::view::Shown::<bool>::CLAIMS
            || ::klp::view::Shown::<[u16; 4]>::CLAIMS
    };
}
unsafe impl ::klp::layout::Plain for Session {}
unsafe impl ::klp::view::Member for Session {
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
unsafe impl ::klp::layout::Whole for Session {}
impl ::klp::signature::CType for Session {
    const SHAPE: ::klp::signature::Shape = ::klp::signature::Shape::Aggregate;
    type Target = Self;
}
impl ::klp::abi::CAbi for Session {
    type C = Self;
}
impl ::klp::abi::FromC<'_> for Session {
    #[inline(always)]
    unsafe fn from_c(c: Self, _: &::klp::abi::Call) -> Self {
        c
    }
}
impl ::klp::abi::IntoC for Session {
    #[inline(always)]
    fn into_c(self) -> Self {
        self
    }
}
impl ::klp::abi::ToOriginal for Session {
    #[inline(always)]
    fn to_original(self) -> Self {
        self
    }
}
impl ::klp::abi::FromOriginal for Session {
    #[inline(always)]
    unsafe fn from_original(c: Self) -> Self {
        c
    }
}
impl Session {
    /// Who.
    #[allow(dead_code, non_snake_case)]
    #[inline(always)]
    pub fn user(&self) -> <u32 as ::klp::view::Member>::Read<'_> {
        unsafe {
            <u32 as ::klp::view::Member>::read(
                ::klp::view::place(
                    self,
                    ::core::mem::offset_of!(__KlpLayoutOfSession, user),
                ),
            )
        }
    }
    #[doc(hidden)]
    #[allow(dead_code, non_upper_case_globals, private_interfaces)]
    pub const place_of_user: ::klp::view::Place<Session, u32> = ::klp::view::Place::new(
        ::core::mem::offset_of!(__KlpLayoutOfSession, user),
    );
    #[allow(dead_code, non_snake_case)]
    #[inline(always)]
    fn r#type(&self) -> <bool as ::klp::view::Member>::Shared<'_> {
        unsafe {
            <bool as ::klp::view::Member>::share(
                ::klp::view::place(
                    self,
                    ::core::mem::offset_of!(__KlpLayoutOfSession, r#type),
                ),
            )
        }
    }
    ///Writes `limits.soft`.
    #[allow(dead_code, non_snake_case)]
    #[inline(always)]
    fn set_type(&self, value: bool) {
        unsafe {
            <bool as ::klp::view::Writable>::write(
                ::klp::view::place(
                    self,
                    ::core::mem::offset_of!(__KlpLayoutOfSession, r#type),
                ),
                value,
            )
        }
    }
    #[doc(hidden)]
    #[allow(dead_code, non_upper_case_globals, private_interfaces)]
    const place_of_type: ::klp::view::Place<Session, bool> = ::klp::view::Place::new(
        ::core::mem::offset_of!(__KlpLayoutOfSession, r#type),
    );
    #[allow(dead_code, non_snake_case)]
    #[inline(always)]
    fn slots(&self) -> <[u16; 4] as ::klp::view::Member>::Read<'_> {
        unsafe {
            <[u16; 4] as ::klp::view::Member>::read(
                ::klp::view::place(
                    self,
                    ::core::mem::offset_of!(__KlpLayoutOfSession, slots),
                ),
            )
        }
    }
    ///Writes `slots`.
    #[allow(dead_code, non_snake_case)]
    #[inline(always)]
    fn set_slots(&mut self, index: usize, value: u16) -> ::klp::__private::Result {
        unsafe {
            ::klp::view::element::<
                u16,
            >(
                ::klp::view::place(
                    self,
                    ::core::mem::offset_of!(__KlpLayoutOfSession, slots),
                ),
                4,
                index,
                value,
            )
        }
    }
    #[doc(hidden)]
    #[allow(dead_code, non_upper_case_globals, private_interfaces)]
    const place_of_slots: ::klp::view::Place<Session, [u16; 4]> = ::klp::view::Place::new(
        ::core::mem::offset_of!(__KlpLayoutOfSession, slots),
    );
    #[allow(dead_code, non_snake_case)]
    #[inline(always)]
    fn parent(&self) -> Option<&Session> {
        unsafe {
            ::klp::view::follow::<
                Option<&Session>,
            >(
                ::klp::view::place(
                    self,
                    ::core::mem::offset_of!(__KlpLayoutOfSession, parent),
                ),
            )
        }
    }
    #[allow(dead_code, non_snake_case)]
    #[inline(always)]
    fn next<'rcu>(&self, _guard: &'rcu ::klp::rcu::Guard) -> &'rcu Session {
        unsafe {
            ::klp::view::follow::<
                &'rcu Session,
            >(
                ::klp::view::place(
                    self,
                    ::core::mem::offset_of!(__KlpLayoutOfSession, next),
                ),
            )
        }
    }
    #[allow(dead_code, non_snake_case)]
    #[inline(always)]
    fn data(&self) -> ::klp::view::Elements<'_, u8> {
        unsafe {
            ::klp::view::elements(
                ::klp::view::place(
                    self,
                    ::core::mem::offset_of!(__KlpLayoutOfSession, data),
                ),
                ::core::convert::TryInto::<usize>::try_into(self.user()).unwrap_or(0),
            )
        }
    }
    #[allow(dead_code, non_snake_case)]
    #[inline(always)]
    fn lock(&self) -> <Lock as ::klp::view::Member>::Read<'_> {
        unsafe {
            <Lock as ::klp::view::Member>::read(
                ::klp::view::place(
                    self,
                    ::core::mem::offset_of!(__KlpLayoutOfSession, lock),
                ),
            )
        }
    }
    ///The structure whose `lock` this is.
    #[allow(dead_code, non_snake_case)]
    #[inline(always)]
    fn from_lock(inner: &Lock) -> &Session {
        unsafe {
            ::klp::view::container(
                inner,
                ::core::mem::offset_of!(__KlpLayoutOfSession, lock),
            )
        }
    }
    #[doc(hidden)]
    #[allow(dead_code, non_upper_case_globals, private_interfaces)]
    const place_of_lock: ::klp::view::Place<Session, Lock> = ::klp::view::Place::new(
        ::core::mem::offset_of!(__KlpLayoutOfSession, lock),
    );
}
::klp::__private::in_kernel! {
    ::core::compile_error!("a view needs the kernel's type information (BTF), and this build has none: build the kernel with CONFIG_DEBUG_INFO_BTF=y, or name a vmlinux that has it in KLP_VMLINUX");
}
const _: () = unsafe {
    ::klp::signature::vouched();
};
const _: () = unsafe {
    ::klp::signature::vouched();
};
const _: () = unsafe {
    ::klp::signature::vouched();
};
const _: () = unsafe {
    ::klp::signature::vouched();
};
const _: () = unsafe {
    ::klp::signature::vouched();
};
