/*
 * Makes system calls on nodes of tracefs, sysfs and procfs, and prints what each answers:
 *
 *	calls ROOT root|user|held [FIRST STEP]
 *
 * ROOT is / or a mounted lab.  "user": an ordinary user makes the calls; the program begins as
 * root, to open the folders on the way.  "held": what is refused while another file is open.
 * STEP: only every so many nodes.
 *
 * An answer is a number or the name of an error.  Of data only this counts: none, some, or all
 * that there was room for.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#define TRACING "sys/kernel/tracing/"
#define EVENT TRACING "events/huge_memory/mm_khugepaged_scan_pmd"
#define CPU0 TRACING "per_cpu/cpu0"
#define INSTANCE TRACING "instances/calls"
#define THP "sys/kernel/mm/transparent_hugepage"
#define ROOM 4096
#define USER 12345
#define SETTLED 2000	/* microseconds after which FUSE has told that a file was closed */
#define PATIENCE 3	/* seconds that a call may block */

struct node {
	const char *path;
	const char *taken;	/* a text that may be written and changes nothing */
};

static const struct node nodes[] = {
	{ TRACING "README" },
	{ TRACING "available_events" },
	{ TRACING "available_tracers" },
	{ TRACING "buffer_percent", "50" },
	{ TRACING "buffer_size_kb", "1408" },
	{ TRACING "buffer_subbuf_size_kb", "4" },
	{ TRACING "buffer_total_size_kb" },
	{ TRACING "current_tracer", "nop" },
	{ TRACING "dynamic_events" },
	{ TRACING "error_log" },
	{ TRACING "events" },
	{ TRACING "events/enable", "0" },
	{ TRACING "events/header_page" },
	{ TRACING "events/header_event" },
	{ TRACING "events/huge_memory" },
	{ TRACING "events/huge_memory/enable", "0" },
	{ TRACING "events/huge_memory/filter", "0" },
	{ EVENT },
	{ EVENT "/enable", "0" },
	{ EVENT "/filter", "0" },
	{ EVENT "/format" },
	{ EVENT "/hist" },
	{ EVENT "/id" },
	{ EVENT "/trigger" },
	{ TRACING "events/ftrace" },
	{ TRACING "events/ftrace/print" },
	{ TRACING "events/ftrace/print/format" },
	{ TRACING "events/ftrace/print/trigger" },
	{ TRACING "instances" },
	{ INSTANCE },
	{ INSTANCE "/events" },
	{ INSTANCE "/trace" },
	{ INSTANCE "/set_event" },
	{ INSTANCE "/options" },
	{ TRACING "options" },
	{ TRACING "options/overwrite", "1" },
	{ TRACING "per_cpu" },
	{ CPU0 },
	{ CPU0 "/buffer_size_kb", "1408" },
	{ CPU0 "/snapshot", "0" },
	{ CPU0 "/snapshot_raw" },
	{ CPU0 "/stats" },
	{ CPU0 "/trace" },
	{ CPU0 "/trace_pipe" },
	{ CPU0 "/trace_pipe_raw" },
	{ TRACING "printk_formats" },
	{ TRACING "saved_cmdlines" },
	{ TRACING "saved_cmdlines_size", "128" },
	{ TRACING "saved_tgids" },
	{ TRACING "set_event" },
	{ TRACING "set_event_pid" },
	{ TRACING "set_event_notrace_pid" },
	{ TRACING "set_ftrace_filter" },
	{ TRACING "set_ftrace_pid" },
	{ TRACING "show_event_filters" },
	{ TRACING "show_event_triggers" },
	{ TRACING "snapshot", "0" },
	{ TRACING "synthetic_events" },
	{ TRACING "syscall_user_buf_size", "63" },
	{ TRACING "timestamp_mode" },
	{ TRACING "trace" },
	{ TRACING "trace_clock", "local" },
	{ TRACING "trace_marker" },
	{ TRACING "trace_marker_raw", "abcdef" },
	{ TRACING "trace_options", "overwrite" },
	{ TRACING "trace_pipe" },
	{ TRACING "tracing_cpumask", "1" },
	{ TRACING "tracing_on", "1" },
	{ TRACING "tracing_thresh", "0" },
	{ TRACING "free_buffer" },
	{ TRACING "nothing" },
	{ THP },
	{ THP "/enabled", "madvise" },
	{ THP "/hpage_pmd_size" },
	{ THP "/use_zero_page", "1" },
	{ THP "/khugepaged" },
	{ THP "/khugepaged/pages_to_scan", "4096" },
	{ THP "/khugepaged/full_scans" },
	{ THP "/hugepages-2048kB/stats" },
	{ THP "/hugepages-2048kB/stats/swpout" },
	{ THP "/nothing" },
	{ "sys/devices/system/cpu/online" },
	{ "proc/sys/kernel/ftrace_enabled", "1" },
	{ "proc/sys/kernel/kptr_restrict", "0" },
	{ "proc/kallsyms" },
	{ "proc/vmstat" },
	{ "proc/nothing" },
	{ "proc" },
	{ "proc/sys/kernel" },
	{ "proc/PID" },
	{ "proc/PID/comm" },
	{ "proc/PID/maps" },
	{ "proc/PID/pagemap" },
	{ "proc/PID/smaps" },
	{ "proc/PID/smaps_rollup" },
	{ "proc/PID/statm" },
	{ "proc/PID/status" },
};
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static char room[ROOM * 2];
static char *data;	/* room, or an address where nothing is */
static int scratch;	/* an ordinary file */
static struct node current, *node = &current;
static char process[32];	/* the folder of the first process */
static const char *told;	/* the name of the node in what is printed */

