// SPDX-License-Identifier: GPL-2.0-only
/* Wrappers for open files. */
#include <linux/compiler.h>
#include <linux/fs.h>

unsigned int klp_c_file_flags(const struct file *file);
unsigned int klp_c_file_flags(const struct file *file)
{
	return READ_ONCE(file->f_flags);
}

const struct cred *klp_c_file_cred(const struct file *file);
const struct cred *klp_c_file_cred(const struct file *file)
{
	return file->f_cred;
}
