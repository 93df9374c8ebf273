/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions of klp_originals. None is static, so that the compiler keeps the arguments and
 * results.
 */
#ifndef KLP_ORIGINALS_H
#define KLP_ORIGINALS_H

#include <linux/types.h>

/* Passed in registers. */
struct originals_pair {
	long first;
	long second;
};

/* Passed on the stack. */
struct originals_big {
	long values[4];
};

struct originals_session {
	unsigned int user;
};

/* Two arguments are passed on the stack. */
long originals_many(long a, int b, unsigned char c, long d, short e, long f, int g, long h);
struct originals_pair originals_swap(struct originals_pair pair);
struct originals_big originals_turn(struct originals_big big);
bool originals_is_even(unsigned int number);
ssize_t originals_size(size_t size);
int originals_check(int number);
struct originals_session *originals_session_new(unsigned int user);
void originals_session_free(struct originals_session *session);
unsigned int originals_session_user(const struct originals_session *session);
int originals_sleep(unsigned int ms);

#endif