/* -- answers ----------------------------------------------------------------------------- */

static void say(const char *call, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *call, ...)
{
	va_list args;

	va_start(args, call);
	vprintf(call, args);
	va_end(args);
	printf("\t%s\t", told);
}

static void error(void)
{
	printf("%s\n", strerrorname_np(errno));
}

static void number(long answer)
{
	if (answer < 0)
		error();
	else
		printf("%ld\n", answer);
}

static void done(long answer)
{
	number(answer < 0 ? answer : 0);
}

static void amount(long answer, long wanted)
{
	if (answer < 0)
		error();
	else
		puts(!answer ? "none" : answer < wanted ? "some" : "all");
}

static void status(const char *path, int fd)
{
	struct stat found;

	if (fd >= 0 ? fstat(fd, &found) : lstat(path, &found))
		error();
	else if (S_ISDIR(found.st_mode))
		printf("%o %ld links\n", found.st_mode, (long)found.st_nlink);
	else
		printf("%o links %ld size %ld blocks %ld of %ld owner %d %d\n", found.st_mode,
		       (long)found.st_nlink, (long)found.st_size, (long)found.st_blocks,
		       (long)found.st_blksize, found.st_uid, found.st_gid);
}

static void nothing(int number)
{
	(void)number;
}

/* -- open -------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int flags;
	int step;	/* between the access modes that are tried */
} openings[] = {
	{ "", 0, 1 },
	{ " trunc", O_TRUNC, 1 },
	{ " append", O_APPEND, 1 },
	{ " direct", O_DIRECT, 1 },
	{ " creat", O_CREAT, 2 },
	{ " creat excl", O_CREAT | O_EXCL, 2 },
	{ " creat directory", O_CREAT | O_DIRECTORY, 2 },
	{ " directory", O_DIRECTORY, 2 },
	{ " nofollow", O_NOFOLLOW, 2 },
	{ " path", O_PATH, 2 },
	{ " tmpfile", O_TMPFILE, 2 },
	{ " noatime", O_NOATIME, 2 },
	{ " sync trunc append", O_SYNC | O_TRUNC | O_APPEND, 2 },
};

static int open_node(int flags)
{
	return open(node->path, flags | O_NONBLOCK, 0644);
}

