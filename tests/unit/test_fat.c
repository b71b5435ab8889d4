/* SPDX-License-Identifier: GPL-2.0-or-later */
// link: daemon/cli/fat.c daemon/cli/gpt.c
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/cli/fat.h"
#include "daemon/cli/gpt.h"

/*
 * The file systems are made by dosfstools and mtools, so that reader and maker
 * have nothing in common. Partition 2 of the disk starts at 2 MiB.
 */
enum { ESP_OFFSET = 2 << 20, ESP_SIZE = 64 << 20, FILE_SIZE = 65536 };

static char folder[] = "/tmp/test_fat.XXXXXX";

static int disk_make(void **state)
{
	(void)state;
	char script[2048];

	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(script, sizeof script,
		 "set -e; exec >/dev/null; export MTOOLS_SKIP_CHECK=1; cd %s; truncate -s 80M disk; truncate -s 64M esp\n"
		 "printf 'label: gpt\\nsize=1MiB,name=bulkhead-bios\\nsize=64MiB,name=bulkhead-esp\\n' | sfdisk -q disk\n"
		 "/usr/sbin/mkfs.vfat -F 32 -s 1 esp; mmd -i esp ::/EFI ::/bulkhead ::/bulkhead/host.json.d\n"
		 "{ printf '{}'; head -c 65533 /dev/zero | tr '\\0' ' '; echo; } >host.json\n"
		 "for i in $(seq 60); do echo $i >\"a rather long file name, number $i\"; done\n"
		 "mcopy -i esp 'a rather'* ::/bulkhead/; echo short >tiny; mcopy -i esp tiny ::/bulkhead/TINY.TXT\n"
		 "mdel -i esp '::/bulkhead/a rather long file name, number 7'\n" /* leaves a hole that is reused: a broken chain */
		 "mcopy -i esp host.json ::/bulkhead/\n"
		 "dd if=esp of=disk bs=1M seek=2 conv=notrunc status=none",
		 folder);
	return system(script) == 0 ? 0 : -1;
}

static int disk_remove(void **state)
{
	(void)state;
	char command[64];

	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

static int disk_fd(int flags)
{
	char path[64];

	snprintf(path, sizeof path, "%s/disk", folder);
	int fd = open(path, flags | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void partition_is_found_by_name(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct gpt_partition esp;
	int fd = disk_fd(O_RDONLY);

	assert_int_equal(gpt_find(fd, "bulkhead-esp", &esp, &err), 0);
	assert_int_equal(esp.offset, ESP_OFFSET);
	assert_int_equal(esp.size, ESP_SIZE);
	assert_int_equal(gpt_find(fd, "bulkhead-es", &esp, &err), -1);
	assert_int_equal(err.code, ENOENT);
	assert_int_equal(gpt_find(fd, "bulkhead-esp2", &esp, &err), -1);
	assert_int_equal(err.code, ENOENT);
	close(fd);
}

static void no_table_is_said(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct gpt_partition esp;
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	assert_int_equal(gpt_find(fd, "bulkhead-esp", &esp, &err), -1);
	assert_int_equal(err.code, EINVAL);
	close(fd);
}

static void file_is_read_and_overwritten(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct fat_file file;
	struct fat fat;
	static char text[FILE_SIZE], back[FILE_SIZE];
	char command[256];
	int fd = disk_fd(O_RDWR);

	assert_int_equal(fat_open(&fat, fd, ESP_OFFSET, ESP_SIZE, &err), 0);
	assert_int_equal(fat_find(&fat, "bulkhead/host.json", &file, &err), 0);
	assert_int_equal(file.size, FILE_SIZE);
	assert_int_equal(fat_read(&fat, &file, text, sizeof text, &err), 0);
	assert_memory_equal(text, "{}   ", 5);
	assert_int_equal(text[FILE_SIZE - 1], '\n');

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)('a' + i * 7 % 26);
	assert_int_equal(fat_write(&fat, &file, text, sizeof text, &err), 0);
	assert_int_equal(fat_read(&fat, &file, back, sizeof back, &err), 0);
	assert_memory_equal(text, back, sizeof text);

	/* mtools sees the same, and the file system is still sound. */
	snprintf(command, sizeof command, "cd %s && mcopy -n -o -i disk@@2M ::/bulkhead/host.json got && "
		 "dd if=disk of=esp2 bs=1M skip=2 count=64 status=none && /usr/sbin/fsck.vfat -n esp2 >/dev/null", folder);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof command, "%s/got", folder);
	int got = open(command, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(got, back, sizeof back), sizeof back);
	assert_memory_equal(text, back, sizeof text);
	close(got);
	close(fd);
}

static void names_are_compared_whole(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		int code;
	} cases[] = {
		{ "bulkhead/tiny.txt", 0 }, { "BULKHEAD/Tiny.TXT", 0 }, { "bulkhead/a rather long file name, number 42", 0 },
		{ "bulkhead/a rather long file name, number 7", ENOENT }, { "bulkhead/host.jso", ENOENT },
		{ "bulkhead/host.json2", ENOENT }, { "bulkhead", EISDIR }, { "bulkhead/host.json.d", EISDIR },
		{ "bulkhead/host.json/x", ENOTDIR }, { "nosuch/host.json", ENOENT }, { "", EINVAL }, { "bulkhead/", EINVAL },
	};
	struct error err = ERROR_INIT;
	struct fat_file file;
	struct fat fat;
	int fd = disk_fd(O_RDONLY);

	assert_int_equal(fat_open(&fat, fd, ESP_OFFSET, ESP_SIZE, &err), 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		err.code = 0;
		int result = fat_find(&fat, cases[i].path, &file, &err);
		if (result != (cases[i].code == 0 ? 0 : -1) || err.code != cases[i].code)
			fail_msg("%s: %d, %s", cases[i].path, err.code, err.message);
	}
	close(fd);
}

