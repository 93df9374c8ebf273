// SPDX-License-Identifier: GPL-2.0-only

//! Compares expansions with the files in `snapshots/`.
//!
//! After an intended change: `UPDATE_EXPECT=1 cargo test -p klp-macros`, then read the difference.

use expect_test::{expect_file, ExpectFile};
use proc_macro2::TokenStream;
use quote::quote;

fn check(keys: TokenStream, item: TokenStream, expected: ExpectFile) {
    let code = crate::expansion(keys, item, Some("in_the_build".to_owned()));
    let file = syn::parse2(code).expect("the expansion is Rust");
    let code = prettyplease::unparse(&file);
    expected.assert_eq(&format!(
        "// SPDX-License-Identifier: GPL-2.0-only\n\n{code}"
    ));
}

#[test]
fn function() {
    check(
        quote! {
            object = "vmlinux", replaces = "cmdline_proc_show",
            description = "Livepatch sample", license = "GPL"
        },
        quote! {
            fn livepatch_cmdline_proc_show(m: &SeqFile, _v: *mut c_void) -> Result {
                seq_print!(m, "this has been live patched\n");
                Ok(())
            }
        },
        expect_file!["../snapshots/function.rs"],
    );
}

#[test]
fn function_with_every_key() {
    check(
        quote! {
            object = "ext4", replaces = "show", sympos = 2,
            description = "A fix", license = "Dual MIT/GPL",
            authors = ["Jane Doe <jane@example.org>", "John Doe"],
            name = "my_fix", replace
        },
        quote! {
            pub(crate) fn r#type() {}
        },
        expect_file!["../snapshots/function_with_every_key.rs"],
    );
}

#[test]
fn function_with_attributes_and_patterns() {
    check(
        quote! {
            object = "vmlinux", replaces = "sum", description = "A fix", license = "GPL"
        },
        quote! {
            /// Adds.
            #[allow(unused_mut)]
            #[cold]
            #[must_use]
            fn sum(mut first: u32, (): (), _: Option<&'_ Task>, #[allow(unused)] rest @ _: u32) -> u32 {
                first + rest
            }
        },
        expect_file!["../snapshots/function_with_attributes_and_patterns.rs"],
    );
}

#[test]
fn module() {
    check(
        quote!(
            description = "Several fixes",
            license = "GPL",
            authors = ["Jane Doe"],
            version = "1.2",
            fixes = ["CVE-2024-1234", "CVE-2024-5678"],
            url = "https://example.org/fixes",
            replace = true
        ),
        quote! {
            mod fixes {
                use klp::prelude::*;

                #[livepatch(object = "ext4", replaces = "ext4_attr_show")]
                fn attr_show(buffer: *mut u8) -> Result<usize> {
                    Ok(0)
                }

                #[klp::livepatch(object = "vmlinux", replaces = "cmdline_proc_show")]
                fn cmdline(m: &SeqFile, _v: *mut c_void) -> Result {
                    Ok(())
                }

                #[livepatch(object = "ext4", replaces = "show", sympos = 2)]
                fn second_show() {}

                #[livepatch(object = "ext4", replaces = "show", sympos = 1)]
                fn first_show() {}
            }
        },
        expect_file!["../snapshots/module.rs"],
    );
}

#[test]
fn module_with_other_items() {
    check(
        quote!(description = "A fix", license = "GPL"),
        quote! {
            /// Fixes.
            #[allow(dead_code)]
            pub mod fixes {
                //! All of them.
                #![deny(unsafe_code)]

                use klp::prelude::*;

                const NUMBER: usize = { 1 + 1 };

                struct Shared<'a, T: Copy>(&'a [T; NUMBER]);

                impl<T: Copy> Shared<'_, T> {
                    const fn new() -> Self {
                        todo!()
                    }
                }

                macro_rules! shared {
                    ($e:expr) => { $e };
                }

                shared! { fn made() {} }

                async unsafe fn unusual<T>(value: T) -> impl Copy where T: Copy {
                    value
                }

                mod inner {
                    pub(super) fn helper() {}
                }

                #[livepatch(object = "vmlinux", replaces = "show")]
                fn show() {
                    inner::helper();
                }
            }
        },
        expect_file!["../snapshots/module_with_other_items.rs"],
    );
}

#[test]
fn module_with_callbacks_and_variables() {
    check(
        quote!(description = "A fix", license = "GPL", replace),
        quote! {
            mod fixes {
                use klp::prelude::*;

                /// How often.
                #[shadow(id = 1)]
                pub(super) static USES: Shadow<Task, u32>;

                #[state(id = 5, version = 2)]
                static LEVEL: State<u32>;

                #[livepatch(object = "vmlinux", replaces = "show")]
                fn show() {}

                #[pre_patch(object = "vmlinux")]
                fn before(object: &klp::Object) -> Result {
                    Ok(())
                }

                #[post_unpatch(object = "vmlinux")]
                fn after(unpatched: &klp::Unpatched) {}

                #[klp::pre_unpatch(object = "ext4")]
                fn ext4(object: &klp::Object) {}
            }
        },
        expect_file!["../snapshots/module_with_callbacks_and_variables.rs"],
    );
}

#[test]
fn function_with_original() {
    check(
        quote! {
            object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A check", license = "GPL"
        },
        quote! {
            fn cmdline(m: &SeqFile, v: *mut c_void) -> Result<i32> {
                if v.is_null() {
                    return Err(EINVAL);
                }
                original(m, v)
            }
        },
        expect_file!["../snapshots/function_with_original.rs"],
    );
}