static void opens(void)
{
	for (size_t i = 0; i < COUNT(openings); i++)
		for (int access = 0; access < 4; access += openings[i].step) {
			int fd = open_node(access | openings[i].flags);

			say("open %d%s", access, openings[i].name);
			done(fd);
			if (fd >= 0)
				close(fd);
		}
}

/* -- what can be done with a descriptor, however it was opened --------------------------- */

static void lock(int fd, const char *how, const char *name, int command, int type)
{
	struct flock wanted = { .l_type = type, .l_whence = SEEK_SET, .l_len = 1 };

	say("%s %s", how, name);
	done(fcntl(fd, command, &wanted));
}

static void maps(int fd, const char *how, const char *name, int protection, int flags)
{
	void *place = mmap(NULL, ROOM, protection, flags, fd, 0);

	say("%s %s", how, name);
	done(place == MAP_FAILED ? -1 : 0);
	if (place != MAP_FAILED)
		munmap(place, ROOM);
}

static const struct {
	const char *name;
	long at;
	int whence;
} seeks[] = {
	{ "0", 0, SEEK_SET },
	{ "5", 5, SEEK_SET },
	{ "-1", -1, SEEK_SET },
	{ "1<<40", 1L << 40, SEEK_SET },
	{ "cur 0", 0, SEEK_CUR },
	{ "end 0", 0, SEEK_END },
	{ "end -1", -1, SEEK_END },
	{ "data 0", 0, SEEK_DATA },
	{ "hole 0", 0, SEEK_HOLE },
	{ "9", 0, 9 },
};

static void any(int access, const char *how)
{
	struct pollfd polled = { .events = POLLIN | POLLOUT | POLLPRI };
	int fd = open_node(access), value = 0;

	if (fd < 0)
		return;
	polled.fd = fd;
	say("%s poll", how);
	if (poll(&polled, 1, 0) < 0)
		error();
	else
		printf("%x\n", polled.revents);
	for (size_t i = 0; i < COUNT(seeks); i++) {
		say("%s lseek %s", how, seeks[i].name);
		number(lseek(fd, seeks[i].at, seeks[i].whence));
	}
	lseek(fd, 0, SEEK_SET);
	say("%s fsync", how);
	done(fsync(fd));
	say("%s fdatasync", how);
	done(fdatasync(fd));
	say("%s fallocate", how);
	done(fallocate(fd, 0, 0, ROOM));
	say("%s punch", how);
	done(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, ROOM));
	maps(fd, how, "mmap private r", PROT_READ, MAP_PRIVATE);
	maps(fd, how, "mmap shared r", PROT_READ, MAP_SHARED);
	maps(fd, how, "mmap shared rw", PROT_READ | PROT_WRITE, MAP_SHARED);
	say("%s flock shared", how);
	done(flock(fd, LOCK_SH | LOCK_NB));
	say("%s flock exclusive", how);
	done(flock(fd, LOCK_EX | LOCK_NB));
	lock(fd, how, "setlk read", F_SETLK, F_RDLCK);
	lock(fd, how, "setlk write", F_SETLK, F_WRLCK);
	lock(fd, how, "getlk", F_GETLK, F_WRLCK);
	lock(fd, how, "ofd_setlk", F_OFD_SETLK, access == O_RDONLY ? F_RDLCK : F_WRLCK);
	say("%s ioctl TCGETS", how);
	done(ioctl(fd, TCGETS, room));
	say("%s ioctl FIONREAD", how);
	done(ioctl(fd, FIONREAD, &value));
	say("%s ioctl FS_IOC_GETFLAGS", how);
	done(ioctl(fd, FS_IOC_GETFLAGS, &value));
	say("%s ioctl 0x1234", how);
	done(ioctl(fd, 0x1234, 0));
	say("%s fstat", how);
	status(NULL, fd);
	say("%s ftruncate 0", how);
	done(ftruncate(fd, 0));
	say("%s ftruncate -1", how);
	done(ftruncate(fd, -1));
	say("%s ftruncate 100", how);
	done(ftruncate(fd, 100));
	say("%s fstat after", how);
	status(NULL, fd);
	ftruncate(fd, 0);
	close(fd);
}