static void more_than_the_file_holds_is_refused(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct fat_file file;
	struct fat fat;
	char text[100] = "";
	int fd = disk_fd(O_RDWR);

	assert_int_equal(fat_open(&fat, fd, ESP_OFFSET, ESP_SIZE, &err), 0);
	assert_int_equal(fat_find(&fat, "bulkhead/tiny.txt", &file, &err), 0);
	assert_int_equal(file.size, 6);
	assert_int_equal(fat_write(&fat, &file, text, sizeof text, &err), -1);
	assert_int_equal(err.code, EFBIG);
	assert_int_equal(fat_read(&fat, &file, text, 6, &err), 0);
	assert_memory_equal(text, "short\n", 6);
	close(fd);
}

/* Every byte of the boot sector wrong in turn: an answer, never a crash or a write outside. */
static void damaged_boot_sectors_are_survived(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct fat_file file;
	struct fat fat;
	char path[64], good[512];
	int fd = disk_fd(O_RDONLY);

	assert_int_equal(pread(fd, good, sizeof good, ESP_OFFSET), sizeof good);
	close(fd);
	snprintf(path, sizeof path, "%s/esp", folder);
	fd = open(path, O_RDWR | O_CLOEXEC);
	for (int i = 11; i < 48; i++) {
		static const unsigned char values[] = { 0, 1, 0x7f, 0xff };

		for (size_t v = 0; v < sizeof values; v++) {
			assert_int_equal(pwrite(fd, good, sizeof good, 0), sizeof good);
			assert_int_equal(pwrite(fd, &values[v], 1, i), 1);
			if (fat_open(&fat, fd, 0, ESP_SIZE, &err) == 0)
				(void)fat_find(&fat, "bulkhead/host.json", &file, &err);
		}
	}
	assert_int_equal(fat_open(&fat, fd, 0, ESP_SIZE - 1, &err), -1);
	close(fd);
}

static void a_chain_in_a_ring_ends(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct fat_file file;
	struct fat fat;
	char path[64];

	snprintf(path, sizeof path, "%s/esp", folder);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char good[512];
	int disk = disk_fd(O_RDONLY);
	assert_int_equal(pread(disk, good, sizeof good, ESP_OFFSET), sizeof good);
	close(disk);
	assert_int_equal(pwrite(fd, good, sizeof good, 0), sizeof good);
	assert_int_equal(fat_open(&fat, fd, 0, ESP_SIZE, &err), 0);
	/* The root directory's chain points at itself, and its sector is full of deleted entries. */
	uint32_t ring = fat.root;
	char deleted[512];
	memset(deleted, 0xe5, sizeof deleted);
	assert_int_equal(pwrite(fd, &ring, 4, (off_t)(fat.table + fat.root * 4)), 4);
	assert_int_equal(pwrite(fd, deleted, sizeof deleted, (off_t)(fat.data + (fat.root - 2) * fat.cluster_size)),
			 sizeof deleted);
	assert_int_equal(fat_find(&fat, "bulkhead/host.json", &file, &err), -1);
	assert_int_equal(err.code, ENOENT);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(partition_is_found_by_name),
		cmocka_unit_test(no_table_is_said),
		cmocka_unit_test(file_is_read_and_overwritten),
		cmocka_unit_test(names_are_compared_whole),
		cmocka_unit_test(more_than_the_file_holds_is_refused),
		cmocka_unit_test(damaged_boot_sectors_are_survived),
		cmocka_unit_test(a_chain_in_a_ring_ends),
	};

	return cmocka_run_group_tests(tests, disk_make, disk_remove);
}
