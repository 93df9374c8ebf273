// SPDX-License-Identifier: GPL-2.0-only

//! The table of types of a replacement's signature, for a test and for the documentation.
//!
//! A test of `klp::abi` compares each row with the traits. `cargo xtask docs` compiles this file too, and
//! generates the tables of the guides from it.

/// Calls the macro `$rows` with all rows: Rust types, their directions, the C type, a note.
macro_rules! for_each_type {
    ($rows:ident) => {
        $rows! {
            [u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, bool]: argument result,
                "the same integer", "";
            [*const T, *mut T]: argument result,
                "a pointer", "as a result it needs `unsafe` in `#[livepatch(..)]`, because C follows it";
            [Option<NonNull<T>>]: argument result,
                "a pointer", "`None` is `NULL`";
            [NonNull<T>]: result,
                "a pointer", "never `NULL`";
            [&SeqFile, &Task, &LocalFile, &File, &Credential, &Device, &Mm, &PidNamespace]: argument,
                "a pointer to that C structure", "never `NULL`";
            [&T]: argument,
                "a pointer to the structure of the view `T`", "never `NULL`";
            [&CStr]: argument,
                "`const char *`", "never `NULL`; NUL-terminated";
            [Option<&SeqFile>, Option<&T>, Option<&CStr>]: argument,
                "the same pointers", "`None` is `NULL` or an `ERR_PTR()`; likewise for the other references";
            [InOut<'_, i64>, InOut<'_, u32>]: argument,
                "`loff_t *`, `unsigned int *`: a pointer to an integer of that size and sign", "never `NULL`";
            [Option<InOut<'_, i64>>]: argument,
                "the same pointer", "`None` is `NULL`";
            [SockPtr<'_>]: argument,
                "`sockptr_t`, by value", "";
            [&SyscallArgs]: argument,
                "`const struct pt_regs *` of a system call", "";
            [&IntTable, Buffer<'_>, Length<'_>, Position<'_>]: argument,
                "the arguments of a `proc_handler`", "";
            [Pin<KBox<T>>]: argument result,
                "a pointer to a structure from `kmalloc()`",
                "the function takes ownership of an argument and gives up that of a result; never `NULL`";
            [Option<Pin<KBox<T>>>]: argument result,
                "the same pointer", "`None` is `NULL`";
            [KBox<T>, Option<KBox<T>>]: result,
                "the same pointer", "to a structure created in Rust";
            [Returned<T>]: result,
                "a pointer", "what `original` returned, or `Returned::null()`";
            [()]: result,
                "`void`", "";
            [Result]: result,
                "`int`", "0 or a negative errno";
            [Result<i32>]: result,
                "`int`", "the value or a negative errno";
            [Result<bool>]: result,
                "`int`", "0, 1 or a negative errno";
            [Result<isize>, Result<usize>]: result,
                "`long`, `ssize_t`", "the value or a negative errno";
            [Result<i64>]: result,
                "`long long`, `loff_t`", "the value or a negative errno";
            [Result<*mut T>, Result<NonNull<T>>, Result<Returned<T>>, Result<Pin<KBox<T>>>]: result,
                "a pointer, or an errno as `ERR_PTR()`", "likewise for the other pointers";
        }
    };
}
pub(crate) use for_each_type;