/* -- reading ----------------------------------------------------------------------------- */

static void reads(void)
{
	static const struct { long size, at; } places[] = {
		{ 10, 0 }, { 10, 5 }, { 1, ROOM - 1 }, { 10, 1L << 30 }, { 10, -1 }, { 0, 5 },
	};
	struct iovec parts[] = { { room, 3 }, { room + ROOM, 7 } };
	int fd = open_node(O_RDONLY), ends[2];
	off_t from = 0;

	if (fd < 0)
		return;
	say("read 0");
	amount(read(fd, room, 0), 0);
	say("read 1");
	amount(read(fd, room, 1), 1);
	say("read 2");
	amount(read(fd, room, 2), 2);
	say("read position");
	number(lseek(fd, 0, SEEK_CUR));
	for (size_t i = 0; i < COUNT(places); i++) {
		say("pread %ld at %ld", places[i].size, places[i].at);
		amount(pread(fd, room, places[i].size, places[i].at), places[i].size);
	}
	say("readv");
	amount(readv(fd, parts, 2), 10);
	say("preadv at 2");
	amount(preadv(fd, parts, 2, 2), 10);
	say("read to nowhere");
	amount(read(fd, data, 8), 8);
	say("read after lseek 3");
	lseek(fd, 3, SEEK_SET);
	amount(read(fd, room, 2), 2);
	say("position after lseek 3");
	number(lseek(fd, 0, SEEK_CUR));
	say("read after lseek 0");
	lseek(fd, 0, SEEK_SET);
	amount(read(fd, room, 2), 2);
	for (int i = 0; i < 4096 && read(fd, room, sizeof(room)) > 0; i++)
		;
	say("read at the end");
	amount(read(fd, room, 1), 1);
	say("write to a reader");
	number(write(fd, "x", 1));
	close(fd);

	fd = open_node(O_RDONLY);
	say("sendfile");
	amount(sendfile(scratch, fd, NULL, 8), 8);
	close(fd);
	fd = open_node(O_RDONLY);
	say("sendfile from 2");
	from = 2;
	amount(sendfile(scratch, fd, &from, 2), 2);
	close(fd);
	fd = open_node(O_RDONLY);
	if (!pipe2(ends, O_NONBLOCK)) {
		say("splice");
		amount(splice(fd, NULL, ends[1], NULL, 8, SPLICE_F_NONBLOCK), 8);
		close(ends[0]);
		close(ends[1]);
	}
	close(fd);
	fd = open_node(O_RDONLY);
	say("copy_file_range");
	amount(copy_file_range(fd, NULL, scratch, NULL, 8, 0), 8);
	close(fd);
}

/* -- writing ----------------------------------------------------------------------------- */

