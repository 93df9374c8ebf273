/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers for a thousand functions: KLP_BENCH_ALL(F) is F(000) F(001) ... F(999).
 *
 * The digits are parts of names. To get a decimal number, prepend a 1.
 */
#ifndef KLP_BENCH_FUNCTIONS_H
#define KLP_BENCH_FUNCTIONS_H

#define KLP_BENCH_TEN(F, p)                                                    \
	F(p##0) F(p##1) F(p##2) F(p##3) F(p##4)                                \
	F(p##5) F(p##6) F(p##7) F(p##8) F(p##9)

#define KLP_BENCH_HUNDRED(F, p)                                                \
	KLP_BENCH_TEN(F, p##0) KLP_BENCH_TEN(F, p##1)                          \
	KLP_BENCH_TEN(F, p##2) KLP_BENCH_TEN(F, p##3)                          \
	KLP_BENCH_TEN(F, p##4) KLP_BENCH_TEN(F, p##5)                          \
	KLP_BENCH_TEN(F, p##6) KLP_BENCH_TEN(F, p##7)                          \
	KLP_BENCH_TEN(F, p##8) KLP_BENCH_TEN(F, p##9)

#define KLP_BENCH_ALL(F)                                                       \
	KLP_BENCH_HUNDRED(F, 0) KLP_BENCH_HUNDRED(F, 1)                        \
	KLP_BENCH_HUNDRED(F, 2) KLP_BENCH_HUNDRED(F, 3)                        \
	KLP_BENCH_HUNDRED(F, 4) KLP_BENCH_HUNDRED(F, 5)                        \
	KLP_BENCH_HUNDRED(F, 6) KLP_BENCH_HUNDRED(F, 7)                        \
	KLP_BENCH_HUNDRED(F, 8) KLP_BENCH_HUNDRED(F, 9)

#endif /* KLP_BENCH_FUNCTIONS_H */
