/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/delay.h"

enum { DELAY_FIRST_MS = 1000, DELAY_MOST_MS = 60000 };

int64_t delay_ms(unsigned failures)
{
	int64_t delay = failures == 0 ? 0 : DELAY_FIRST_MS;

	while (failures > 1 && delay < DELAY_MOST_MS) {
		delay *= 2;
		failures--;
	}
	return delay < DELAY_MOST_MS ? delay : DELAY_MOST_MS;
}