static void writes(void)
{
	const char *taken = node->taken ? node->taken : "x";
	size_t size = strlen(taken), half = (size + 1) / 2;
	struct iovec whole[] = { { (void *)taken, size }, { (void *)taken, 0 } };
	struct iovec parts[] = { { (void *)taken, half }, { (void *)taken + half, size - half } };
	int fd = open_node(O_WRONLY), ends[2], from;
	long written;

	if (fd < 0)
		return;
	say("write 0");
	number(write(fd, room, 0));
	say("write x");
	number(write(fd, "x", 1));
	say("write newline");
	number(write(fd, "\n", 1));
	say("write blank");
	number(write(fd, " ", 1));
	close(fd);
	fd = open_node(O_WRONLY);
	say("write taken");
	written = write(fd, taken, size);
	number(written);
	say("write position");
	number(lseek(fd, 0, SEEK_CUR));
	say("write taken again");
	number(write(fd, taken, size));
	say("pwrite 0");
	number(pwrite(fd, taken, size, 0));
	say("pwrite 5");
	number(pwrite(fd, taken, size, 5));
	say("pwrite 1<<30");
	number(pwrite(fd, taken, size, 1L << 30));
	say("pwrite -1");
	number(pwrite(fd, taken, size, -1));
	say("writev whole");
	number(writev(fd, whole, 2));
	say("writev parts");
	number(writev(fd, parts, 2));
	say("pwritev 5");
	number(pwritev(fd, whole, 2, 5));
	say("write from nowhere");
	number(write(fd, data, 8));
	say("write 4095");
	memset(room, ' ', sizeof(room));
	number(write(fd, room, 4095));
	say("write 4096");
	number(write(fd, room, 4096));
	say("write 8191");
	number(write(fd, room, 8191));
	say("read of a writer");
	number(read(fd, room, 1));
	close(fd);

	fd = open_node(O_WRONLY | O_APPEND);
	say("append taken");
	number(write(fd, taken, size));
	say("append position");
	number(lseek(fd, 0, SEEK_CUR));
	close(fd);

	from = open("/dev/zero", O_RDONLY);
	fd = open_node(O_WRONLY);
	say("sendfile into");
	number(sendfile(fd, scratch, &(off_t){ 0 }, 1));
	say("copy_file_range into");
	number(copy_file_range(scratch, &(off_t){ 0 }, fd, NULL, 1, 0));
	if (!pipe2(ends, O_NONBLOCK)) {
		if (write(ends[1], taken, size) < 0)
			error();
		say("splice into");
		number(splice(ends[0], NULL, fd, NULL, size, SPLICE_F_NONBLOCK));
		close(ends[0]);
		close(ends[1]);
	}
	close(fd);
	close(from);

	fd = open_node(O_RDWR);
	if (fd < 0)
		return;
	say("rw write, then read");
	written = write(fd, taken, size);
	amount(read(fd, room, 1), 1);
	say("rw lseek 0, then read");
	lseek(fd, 0, SEEK_SET);
	amount(read(fd, room, 1), 1);
	say("rw position");
	number(lseek(fd, 0, SEEK_CUR));
	say("rw read, then write");
	number(write(fd, taken, size));
	close(fd);
}

/* -- names ------------------------------------------------------------------------------- */

static char child[512], sibling[512], slash[512], deep[1024];

