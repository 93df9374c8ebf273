// SPDX-License-Identifier: GPL-2.0-only

unsafe extern "C" fn cmdline(
    __klp_arg0: <&SeqFile as ::klp::abi::CAbi>::C,
    __klp_arg1: <*mut c_void as ::klp::abi::CAbi>::C,
) -> <Result<i32> as ::klp::abi::CAbi>::C {
    ::klp::__private::in_kernel! {
        #[allow(improper_ctypes)] unsafe extern "C" { #[link_name =
        "__klp_original.vmlinux.cmdline_proc_show.0"] fn __klp_original(argument_0 : < &
        SeqFile as ::klp::abi::CAbi > ::C, argument_1 : < * mut c_void as
        ::klp::abi::CAbi > ::C) -> < Result < i32 > as ::klp::abi::CAbi > ::C; }
    }
    ::klp::__private::on_host! {
        #[allow(improper_ctypes_definitions)] unsafe extern "C" fn __klp_original(_ : < &
        SeqFile as ::klp::abi::CAbi > ::C, _ : < * mut c_void as ::klp::abi::CAbi > ::C)
        -> < Result < i32 > as ::klp::abi::CAbi > ::C {
        ::klp::symbols::only_in_a_kernel() }
    }
    #[inline(always)]
    fn cmdline(
        __klp_call: &::klp::abi::Call,
        m: &SeqFile,
        v: *mut c_void,
    ) -> Result<i32> {
        #[allow(unused_variables)]
        let original = |argument_0: &SeqFile, argument_1: *mut c_void| -> Result<i32> {
            let _: &::klp::abi::Call = __klp_call;
            unsafe {
                <Result<
                    i32,
                > as ::klp::abi::FromOriginal>::from_original(
                    __klp_original(
                        <&SeqFile as ::klp::abi::ToOriginal>::to_original(argument_0),
                        <*mut c_void as ::klp::abi::ToOriginal>::to_original(argument_1),
                    ),
                )
            }
        };
        {
            if v.is_null() {
                return Err(EINVAL);
            }
            original(m, v)
        }
    }
    let __klp_call = ::klp::abi::Call::new();
    let __klp_result = <<Result<
        i32,
    > as ::klp::abi::CAbi>::C as ::klp::abi::Answer<
        Result<i32>,
    >>::answer(
        cmdline(
            &__klp_call,
            unsafe {
                ::klp::abi::Argument::<&SeqFile>::argument(__klp_arg0, &__klp_call)
            },
            unsafe {
                ::klp::abi::Argument::<*mut c_void>::argument(__klp_arg1, &__klp_call)
            },
        ),
    );
    ::klp::abi::stay_on_stack();
    __klp_result
}
#[doc(hidden)]
pub(crate) mod __livepatch {
    static FUNCS_0: ::klp::table::Table<::klp::table::Func, 2usize> = ::klp::table::Table::new([
        unsafe {
            ::klp::table::Func::new(c"cmdline_proc_show", super::cmdline as *const (), 0)
        },
        ::klp::table::Func::END,
    ]);
    ::klp::__private::livepatch_originals! {
        "__klp_unlinked_text: .asciz \"\\0013klp: klp_macros: not linked, so it cannot find what it uses of the kernel: run `cargo klp link` on the module's file, then load it again\\n\""
        ".weak \".klp.sym.vmlinux.cmdline_proc_show,0\""
        ".set \"__klp_entry.vmlinux.cmdline_proc_show.0\", \".klp.sym.vmlinux.cmdline_proc_show,0\"";
        "__klp_original.vmlinux.cmdline_proc_show.0"
        ".klp.sym.vmlinux.cmdline_proc_show,0"
        "__klp_longer.vmlinux.cmdline_proc_show.0";
    }
    static ORIGINALS_0: ::klp::original::Originals = ::klp::original::Originals {
        object: ::core::option::Option::None,
        functions: &[
            unsafe {
                ::klp::original::Original::new(
                    c"cmdline_proc_show",
                    0,
                    {
                        ::klp::__private::in_kernel! {
                            unsafe extern "C" { #[link_name =
                            "__klp_entry.vmlinux.cmdline_proc_show.0"] static PLACE : u8;
                            }
                        }
                        ::klp::__private::on_host! {
                            static PLACE : u8 = 0;
                        }
                        &raw const PLACE
                    },
                    ::klp::original::Entry::Found(
                        {
                            ::klp::__private::in_kernel! {
                                unsafe extern "C" { #[link_name =
                                "__klp_longer.vmlinux.cmdline_proc_show.0"] static PLACE :
                                u8; }
                            }
                            ::klp::__private::on_host! {
                                static PLACE : u8 = 0;
                            }
                            &raw const PLACE
                        }
                            .cast_mut(),
                    ),
                )
            },
        ],
    };
    unsafe extern "C" fn pre_patch_0(
        _: *mut ::klp::bindings::klp_object,
    ) -> ::core::ffi::c_int {
        unsafe { ::klp::original::check(&PATCH, "in_the_build", &ORIGINALS_0) }
    }
    static OBJECTS: ::klp::table::Table<::klp::table::Object, 2usize> = ::klp::table::Table::new([
        ::klp::table::Object::new(::core::option::Option::None, &FUNCS_0)
            .with_callbacks(::klp::table::Callbacks {
                pre_patch: ::core::option::Option::Some(pre_patch_0),
                ..::klp::table::Callbacks::NONE
            }),
        ::klp::table::Object::END,
    ]);
    static PATCH: ::klp::table::Patch = ::klp::table::Patch::new(&OBJECTS, false);
    ::klp::__private::livepatch_modinfo!();
    pub(crate) struct Module;
    impl ::klp::__private::Module for Module {
        fn init(
            _: &'static ::klp::__private::ThisModule,
        ) -> ::klp::__private::Result<Self> {
            static ONCE: ::klp::table::Once = ::klp::table::Once::new();
            ONCE.begin()?;
            ::klp::symbols::linked()?;
            ::klp::original::admit(&PATCH, "in_the_build", &[&ORIGINALS_0])?;
            unsafe { PATCH.enable() }?;
            ::core::result::Result::Ok(Module)
        }
    }
}
#[doc(hidden)]
mod one_livepatch_per_module__put_several_functions_into_a_mod_with_the_attribute {
    pub(crate) const OBJECTS: ::klp::symbols::Objects = ::klp::symbols::Objects(
        &["vmlinux"],
    );
    pub(crate) const REPLACEMENTS: &[::klp::symbols::Replacement] = &[
        ::klp::symbols::Replacement {
            object: "vmlinux",
            name: "cmdline_proc_show",
            sympos: 0,
            calls: &["Err", "original"],
        },
    ];
    const _: ::klp::symbols::Objects = OBJECTS;
    const _: &[::klp::symbols::Replacement] = REPLACEMENTS;
}
::klp::__private::module! {
    type : __livepatch::Module, name : "in_the_build", description : "A check", license :
    "GPL",
}
