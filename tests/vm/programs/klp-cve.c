// SPDX-License-Identifier: GPL-2.0-only

/*
 * Makes the system calls that published fixes affect, and prints the result: `ok`, the name of an
 * errno or of the signal that ended it, or an observation.
 *
 *     klp-cve WHAT [ARG...]
 *
 * Numbers may be written as in C.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/membarrier.h>
#include <linux/netlink.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char **arg;

static long number(int which)
{
	return arg[which] ? strtol(arg[which], NULL, 0) : 0;
}

/* open PATH */
static int do_open(void)
{
	return open(arg[0], O_RDONLY);
}

/* read PATH */
static int do_read(void)
{
	char buffer[4096];
	int fd = open(arg[0], O_RDONLY);

	return fd < 0 ? fd : read(fd, buffer, sizeof(buffer));
}

/* write PATH TEXT */
static int do_write(void)
{
	int fd = open(arg[0], O_WRONLY);

	return fd < 0 ? fd : write(fd, arg[1], strlen(arg[1]));
}

/* socket FAMILY TYPE PROTOCOL */
static int do_socket(void)
{
	return socket(number(0), number(1), number(2));
}

/* clone FLAGS */
static int do_clone(void)
{
	int pid = syscall(SYS_clone, number(0) | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid;
}

/* perf TYPE CONFIG */
static int do_perf(void)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = number(0),
		.config = number(1),
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

/* futex OPERATION WAKE REQUEUE DISTANCE: the distance is between the two futexes, which have no waiters */
static int do_futex(void)
{
	static int words[2];

	return syscall(SYS_futex, &words[0], number(0), number(1), number(2),
		       &words[number(3)], 0);
}

/* timer NOTIFY */
static int do_timer(void)
{
	struct sigevent event = {
		.sigev_notify = number(0),
		.sigev_signo = SIGALRM,
	};
	int timer;

	return syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer);
}

/* wait PID */
static int do_wait(void)
{
	return syscall(SYS_wait4, (pid_t)number(0), NULL, 0, NULL);
}

/* grow ADDRESS: lets a stack that begins there grow by a page */
static int do_grow(void)
{
	long address = number(0);
	char *stack = mmap((void *)address, 4096, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);

	if (stack == MAP_FAILED)
		return -1;
	*(volatile char *)(address - 64) = 1;
	return 0;
}

/* shmat ADDRESS FLAGS */
static int do_shmat(void)
{
	int id = shmget(IPC_PRIVATE, 4096, 0600);
	void *at = shmat(id, (void *)number(0), number(1));
	int error = errno;

	shmctl(id, IPC_RMID, NULL);
	errno = error;
	return at == (void *)-1 ? -1 : 0;
}

/* ring PRIVATE: creates a packet ring with this many private bytes in each block */
static int do_ring(void)
{
	struct tpacket_req3 ring = {
		.tp_block_size = 4096,
		.tp_block_nr = 1,
		.tp_frame_size = 2048,
		.tp_frame_nr = 2,
		.tp_sizeof_priv = number(0),
	};
	int version = TPACKET_V3;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)))
		return -1;
	return setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring));
}

/* Sends a message to the kernel. Sets errno to that of the answer. */
static int netlink(int family, struct nlmsghdr *message, size_t error_at)
{
	struct timeval second = { .tv_sec = 1 };
	char answer[4096];
	int fd = socket(AF_NETLINK, SOCK_RAW, family);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)) ||
	    send(fd, message, message->nlmsg_len, 0) < 0 ||
	    recv(fd, answer, sizeof(answer), 0) < (ssize_t)(error_at + sizeof(int)))
		return -1;
	errno = -*(int *)(answer + error_at);
	return errno ? -1 : 0;
}

/* netfilter SUBSYSTEM MESSAGE SIZE: with an attribute 1 of this many zeros, if any */
static int do_netfilter(void)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg netfilter;
		struct nlattr attribute;
		char data[1024];
	} message = {
		.header.nlmsg_type = number(0) << 8 | number(1),
		.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE,
		.attribute.nla_type = 1,
		.attribute.nla_len = NLA_HDRLEN + number(2),
	};
	size_t size = NLMSG_LENGTH(sizeof(message.netfilter));

	message.header.nlmsg_len = size + (number(2) ? NLA_ALIGN(NLA_HDRLEN + number(2)) : 0);
	return netlink(NETLINK_NETFILTER, &message.header, NLMSG_HDRLEN);
}