static void names(void)
{
	const char *path = node->path, *end = strrchr(path, '/') + 1;
	struct timespec then[] = { { 1000, 0 }, { 2000, 0 } };
	struct timespec now[] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	struct timespec omit[] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };
	struct stat found = { 0 }, later;
	char longest[257];
	int there, home = open(".", O_PATH);

	snprintf(child, sizeof(child), "%s/calls-child", path);
	snprintf(slash, sizeof(slash), "%s/", path);
	snprintf(sibling, sizeof(sibling), "%.*scalls-new", (int)(end - path), path);
	memset(longest, 'n', 256);
	longest[256] = 0;
	snprintf(deep, sizeof(deep), "%.*s%s", (int)(end - path), path, longest);

	there = !lstat(path, &found);
	say("lstat");
	status(path, -1);
	say("stat with slash");
	done(stat(slash, &(struct stat){ 0 }));
	say("stat of child");
	done(stat(child, &(struct stat){ 0 }));
	say("stat of long name");
	done(stat(deep, &(struct stat){ 0 }));
	say("truncate 0");
	done(truncate(path, 0));
	say("truncate 100");
	done(truncate(path, 100));
	say("lstat after truncate 100");
	status(path, -1);
	say("truncate back");
	done(truncate(path, found.st_size));
	say("lstat after truncate back");
	status(path, -1);
	say("utimes now");
	done(utimensat(AT_FDCWD, path, now, 0));
	say("utimes omit");
	done(utimensat(AT_FDCWD, path, omit, 0));
	say("utimes then");
	done(utimensat(AT_FDCWD, path, then, 0));
	say("times then");
	if (lstat(path, &later))
		error();
	else
		printf("%s %s\n", later.st_atime == 1000 ? "set" : "kept",
		       later.st_mtime == 2000 ? "set" : "kept");
	say("chmod same");
	done(chmod(path, found.st_mode & 07777));
	say("chmod 07777");
	done(chmod(path, 07777));
	say("lstat after chmod");
	status(path, -1);
	if (there)
		chmod(path, found.st_mode & 07777);
	say("chown same");
	done(chown(path, found.st_uid, found.st_gid));
	say("chown neither");
	done(chown(path, -1, -1));
	say("chown 7 8");
	done(chown(path, 7, 8));
	say("lstat after chown");
	status(path, -1);
	if (there)
		chown(path, found.st_uid, found.st_gid);
	if (there)
		chmod(path, found.st_mode & 07777);
	say("access f");
	done(access(path, F_OK));
	say("access r");
	done(access(path, R_OK));
	say("access w");
	done(access(path, W_OK));
	say("access x");
	done(access(path, X_OK));
	say("readlink");
	number(readlink(path, room, ROOM));
	say("chdir");
	done(chdir(path));
	fchdir(home);
	close(home);
	say("setxattr user");
	done(setxattr(path, "user.calls", "x", 1, 0));
	say("getxattr user");
	done(getxattr(path, "user.calls", room, ROOM));
	say("removexattr user");
	done(removexattr(path, "user.calls"));
	say("setxattr trusted");
	done(setxattr(path, "trusted.calls", "x", 1, 0));
	say("getxattr trusted");
	done(getxattr(path, "trusted.calls", room, ROOM));
	removexattr(path, "trusted.calls");
	say("setxattr security");
	done(setxattr(path, "security.calls", "x", 1, 0));
	say("getxattr security");
	done(getxattr(path, "security.calls", room, ROOM));
	removexattr(path, "security.calls");
	say("getxattr security.selinux");
	done(getxattr(path, "security.selinux", room, ROOM));
	say("listxattr");
	number(listxattr(path, room, ROOM));

	say("mkdir itself");
	done(mkdir(path, 0755));
	say("mkdir child");
	done(mkdir(child, 0755));
	rmdir(child);
	say("rmdir child");
	done(rmdir(child));
	say("mknod itself");
	done(mknod(path, S_IFREG | 0644, 0));
	say("mknod child");
	done(mknod(child, S_IFREG | 0644, 0));
	say("mkfifo child");
	done(mknod(child, S_IFIFO | 0644, 0));
	say("mkdev child");
	done(mknod(child, S_IFCHR | 0644, 0x103));
	say("creat child");
	done(open(child, O_CREAT | O_WRONLY, 0644));
	say("open child");
	done(open(child, O_RDONLY));
	say("symlink itself");
	done(symlink("x", path));
	say("symlink child");
	done(symlink("x", child));
	say("link new");
	done(link(path, sibling));
	say("link itself");
	done(link(path, path));
	say("link child");
	done(link(path, child));
	say("link elsewhere");
	done(link(path, "/calls-elsewhere"));
	say("rename itself");
	done(rename(path, path));
	say("rename new");
	done(rename(path, sibling));
	say("rename child");
	done(rename(path, child));
	say("rename over README");
	done(rename(path, TRACING "README"));
	say("rename over enabled");
	done(rename(path, THP "/enabled"));
	say("rename elsewhere");
	done(rename(path, "/calls-elsewhere"));
	say("unlink");
	done(unlink(path));
	say("unlink child");
	done(unlink(child));
	say("unlink with slash");
	done(unlink(slash));
	say("rmdir");
	done(rmdir(path));
	if (!strcmp(path, INSTANCE))
		mkdir(path, 0755);
}

/* -- folders ----------------------------------------------------------------------------- */

static void entries(int fd, long at)
{
	say("getdents at %ld", at);
	if (lseek(fd, at, SEEK_SET) < 0)
		return error();
	amount(syscall(SYS_getdents64, fd, room, ROOM), 1);
}

