/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * button: the power button, which is also what a hosting firm's "ACPI shutdown"
 * and a BMC's soft power-off press. It stops the containers and the machine
 * cleanly. Every other key is ignored: there is nobody to type to.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "daemon/boot/boot.h"
#include "daemon/lib/fd.h"
#include "daemon/lib/log.h"

enum { DEVICES_MAX = 32, LOOK_MS = 30000 };

/* Linux: Documentation/input/event-codes. */
static bool device_has_power(int fd)
{
	unsigned char keys[KEY_MAX / 8 + 1] = { 0 };

	return ioctl(fd, EVIOCGBIT(EV_KEY, sizeof keys), keys) >= 0 && (keys[KEY_POWER / 8] >> KEY_POWER % 8 & 1) != 0;
}

/* Opens what has a power key and is not open yet; devices may come later than we. */
static void devices_open(struct pollfd devices[DEVICES_MAX])
{
	for (int i = 0; i < DEVICES_MAX; i++) {
		char path[32];

		if (devices[i].fd >= 0)
			continue;
		snprintf(path, sizeof path, "/dev/input/event%d", i);
		cleanup_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0 && device_has_power(fd))
			devices[i].fd = fd_steal(&fd);
	}
}

/* True if the button went down. A device that is gone is closed. */
static bool device_pressed(struct pollfd *device)
{
	struct input_event event;
	ssize_t got;

	while ((got = read(device->fd, &event, sizeof event)) == (ssize_t)sizeof event)
		if (event.type == EV_KEY && event.code == KEY_POWER && event.value == 1)
			return true;
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		fd_cleanup(&device->fd);
	return false;
}

int button_main(int argc, char **argv)
{
	struct pollfd devices[DEVICES_MAX];

	(void)argc;
	(void)argv;
	for (int i = 0; i < DEVICES_MAX; i++)
		devices[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	for (;;) {
		devices_open(devices);
		if (poll(devices, DEVICES_MAX, LOOK_MS) <= 0)
			continue;
		for (int i = 0; i < DEVICES_MAX; i++) {
			if (devices[i].fd < 0 || devices[i].revents == 0 || !device_pressed(&devices[i]))
				continue;
			log_info("the power button was pressed: stopping containers, then power off");
			if (kill(1, SIGUSR2) < 0) /* busybox, init/init.c */
				log_error("cannot signal init: %s", strerror(errno));
		}
	}
}