/* outside SUBSYSTEM MESSAGE SIZE: the same from a new user and network namespace, with all capabilities there */
static int do_outside(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return -1;
	return do_netfilter();
}

/* iscsi MESSAGE */
static int do_iscsi(void)
{
	struct {
		struct nlmsghdr header;
		int event[128];
	} message = {
		.header.nlmsg_len = sizeof(message),
		.header.nlmsg_type = number(0),
		.header.nlmsg_flags = NLM_F_REQUEST,
	};

	return netlink(NETLINK_ISCSI, &message.header, NLMSG_HDRLEN + sizeof(int));
}

/* Opens a new file that has this text and then a hole, for reading. */
static int file_to_read(const char *text)
{
	char name[] = "/klp-cve-XXXXXX";
	int writable = mkstemp(name), fd = open(name, O_RDONLY);

	unlink(name);
	if (writable < 0 || write(writable, text, strlen(text)) < 0 ||
	    ftruncate(writable, 8192) || fchmod(writable, 0644) || close(writable))
		return -1;
	return fd;
}

/* mincore USER: prints which of a file's two pages are in memory, as this user sees it; only the first is */
static int do_mincore(void)
{
	int fd = file_to_read("text");
	unsigned char answer[2];
	void *at;

	if (setresuid(number(0), number(0), number(0)))
		return -1;
	at = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED || mincore(at, 8192, answer))
		return -1;
	printf("%d %d\n", answer[0] & 1, answer[1] & 1);
	exit(0);
}

/* splice: writes into a pipe after a byte of a read-only file, and prints the file's contents then */
static int do_splice(void)
{
	int fd = file_to_read("original"), ends[2], size;
	char text[9] = "", *data;
	loff_t begin = 0;

	if (pipe(ends))
		return -1;
	/* Leaves the flags of a write in each of the pipe's buffers. */
	size = fcntl(ends[1], F_GETPIPE_SZ);
	data = calloc(1, size);
	if (write(ends[1], data, size) != size || read(ends[0], data, size) != size)
		return -1;
	if (splice(fd, &begin, ends[1], NULL, 1, 0) != 1 ||
	    write(ends[1], "VERWROTE", 7) != 7 || pread(fd, text, 8, 0) != 8)
		return -1;
	puts(text);
	exit(0);
}

static atomic_int waited;

/* Interrupts the other CPUs until it has waited for another thread that does. */
static void *interrupt(void *barrier)
{
	struct rusage begin, now;
	time_t end;

	pthread_barrier_wait(barrier);
	end = time(NULL) + 3;
	getrusage(RUSAGE_THREAD, &begin);
	while (!waited && time(NULL) < end) {
		for (int i = 0; i < 100; i++)
			syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
		getrusage(RUSAGE_THREAD, &now);
		waited |= now.ru_nvcsw != begin.ru_nvcsw;
	}
	return NULL;
}

/* membarrier THREADS: prints whether these interrupt the other CPUs one after the other */
static int do_membarrier(void)
{
	pthread_barrier_t barrier;
	pthread_t threads[16];
	int count = number(0);

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		return -1;
	pthread_barrier_init(&barrier, NULL, count);
	for (int i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, interrupt, &barrier);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	puts(waited ? "in turn" : "at once");
	exit(0);
}

static const struct {
	const char *name;
	int (*run)(void);
} things[] = {
	{ "open", do_open },
	{ "read", do_read },
	{ "write", do_write },
	{ "socket", do_socket },
	{ "clone", do_clone },
	{ "perf", do_perf },
	{ "futex", do_futex },
	{ "timer", do_timer },
	{ "wait", do_wait },
	{ "grow", do_grow },
	{ "shmat", do_shmat },
	{ "ring", do_ring },
	{ "netfilter", do_netfilter },
	{ "outside", do_outside },
	{ "iscsi", do_iscsi },
	{ "mincore", do_mincore },
	{ "splice", do_splice },
	{ "membarrier", do_membarrier },
};

static void ended(int signal)
{
	const char *name = sigabbrev_np(signal);

	printf("SIG%s\n", name);
	fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	signal(SIGSEGV, ended);
	for (size_t i = 0; argc > 1 && i < sizeof(things) / sizeof(things[0]); i++) {
		if (strcmp(argv[1], things[i].name))
			continue;
		arg = argv + 2;
		puts(things[i].run() < 0 ? strerrorname_np(errno) : "ok");
		return 0;
	}
	fprintf(stderr, "klp-cve: unknown operation: see `things` in klp-cve.c\n");
	return 2;
}