static void folders(void)
{
	int fd = open(node->path, O_RDONLY | O_DIRECTORY);
	long got, count = 0;

	if (fd < 0)
		return;
	say("getdents 0");
	number(syscall(SYS_getdents64, fd, room, 0));
	say("getdents 20");
	number(syscall(SYS_getdents64, fd, room, 20));
	say("getdents nowhere");
	number(syscall(SYS_getdents64, fd, data, 0));
	say("getdents first");
	got = syscall(SYS_getdents64, fd, room, 24);
	if (got < 0)
		error();
	else
		puts(((struct dirent64 *)room)->d_name);
	while ((got = syscall(SYS_getdents64, fd, room, ROOM)) > 0 && count++ < 4096)
		;
	say("getdents at the end");
	number(syscall(SYS_getdents64, fd, room, ROOM));
	entries(fd, 0);
	entries(fd, 1);
	entries(fd, 2);
	entries(fd, 1L << 40);
	say("read of a folder");
	number(read(fd, room, 1));
	close(fd);
}

/* -- what is refused while another file is open ------------------------------------------ */

static const struct node held[] = {
	{ "trace" }, { "per_cpu/cpu0/trace" }, { "trace_pipe" }, { "per_cpu/cpu0/trace_pipe" },
	{ "per_cpu/cpu0/trace_pipe_raw" }, { "per_cpu/cpu0/snapshot_raw" }, { "snapshot" },
	{ "per_cpu/cpu0/stats" }, { "events/huge_memory/mm_khugepaged_scan_pmd/hist" },
	{ "events/huge_memory/mm_khugepaged_scan_pmd/format" }, { "set_event" }, { "saved_cmdlines" },
	{ "options/overwrite" }, { "trace_clock" }, { "error_log" }, { "available_tracers" },
	{ "timestamp_mode" }, { "trace_options" }, { "tracing_on" }, { "current_tracer" },
	{ "tracing_cpumask" }, { "per_cpu/cpu0/buffer_size_kb" }, { "buffer_percent" },
	{ "events/enable" }, { "events/header_page" }, { "events/huge_memory/filter" },
	{ "events/huge_memory/mm_khugepaged_scan_pmd/enable" },
	{ "events/huge_memory/mm_khugepaged_scan_pmd/id" },
	{ "events/huge_memory/mm_khugepaged_scan_pmd/filter" },
	{ "events/huge_memory/mm_khugepaged_scan_pmd/trigger" },
	{ "set_event_pid" }, { "set_ftrace_pid" }, { "set_ftrace_filter" },
	{ "show_event_filters" }, { "show_event_triggers" },
	{ "syscall_user_buf_size" }, { "buffer_subbuf_size_kb" },
	{ "events/ftrace/print/format" },
	{ "options" }, { "events" }, { "per_cpu/cpu0" }, { "events/huge_memory" }, { "." },
};

static const struct node targets[] = {
	{ "buffer_size_kb", "1500" }, { "per_cpu/cpu0/buffer_size_kb", "1500" },
	{ "per_cpu/cpu0/buffer_size_kb", "1600" }, { "buffer_subbuf_size_kb", "8" },
	{ "buffer_subbuf_size_kb", "4" }, { "trace_marker", "x" },
	{ "options/pause-on-trace", "1" }, { "trace", NULL }, { "trace_marker", "x" },
	{ "options/pause-on-trace", "0" }, { "trace_marker", "x" },
	{ "trace", "x" }, { "trace_pipe", NULL }, { "per_cpu/cpu0/trace_pipe", NULL },
	{ "per_cpu/cpu0/trace_pipe_raw", NULL }, { "per_cpu/cpu0/snapshot_raw", NULL },
	{ "snapshot", "1" }, { "snapshot", "0" },
	{ "buffer_size_kb", "1412" }, { "per_cpu/cpu0/buffer_size_kb", "1408" },
	{ "buffer_subbuf_size_kb", "8" }, { "buffer_subbuf_size_kb", "4" },
	{ "current_tracer", "nop" }, { "trace_clock", "global" }, { "trace_clock", "local" },
	{ "options/overwrite", "0" }, { "options/overwrite", "1" }, { "free_buffer", "x" },
	{ "buffer_size_kb", "1408" },
};