#[test]
fn module_with_originals() {
    check(
        quote!(description = "Checks", license = "GPL"),
        quote! {
            mod checks {
                use klp::prelude::*;

                #[state(id = 5, version = 2)]
                static LEVEL: State<u32>;

                #[livepatch(object = "ext4", replaces = "first")]
                fn first() {
                    original()
                }

                #[livepatch(object = "ext4", replaces = "second", sympos = 2)]
                fn second(size: usize) -> Result<usize> {
                    Some(size.min(4096)).map(original).ok_or(EINVAL)?
                }

                #[livepatch(object = "ext4", replaces = "third")]
                fn third() {}

                #[pre_patch]
                fn before(object: &klp::Object) -> Result {
                    Ok(())
                }
            }
        },
        expect_file!["../snapshots/module_with_originals.rs"],
    );
}

#[test]
fn symbols() {
    let code = crate::symbols::symbols(
        quote!(object = "ext4"),
        quote! {
            /// Of ext4.
            unsafe extern "C" {
                /// Shows.
                pub safe fn show(m: &SeqFile, _: *mut c_void) -> i32;
                #[sympos = 2]
                #[link_name = "table.0"]
                static mut TABLE: [u32; 4];
            }
        },
    );
    let file = syn::parse2(code).expect("the expansion is Rust");
    expect_file!["../snapshots/symbols.rs"].assert_eq(&format!(
        "// SPDX-License-Identifier: GPL-2.0-only\n\n{}",
        prettyplease::unparse(&file)
    ));
}

#[test]
fn view() {
    let code = crate::types::kernel_struct(
        quote!("session", object = "sessions"),
        quote! {
            /// Of the module.
            #[derive(Persistent)]
            pub(crate) struct Session {
                /// Who.
                pub user: u32,
                #[path("limits.soft")]
                #[write(unsafe)]
                r#type: bool,
                #[write]
                slots: [u16; 4],
                #[follow(unsafe)]
                parent: Option<&Session>,
                #[follow(rcu, unsafe)]
                next: &Session,
                #[counted_by(user, unsafe)]
                data: [u8],
                #[container_of(unsafe)]
                lock: Lock,
            }
        },
    );
    let file = syn::parse2(code).expect("the expansion is Rust");
    expect_file!["../snapshots/view.rs"].assert_eq(&format!(
        "// SPDX-License-Identifier: GPL-2.0-only\n\n{}",
        prettyplease::unparse(&file)
    ));
}

#[test]
fn function_with_mistakes() {
    check(
        quote!(object = "ext4.ko", replaces = "show", description = "A fix"),
        quote! {
            pub fn show(_value: impl Copy) {}
        },
        expect_file!["../snapshots/function_with_mistakes.rs"],
    );
}

#[test]
fn module_with_mistakes() {
    check(
        quote!(description = "A fix", license = "MIT"),
        quote! {
            mod fixes {
                #[livepatch(object = "vmlinux", replaces = "show")]
                fn show() -> ! {
                    loop {}
                }

                #[livepatch(object = "vmlinux", replaces = "other")]
                fn without_body();

                mod inner {
                    #[livepatch(object = "vmlinux", replaces = "deep")]
                    pub(super) fn deep() {}
                }

                fn other() {}
            }
        },
        expect_file!["../snapshots/module_with_mistakes.rs"],
    );
}

/// Authors can put an attribute on anything.
#[test]
fn malformed_input_is_an_error_and_no_panic() {
    let keys = [
        quote!(),
        quote!(,),
        quote!(=),
        quote!(object),
        quote!(object =),
        quote!(object = ,),
        quote!(= "a"),
        quote!(object = "a" "b"),
        quote!(object = {}, authors = [,,], authors = [1 2]),
        quote!(r#object = "a", #[object] = "a"),
    ];
    let items = [
        quote!(),
        quote!(;),
        quote!(fn),
        quote!(fn f),
        quote!(fn f(),),
        quote!(
            fn f() {}
            fn g() {}
        ),
        quote!(mod),
        quote!(mod m [ ]),
        quote!(
            mod m {
                fn
            }
        ),
        quote!(
            mod m {
                #[livepatch]
            }
        ),
        quote!(#[livepatch]),
        quote!(1 + 1),
    ];
    for keys in keys {
        for item in &items {
            let code = crate::expansion(keys.clone(), item.clone(), None).to_string();
            assert!(
                code.contains("compile_error"),
                "#[livepatch({keys})] {item}"
            );
        }
    }
}

#[test]
fn registered_with_an_immediate_function() {
    check(
        quote!(description = "A fix", license = "GPL", register),
        quote! {
            mod fix {
                #[livepatch(object = "vmlinux", replaces = "show", immediate)]
                fn show() {}
            }
        },
        expect_file!["../snapshots/registered.rs"],
    );
}

#[test]
fn keys_that_exclude_replace_and_states() {
    let expanded = |keys: TokenStream, item: TokenStream| {
        crate::expansion(keys, item, Some("in_the_build".to_owned())).to_string()
    };
    let patch = quote! {
        mod fix {
            #[livepatch(object = "vmlinux", replaces = "show")]
            fn show() {}
        }
    };
    let keys = quote!(
        description = "A fix",
        license = "GPL",
        replace,
        register,
        immediate
    );
    let text = expanded(keys, patch);
    assert!(
        text.contains("a registered patch cannot replace all others"),
        "{text}"
    );
    assert!(
        text.contains("an immediate patch cannot replace all others"),
        "{text}"
    );
    let with_state = quote! {
        mod fix {
            #[livepatch(object = "vmlinux", replaces = "show")]
            fn show() {}
            #[state(id = 1, version = 1)]
            static STATE: State<u32>;
        }
    };
    let text = expanded(
        quote!(description = "A fix", license = "GPL", register),
        with_state,
    );
    assert!(
        text.contains("a registered patch cannot have states"),
        "{text}"
    );
}