static void meets(const struct node *holder)
{
	char path[256];
	int fd;

	told = holder->path;
	snprintf(path, sizeof(path), INSTANCE "/%s", holder->path);
	mkdir(INSTANCE, 0755);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0) {
		rmdir(INSTANCE);
		return;
	}
	for (size_t i = 0; i < COUNT(targets); i++) {
		const char *text = targets[i].taken;
		int other;

		snprintf(path, sizeof(path), INSTANCE "/%s", targets[i].path);
		other = open(path, (text ? O_WRONLY : O_RDONLY) | O_NONBLOCK);
		say("held, %s %s", targets[i].path, text ? text : "");
		done(other < 0 ? -1 : text ? write(other, text, strlen(text)) : 0);
		close(other);
		usleep(SETTLED);
	}
	say("held, rmdir");
	done(rmdir(INSTANCE));
	close(fd);
	rmdir(INSTANCE);
}

/* -- all --------------------------------------------------------------------------------- */

static void overwrite(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		exit(1);
	close(fd);
}

static void open_the_way(void)
{
	struct stat found;

	for (size_t i = 0; i < COUNT(nodes); i++)
		if (!stat(nodes[i].path, &found) && S_ISDIR(found.st_mode))
			chmod(nodes[i].path, 0755);
	chmod("sys/kernel/tracing", 0755);
	chown(TRACING "tracing_on", USER, 0);
	chown(TRACING "trace", 0, USER);
	chmod(TRACING "trace_clock", 0646);
	if (setgroups(0, NULL) || setresgid(USER, USER, USER) || setresuid(USER, USER, USER))
		exit(1);
}

static void find_process(void)
{
	DIR *proc = opendir("proc");
	struct dirent *entry;
	int least = 0;

	while (proc && (entry = readdir(proc))) {
		int pid = atoi(entry->d_name);

		if (pid > 0 && (!least || pid < least))
			least = pid;
	}
	snprintf(process, sizeof(process), "proc/%d", least);
}

/* Turn to a node; PID in its path stands for a process. */
static void visit(const struct node *next)
{
	static const char any[] = "proc/PID";
	static char path[256];

	told = next->path;
	*node = *next;
	if (!strncmp(told, any, strlen(any))) {
		snprintf(path, sizeof(path), "%s%s", process, told + strlen(any));
		node->path = path;
	}
}

int main(int count, char **arguments)
{
	struct sigaction ignored = { .sa_handler = nothing };
	struct itimerval turns = { { PATIENCE, 0 }, { PATIENCE, 0 } };
	char name[] = "/tmp/calls-XXXXXX";
	int user, first, step;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (count < 3 || chdir(arguments[1]))
		return 1;
	user = !strcmp(arguments[2], "user");
	first = count > 4 ? atoi(arguments[3]) : 0;
	step = count > 4 ? atoi(arguments[4]) : 1;
	data = mmap(NULL, ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	scratch = mkstemp(name);
	if (scratch < 0 || write(scratch, "xx", 2) < 0)
		return 1;
	unlink(name);
	umask(0);
	find_process();
	sigaction(SIGALRM, &ignored, NULL);
	overwrite(TRACING "buffer_size_kb", "1408");
	if (!strcmp(arguments[2], "held")) {
		for (size_t i = first; i < COUNT(held); i += step)
			meets(&held[i]);
		return 0;
	}
	mkdir(INSTANCE, 0755);
	if (user)
		open_the_way();
	setitimer(ITIMER_REAL, &turns, NULL);
	for (size_t i = first; i < COUNT(nodes); i += step) {
		visit(&nodes[i]);
		names();
		opens();
		any(O_RDONLY, "r");
		any(O_WRONLY, "w");
		any(O_RDWR, "rw");
		reads();
		writes();
		folders();
	}
	rmdir(INSTANCE);
	return 0;
}
